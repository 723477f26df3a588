"""The bodies, queries and answers about groups; apart from the others, because only one function's cold start needs
them."""

from typing import Annotated, Literal

from pydantic import Field

from cashback.domain.errors import Invalid
from cashback.domain.group_imports import ImportStatus
from cashback.domain.groups import BEST, WORST, Rfm, Rule
from cashback.domain.member_rows import MOST_ROWS, Fault, Rows, read_rows, rows_of_ids
from cashback.domain.money import Currency
from cashback.domain.times import Instant
from cashback.edge.fields import UNSENT, AmountText, Comment, Limit, Name, StoredId, Whole
from cashback.edge.models import Amount, Answer, Request

_MOST_ORDERS = 1_000_000_000
_MOST_DAYS = 36_500

_Scores = Annotated[list[Whole], Field(max_length=BEST)]
_Names = Annotated[list[Name], Field(max_length=100)]


class ScoresAsked(Request):
    """Scores from 1 to 5 (the best), of recency, frequency and money; none of a kind asks for nothing."""

    r: _Scores = Field(default_factory=list)
    f: _Scores = Field(default_factory=list)
    m: _Scores = Field(default_factory=list)

    def rfm(self) -> Rfm | None:
        """Return what is asked for, None where it is nothing.

        :raises Invalid: ``out_of_range``.
        """
        for name, given in (("r", self.r), ("f", self.f), ("m", self.m)):
            if not all(WORST <= score <= BEST for score in given):
                raise Invalid(f"rule.rfm.{name}", "out_of_range")
        wanted = Rfm(*(tuple(sorted(set(given))) for given in (self.r, self.f, self.m)))
        return wanted if wanted != Rfm() else None


class Criteria(Request):
    """Who belongs to a group: whoever meets all that is given; bounds are inclusive, of tiers and tags one is enough.

    ``inactive_days``: the last order is so many days old or older, or there was none. ``active_days``: it is younger.
    """

    min_orders: Whole | None = None
    max_orders: Whole | None = None
    min_spent: AmountText | None = None
    max_spent: AmountText | None = None
    min_average: AmountText | None = None
    max_average: AmountText | None = None
    inactive_days: Whole | None = None
    active_days: Whole | None = None
    rfm: ScoresAsked | None = None
    tiers: _Names = Field(default_factory=list)
    tags: _Names = Field(default_factory=list)

    def rule(self, currency: Currency) -> Rule:
        """Return the rule in exact values.

        :raises Invalid: ``amount_*``, ``out_of_range``, or ``range`` where nobody could be within two bounds.
        """
        rule = Rule(
            _bounded(self.min_orders, "min_orders", _MOST_ORDERS),
            _bounded(self.max_orders, "max_orders", _MOST_ORDERS),
            _amount(self.min_spent, "min_spent", currency),
            _amount(self.max_spent, "max_spent", currency),
            _amount(self.min_average, "min_average", currency),
            _amount(self.max_average, "max_average", currency),
            _bounded(self.inactive_days, "inactive_days", _MOST_DAYS),
            _bounded(self.active_days, "active_days", _MOST_DAYS),
            self.rfm.rfm() if self.rfm else None,
            tuple(dict.fromkeys(self.tiers)),
            tuple(dict.fromkeys(self.tags)),
        )
        _reachable("min_orders", rule.min_orders, rule.max_orders)
        _reachable("min_spent", rule.min_spent, rule.max_spent)
        _reachable("min_average", rule.min_average, rule.max_average)
        _reachable("inactive_days", rule.inactive_days, None if rule.active_days is None else rule.active_days - 1)
        return rule


class CreateGroup(Request):
    """A group: by rule, or without one by hand."""

    name: Name
    description: Comment | None = None
    rule: Criteria | None = None


class ChangeGroup(Request):
    """What to change; what is left out stays. A rule is replaced whole; a null clears the description."""

    name: Name = UNSENT
    description: Comment | None = None
    rule: Criteria = UNSENT


class PreviewGroup(Request):
    """The rule to try."""

    rule: Criteria


