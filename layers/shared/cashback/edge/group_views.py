"""Groups and their members, in the words and shapes of the API."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from cashback.domain import groups
from cashback.domain.group_imports import ImportStatus, MembersImport
from cashback.domain.member_rows import Left, Report
from cashback.domain.money import Currency, Money, round_half_up
from cashback.domain.times import Instant
from cashback.edge import group_models as models
from cashback.edge.csv_pages import cell, csv_page
from cashback.edge.views import amount, maybe
from cashback.services.read_members import ListedMember

COLUMNS: Final = (
    "customer_id",
    "name",
    "phone",
    "email",
    "tags",
    "tier",
    "orders_count",
    "total_spent",
    "average_check",
    "first_order_at",
    "last_order_at",
    "inactive_days",
    "available",
    "currency",
    "r",
    "f",
    "m",
)
"""Of members as CSV; what is a number stands without quotes."""

_LABELS: Final = {
    ImportStatus.RUNNING: "In progress",
    ImportStatus.DONE: "Successfully completed",
    ImportStatus.FAILED: "Failed",
}


def group(known: groups.Group, currency: Currency) -> models.Group:
    """Return a group."""
    return models.Group(
        group_id=known.group_id,
        name=known.name,
        description=known.description,
        kind="manual" if known.rule is None else "rule",
        rule=None if known.rule is None else _rule(known.rule, currency),
        members=known.members if known.rule is None else None,
        created_at=known.created_at,
        created_by=known.created_by,
        updated_at=known.updated_at,
    )


def group_page(known: Iterable[groups.Group], next_cursor: str | None, currency: Currency) -> models.GroupPage:
    """Return a page of groups."""
    return models.GroupPage(items=[group(one, currency) for one in known], next_cursor=next_cursor)


def member(listed: ListedMember, currency: Currency, now: Instant) -> models.GroupMember:
    """Return a customer with their figures."""
    figures, profile, scores = listed.member, listed.profile, listed.scores
    return models.GroupMember(
        customer_id=figures.customer_id,
        name=profile.name if profile else None,
        phone=profile.phone if profile else None,
        email=profile.email if profile else None,
        tags=list(profile.tags) if profile else [],
        tier=figures.tier,
        orders_count=figures.orders_count,
        total_spent=amount(Money(figures.total_spent, currency)),
        average_check=maybe(_average(figures), currency),
        first_order_at=figures.first_order_at,
        last_order_at=figures.last_order_at,
        inactive_days=figures.inactive_days(now),
        rfm={"r": scores.r, "f": scores.f, "m": scores.m} if scores else None,
        available=amount(Money(figures.available, currency)),
    )


def member_page(
    listed: Iterable[ListedMember], next_cursor: str | None, currency: Currency, now: Instant
) -> models.GroupMemberPage:
    """Return a page of customers."""
    return models.GroupMemberPage(items=[member(one, currency, now) for one in listed], next_cursor=next_cursor)


def members_csv(listed: Iterable[ListedMember], currency: Currency, now: Instant) -> tuple[str, int]:
    """Return customers as CSV, and how many of them fit; texts that a spreadsheet would calculate are defused."""
    return csv_page(COLUMNS, (_csv_row(member(one, currency, now)) for one in listed))


def added(report: Report) -> models.AddedMembers:
    """Return what became of rows."""
    return models.AddedMembers(
        status=ImportStatus.DONE,
        status_label=_LABELS[ImportStatus.DONE],
        import_id=None,
        rows=report.rows,
        added=report.added,
        already=report.already,
        duplicates=report.duplicates,
        unknown=_left(report.left),
    )


def begun(import_: MembersImport) -> models.AddedMembers:
    """Return an import that goes on."""
    return models.AddedMembers(
        status=import_.status,
        status_label=_LABELS[import_.status],
        import_id=import_.import_id,
        rows=import_.rows,
        added=import_.added,
        already=import_.already,
        duplicates=import_.duplicates,
        unknown=[],
    )


def members_import(import_: MembersImport, left: Iterable[Left], next_cursor: str | None) -> models.MembersImport:
    """Return an import with some of the rows that added nobody."""
    return models.MembersImport(
        import_id=import_.import_id,
        group_id=import_.group_id,
        status=import_.status,
        status_label=_LABELS[import_.status],
        reason=import_.reason,
        rows=import_.rows,
        done=import_.done,
        percent=import_.done * 100 // import_.rows,
        added=import_.added,
        already=import_.already,
        duplicates=import_.duplicates,
        unknown=import_.left,
        created_at=import_.created_at,
        created_by=import_.created_by,
        ended_at=import_.ended_at,
        items=_left(left),
        next_cursor=next_cursor,
    )


def _rule(rule: groups.Rule, currency: Currency) -> models.GroupRule:
    asked = rule.rfm
    return models.GroupRule(
        min_orders=rule.min_orders,
        max_orders=rule.max_orders,
        min_spent=_text(rule.min_spent, currency),
        max_spent=_text(rule.max_spent, currency),
        min_average=_text(rule.min_average, currency),
        max_average=_text(rule.max_average, currency),
        inactive_days=rule.inactive_days,
        active_days=rule.active_days,
        rfm={"r": list(asked.r), "f": list(asked.f), "m": list(asked.m)} if asked else None,
        tiers=list(rule.tiers),
        tags=list(rule.tags),
    )


def _text(minor: int | None, currency: Currency) -> str | None:
    return None if minor is None else currency.format(minor)


def _average(figures: groups.Member) -> int | None:
    return round_half_up(Fraction(figures.total_spent, figures.orders_count)) if figures.has_ordered else None


def _left(left: Iterable[Left]) -> list[models.RowLeft]:
    return [models.RowLeft(row=one.row, reason=one.reason, customer_id=one.customer_id) for one in left]


def _csv_row(shown: models.GroupMember) -> str:
    scores = shown.rfm
    cells = [
        *map(_cell, (shown.customer_id, shown.name, shown.phone, shown.email, "; ".join(shown.tags), shown.tier)),
        str(shown.orders_count),
        shown.total_spent.amount,
        shown.average_check.amount if shown.average_check else "",
        *map(_cell, (shown.first_order_at, shown.last_order_at)),
        "" if shown.inactive_days is None else str(shown.inactive_days),
        shown.available.amount,
        _cell(shown.available.currency),
        *(str(scores[kind]) if scores else "" for kind in "rfm"),
    ]
    return ",".join(cells)


def _cell(text: str | None) -> str:
    return "" if text is None else cell(text)
