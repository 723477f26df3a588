"""``post``: the one place where money moves, and the only reader of why a transaction was cancelled."""

import random
import time
from collections.abc import Callable, Sequence
from copy import replace
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.accounts import account_of, entry_of, put_entry, put_note, update_account
from cashback.adapters.dynamo.codec import from_item, key_attributes
from cashback.adapters.dynamo.tables import StateTable, image_of
from cashback.adapters.faults import (
    FAILURES,
    RETRYABLE,
    busy_of,
    is_throttled,
    is_transient,
    rests,
    tries,
    unreachable_is_busy,
)
from cashback.domain.errors import Busy, CustomerNotFound, NoCapacity, StateConflict
from cashback.domain.ledger import (
    MOST_HOPS,
    Account,
    AccountMoved,
    CauseTaken,
    DocumentMoved,
    Entry,
    EntryStatus,
    OnRefusal,
    Outcome,
    Posted,
    Posting,
    Refused,
    Replayed,
    merge_postings,
    recovery_of,
)
from cashback.domain.times import Instant

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

BATCH = 25
"""Postings in one transaction; each takes at least two of its 100 actions, so 49 at most."""

_TRIES = 5
_RESENDS = MOST_HOPS + 4
"""Along a chain of merged customers, and then for what else an account's image may say."""


class _Retry(Struct, frozen=True):
    """Nothing is known to be committed: the same call again."""

    error: ClientError | BotoCoreError


class _Resend(Struct, frozen=True):
    """Not a refusal: the same posting in another shape, or at the id its customer was merged into."""

    posting: Posting