class GroupsQuery(Request):
    """Which groups, members, rows or jobs."""

    limit: Limit = 20
    cursor: str | None = None

    @property
    def rows(self) -> int:
        """How many rows a page of CSV has."""
        return self.limit if "limit" in self.model_fields_set else 5_000


class AddMembers(Request):
    """Customers to add; or, as text/csv, a file whose header names customer_id, email or phone."""

    customer_ids: Annotated[list[StoredId], Field(min_length=1, max_length=MOST_ROWS)] = UNSENT

    def rows(self, file: str | None) -> Rows:
        """Return whom to add: those of the file, where one was sent.

        :raises Invalid: ``required``, or what is wrong with the file.
        """
        if file is not None:
            return read_rows(file)
        if self.customer_ids is None:
            raise Invalid("customer_ids", "required")
        return rows_of_ids(self.customer_ids)


class GroupRule(Answer):
    """A rule, in the form it is sent in: it may be sent back. What is null or empty asks for nothing."""

    min_orders: int | None
    max_orders: int | None
    min_spent: str | None
    max_spent: str | None
    min_average: str | None
    max_average: str | None
    inactive_days: int | None
    active_days: int | None
    rfm: dict[str, list[int]] | None
    tiers: list[str]
    tags: list[str]


class Group(Answer):
    """A group. ``members`` counts those of one by hand, erased and merged customers too; of one by rule it is null."""

    group_id: str
    name: str
    description: str | None
    kind: Literal["manual", "rule"]
    rule: GroupRule | None
    members: int | None
    created_at: Instant
    created_by: str
    updated_at: Instant


class GroupPage(Answer):
    """Some groups, newest first."""

    items: list[Group]
    next_cursor: str | None


class GroupMember(Answer):
    """A customer with the figures that rules go by. ``rfm`` scores from 1 to 5, the best, how recent (``r``), how many
    (``f``) and how large (``m``) the orders are among all customers'; it is null where the rule asks for no scores."""

    customer_id: str
    name: str | None
    phone: str | None
    email: str | None
    tags: list[str]
    tier: str | None
    orders_count: int
    total_spent: Amount
    average_check: Amount | None
    first_order_at: Instant | None
    last_order_at: Instant | None
    inactive_days: int | None
    rfm: dict[str, int] | None
    available: Amount


class GroupMemberPage(Answer):
    """Some customers of a group, erased and merged ones left out. A page of a rule's may hold fewer than were asked
    for, even none, and still lead on: the list has ended where ``next_cursor`` is null."""

    items: list[GroupMember]
    next_cursor: str | None


class RowLeft(Answer):
    """A row that added nobody. Rows of a file are counted as a spreadsheet does, the header is the first."""

    row: int
    reason: Fault
    customer_id: str | None


class AddedMembers(Answer):
    """What became of each row: ``added``, in the group ``already``, named before (``duplicates``), or ``unknown``.

    Over 1,000 rows are an import that goes on after the answer, ``import_id`` then leads to its report.
    """

    status: ImportStatus
    status_label: str
    import_id: str | None
    rows: int
    added: int
    already: int
    duplicates: int
    unknown: list[RowLeft]


class MembersImport(Answer):
    """An import: how many rows are worked through, and what became of them; kept for 30 days.

    ``unknown`` counts rows that added nobody, which are listed as ``items``.
    """

    import_id: str
    group_id: str
    status: ImportStatus
    status_label: str
    reason: str | None
    rows: int
    done: int
    percent: int
    added: int
    already: int
    duplicates: int
    unknown: int
    created_at: Instant
    created_by: str
    ended_at: Instant | None
    items: list[RowLeft]
    next_cursor: str | None


def _bounded(value: int | None, name: str, most: int) -> int | None:
    if value is not None and not 0 <= value <= most:
        raise Invalid(f"rule.{name}", "out_of_range")
    return value


def _amount(literal: str | None, name: str, currency: Currency) -> int | None:
    if literal is None:
        return None
    minor = currency.parse(literal, f"rule.{name}")
    if minor < 0:
        raise Invalid(f"rule.{name}", "amount_negative")
    return minor


def _reachable(name: str, least: int | None, most: int | None) -> None:
    if least is not None and most is not None and least > most:
        raise Invalid(f"rule.{name}", "range", "nobody can be within both bounds")
