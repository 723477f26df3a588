"""Calls to addresses that shops name: the name is resolved once, each address it has is checked, and exactly the one
that was checked is connected to, under the name as far as TLS is concerned.

The standard library's client over a socket of our own, and not urllib3: the address is pinned, nothing follows
a redirect, and one deadline holds for all of a call, however slowly an endpoint lets its bytes drip.
"""

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from threading import Thread, Timer
from time import monotonic
from typing import Final

from msgspec import Struct

from cashback.domain.outgoing import Target

PORT: Final = 443
DEADLINE: Final = 10.0
"""Seconds that a call may take, once the name is resolved; and how long that may take."""


class Reply(Struct, frozen=True):
    """What came of a call: the status, or why there is none. Nothing of the body is read."""

    status: int | None = None
    error: str | None = None


class WebhookSender(Struct, frozen=True):
    """``resolve`` returns the addresses of a host, ``is_allowed`` says which may be called. What is not the default is
    for tests, and named in the composition root only."""

    resolve: Callable[[str, int], Sequence[str]]
    is_allowed: Callable[[str], bool]
    context: Callable[[], ssl.SSLContext]
    port: int = PORT
    deadline: float = DEADLINE

    def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Reply:
        """Post a body, once."""
        addresses = self._resolved(target.host)
        if not addresses:
            return Reply(error="name_unresolved")
        if not all(self.is_allowed(address) for address in addresses):
            return Reply(error="address_refused")
        begun = monotonic()
        try:
            # A Lambda outside a VPC has no way to IPv6.
            with socket.create_connection((min(addresses, key=_is_six), self.port), self.deadline) as plain:
                return self._talk(plain, begun + self.deadline, target, headers, body)
        except TimeoutError:
            return Reply(error="timed_out")
        except ssl.SSLCertVerificationError:
            return Reply(error="certificate_invalid")
        except (HTTPException, ssl.SSLError):
            return Reply(error="timed_out" if monotonic() >= begun + self.deadline else "answer_invalid")
        except OSError:
            return Reply(error="timed_out" if monotonic() >= begun + self.deadline else "unreachable")

    def _resolved(self, host: str) -> Sequence[str]:
        """Return the addresses of a host; none where it has none, or nobody says so in time.

        The resolver takes no time-out, so it is asked in a thread, which ends with its own.
        """
        found: list[str] = []

        def ask() -> None:
            with suppress(OSError):
                found.extend(self.resolve(host, self.port))

        asking = Thread(target=ask, daemon=True)
        asking.start()
        asking.join(self.deadline)
        return tuple(found)

    def _talk(
        self, plain: socket.socket, until: float, target: Target, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """Send the request over a connection and read the status, both within the time that is left."""
        context = self.context()
        with context.wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False) as secured:
            end = Timer(max(0.0, until - monotonic()), _shut, (secured,))
            end.daemon = True
            end.start()
            try:
                secured.do_handshake()
                connection = HTTPConnection(target.host)
                connection.auto_open = 0
                connection.sock = secured
                connection.request("POST", target.path, body, dict(headers))
                return Reply(status=connection.getresponse().status)
            finally:
                end.cancel()


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Ask the resolver for all addresses of a host.

    :raises OSError: it has none, or nobody knows.
    """
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def trusted() -> ssl.SSLContext:
    """Return a context that trusts whom botocore trusts, whose certificates are in the layer."""
    from botocore.httpsession import get_cert_path  # noqa: PLC0415 - loaded with the first client

    return ssl.create_default_context(cafile=get_cert_path(verify=True))


def _is_six(address: str) -> bool:
    return ":" in address


def _shut(secured: ssl.SSLSocket) -> None:
    """Wake whoever waits for this connection. The plain method: that of TLS would take the session from under them."""
    with suppress(OSError):
        socket.socket.shutdown(secured, socket.SHUT_RDWR)
