"""Messages to people: sent once, and what every failure says of that."""

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from cashback.adapters.messages import Messages
from cashback.domain.errors import Busy, MessageRefused, MessageUnconfirmed
from cashback.domain.scenarios import Channel
from cashback.edge import clients, deps
from tests.unit.deployment import Deployment

URL = "https://service"


class Service:
    """Both services: keeps what is sent, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.failure = failure

    def _call(self, **parameters: Any) -> None:
        self.sent.append(parameters)
        if self.failure:
            raise self.failure

    publish = send_email = _call


def send(channel: Channel, service: Service, sender: str = "shop@example.com") -> None:
    recipient = {Channel.SMS: "+491701234567", Channel.PUSH: "arn:device", Channel.EMAIL: "anna@example.com"}[channel]
    Messages(lambda: service, lambda: service, sender).send(channel, recipient, "Hello", "From the shop")


def refusal(code: str, status: int = 400) -> ClientError:
    told: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(told, "Publish")


def test_each_channel_reaches_its_recipient() -> None:
    service = Service()
    for channel in Channel:
        send(channel, service)
    assert service.sent == [
        {"PhoneNumber": "+491701234567", "Message": "Hello"},
        {"TargetArn": "arn:device", "Message": "Hello"},
        {
            "FromEmailAddress": "shop@example.com",
            "Destination": {"ToAddresses": ["anna@example.com"]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": "From the shop", "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": "Hello", "Charset": "UTF-8"}},
                }
            },
        },
    ]


def test_without_a_sender_no_email_is_sent() -> None:
    service = Service()
    with pytest.raises(MessageRefused) as refused:
        send(Channel.EMAIL, service, sender="")
    assert (refused.value.code, service.sent) == ("sender_missing", [])


@pytest.mark.parametrize(
    ("channel", "code", "said"),
    [
        (Channel.SMS, "InvalidParameter", "recipient_invalid"),
        (Channel.SMS, "OptedOut", "recipient_opted_out"),
        (Channel.PUSH, "EndpointDisabled", "recipient_disabled"),
        (Channel.PUSH, "NotFound", "recipient_unknown"),
        (Channel.PUSH, "PlatformApplicationDisabled", "channel_disabled"),
        (Channel.EMAIL, "MessageRejected", "message_rejected"),
        (Channel.EMAIL, "MailFromDomainNotVerifiedException", "sender_not_verified"),
        (Channel.EMAIL, "BadRequestException", "recipient_invalid"),
    ],
)
def test_what_is_never_sent_says_why(channel: Channel, code: str, said: str) -> None:
    with pytest.raises(MessageRefused) as refused:
        send(channel, Service(refusal(code)))
    assert refused.value.code == said
    assert not refused.value.retryable


@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        refusal("Throttled", 429),
        refusal("TooManyRequestsException", 429),
        refusal("LimitExceededException"),
    ],
)
def test_what_was_surely_not_sent_may_be_later(failure: Exception) -> None:
    with pytest.raises(Busy):
        send(Channel.EMAIL, Service(failure))


@pytest.mark.parametrize(
    "failure",
    [ReadTimeoutError(endpoint_url=URL), ConnectionClosedError(endpoint_url=URL), refusal("InternalError", 500)],
)
def test_what_may_have_been_sent_is_not_sent_again(failure: Exception) -> None:
    service = Service(failure)
    with pytest.raises(MessageUnconfirmed) as unknown:
        send(Channel.SMS, service)
    assert not unknown.value.retryable
    assert len(service.sent) == 1


@pytest.mark.parametrize("code", ["AuthorizationError", "ValidationException"])
def test_a_service_that_denies_us_is_a_bug_and_crashes(code: str) -> None:
    with pytest.raises(ClientError):
        send(Channel.SMS, Service(refusal(code, 403)))


def test_no_client_of_theirs_sends_anything_twice_by_itself(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: dict[str, int] = {}
    monkeypatch.setattr(clients, "client", lambda service, tries=3: attempts.setdefault(service, tries))
    messages = deps.outlets().messages
    messages.sns()
    messages.ses()
    assert attempts["sns"] == attempts["sesv2"] == 1
    assert "scheduler" not in attempts, "made once an alarm needs it"
    assert deployment.sqs.sent == []
