"""Payment accounts in the State table, in the partition of their customer, and apart from them which customers have one
account, by its keyed hash."""

from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import keys, payout_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.ledger import Write
from cashback.domain.payment_accounts import KEPT_FOR, PaymentAccount, default_of
from cashback.domain.times import Instant, moment

_PACKING = Packing[PaymentAccount](PaymentAccount)

_STANDS: Final = "attribute_exists(document) AND attribute_not_exists(expires_at_epoch)"


class PaymentAccounts(Struct, frozen=True):
    """The accounts of customers. All reads are consistent. Nothing is written but for a customer who is neither erased
    nor merged: what erases or moves accounts comes after the word in the profile, and so misses none."""

    table: StateTable

    def all(self, store_id: str, customer_id: str) -> list[PaymentAccount]:
        """Return the accounts of a customer that are not deleted."""
        return [one for one in self._known(store_id, customer_id) if one.deleted_at is None]

    def get(self, store_id: str, customer_id: str, account_id: str) -> PaymentAccount | None:
        """Return an account that is not deleted."""
        found = self.find(store_id, customer_id, account_id)
        return None if found is None or found.deleted_at is not None else found

    def find(self, store_id: str, customer_id: str, account_id: str) -> PaymentAccount | None:
        """Return an account, for a month a deleted one too."""
        item = self.table.get(payout_keys.payment_account(store_id, customer_id, account_id))
        return _PACKING.unpack(item["document"]) if item and "document" in item else None

    def default(self, store_id: str, customer_id: str) -> PaymentAccount | None:
        """Return the account that a payout goes to where none is named."""
        return default_of(self.all(store_id, customer_id))

    def owners(self, store_id: str, mac: str) -> frozenset[str]:
        """Return the customers who have an account."""
        return frozenset(str(item["sk"]) for item in self.table.partition(payout_keys.account_holders(store_id, mac)))

    def add(self, store_id: str, account: PaymentAccount, *also: Write) -> bool:
        """Write an account, with ``also``; False where its customer has it already, or is gone."""
        return self.table.try_commit(*self._added(store_id, account), *also)

    def delete(self, store_id: str, account: PaymentAccount, *also: Write) -> bool:
        """Write an account as deleted, with ``also``; False where someone else did."""
        return self.table.try_commit(
            self.table.put(_item(store_id, account), _STANDS), self._unheld(store_id, account), *also
        )

    def move(self, store_id: str, before: PaymentAccount, after: PaymentAccount, now: Instant) -> bool:
        """Write an account as another customer's, and nothing where it was; False where that one has it already or is
        gone, or where it is there no longer."""
        taken = self.table.put(_emptied(store_id, before, now), _STANDS)
        return self.table.try_commit(*self._added(store_id, after), taken, self._unheld(store_id, before))

    def drop(self, store_id: str, account: PaymentAccount, now: Instant) -> None:
        """Leave nothing of an account."""
        self.table.commit(self.table.put(_emptied(store_id, account, now)), self._unheld(store_id, account))

    def forget(self, store_id: str, customer_id: str, now: Instant) -> None:
        """Leave nothing of any account of a customer, deleted ones included."""
        for one in self._known(store_id, customer_id):
            self.drop(store_id, one, now)

    def _known(self, store_id: str, customer_id: str) -> list[PaymentAccount]:
        pk, prefix = payout_keys.payment_accounts(store_id, customer_id)
        values = {":pk": pk, ":prefix": prefix}
        found = self.table.query("pk = :pk AND begins_with(sk, :prefix)", values, ConsistentRead=True)
        return [_PACKING.unpack(item["document"]) for item in found if "document" in item]

    def _added(self, store_id: str, account: PaymentAccount) -> tuple[Write, Write, Write]:
        holder = payout_keys.account_holder(store_id, account.mac, account.customer_id)
        held: Item = {"pk": holder.pk, "sk": holder.sk, "payment_account_id": account.payment_account_id}
        there = "attribute_exists(pk) AND attribute_not_exists(erased_at) AND attribute_not_exists(merged_into)"
        return (
            self.table.put(_item(store_id, account), "attribute_not_exists(document)"),
            self.table.put(held, "attribute_not_exists(pk)"),
            self.table.check(keys.profile(store_id, account.customer_id), there),
        )

    def _unheld(self, store_id: str, account: PaymentAccount) -> Write:
        return self.table.delete(payout_keys.account_holder(store_id, account.mac, account.customer_id))


def _item(store_id: str, account: PaymentAccount) -> Item:
    pk, sk = payout_keys.payment_account(store_id, account.customer_id, account.payment_account_id)
    item: Item = {"pk": pk, "sk": sk, "document": _PACKING.pack(account)}
    if account.deleted_at is not None:
        item["expires_at_epoch"] = int((moment(account.deleted_at) + KEPT_FOR).timestamp())
    return item


def _emptied(store_id: str, account: PaymentAccount, now: Instant) -> Item:
    """What stands for a few days where an account was. Who may delete items beside a balance could delete that too, so
    time does it."""
    pk, sk = payout_keys.payment_account(store_id, account.customer_id, account.payment_account_id)
    return {"pk": pk, "sk": sk, "expires_at_epoch": int(moment(now).timestamp())}
