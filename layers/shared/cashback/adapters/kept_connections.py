"""A plain request over a connection that urllib3 keeps alive, for a sixth of the instructions that it takes itself.

Connecting, TLS and proxies stay urllib3's: where it keeps no connection that lives, nothing is sent here. What is read
is HTTP/1.1 with a length; any other answer is read by http.client, from its first byte.
tests/unit/test_kept_connections.py compares what is sent and read with botocore's own client, over real sockets.
"""

import io
import re
import socket
import ssl
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from queue import Empty
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError, SSLError
from msgspec import Struct, field
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import HTTPError

_AT_ONCE: Final = 65_536
"""Bytes that are read at once, and the most that the head of a plain answer has."""
_MOST_HEADERS: Final = 100
"""The most that http.client takes."""

_SOON: Final = 0.3
"""Seconds for each step of opening a connection beforehand. All of a function's must fit in the ten that Lambda lets it
start in, though a host may have several addresses that are deaf."""

_END: Final = b"\r\n\r\n"
_STATUS: Final = re.compile(r"HTTP/1\.1 ([2-5]\d\d)(?: .*)?", re.ASCII)
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)")
_LENGTH: Final = re.compile(r"\d{1,9}", re.ASCII)
_RECORD_HEAD: Final = 5
"""Bytes before a record of TLS: its kind, the version, and in the last two its length."""
_WITHOUT_BODY: Final = frozenset({204, 304})
_NO_ANSWER: Final = (OSError, HTTPException, ValueError, OverflowError, MemoryError)
"""What comes of a connection that fails, and of lengths in an answer that are none."""


class KeptConnections(Struct):
    """The connections that a client's HTTP session keeps."""

    session: Any
    """Botocore's ``URLLib3Session``."""
    pools: dict[str, Any] = field(default_factory=dict)
    """Urllib3's, by URL. Where botocore goes through a proxy nothing is ever kept in them."""

    def connect(self, url: str) -> None:
        """Open a connection as botocore's session does, and keep it for the first request. Where that fails or takes
        long there is none, and the first request, which connects again, says why; through a proxy none is opened."""
        session = self.session
        if session._proxy_config.proxy_url_for(url):
            return
        pool = session._manager.connection_from_url(url)
        session._setup_ssl_cert(pool, url, session._verify)
        connection, is_open = pool._get_conn(), False
        connection.timeout = _SOON
        try:
            with suppress(HTTPError, OSError, ValueError):  # the last is a certificate of another host
                connection.connect()
                is_open = True
        finally:
            if not is_open:
                connection.close()
            pool._put_conn(connection)

    def send(self, request: AWSPreparedRequest, host: str) -> Any:
        """POST bytes to ``/`` once; return the answer, an AWSResponse. None: no connection is alive, or a header would
        not be one line of ASCII, and nothing was sent.

        :raises BotoCoreError: there was no whole answer in time. The connection is closed, so that what comes over it
            later is never taken for the answer to another request.
        """
        if request.url not in self.pools:
            self.pools[request.url] = self.session._manager.connection_from_url(request.url)
        pool, head = self.pools[request.url], _head(request, host)
        if head is None or (connection := _alive(pool)) is None:
            return None
        is_kept = False
        try:
            answer, is_kept = _exchange(connection.sock, head, request, pool.timeout)
        finally:
            if not is_kept:
                connection.close()
            pool._put_conn(connection)
        return answer


def _alive(pool: Any) -> Any:
    """Take a connection out of a pool over which no answer came since it was used last; None where there is none."""
    try:
        connection = pool.pool.get_nowait()
    except (AttributeError, Empty):  # the pool is closed, or others have all of them
        return None
    if connection is not None:
        if connection.is_connected or _is_idle(connection.sock):
            return connection
        connection.close()
    pool._put_conn(connection)
    return None


def _is_idle(sock: Any) -> bool:
    """Read TLS's own records that came over a resting connection, and tell whether there was nothing else: after the
    handshake a server sends tickets, to connect again with. Of a record that is not whole nobody can tell."""
    if not isinstance(sock, ssl.SSLSocket):
        return False
    sock.settimeout(0)
    try:
        if _is_whole(socket.socket.recv(sock, _AT_ONCE, socket.MSG_PEEK)):
            sock.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    return False


