"""Lets attempts of webhooks call a port of this machine, so that no name is resolved and no host is reached; used in
the process that is measured too."""

from collections.abc import Callable
from functools import cache

from cashback.edge import deps


def call(port: int) -> None:
    """Let every endpoint be this port from now on."""
    vars(deps)["webhook_sender"] = sender_to(port)


def sender_to(port: int) -> Callable[[], object]:
    """What makes the sender, once, which trusts whom it always trusts."""

    def webhook_sender() -> object:
        from cashback.adapters.webhook_sender import WebhookSender, trusted  # noqa: PLC0415 - weighed as it is loaded: with the first attempt

        return WebhookSender(lambda *_: ["127.0.0.1"], lambda _: True, cache(trusted), port)

    return cache(webhook_sender)
