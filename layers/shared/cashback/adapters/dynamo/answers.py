"""First answers to calls about many things at once, kept whole because no one document could tell them again."""

import zlib

from msgspec import Struct

from cashback.adapters.dynamo import store_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import Lost, StateTable
from cashback.domain.errors import Busy, IdempotencyMismatch


class Answers(Struct, frozen=True):
    """Answers by request. One item holds one, compressed: a hundred of the longest results are far below 400 KB."""

    table: StateTable

    def begin(self, store_id: str, request_hash: str, body_hash: str) -> str | None:
        """Note what a request asks for, and return its answer where one is kept already.

        None also where an earlier run was cut off before it kept one: the call is then made again.

        :raises IdempotencyMismatch: the request was made with another body.
        """
        standing = self._begin(store_id, request_hash, body_hash)
        return _unpacked(standing["answer"]) if standing and "answer" in standing else None

    def noted(self, store_id: str, request_hash: str, body_hash: str) -> bool:
        """Note what a request asks for whose answer can be told from what it made. Return whether it was noted before.

        :raises IdempotencyMismatch: the request was made with another body.
        """
        return self._begin(store_id, request_hash, body_hash) is not None

    def keep(self, store_id: str, request_hash: str, body_hash: str, text: str) -> str:
        """Keep the answer to a request that began. Return the one that is kept, which another run may have been first
        to give."""
        answered = _item(store_id, request_hash, body_hash) | {"answer": zlib.compress(text.encode(), 9)}
        try:
            self.table.commit(self.table.put(answered, "attribute_not_exists(answer)"))
        except Lost as lost:
            return _unpacked(_standing(lost)["answer"])
        return text

    def _begin(self, store_id: str, request_hash: str, body_hash: str) -> Item | None:
        """Note what a request asks for; return what was noted of it before."""
        begun = _item(store_id, request_hash, body_hash)
        try:
            self.table.commit(self.table.put(begun, "attribute_not_exists(pk)"))
        except Lost as lost:
            standing = _standing(lost)
            if standing["body_hash"] != body_hash:
                raise IdempotencyMismatch from lost
            return standing
        return None


def _item(store_id: str, request_hash: str, body_hash: str) -> Item:
    pk, sk = store_keys.answer(store_id, request_hash)
    return {"pk": pk, "sk": sk, "body_hash": body_hash}


def _standing(lost: Lost) -> Item:
    """The item that was there first; none is ever deleted."""
    item = lost.images[0]
    if item is None:
        raise Busy("the answer is not there yet")
    return item


def _unpacked(packed: bytes) -> str:
    return zlib.decompress(packed).decode()
