"""Imports of members: more rows than one call adds, kept as pages and worked through by messages."""

from copy import replace
from enum import StrEnum
from typing import Final

from msgspec import Struct

from cashback.domain.due import stalled_at
from cashback.domain.member_rows import Column, Report
from cashback.domain.times import Instant, moment

MOST_AT_ONCE: Final = 1_000
"""Rows that are added within the call; more become an import."""

PAGE: Final = 500
"""Rows of one page: one message's work."""

KEPT_FOR: Final = 30 * 86_400
"""Seconds for which an import and its report can be read."""


class ImportStatus(StrEnum):
    """How far an import is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class MembersImport(Struct, frozen=True):
    """An import. ``next_page`` is the first that is not worked through; whoever moves it does so conditionally, so that
    each page counts once. ``reason`` says why one failed: what it added before stays. ``due_at`` is when the sweeper
    looks at one that runs, and ``seen_page`` where it stood at the look before. One that stands stays due, as long as
    it does, and ``resumed_at`` is when its message was last sent again."""

    import_id: str
    group_id: str
    column: Column
    rows: int
    created_at: Instant
    created_by: str
    body_hash: str
    status: ImportStatus = ImportStatus.RUNNING
    next_page: int = 0
    added: int = 0
    already: int = 0
    duplicates: int = 0
    left: int = 0
    reason: str | None = None
    ended_at: Instant | None = None
    due_at: Instant | None = None
    seen_page: int = 0
    resumed_at: Instant | None = None

    @property
    def pages(self) -> int:
        """How many pages its rows take."""
        return -(-self.rows // PAGE)

    @property
    def done(self) -> int:
        """How many rows are worked through."""
        return self.added + self.already + self.duplicates + self.left

    @property
    def forgotten_at(self) -> int:
        """When it is deleted, in seconds since 1970."""
        return int(moment(self.created_at).timestamp()) + KEPT_FOR

    def after(self, report: Report, now: Instant) -> "MembersImport":
        """Return the import once the next page is worked through."""
        is_last = self.next_page + 1 == self.pages
        return replace(
            self,
            next_page=self.next_page + 1,
            added=self.added + report.added,
            already=self.already + report.already,
            duplicates=self.duplicates + report.duplicates,
            left=self.left + len(report.left),
            status=ImportStatus.DONE if is_last else self.status,
            ended_at=now if is_last else None,
        )

    def failed(self, reason: str, now: Instant) -> "MembersImport":
        """Return the import once it is given up."""
        return replace(self, status=ImportStatus.FAILED, reason=reason, ended_at=now)

    def watched(self, now: Instant) -> "MembersImport":
        """Return the import as one that moves, and is looked at should it stand where it does."""
        return replace(self, due_at=stalled_at(now), seen_page=self.next_page, resumed_at=None)