def _is_whole(records: bytes) -> bool:
    """Tell whether records of TLS end where they say. Source: RFC 8446, section 5.1."""
    at = 0
    while at + _RECORD_HEAD <= len(records):
        at += _RECORD_HEAD + int.from_bytes(records[at + 3 : at + _RECORD_HEAD])
    return at == len(records)


def _head(request: Any, host: str) -> bytes | None:
    """What stands before the body of a request; None where a line would not be one."""
    lines = ["POST / HTTP/1.1", f"Host: {host}", "Accept-Encoding: identity"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    head = "\r\n".join([*lines, "", ""])
    if not head.isascii() or not head.count("\n") == head.count("\r") == len(lines) + 1:
        return None
    return head.encode()


def _exchange(sock: Any, head: bytes, request: Any, timeout: Any) -> tuple[Any, bool]:
    """Send a request and read its answer; tell whether another may follow."""
    try:
        sock.settimeout(timeout.connect_timeout)
        sock.sendall(head + request.body)
        sock.settimeout(timeout.read_timeout)
        return _read(sock, request.url)
    except TimeoutError as error:
        raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
    except ssl.SSLError as error:
        raise SSLError(endpoint_url=request.url, error=error) from error
    except _NO_ANSWER as error:
        raise ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from error


def _read(sock: Any, url: str) -> tuple[Any, bool]:
    """Read an answer; tell whether another may follow, as it may only after a plain one that ended where it said."""
    read = sock.recv(_AT_ONCE)
    while _END not in read and len(read) < _AT_ONCE:
        more = sock.recv(_AT_ONCE)
        if not more:
            raise ConnectionAbortedError("the answer ends in its head")
        read += more
    head, end, body = read.partition(_END)
    told = _plain(head) if end else None
    if told is None:
        return _read_otherwise(_Replayed(read, sock), url), False
    status, headers, length = told
    if len(body) < length:
        body = _whole(sock, body, length)
    is_over = len(body) == length and not _is_pending(sock)
    is_kept = is_over and "close" not in headers.get("connection", "").lower()
    return _answer(url, status, headers, body[:length]), is_kept


def _is_pending(sock: Any) -> bool:
    """Tell whether TLS has more at hand, which nobody sees who asks the socket."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _plain(head: bytes) -> tuple[int, dict[str, str], int] | None:
    """The status, the headers by their lower-case names and the length of a plain answer; None of any other."""
    if len(head) > _AT_ONCE:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    status = _STATUS.fullmatch(first)
    matches = [_HEADER.fullmatch(line) for line in lines]
    headers = {match[1].lower(): match[2] for match in matches if match is not None}
    if status is None or not len(headers) == len(lines) <= _MOST_HEADERS or "transfer-encoding" in headers:
        return None
    length = headers.get("content-length", "")
    if not _LENGTH.fullmatch(length) or int(status[1]) in _WITHOUT_BODY:
        return None
    return int(status[1]), headers, int(length)


def _whole(sock: Any, begun: bytes, length: int) -> bytes:
    """Read a body to its end."""
    body = bytearray(length)
    body[: len(begun)] = begun
    with memoryview(body) as left:
        at = len(begun)
        while at < length:
            more = sock.recv_into(left[at:])
            if not more:
                raise ConnectionAbortedError(f"{length - at} bytes of the answer are missing")
            at += more
    return bytes(body)


class _Replayed(io.RawIOBase):
    """What was read of a socket, and then the socket."""

    def __init__(self, read: bytes, sock: Any) -> None:
        self._read, self._sock = io.BytesIO(read), sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._read.readinto(buffer) or self._sock.recv_into(buffer)

    def makefile(self, _: str) -> io.BufferedReader:
        """As a socket has it."""
        return io.BufferedReader(self)


def _read_otherwise(replayed: Any, url: str) -> Any:
    """Read any answer by http.client."""
    with HTTPResponse(replayed, method="POST") as response:
        response.begin()
        return _answer(url, response.status, HTTPHeaderDict(response.headers.items()), response.read())


def _answer(url: str, status: int, headers: Any, body: bytes) -> Any:
    answer: Any = AWSResponse(url, status, headers, None)
    answer._content = body
    return answer
