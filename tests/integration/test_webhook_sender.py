"""Calls to an endpoint over TLS: a server of our own on this machine, which the policy of production would refuse."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from cashback.adapters.webhook_sender import Reply, WebhookSender
from cashback.domain.outgoing import Target, is_public

HOST: Final = "shop.example.com"
TARGET: Final = Target(HOST, "/in?x=1")
HEADERS: Final = {"content-type": "application/json", "webhook-id": "whd_1", "connection": "close"}

type Serve = Callable[[ssl.SSLSocket], None]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of shop.example.com, signed by itself, with its key in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    key, made, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HOST}"]
    names = ["-addext", f"subjectAltName=DNS:{HOST}", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*asked, *names], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + made.read_bytes())
    return both


class Server:
    """Takes one connection after the other, and does with each what the test says."""

    def __init__(self, certificate: Path, serve: Serve, *, handshake: bool = True) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.context.sni_callback = self._named
        self.names: list[str | None] = []
        self.taken = 0
        self.serve, self.handshake = serve, handshake
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _named(self, _socket: object, name: str | None, _context: object) -> None:
        self.names.append(name)

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self.socket.accept()
                self.taken += 1
                with suppress(OSError), plain:
                    if not self.handshake:
                        time.sleep(5)
                        continue
                    with self.context.wrap_socket(plain, server_side=True) as secured:
                        self.serve(secured)

    def close(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def start(certificate: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def make(serve: Serve, *, handshake: bool = True) -> Server:
        servers.append(Server(certificate, serve, handshake=handshake))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


def sender(server: Server, context: ssl.SSLContext, deadline: float = 2.0) -> WebhookSender:
    return WebhookSender(lambda _host, _port: ["127.0.0.1"], lambda _: True, lambda: context, server.port, deadline)


def answering(text: bytes, heard: list[bytes] | None = None) -> Serve:
    def serve(secured: ssl.SSLSocket) -> None:
        asked = b""
        while b'{"a":1}' not in asked:
            asked += secured.recv(65_536)
        if heard is not None:
            heard.append(asked)
        secured.sendall(text)

    return serve


def test_the_request_goes_to_the_address_under_the_name_of_the_host(
    start: Callable[..., Server], trusting: ssl.SSLContext
) -> None:
    heard: list[bytes] = []
    server = start(answering(b"HTTP/1.1 204 No Content\r\n\r\n", heard))
    assert sender(server, trusting).post(TARGET, HEADERS, b'{"a":1}') == Reply(status=204)
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /in?x=1 HTTP/1.1"
    assert {"Host: shop.example.com", "webhook-id: whd_1", "Content-Length: 7"} <= set(lines)
    assert body == b'{"a":1}'
    assert server.names == [HOST]


@pytest.mark.parametrize("status", [200, 302, 307, 400, 410, 500])
def test_every_status_is_told_and_no_redirect_is_followed(
    start: Callable[..., Server], trusting: ssl.SSLContext, status: int
) -> None:
    elsewhere = start(answering(b"HTTP/1.1 200 OK\r\n\r\n"))
    location = f"Location: https://{HOST}:{elsewhere.port}/\r\n".encode()
    server = start(answering(b"HTTP/1.1 %d Any\r\n%sContent-Length: 0\r\n\r\n" % (status, location)))
    assert sender(server, trusting).post(TARGET, HEADERS, b'{"a":1}') == Reply(status=status)
    assert (server.taken, elsewhere.taken) == (1, 0)


def test_a_body_without_an_end_is_not_read(start: Callable[..., Server], trusting: ssl.SSLContext) -> None:
    def serve(secured: ssl.SSLSocket) -> None:
        answering(b"HTTP/1.1 200 OK\r\n\r\n")(secured)
        while True:
            secured.sendall(b"x" * 65_536)

    begun = time.monotonic()
    assert sender(start(serve), trusting).post(TARGET, HEADERS, b'{"a":1}') == Reply(status=200)
    assert time.monotonic() - begun < 1.5


def test_a_certificate_that_nobody_signed_or_of_another_host_is_refused(
    start: Callable[..., Server], trusting: ssl.SSLContext
) -> None:
    heard: list[bytes] = []
    server = start(answering(b"HTTP/1.1 200 OK\r\n\r\n", heard))
    refused = Reply(error="certificate_invalid")
    assert sender(server, ssl.create_default_context()).post(TARGET, HEADERS, b'{"a":1}') == refused
    other = Target("other.example.com", "/")
    assert sender(server, trusting).post(other, HEADERS, b'{"a":1}') == refused
    assert heard == []


def test_an_endpoint_that_says_nothing_is_given_up(start: Callable[..., Server], trusting: ssl.SSLContext) -> None:
    server = start(lambda _secured: time.sleep(5))
    begun = time.monotonic()
    assert sender(server, trusting, 0.5).post(TARGET, HEADERS, b'{"a":1}') == Reply(error="timed_out")
    assert time.monotonic() - begun < 1.5


def test_an_endpoint_that_lets_its_bytes_drip_is_given_up(
    start: Callable[..., Server], trusting: ssl.SSLContext
) -> None:
    def serve(secured: ssl.SSLSocket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100:
            secured.sendall(bytes([byte]))
            time.sleep(0.1)

    begun = time.monotonic()
    assert sender(start(serve), trusting, 0.7).post(TARGET, HEADERS, b'{"a":1}') == Reply(error="timed_out")
    assert time.monotonic() - begun < 1.7


def test_an_endpoint_that_never_greets_is_given_up(start: Callable[..., Server], trusting: ssl.SSLContext) -> None:
    server = start(answering(b""), handshake=False)
    begun = time.monotonic()
    assert sender(server, trusting, 0.5).post(TARGET, HEADERS, b'{"a":1}') == Reply(error="timed_out")
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("text", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" * 2])
def test_an_answer_that_is_not_http_is_no_answer(
    start: Callable[..., Server], trusting: ssl.SSLContext, text: bytes
) -> None:
    reply = sender(start(answering(text)), trusting).post(TARGET, HEADERS, b'{"a":1}')
    assert reply in {Reply(error="answer_invalid"), Reply(error="unreachable"), Reply(status=200)}
    assert (reply.status == 200) == text.startswith(b"HTTP/1.1 200")


def test_nobody_there_is_unreachable(start: Callable[..., Server], trusting: ssl.SSLContext) -> None:
    server = start(answering(b""))
    server.socket.close()
    server.port = 1
    assert sender(server, trusting).post(TARGET, HEADERS, b"{}") == Reply(error="unreachable")


def test_a_resolver_that_does_not_answer_is_given_up(trusting: ssl.SSLContext) -> None:
    asked, answer = threading.Event(), threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        asked.set()
        answer.wait(10)
        return ["127.0.0.1"]

    slow = WebhookSender(resolve, lambda _: True, lambda: trusting, 9, deadline=0.3)
    began = time.monotonic()
    assert slow.post(TARGET, HEADERS, b"{}") == Reply(error="name_unresolved")
    assert asked.is_set()
    assert time.monotonic() - began < 2
    answer.set()


def test_a_name_that_nobody_knows_is_unresolved(trusting: ssl.SSLContext) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, host, port)

    assert WebhookSender(resolve, lambda _: True, lambda: trusting, 9).post(TARGET, HEADERS, b"{}") == Reply(
        error="name_unresolved"
    )


def test_the_policy_of_production_does_not_let_this_machine_be_called(
    start: Callable[..., Server], trusting: ssl.SSLContext
) -> None:
    server = start(answering(b"HTTP/1.1 200 OK\r\n\r\n"))
    strict = WebhookSender(lambda _host, _port: ["127.0.0.1"], is_public, lambda: trusting, server.port)
    assert strict.post(TARGET, HEADERS, b'{"a":1}') == Reply(error="address_refused")
    assert server.taken == 0
