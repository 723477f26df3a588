"""What a decision about an order must see beside the order itself, and for whom it is looked up."""

from collections.abc import Set as AbstractSet
from copy import replace

from msgspec import Struct

from cashback.domain.additions import added, has_more, new_part
from cashback.domain.clawback import gives_back
from cashback.domain.facts import Body, Facts
from cashback.domain.ledger import Account
from cashback.domain.orders import AWARDED, News, Order, Terms
from cashback.domain.redemption import redeemed_of
from cashback.domain.rules import NOTHING_KNOWN, Catalogue, Lookup, products_asked_for
from cashback.domain.settings import AwardOn, Settings


class Known(Struct, frozen=True):
    """What the tables say now that a decision must see, beside the order itself.

    ``account`` is the customer's; ``claimants`` are the customers with a verified contact of a guest's order;
    ``customer_tags`` are those of the profile; ``catalogue`` holds the products that were asked for and are known.
    ``orders_count`` is how many orders count as the customer's, where the order is to be numbered.
    """

    account: Account | None = None
    claimants: frozenset[str] = frozenset()
    customer_tags: tuple[str, ...] = ()
    catalogue: Catalogue = {}
    orders_count: int | None = None


class Needs(Struct, frozen=True):
    """What a decision must see first: whose account and whose tags, and which products."""

    account: str | None = None
    customer_tags: str | None = None
    products: AbstractSet[str] = frozenset()


def owner(order: Order | None, facts: Facts, claimants: AbstractSet[str]) -> str | None:
    """Whose order it is: what the newest body says, until it is counted among a customer's orders.

    A guest's is that of the one customer who verified its contact.
    """
    if order is not None and (order.counted or facts.body is None):
        return order.customer_id
    named = facts.body.customer_id if facts.body else None
    return next(iter(claimants)) if named is None and len(claimants) == 1 else named


def likely_stranger(news: News) -> str | None:
    """Name the customer of a sale that is told, if they may be new: the account that is about to be changed may not be
    there. None for a regular, and for news of anything later, for which it was changed before."""
    facts = news.facts
    is_sale = facts.paid and not facts.cancelled and not facts.refunds
    return facts.body.customer_id if is_sale and facts.body and not news.of_regular else None


def whose_number(order: Order | None, facts: Facts, claimants: AbstractSet[str]) -> str | None:
    """Return whose orders to count for the number of an order; None once it has one, and while nobody knows whose it
    is, as nobody does before its body is known."""
    return owner(order, facts, claimants) if order is None or order.number is None else None


def contacts_needed(order: Order | None, facts: Facts, settings: Settings) -> frozenset[str]:
    """Return the hashed contacts to look up: those of a guest's order that earns, while nobody has it."""
    if owner(order, facts, frozenset()) is not None or facts.body is None or facts.cancelled:
        return frozenset()
    if order is not None and (order.status in AWARDED or order.is_final):
        return frozenset()
    return facts.body.contacts if earns(facts, order.terms if order else None, settings) else frozenset()


def needed(order: Order | None, facts: Facts, settings: Settings, claimants: AbstractSet[str]) -> Needs:
    """Return what the decision about an order with these facts must see first: for its terms, or to give back.

    Everything else is decided without, and the ledger's conditions say when that was wrong.
    """
    body, terms = facts.earning_body, order.terms if order else None
    if body is None or (order is not None and order.is_final):
        return Needs(order.customer_id if order and redeemed_of(order, facts) != order.redeemed else None)
    customer_id = owner(order, facts, claimants)
    if order is None:
        heard = Order("", "", "", facts=facts, customer_id=customer_id)
    else:
        heard = replace(order, facts=facts, customer_id=customer_id)
    redeems = redeemed_of(heard, facts) != heard.redeemed
    if heard.status in AWARDED:
        more = has_more(heard)
        account = customer_id if more or redeems or gives_back(heard) else None
        return Needs(account, products=_unlooked(heard, body, settings) if more else frozenset())
    if not earns(facts, terms, settings):
        return Needs(customer_id if redeems else None)
    is_new = terms is None or not heard.counted
    return Needs(
        account=customer_id if redeems or (is_new and settings.tiers) else None,
        customer_tags=customer_id if is_new and body.customer_tags is None and _asks_for_tags(settings) else None,
        products=_unlooked(heard, body, settings),
    )


def is_enlarged(order: Order, facts: Facts) -> bool:
    """Tell whether facts show more of an awarded order than it was awarded for: then its own terms are needed."""
    return order.status in AWARDED and has_more(replace(order, facts=facts))


def additions_pending(order: Order, settings: Settings) -> bool:
    """Tell whether lines that were added to an awarded order wait for a person to credit them by ``process``.

    ``settings`` are the store's of today. Where the order's terms are older, what would earn nothing counts too.
    """
    body, terms = order.facts.earning_body, order.terms
    if body is None or terms is None or not is_enlarged(order, order.facts):
        return False
    if terms.settings_version != settings.version or _unlooked(order, body, settings):
        return True
    return added(order, body, settings, lookup_of(terms)).award != order.award


def earns(facts: Facts, terms: Terms | None, settings: Settings) -> bool:
    """Tell whether what makes an order earn has happened; once it earned it stays so."""
    return terms is not None or (facts.paid and (facts.completed or settings.award_on is AwardOn.PAID))


def _asks_for_tags(settings: Settings) -> bool:
    return bool(settings.customer_tag_rates or settings.exclusions.customer_tags)


def _unlooked(order: Order, body: Body, settings: Settings) -> AbstractSet[str]:
    """The products that a rule asks for and that the order has not kept yet."""
    terms = order.terms
    deciding = new_part(order, body) if order.status in AWARDED else body
    asked = products_asked_for(deciding, settings, lookup_of(terms) if terms else NOTHING_KNOWN)
    return asked - terms.catalogue.keys() if terms else asked


def lookup_of(terms: Terms) -> Lookup:
    """Return what an order's terms keep for its calculation."""
    return Lookup(terms.tier_rate, terms.customer_tags, terms.catalogue)
