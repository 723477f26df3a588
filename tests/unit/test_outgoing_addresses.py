"""Which addresses may be called: S32 of the design, range by range and spelling by spelling."""

import socket
import ssl
from collections.abc import Sequence

import pytest

from cashback.adapters import webhook_sender
from cashback.adapters.webhook_sender import Reply, WebhookSender
from cashback.domain.errors import Invalid
from cashback.domain.outgoing import Target, is_public, target_of
from cashback.edge import deps

REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "localhost",
    "",
]


@pytest.mark.parametrize("address", REFUSED)
@pytest.mark.row("S32")
def test_an_address_that_is_not_of_the_open_internet_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::8"])
def test_an_address_of_the_open_internet_is_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://shop.example.com", Target("shop.example.com", "/")),
        ("https://Shop.Example.COM:443/in?x=1", Target("shop.example.com", "/in?x=1")),
        ("https://shop.example.com?x=1", Target("shop.example.com", "/?x=1")),
        ("https://xn--bcher-kva.example/%2e%2e/", Target("xn--bcher-kva.example", "/%2e%2e/")),
    ],
)
def test_a_url_is_read_as_a_host_and_a_path(url: str, target: Target) -> None:
    assert target_of(url) == target


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://shop.example.com/", "url_format"),
        ("HTTPS://shop.example.com/", "url_format"),
        ("https:shop.example.com", "url_format"),
        ("https://shop.example.com:8443/", "url_format"),
        ("https://shop.example.com:0443/", "url_format"),
        ("https://user@shop.example.com/", "url_format"),
        ("https://user:pass@shop.example.com/", "url_format"),  # pragma: allowlist secret - made up
        ("https://shop.example.com@127.0.0.1/", "url_format"),
        ("https://shop.example.com\\@127.0.0.1/", "url_format"),
        ("https://shop.example.com/\\x", "url_format"),
        ("https://shop.example.com/#x", "url_format"),
        ("https://shop.example.com/a b", "url_format"),
        ("https://shop.example.com/a\r\nHost: b", "url_format"),
        ("https://shop.example.com/a\n", "url_format"),
        ("https://shop.example.com/\u00e9", "url_format"),
        ("https://b\u00fccher.example/", "url_format"),
        ("https://127\u30020.0.1/", "url_format"),
        ("https://[::1]/", "url_format"),
        ("https://[::ffff:127.0.0.1]/", "url_format"),
        ("https://%31%32%37.0.0.1/", "url_format"),
        ("https:///", "url_format"),
        ("https://shop.example.com/" + "a" * 2_048, "url_format"),
        ("https://127.0.0.1/", "url_host"),
        ("https://127.1/", "url_host"),
        ("https://2130706433/", "url_host"),
        ("https://0x7f000001/", "url_host"),
        ("https://0x7f.0x0.0x0.0x1/", "url_host"),
        ("https://0177.0.0.01/", "url_host"),
        ("https://8.8.8.8/", "url_host"),
        ("https://localhost/", "url_host"),
        ("https://shop.example.com./", "url_host"),
        ("https://127.0.0.1./", "url_host"),
        ("https://.example.com/", "url_host"),
        ("https://shop..example.com/", "url_host"),
        ("https://-shop.example.com/", "url_host"),
        ("https://" + "a" * 64 + ".example.com/", "url_host"),
    ],
)
@pytest.mark.row("S32")
def test_a_url_that_could_lead_elsewhere_is_refused(url: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        target_of(url, "alerts.webhook_url")
    assert (refused.value.code, refused.value.field) == (code, "alerts.webhook_url")


# ---- the call: the name is resolved once, and what was checked is connected to

TARGET = Target("shop.example.com", "/in")


class Connections:
    """Where the sender connects to; nobody is there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[str, int]] = []
        monkeypatch.setattr(socket, "create_connection", self.connect)

    def connect(self, address: tuple[str, int], _timeout: float) -> socket.socket:
        self.made.append(address)
        raise ConnectionRefusedError


def post(*answers: Sequence[str]) -> Reply:
    """Post with a resolver that answers so, one answer after the other."""
    told = iter(answers)
    return WebhookSender(lambda _host, _port: next(told), is_public, ssl.create_default_context).post(TARGET, {}, b"")


def test_the_address_that_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(monkeypatch)
    assert post(["8.8.8.8"]) == Reply(error="unreachable")
    assert connections.made == [("8.8.8.8", 443)]


@pytest.mark.row("S32")
def test_a_name_that_becomes_a_private_address_the_second_time_is_asked_only_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections = Connections(monkeypatch)
    assert post(["8.8.8.8"], ["169.254.169.254"]) == Reply(error="unreachable")
    assert connections.made == [("8.8.8.8", 443)]


@pytest.mark.parametrize("answer", [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:10.0.0.1"], ["8.8.8.8", "::1"]])
def test_one_address_that_is_refused_refuses_them_all(monkeypatch: pytest.MonkeyPatch, answer: list[str]) -> None:
    connections = Connections(monkeypatch)
    assert post(answer) == Reply(error="address_refused")
    assert connections.made == []


def test_of_several_addresses_one_that_lambda_can_reach_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(monkeypatch)
    post(["2606:4700::1111", "1.1.1.1"])
    assert connections.made == [("1.1.1.1", 443)]


def test_a_name_that_nobody_knows_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(monkeypatch)

    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror

    sender = WebhookSender(unknown, is_public, ssl.create_default_context)
    assert sender.post(TARGET, {}, b"") == Reply(error="name_unresolved")
    assert post([]) == Reply(error="name_unresolved")
    assert connections.made == []


def test_in_production_the_policy_is_not_a_matter_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    sender = deps.webhook_sender.__wrapped__()
    assert (sender.resolve, sender.is_allowed) == (webhook_sender.addresses_of, is_public)
    assert (sender.port, sender.deadline) == (443, 10.0)
    assert sender.context().verify_mode is ssl.CERT_REQUIRED
    assert sender.context().check_hostname
    connections = Connections(monkeypatch)
    WebhookSender(lambda _host, _port: ["8.8.8.8"], is_public, sender.context).post(TARGET, {}, b"")
    assert connections.made == [("8.8.8.8", 443)]


def test_the_resolver_answers_with_every_address() -> None:
    assert "127.0.0.1" in webhook_sender.addresses_of("127.0.0.1", 443)


def test_an_endpoint_may_have_its_certificate_of_any_authority_whatever_calls_of_aws_trust(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/opt/python/amazon-roots.pem")
    assert len(webhook_sender.trusted().get_ca_certs()) > 100
