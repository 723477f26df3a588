"""Imports of members in the State table: rows in pages, and how far they are worked through. Forgotten after a month.

Rows hold ids or keyed hashes of contacts, and no contact itself.
"""

from typing import Any, Final

from msgspec import Struct

from cashback.adapters.dynamo import group_keys, keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import Lost, StateTable
from cashback.domain.due import DueKind
from cashback.domain.errors import Busy
from cashback.domain.group_imports import PAGE, ImportStatus, MembersImport
from cashback.domain.member_rows import Column, Left, Row

_FIELDS = MembersImport.__struct_fields__

_ROWS: Final = Packing[tuple[Row, ...]](tuple[Row, ...])
_LEFT: Final = Packing[tuple[Left, ...]](tuple[Left, ...])


class GroupImports(Struct, frozen=True):
    """Imports and their rows."""

    table: StateTable

    def get(self, store_id: str, group_id: str, import_id: str) -> MembersImport | None:
        """Return an import (consistent)."""
        item = self.table.get(group_keys.group_import(store_id, group_id, import_id))
        return None if item is None else _import_of(item)

    def create(self, store_id: str, import_: MembersImport, rows: tuple[Row, ...]) -> MembersImport | None:
        """Keep the rows, then the import: there is none without all of them. None when it was created, else the one
        that has its id already."""
        standing = self.get(store_id, import_.group_id, import_.import_id)
        if standing is not None:
            return standing
        for page in range(import_.pages):
            place = group_keys.import_rows(store_id, import_.group_id, import_.import_id, page)
            self.table.commit(self.table.put(_page(place, import_, _ROWS.pack(rows[page * PAGE : (page + 1) * PAGE]))))
        try:
            self.table.commit(self.table.put(_item(store_id, import_), "attribute_not_exists(pk)"))
        except Lost as lost:
            item = lost.images[0]
            if item is None:
                raise Busy("the import is not there yet") from lost
            return _import_of(item)
        return None

    def rows(self, store_id: str, import_: MembersImport, page: int) -> tuple[Row, ...]:
        """Return a page of rows (consistent)."""
        item = self.table.get(group_keys.import_rows(store_id, import_.group_id, import_.import_id, page))
        if item is None:
            raise Busy("an import without its rows")
        return _ROWS.unpack(item["content"])

    def advance(self, store_id: str, import_: MembersImport, left: tuple[Left, ...], page: int) -> bool:
        """Write what an import has become once ``page`` is worked through, with the rows of it that added nobody; False
        when someone else did so first."""
        write = self.table.put(
            _item(store_id, import_), "next_page = :page AND due_at = :due", _standing(import_, page)
        )
        place = group_keys.import_report(store_id, import_.group_id, import_.import_id, page)
        report = [self.table.put(_page(place, import_, _LEFT.pack(left)))] if left else []
        return self.table.try_commit(write, *report)

    def watch(self, store_id: str, import_: MembersImport, looked_at: MembersImport) -> bool:
        """Write what a look at an import makes of it; False when it moved meanwhile."""
        condition = "next_page = :page AND due_at = :due"
        write = self.table.put(_item(store_id, looked_at), condition, _standing(import_, import_.next_page))
        return self.table.try_commit(write)

    def left(
        self, store_id: str, import_: MembersImport, limit: int, after: tuple[int, int]
    ) -> tuple[list[Left], tuple[int, int] | None]:
        """Return up to ``limit`` rows that added nobody, in order, from a place (page, position) on, and the place to
        go on from (None at the end)."""
        low = group_keys.import_report(store_id, import_.group_id, import_.import_id, after[0])
        high = group_keys.import_report(store_id, import_.group_id, import_.import_id, import_.pages)
        values = {":pk": low.pk, ":low": low.sk, ":high": high.sk}
        found: list[Left] = []
        for item in self.table.query("pk = :pk AND sk BETWEEN :low AND :high", values, ConsistentRead=True, Limit=2):
            page = int(item["sk"].rpartition("#")[2])
            begin = after[1] if page == after[0] else 0
            for position, one in enumerate(_LEFT.unpack(item["content"])[begin:], begin):
                if len(found) == limit:
                    return found, (page, position)
                found.append(one)
        return found, None


def _standing(import_: MembersImport, page: int) -> dict[str, Any]:
    """Return what an import must stand at: the same page, and not looked at since, which would put its time back."""
    return {":page": page, ":due": import_.due_at}


def _item(store_id: str, import_: MembersImport) -> Item:
    pk, sk = group_keys.group_import(store_id, import_.group_id, import_.import_id)
    values = {name: value for name in _FIELDS if (value := getattr(import_, name)) is not None}
    due_at = import_.due_at if import_.status is ImportStatus.RUNNING else None
    due = DueIndex.attributes(store_id, DueKind.MEMBERS_IMPORT, f"{import_.group_id}/{import_.import_id}", due_at)
    return {"pk": pk, "sk": sk, "expires_at_epoch": import_.forgotten_at, **values, **due}


def _import_of(item: Item) -> MembersImport:
    values = {name: item[name] for name in _FIELDS if name in item}
    return MembersImport(**{**values, "column": Column(item["column"]), "status": ImportStatus(item["status"])})


def _page(place: keys.Key, import_: MembersImport, content: bytes) -> Item:
    return {"pk": place.pk, "sk": place.sk, "expires_at_epoch": import_.forgotten_at, "content": content}