class Ledger(Struct, frozen=True):
    """Posts entries. ``sleep``, ``jitter`` and ``clock`` are arguments so that time can be virtual."""

    client: "DynamoDBClient"
    ledger_table: str
    state_table: str
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    def account(self, store_id: str, customer_id: str) -> Account:
        """Return the account as of now (consistent, one read unit).

        :raises CustomerNotFound: when there is none in this store.
        """
        key = key_attributes(keys.account(store_id, customer_id))
        with unreachable_is_busy():
            item = self.client.get_item(TableName=self.state_table, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            raise CustomerNotFound
        return account_of(customer_id, from_item(item))

    def live_account(self, store_id: str, customer_id: str) -> Account:
        """Return the account that postings for this customer land at: their own, or where they were merged into.

        :raises CustomerNotFound: when there is none in this store.
        """
        return self.merged_path(store_id, customer_id)[-1]

    def merged_path(self, store_id: str, customer_id: str) -> list[Account]:
        """Return the customer's account and those it was merged into, one after the other (consistent).

        :raises CustomerNotFound: when there is none in this store.
        :raises Busy: they go round in a circle, which no merge makes.
        """
        path = [self.account(store_id, customer_id)]
        while (into := path[-1].merged_into) is not None:
            if len(path) > MOST_HOPS:
                raise Busy("the merged customers have no end")
            path.append(self.account(store_id, into))
        return path

    def accounts(self, store_id: str, customer_ids: Sequence[str]) -> dict[str, Account]:
        """Return those of any number of accounts that exist, by customer (each consistent, one read unit each)."""
        wanted = {keys.account(store_id, customer_id): customer_id for customer_id in customer_ids}
        found = StateTable(self.client, self.state_table).get_many(wanted)
        return {wanted[key]: account_of(wanted[key], item) for key, item in found.items()}

    def entry(self, store_id: str, customer_id: str, cause: str) -> Entry | None:
        """Return what stands under a cause at this very customer (consistent); None where nothing does."""
        key = key_attributes(keys.entry(store_id, customer_id, cause))
        with unreachable_is_busy():
            item = self.client.get_item(TableName=self.ledger_table, Key=key, ConsistentRead=True).get("Item")
        return None if item is None else entry_of(from_item(item))

    def post(self, posting: Posting) -> Outcome:
        """Commit a posting, or say why it is not.

        One TransactWriteItems: the entries, the account, the document and ``also``, all or nothing. Whatever the
        network does, a cause is posted at most once: a repeated call finds its own entry and answers ``Replayed``.

        :raises CustomerNotFound: no such account, or an erased one where the posting asks for an active one.
        :raises Busy: still contended or unreachable after 5 tries, 2 s of pauses or ``LAST_TRY_AFTER``; the outcome is
            unknown and the same call is safe to repeat. ``NoCapacity`` where the last try found none.
        """
        shape, resends = posting, 0
        for _ in tries(_TRIES, self.jitter, self.sleep, self.clock):
            while True:
                verdict = self._try(posting, shape)
                if not isinstance(verdict, _Resend):
                    break
                resends += 1
                if resends > _RESENDS:
                    raise Busy("the account keeps changing")
                shape = verdict.posting
            if not isinstance(verdict, _Retry):
                return verdict
            failure = verdict.error
        raise busy_of(failure, "the ledger is contended or out of reach") from failure

    def post_batch(self, postings: Sequence[Posting], *, patience: float = 0.0) -> list[Outcome | CustomerNotFound]:
        """Commit postings of different customers, ``BATCH`` to a transaction; outcomes in the order given.

        Members that the transaction refuses, that conflict, were merged or are missing leave it and go one by one;
        the rest is sent again. With ``patience``, in seconds for all of them, those that the tables have no capacity
        for wait together: what they asked for again at once would be missing to whoever cannot wait.

        :raises Busy: there was no capacity for longer than that, or as ``post``; what is posted already will be found
            by the same call.
        """
        outcomes: dict[int, Outcome | CustomerNotFound] = {}
        pauses = rests(patience, self.jitter)
        for chunk in batched(enumerate(postings), BATCH, strict=False):
            together = dict(chunk)
            while len(together) > 1:
                failed, throttled = self._try_together(list(together.values()))
                if throttled and patience:
                    pause = next(pauses, None)
                    if pause is None:
                        raise NoCapacity("the tables have no capacity left for a batch")
                    self.sleep(pause)
                    continue
                if not failed:
                    outcomes |= {i: Posted(p.stamped, p.customer_id) for i, p in together.items()}
                    together = {}
                    break
                indexes = list(together)
                for i in [indexes[position] for position in failed]:
                    outcomes[i] = self._alone(together.pop(i))
            outcomes |= {i: self._alone(p) for i, p in together.items()}
        return [outcomes[i] for i in range(len(postings))]

    def set_available(self, posting: Posting, target: int) -> Outcome:
        """Make the available balance exactly ``target`` minor units; reserved money stays reserved.

        The posting's one entry is the template: its amount is decided from a consistent read pinned by version, so no
        concurrent credit is lost, and the entry keeps ``before`` and ``target`` even when nothing changed.

        :raises StateConflict: the balance moved under each of five decisions.
        """
        (template,) = posting.entries
        return self._pinned(
            posting,
            lambda account: replace(
                template, amount=target - account.available, before=account.available, target=target
            ),
        )

    def debit_up_to(self, posting: Posting, most: int) -> Outcome:
        """Take ``most`` minor units of what is available, or all of it where that is less.

        As with ``set_available`` the one entry is the template, and keeps ``before``; with nothing there it is of 0.

        :raises StateConflict: the balance moved under each of five decisions.
        """
        (template,) = posting.entries
        return self._pinned(
            posting,
            lambda account: replace(template, amount=-min(most, max(0, account.available)), before=account.available),
        )

    def _pinned(self, posting: Posting, decide: Callable[[Account], Entry]) -> Outcome:
        """Post what is decided from the account, as long as it does not move; decided anew when it did."""
        for _ in range(_TRIES):
            account = self.live_account(posting.store_id, posting.customer_id)
            entry = decide(account)
            pinned = replace(posting, version=account.version, version_owner=account.customer_id)
            outcome = self.post(replace(pinned, entries=(entry,), on_refusal=OnRefusal.AGAIN))
            if not isinstance(outcome, AccountMoved):
                return outcome
        raise StateConflict("the balance is changing too fast to be set")

    def refuse(self, posting: Posting, reason: str) -> Outcome:
        """Record that a posting of one entry is refused for good, whatever the balance: whoever is about to post it
        finds that. What was posted under its cause at the same account before is the answer then.

        :raises CustomerNotFound: no such account.
        :raises Busy: contended or out of reach; the same call is safe to repeat.
        """
        for _ in tries(_TRIES, self.jitter, self.sleep, self.clock):
            account = self.live_account(posting.store_id, posting.customer_id)
            shape = replace(posting, customer_id=account.customer_id)
            verdict = self._reject(posting, shape, reason, account)
            if not isinstance(verdict, _Retry | _Resend):
                return verdict
        raise Busy("the ledger is contended or out of reach")

    def merge(self, store_id: str, from_id: str, into_id: str, at: Instant, actor: str) -> Outcome:
        """Move everything of one account to another, and mark the first as merged into the second.

        The one posting over two accounts: an entry at each under the cause of the merge, both accounts pinned by
        version. Later postings for ``from_id`` follow the mark. The kept account may not itself be merged, so no
        circle can be made, nor a chain of more than ``MOST_HOPS``.

        :raises CustomerNotFound: either does not exist.
        :raises StateConflict: one of them is merged already, both are the same, or the chain would be too long.
        :raises Busy: they kept changing, or are out of reach; the same call is safe to repeat.
        """
        if from_id == into_id:
            raise StateConflict("a customer cannot be merged into itself")
        for _ in tries(_TRIES, self.jitter, self.sleep, self.clock):
            old, kept = self.account(store_id, from_id), self.account(store_id, into_id)
            leaving, arriving = merge_postings(store_id, old, kept, at, actor)
            if old.merged_into == into_id:
                return self.post(leaving)
            if old.merged_into or kept.merged_into:
                raise StateConflict("one of the customers is merged already")
            if old.merged_hops >= MOST_HOPS:
                raise StateConflict("too many customers are merged one into the next")
            failed, _ = self._try_together([leaving, arriving])
            if not failed:
                return Posted(leaving.stamped, into_id)
        raise Busy("the accounts keep changing")

    def _alone(self, posting: Posting) -> Outcome | CustomerNotFound:
        try:
            return self.post(posting)
        except CustomerNotFound as missing:
            return missing

    def _try_together(self, postings: list[Posting]) -> tuple[list[int], bool]:
        """Send postings in one transaction; return the positions that must leave it, none when it committed, and
        whether it was for want of capacity that it did not."""
        parts = [self._items(posting) for posting in postings]
        try:
            self.client.transact_write_items(TransactItems=[item for part in parts for item in part])
        except self.client.exceptions.TransactionCanceledException as cancelled:
            reasons = iter(_reasons(cancelled))
            codes = [[next(reasons)["Code"] for _ in part] for part in parts]
            return [i for i, part in enumerate(codes) if any(code != "None" for code in part)], is_throttled(cancelled)
        except FAILURES as error:
            if not is_transient(error):
                raise
            return list(range(len(postings))), is_throttled(error)
        return [], False

    def _items(self, posting: Posting) -> list[Any]:
        """Build the transaction. Its order is what ``_explain`` reads the reasons by."""
        items = [
            {"Put": put_entry(self.ledger_table, posting.store_id, posting.customer_id, entry)}
            for entry in posting.stamped
        ]
        items.append({"Update": update_account(self.state_table, posting)})
        if posting.document is not None:
            items.append(posting.document)
        items += posting.also
        if posting.comment is not None:
            items.append({"Put": put_note(self.state_table, posting, posting.comment)})
        return items

    def _try(self, asked: Posting, shape: Posting) -> Outcome | _Retry | _Resend:
        try:
            self.client.transact_write_items(TransactItems=self._items(shape))
        except self.client.exceptions.TransactionCanceledException as cancelled:
            return self._explain(asked, shape, cancelled)
        except FAILURES as error:
            if not is_transient(error):
                raise
            return _Retry(error)
        return Posted(shape.stamped, shape.customer_id)

    def _explain(self, asked: Posting, shape: Posting, cancelled: ClientError) -> Outcome | _Retry | _Resend:
        """Read the reasons by position, in the one order that is right.

        A taken cause comes first: a replay whose balance is now short is a replay, not a refusal. A conflict comes
        before any refusal, because then the fate of the entries is unknown.
        """
        reasons = _reasons(cancelled)
        count = len(shape.entries)
        taken = [image_of(reason) for reason in reasons[:count] if reason["Code"] == "ConditionalCheckFailed"]
        if taken:
            return _replay(asked, shape.customer_id, tuple(entry_of(item) for item in taken if item is not None))
        codes = {reason["Code"] for reason in reasons}
        if codes & RETRYABLE:
            return _Retry(cancelled)
        if codes - {"None", "ConditionalCheckFailed"}:
            raise cancelled
        if reasons[count]["Code"] == "ConditionalCheckFailed":
            image = image_of(reasons[count])
            if image is None:
                raise CustomerNotFound from cancelled
            return self._refused(asked, shape, account_of(shape.customer_id, image))
        position = next(i for i, reason in enumerate(reasons) if reason["Code"] != "None")
        return DocumentMoved(position - count - 1, image_of(reasons[position]))

    def _refused(self, asked: Posting, shape: Posting, account: Account) -> Outcome | _Retry | _Resend:
        """The account's condition failed: find what in its image was in the way."""
        if account.merged_into is not None:
            if asked.version is not None and asked.version_owner in {None, account.customer_id}:
                # The kept account may have the same version, and is another one.
                return AccountMoved(self.live_account(asked.store_id, account.merged_into))
            return _Resend(replace(asked, customer_id=account.merged_into))
        if account.erased_at is not None and shape.active_only:
            raise CustomerNotFound
        ordered_at = shape.figures.ordered_at
        if ordered_at is not None and account.last_order_at is not None and account.last_order_at >= ordered_at:
            return _Resend(replace(shape, figures=replace(shape.figures, ordered_at=None)))
        if asked.repays and asked.version is None and shape.version != account.version:
            return _Resend(_repaying(replace(asked, customer_id=shape.customer_id, figures=shape.figures), account))
        if asked.on_refusal is OnRefusal.FINAL:
            reason = "shortfall_open" if asked.forbids_shortfall and account.shortfall else "insufficient_balance"
            return self._reject(asked, shape, reason, account)
        return AccountMoved(account)

    def _reject(self, asked: Posting, shape: Posting, reason: str, account: Account) -> Outcome | _Retry | _Resend:
        """Record a final refusal under its cause; if someone posted it meanwhile, theirs is the answer.

        Only at an account that is not merged: a repeated call follows the merge, and must find the refusal there.
        """
        (entry,) = shape.entries
        rejected = replace(entry, status=EntryStatus.REJECTED, reason=reason, posted_at=shape.at)
        untouched = Posting(shape.store_id, shape.customer_id, shape.at)
        items: list[Any] = [
            {"Put": put_entry(self.ledger_table, shape.store_id, shape.customer_id, rejected)},
            {"Update": update_account(self.state_table, untouched)},
        ]
        try:
            with unreachable_is_busy():
                self.client.transact_write_items(TransactItems=items)
        except self.client.exceptions.TransactionCanceledException as cancelled:
            put, update = _reasons(cancelled)
            if put["Code"] == "ConditionalCheckFailed":
                return _replay(asked, shape.customer_id, (entry_of(image_of(put)),))
            if RETRYABLE & {put["Code"], update["Code"]}:
                return _Retry(cancelled)
            merged_into = (image_of(update) or {}).get("merged_into")
            if merged_into is None:
                raise
            return _Resend(replace(asked, customer_id=merged_into))
        return Refused(rejected, account)


def _repaying(posting: Posting, account: Account) -> Posting:
    """Repay the open shortfall of ``account`` out of what the posting gains, pinned to that image."""
    gain = next(entry for entry in posting.entries if entry.amount > 0)
    repaid = min(posting.amount, account.shortfall)
    extra = (recovery_of(gain, repaid),) if repaid > 0 else ()
    return replace(posting, entries=(*posting.entries, *extra), version=account.version)


def _replay(asked: Posting, customer_id: str, taken: tuple[Entry, ...]) -> Replayed | CauseTaken:
    """Tell a repeated request from another one; recoveries follow from the entries asked for and are not compared."""
    hashes = {entry.cause: entry.payload_hash for entry in asked.entries}
    first = tuple(entry for entry in taken if entry.cause in hashes)
    if len(first) == len(hashes) and all(hashes[entry.cause] == entry.payload_hash for entry in first):
        return Replayed(first, customer_id)
    return CauseTaken(taken)


def _reasons(cancelled: ClientError) -> list[Any]:
    return list(cancelled.response["CancellationReasons"])
