"""Requests over kept connections beside botocore's own, over real sockets: the same is sent, and the same is made of
whatever comes back."""

import io
import os
import select
import socket
import ssl
import struct
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum, auto
from itertools import chain
from typing import Any, Final

import pytest
import trustme
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError, SSLError
from botocore.httpsession import URLLib3Session
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import Timeout

from cashback.adapters import kept_connections
from cashback.adapters.kept_connections import KeptConnections
from cashback.edge import clients

BODY: Final = b'{"Item":{"pk":{"S":"a"}}}'
HEADERS: Final = {
    "X-Amz-Target": "DynamoDB_20120810.GetItem",
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Date": "20260301T100000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=key/20260301/eu-central-1/dynamodb/aws4_request",
    "User-Agent": "cashback",
}
PATIENCE, IMPATIENCE = 30, 0.1
"""Seconds that both wait for an answer, and for one that never comes."""


def answer(body: bytes = BODY, status: str = "200 OK", *more: str) -> bytes:
    """An answer as DynamoDB gives it."""
    lines = [
        f"HTTP/1.1 {status}",
        "Server: Server",
        "Content-Type: application/x-amz-json-1.0",
        f"Content-Length: {len(body)}",
        "Connection: keep-alive",
        "x-amzn-RequestId: R1",
        "x-amz-crc32: 1",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


OK: Final = answer()


class Deed(Enum):
    """What a server does beside sending: closes the connection, resets it, says nothing more, forgets TLS, sends a part
    of a record of TLS, or rests."""

    CLOSE = auto()
    RESET = auto()
    SILENCE = auto()
    PLAINTEXT = auto()
    PART = auto()
    PAUSE = auto()


CLOSE, RESET, SILENCE, PLAINTEXT, PART, PAUSE = Deed

type Act = bytes | Deed
"""What a server does: sends bytes, or one of these."""


class Server:
    """Answers each request as the next part of its script says, and keeps what it was asked, connection by
    connection."""

    def __init__(self, script: Sequence[Sequence[Act]], tls: ssl.SSLContext | None = None) -> None:
        self.script, self.tls = iter(script), tls
        self.asked: list[list[bytes]] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if tls else ''}://localhost:{self.listening.getsockname()[1]}/"
        self.ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and end those that wait."""
        self.ended.set()
        self.listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                self.asked.append([])
                threading.Thread(target=self._serve, args=(connection, self.asked[-1]), daemon=True).start()

    def _serve(self, connection: socket.socket, asked: list[bytes]) -> None:
        with suppress(OSError), connection:
            sock = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with sock, sock.makefile("rb") as file:
                while request := self._request(file):
                    asked.append(request)
                    for act in next(self.script, [OK]):
                        self._act(sock, act)

    @staticmethod
    def _request(file: io.BufferedReader) -> bytes:
        lines = []
        while (line := file.readline()) != b"\r\n":
            if not line:
                return b""
            lines.append(line)
        (length,) = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length:")]
        return b"".join([lines[0], *sorted(lines[1:])]) + file.read(length)

    def _act(self, sock: socket.socket, act: Act) -> None:
        if isinstance(act, bytes):
            sock.sendall(act)
            self.ended.wait(0.002)  # so that it comes as a piece of its own
        elif act is SILENCE:
            sock.recv(1)  # until the client is gone
        elif act is PAUSE:
            self.ended.wait(IMPATIENCE * 3)
        elif act is PLAINTEXT:
            os.write(sock.fileno(), OK)
        elif act is PART:
            os.write(sock.fileno(), b"\x17\x03\x03\x00\x50" + b"x" * 20)
        else:
            if act is RESET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionAbortedError


class Sender:
    """A session whose connections are used again, by ``kept`` or by itself."""

    def __init__(self, server: Server, *, is_ours: bool, verify: Any = True) -> None:
        self.server, self.is_ours = server, is_ours
        self.session: Any = URLLib3Session(verify=verify, timeout=PATIENCE)
        self.kept = KeptConnections(self.session)
        self.directly = 0

    def send(self, body: bytes = b"{}", patience: float = PATIENCE, connects_within: float = PATIENCE) -> Any:
        """Send a request; return what was made of it."""
        pool = self.session._manager.connection_from_url(self.server.url)
        pool.timeout = Timeout(connect=connects_within, read=patience)
        headers: Any = {**HEADERS, "Content-Length": str(len(body))}
        request = AWSPreparedRequest("POST", self.server.url, headers, body, stream_output=False)
        host = self.server.url.split("/")[2]
        try:
            told = self.kept.send(request, host) if self.is_ours else None
            self.directly += told is not None
            told = told or self.session.send(request)
        except (HTTPClientError, SSLError) as error:
            self.directly += any(frame.name == "_exchange" for frame in traceback.extract_tb(error.__traceback__))
            return type(error)
        return told.status_code, {name.lower(): value for name, value in told.headers.items()}, told.content

    def wait_until_something_comes(self) -> None:
        """Wait until the server has sent or closed something that nobody asked for."""
        (connection,) = [one for one in self.session._manager.connection_from_url(self.server.url).pool.queue if one]
        assert select.select([connection.sock], [], [], PATIENCE)[0]


@contextmanager
def server(*script: Sequence[Act], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server with a script."""
    running = Server(script, tls)
    try:
        yield running
    finally:
        running.close()


