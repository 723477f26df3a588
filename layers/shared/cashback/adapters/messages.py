"""Messages to customers: SMS and push through SNS, e-mail through SES.

Neither knows a message that was sent before, so nothing here is ever sent a second time: the clients do not retry.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError
from msgspec import Struct

from cashback.adapters.faults import FAILURES, is_transient
from cashback.domain.errors import Busy, MessageRefused, MessageUnconfirmed
from cashback.domain.scenarios import Channel

_REFUSALS: Final = MappingProxyType(
    {
        "InvalidParameter": "recipient_invalid",
        "ParameterValueInvalid": "recipient_invalid",
        "NotFound": "recipient_unknown",
        "EndpointDisabled": "recipient_disabled",
        "OptedOut": "recipient_opted_out",
        "PlatformApplicationDisabled": "channel_disabled",
        "BadRequestException": "recipient_invalid",
        "MessageRejected": "message_rejected",
        "MailFromDomainNotVerifiedException": "sender_not_verified",
        "NotFoundException": "sender_not_verified",
        "AccountSuspendedException": "channel_disabled",
        "SendingPausedException": "channel_disabled",
    }
)
"""What the services say of a message that they will never send. Source: the API references of SNS and SES."""

_THROTTLED: Final = frozenset(
    {"Throttled", "Throttling", "ThrottlingException", "TooManyRequestsException", "LimitExceededException"}
)
"""What they say of one that may be sent later."""

_NEVER_ARRIVED: Final = (EndpointConnectionError, ConnectTimeoutError)


class Messages(Struct, frozen=True):
    """The two services, each asked for when something is sent by it. ``sender`` is the address that e-mails come from;
    where it is empty, none are sent."""

    sns: Callable[[], Any]
    ses: Callable[[], Any]
    sender: str

    def send(self, channel: Channel, recipient: str, text: str, subject: str) -> None:
        """Send one message: to a phone number, to the endpoint of a device, or with a subject to an address.

        :raises MessageRefused: it was not sent, and never will be; the code says why.
        :raises MessageUnconfirmed: nobody knows whether it was sent.
        :raises Busy: it was not sent; it may be later.
        """
        try:
            match channel:
                case Channel.SMS:
                    self.sns().publish(PhoneNumber=recipient, Message=text)
                case Channel.PUSH:
                    self.sns().publish(TargetArn=recipient, Message=text)
                case Channel.EMAIL:
                    self._mail(recipient, text, subject)
        except _NEVER_ARRIVED as unreachable:
            raise Busy("messages cannot be sent now") from unreachable
        except FAILURES as error:
            raise _meaning(error) from error

    def _mail(self, recipient: str, text: str, subject: str) -> None:
        if not self.sender:
            raise MessageRefused("sender_missing")
        self.ses().send_email(
            FromEmailAddress=self.sender,
            Destination={"ToAddresses": [recipient]},
            Content={
                "Simple": {
                    "Subject": {"Data": subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                }
            },
        )


def _meaning(error: Any) -> Exception:
    """What a failure says of the message; a bug of ours stays what it is."""
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        if code in _REFUSALS:
            return MessageRefused(_REFUSALS[code])
        if code in _THROTTLED:
            return Busy("messages are throttled")
    return MessageUnconfirmed() if is_transient(error) else error