def both(*script: Sequence[Act]) -> tuple[list[Any], list[Any], int]:
    """What is made of a script's answers, and what arrived at the server, connection by connection: here and by
    botocore; and how many of our requests went over a kept connection."""
    found: list[Any] = []
    for is_ours in (True, False):
        with server(*script) as running:
            sender = Sender(running, is_ours=is_ours)
            made = [
                sender.send(b'{"n":%d}' % number, IMPATIENCE if SILENCE in acts else PATIENCE)
                for number, acts in enumerate(script)
            ]
            host = running.url.split("/")[2].encode()
            asked = [[one.replace(host, b"host") for one in connection] for connection in running.asked]
            found.append((made, asked, sender.directly))
    (ours, our_asked, directly), (theirs, their_asked, _) = found
    return [ours, our_asked], [theirs, their_asked], directly


def test_a_connection_that_is_kept_is_used_again() -> None:
    ours, theirs, directly = both([OK], [OK], [OK])
    assert ours == theirs
    assert directly == 2
    ((*_, last),) = ours[1]
    assert ours[0][-1][2] == BODY
    assert last.endswith(b'{"n":2}')


PIECES: Final = [OK[:5], OK[5:40], OK[40 : -len(BODY) - 3], OK[-len(BODY) - 3 : -len(BODY) - 1], OK[-len(BODY) - 1 :]]
CHUNKED: Final = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nx-amz-crc32: 1\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
)


@pytest.mark.parametrize(
    "acts",
    [
        [answer(b"")],
        [answer(b'{"__type":"x"}', "400 Bad Request")],
        [answer(b"", "500 Internal Server Error")],
        [answer(b"", "503")],
        [answer(b"x" * 3_000_000)],
        [answer(b"x" * 200_000)[:100_000], answer(b"x" * 200_000)[100_000:]],
        PIECES,
        [bytes([one]) for one in OK],
        [CHUNKED],
        [CHUNKED[:50], CHUNKED[50:60], CHUNKED[60:]],
        [CHUNKED.replace(b"Transfer-", b"Content-Length: 3\r\nTransfer-")],
        [b"HTTP/1.1 200 OK\r\n\r\nall until the end", CLOSE],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", CLOSE],
        [b"HTTP/1.1 100 Continue\r\n\r\n", OK],
        [b"HTTP/1.1 204 No Content\r\n\r\n"],
        [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"],
        [OK.replace(b"Server: Server\r\n", b"Server: Server\n")],
        [answer(BODY, "200 OK", "Vary: a", "Vary: b")],
        [answer(BODY, "200 OK", "Server : odd")],
        [answer(BODY, "200 OK", "No colon")],
        [answer(BODY, "200 OK", "Empty:")],
        [answer(BODY, "200 OK", "Odd: Gr\u00fc\u00dfe").replace(b"\xc3", b"")],
        [answer(BODY, "200 OK", f"Long: {'x' * 60_000}")],
        [answer(BODY, "200 OK", f"Too-Long: {'x' * 70_000}")],
        [answer(BODY, "200 OK", *[f"H{number}: x" for number in range(120)])],
        [answer(BODY, "200 OK").replace(b"keep-alive", b"Close")],
        [OK + OK],
        [OK + b"x"],
        [CLOSE],
        [RESET],
        [SILENCE],
        [OK[:30], RESET],
        [OK[: -len(BODY) - 4], SILENCE],
        [OK[:30], SILENCE],
        [OK[:-3], RESET],
        [OK[:-3], SILENCE],
        [CHUNKED[:-20], RESET],
        [b"garbage\r\n\r\n"],
        [b"\r\n\r\n"],
        [b"HTTP/1.1 abc OK\r\n\r\n"],
        [b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ],
    ids=lambda acts: repr(acts)[:60],
)
def test_what_comes_back_is_read_as_botocore_reads_it_and_so_is_what_follows(acts: Sequence[Act]) -> None:
    (made, asked), (theirs, their_asked), directly = both([OK], acts, [answer(b"after")], [answer(b"later")])
    assert made == theirs
    assert list(chain(*asked)) == list(chain(*their_asked))
    assert directly >= 2


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize("act", [CLOSE, RESET, answer(b"late")])
def test_what_comes_while_a_connection_rests_ends_it_and_nothing_is_lost(is_ours: bool, act: Act) -> None:
    with server([OK, act], [answer(b"after")], [answer(b"later")]) as running:
        sender = Sender(running, is_ours=is_ours)
        sender.send(b"0")
        sender.wait_until_something_comes()
        assert [sender.send(b"1")[2], sender.send(b"2")[2]] == [b"after", b"later"]
        assert [[one[-1:] for one in connection] for connection in running.asked] == [[b"0"], [b"1", b"2"]]


@pytest.mark.parametrize("act", [answer().replace(b"keep-alive", b"Close"), OK + b"x", OK + OK, CHUNKED])
def test_a_connection_that_may_be_out_of_step_is_not_used_again(act: bytes) -> None:
    with server([OK], [act], [answer(b"after")], [answer(b"later")]) as running:
        sender = Sender(running, is_ours=True)
        assert [sender.send()[2] for _ in range(4)][2:] == [b"after", b"later"]
        assert [len(connection) for connection in running.asked] == [2, 2]


def test_an_answer_may_take_longer_than_connecting() -> None:
    with server([OK], [PAUSE, OK]) as running:
        sender = Sender(running, is_ours=True)
        sender.send()
        assert sender.send(connects_within=IMPATIENCE)[2] == BODY
        assert sender.directly == 1


def test_a_late_answer_is_never_taken_for_that_to_another_request() -> None:
    with server([OK], [SILENCE, answer(b"late")], [answer(b"after")]) as running:
        sender = Sender(running, is_ours=True)
        sender.send()
        assert sender.send(patience=IMPATIENCE) is ReadTimeoutError
        assert sender.send()[2] == b"after"
        assert sender.directly == 1


@pytest.mark.parametrize("cut", [*(OK[:length] for length in range(1, len(OK), 7)), OK[:-1], CHUNKED[:-20]])
def test_an_answer_that_ends_too_early_is_none(cut: bytes) -> None:
    # Botocore takes most of these for whole ones.
    with server([OK], [cut, CLOSE]) as running:
        sender = Sender(running, is_ours=True)
        sender.send()
        assert sender.send() is ConnectionClosedError
        assert (sender.directly, sender.send()[2]) == (1, BODY)


@pytest.mark.parametrize("token", ["to\nken", "to\rken", "to\r\n\r\nken", "Gr\u00fcn"])
def test_what_would_be_no_header_is_left_to_botocore(token: str) -> None:
    headers: Any = {"X-Amz-Security-Token": token}
    request = AWSPreparedRequest("POST", "http://localhost/", headers, b"", stream_output=False)
    assert kept_connections._head(request, "localhost") is None


def test_calls_through_a_proxy_are_left_to_botocore() -> None:
    with server([OK], [OK]) as running:
        sender = Sender(running, is_ours=True)
        proxied = URLLib3Session(proxies={"http": running.url})
        sender.session = proxied
        sender.kept = KeptConnections(proxied)
        running.url = "http://aws.example/"
        assert [sender.send()[2], sender.send()[2]] == [BODY, BODY]
        assert sender.directly == 0
        assert all(one.startswith(b"POST http://aws.example/ HTTP/1.1") for one in chain(*running.asked))


# ---- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """Of a server whose certificate this authority signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_a_connection_with_tls_is_used_again(authority: trustme.CA, tls: ssl.SSLContext) -> None:
    large = b"x" * 3_000_000
    with (
        authority.cert_pem.tempfile() as trusted,
        server([OK], PIECES, [answer(large)], [OK[:-3], CLOSE], [OK], [CHUNKED], tls=tls) as running,
    ):
        sender = Sender(running, is_ours=True, verify=trusted)
        assert [sender.send()[2] for _ in range(3)] == [BODY, BODY, large]
        assert sender.send() is ConnectionClosedError
        assert [sender.send()[2], sender.send()[2]] == [BODY, b"hello!"]
        assert sender.directly == 4
        assert [len(connection) for connection in running.asked] == [4, 2]


def test_a_connection_that_was_opened_beforehand_takes_the_first_request(
    authority: trustme.CA, tls: ssl.SSLContext
) -> None:
    with authority.cert_pem.tempfile() as trusted, server([OK], [OK], tls=tls) as running:
        sender = Sender(running, is_ours=True, verify=trusted)
        sender.kept.connect(running.url)
        sender.wait_until_something_comes()  # tickets of TLS
        assert [sender.send()[2] for _ in range(2)] == [BODY, BODY]
        assert (sender.directly, [len(connection) for connection in running.asked]) == (2, [2])


def test_a_connection_whose_certificate_is_not_trusted_is_not_kept(tls: ssl.SSLContext) -> None:
    with trustme.CA().cert_pem.tempfile() as of_another, server(tls=tls) as running:
        sender = Sender(running, is_ours=True, verify=of_another)
        sender.kept.connect(running.url)
        assert sender.send() is SSLError
        assert (sender.directly, [len(connection) for connection in running.asked]) == (0, [0, 0])


def test_a_connection_to_another_host_than_its_certificate_s_is_not_kept(authority: trustme.CA) -> None:
    elsewhere = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(elsewhere)
    with authority.cert_pem.tempfile() as trusted, server(tls=elsewhere) as running:
        sender = Sender(running, is_ours=True, verify=trusted)
        sender.kept.connect(running.url)
        assert sender.send() is SSLError
        assert sender.directly == 0


def test_no_connection_is_opened_through_a_proxy_or_where_nobody_answers() -> None:
    with server() as running, socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        nowhere = f"http://localhost:{deaf.getsockname()[1]}/"
        behind_a_proxy = URLLib3Session(proxies={"http": nowhere})
        for session, url in [(URLLib3Session(), nowhere), (behind_a_proxy, running.url)]:
            headers: Any = {**HEADERS, "Content-Length": "2"}
            request = AWSPreparedRequest("POST", url, headers, b"{}", stream_output=False)
            kept = KeptConnections(session)
            kept.connect(url)
            assert kept.send(request, "localhost") is None


@pytest.mark.parametrize("foreign", [answer(b"x" * 5_000) + answer(b"foreign"), PART, CLOSE])
def test_what_comes_over_a_resting_connection_with_tls_is_no_answer(
    authority: trustme.CA, tls: ssl.SSLContext, foreign: Act
) -> None:
    with (
        authority.cert_pem.tempfile() as trusted,
        server([OK, PAUSE, foreign], [answer(b"after")], tls=tls) as running,
    ):
        sender = Sender(running, is_ours=True, verify=trusted)
        sender.send()
        sender.wait_until_something_comes()
        assert (sender.send()[2], sender.directly) == (b"after", 0)


def test_what_tls_holds_back_is_never_taken_for_the_answer_to_another_request(
    authority: trustme.CA, tls: ssl.SSLContext
) -> None:
    two = answer(b"x" * 5_000) + answer(b"foreign")
    with (
        authority.cert_pem.tempfile() as trusted,
        server([OK], [two[:300], two[300:]], [answer(b"after")], tls=tls) as running,
    ):
        sender = Sender(running, is_ours=True, verify=trusted)
        assert [sender.send()[2] for _ in range(3)][2] == b"after"


@pytest.mark.parametrize(
    "wire",
    [
        CHUNKED.replace(b"5\r\n", b"-5\r\n"),
        CHUNKED.replace(b"5\r\n", b"FFFFFFFFFFFFFFFF\r\n"),
        OK.replace(b"Length: 25", b"Length: 1000000000000000000000000000000"),
    ],
)
def test_a_length_that_is_none_is_no_answer(wire: bytes) -> None:
    with server([OK], [wire, CLOSE], [OK]) as running:
        sender = Sender(running, is_ours=True)
        sender.send()
        assert (sender.send(), sender.send()[2]) == (ConnectionClosedError, BODY)


def test_with_tls_too_an_answer_that_never_comes_is_waited_for_no_longer(
    authority: trustme.CA, tls: ssl.SSLContext
) -> None:
    with authority.cert_pem.tempfile() as trusted, server([OK], [SILENCE], [OK], tls=tls) as running:
        sender = Sender(running, is_ours=True, verify=trusted)
        sender.send()
        assert sender.send(patience=IMPATIENCE) is ReadTimeoutError
        assert (sender.directly, sender.send()[2]) == (1, BODY)


def test_what_is_no_tls_on_a_connection_with_it_is_an_error_of_tls(authority: trustme.CA, tls: ssl.SSLContext) -> None:
    with authority.cert_pem.tempfile() as trusted, server([OK], [PLAINTEXT], [OK], tls=tls) as running:
        sender = Sender(running, is_ours=True, verify=trusted)
        sender.send()
        assert sender.send() is SSLError
        assert (sender.directly, sender.send()[2]) == (1, BODY)


# ---- any bytes


PARTS: Final = st.sampled_from(
    [
        *[b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 404 \r\n", b"HTTP/1.1 204 x\r\n"],
        *[b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"\x85", b"\xff"],
        *[b"{}", b"abc", b"0\r\n\r\n", b"2\r\n{}\r\n", b"A: b\r\n", b" c\r\n"],
        *[b"Content-Length: 2\r\n", b"content-length:3\r\n", b"Content-Length: -1\r\n", b"Content-Length: +2\r\n"],
        *[b"Content-Length: 2, 2\r\n", b"Content-Length: \xb2\r\n", b"Content-Length : 2\r\n"],
        *[b"-5\r\n", b"FFFFFFFFFFFFFFFF\r\n", b"Content-Length: 1000000000000000000\r\n"],
        *[b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Connection: close\r\n"],
    ]
)
WIRES: Final = st.builds(
    lambda start, parts, end: start + b"".join(parts) + end,
    st.sampled_from([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", b"HTTP/1.1 200 OK\r\n", b""]),
    st.lists(PARTS, max_size=4),
    st.sampled_from([b"\r\n{}", b""]),
)


@given(wire=WIRES, at=st.integers(min_value=1, max_value=30))
def test_whatever_is_read_here_http_client_reads_alike(wire: bytes, at: int) -> None:
    here, by_http_client = [read_from(wire, at, read) for read in (kept_connections._read, by_the_book)]
    # Http.client takes the end of a connection for the end of a head.
    assert here == (by_http_client if b"\r\n\r\n" in wire else None)


def by_the_book(sock: socket.socket, url: str) -> Any:
    """What http.client makes of it all."""
    return kept_connections._read_otherwise(sock, url), False


def read_from(wire: bytes, at: int, read: Any) -> Any:
    """What is made of bytes that come in two pieces, after which the connection is closed."""
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(PATIENCE)
        far.sendall(wire[:at])
        far.sendall(wire[at:])
        far.shutdown(socket.SHUT_WR)
        try:
            told, _ = read(near, "u")
        except kept_connections._NO_ANSWER:
            return None
    return told.status_code, sorted((name.lower(), value) for name, value in told.headers.items()), told.content


# ---- a client


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Of a process that has credentials."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    clients._session.cache_clear()
    return monkeypatch


@pytest.mark.parametrize("is_on_lambda", [True, False])
def test_the_functions_clients_use_their_connections_again_and_on_lambda_open_one_beforehand(
    surroundings: pytest.MonkeyPatch, is_on_lambda: bool
) -> None:
    if is_on_lambda:
        surroundings.setenv("AWS_LAMBDA_FUNCTION_NAME", "event_worker")
    refused = answer(b'{"__type":"x#ResourceNotFoundException","message":"gone"}', "400 Bad Request")
    with server(*[[one.replace(b"x-amz-crc32: 1\r\n", b"")] for one in (OK, OK, refused, OK)]) as running:
        surroundings.setenv("AWS_ENDPOINT_URL", running.url)
        client = clients.client.__wrapped__("dynamodb")
        exchanged: list[Any] = []
        surroundings.setattr(kept_connections, "_exchange", spied(exchanged))
        ask = {"TableName": "T", "Key": {"pk": {"S": "a"}}}
        assert [client.get_item(**ask)["Item"] for _ in range(2)] == [{"pk": {"S": "a"}}] * 2
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_item(**ask)
        assert client.get_item(**ask)["ResponseMetadata"]["RequestId"] == "R1"
        assert (len(exchanged), [len(connection) for connection in running.asked]) == (3 + is_on_lambda, [4])


def test_calls_of_aws_trust_whom_the_environment_names(
    surroundings: pytest.MonkeyPatch, authority: trustme.CA, tls: ssl.SSLContext
) -> None:
    ask = {"TableName": "T", "Key": {"pk": {"S": "a"}}}
    with (
        authority.cert_pem.tempfile() as named,
        trustme.CA().cert_pem.tempfile() as of_another,
        server([OK.replace(b"x-amz-crc32: 1\r\n", b"")], tls=tls) as running,
    ):
        surroundings.setenv("AWS_ENDPOINT_URL", running.url)
        surroundings.setenv("AWS_CA_BUNDLE", of_another)
        with pytest.raises(SSLError):
            clients.client.__wrapped__("dynamodb", 1).get_item(**ask)
        surroundings.setenv("AWS_CA_BUNDLE", named)
        clients._session.cache_clear()
        assert clients.client.__wrapped__("dynamodb").get_item(**ask)["Item"]


def spied(exchanged: list[Any]) -> Any:
    """What notes that it was called."""
    exchange = kept_connections._exchange

    def note(*told: Any) -> Any:
        exchanged.append(told)
        return exchange(*told)

    return note
