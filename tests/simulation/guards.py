"""The lines that guard money, and what each becomes when it is broken; ``hunt`` breaks them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

CODE: Final = "layers/shared/cashback"


@dataclass(frozen=True)
class Mutant:
    """A line that guards something, and what it becomes; ``also`` are further lines (module, old, new) of which each
    alone would hold. ``among``: only worlds of this kind are run, the others are counted as if they had told nothing.

    ``held_by`` is the test that fails without the line where worlds do not, and ``why`` says why they do not."""

    name: str
    guards: str
    path: str
    old: str
    new: str
    also: tuple[tuple[str, str, str], ...] = ()
    among: str = ""
    held_by: str = ""
    why: str = ""

    def made_in(self, root: Path) -> None:
        """Make the mutant in a tree.

        :raises ValueError: a line is not there, or not only there: the table is out of date.
        """
        for path, old, new in ((self.path, self.old, self.new), *self.also):
            module = root / CODE / path
            text = module.read_text()
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {path} has its line {text.count(old)} times")
            module.write_text(text.replace(old, new))


_LEDGER: Final = "adapters/dynamo/ledger.py"
_ACCOUNTS: Final = "adapters/dynamo/accounts.py"

MUTANTS: Final = (
    # ---- the posting
    Mutant(
        "an entry is put over another",
        "one cause, one entry, for ever",
        _ACCOUNTS,
        '"ConditionExpression": "attribute_not_exists(pk)"',
        '"ConditionExpression": "attribute_not_exists(nothing)"',
    ),
    Mutant(
        "no balance is looked at",
        "available >= need",
        _ACCOUNTS,
        '"available >= :need"',
        '"(available >= :need OR available < :need)"',
    ),
    Mutant(
        "the account's version is not compared",
        "every decision from an image of the account",
        _ACCOUNTS,
        '"version = :version"',
        '"version >= :version"',
    ),
    Mutant(
        "a balance is set without a version",
        "set-absolute and debits of what is there, one by one",
        _LEDGER,
        "replace(posting, version=account.version, version_owner=account.customer_id)",
        "posting",
    ),
    Mutant(
        "a chunk sets balances without a version",
        "the same in a group job",
        "services/post_shares.py",
        "replace(posting, version=account.version)",
        "posting",
        among="jobs",
    ),
    Mutant(
        "a clawback takes without a version",
        "what is taken of a balance, and what is owed",
        "services/commit.py",
        "version=decision.version",
        "version=None",
        among="offices",
    ),
    Mutant(
        "a late success takes without a version",
        "what a payment that failed and arrived takes, and what is owed",
        "services/manage_payouts.py",
        "version=decision.version",
        "version=None",
        among="offices",
    ),
    Mutant(
        "a pin follows a merge",
        "what is decided from one account is not posted to another",
        _LEDGER,
        "if asked.version is not None and asked.version_owner in {None, account.customer_id}:",
        "if asked.version == -1:",
        held_by="tests/unit/test_merge_customers.py"
        "::test_a_balance_decided_from_one_account_is_not_set_at_another_of_the_same_version",
        why="worlds do: it was the bug that world 6,282 of the first ones with group jobs found; hardly ever are both "
        "accounts of one version",
    ),
    Mutant(
        "a repayment is not pinned",
        "how much of an open shortfall an award repays",
        _LEDGER,
        "*extra), version=account.version)",
        "*extra), repays=False)",
        among="offices",
    ),
    Mutant(
        "a shortfall stops no award",
        "repayment comes first",
        _ACCOUNTS,
        '"(attribute_not_exists(shortfall) OR shortfall = :zero)"',
        '"(attribute_not_exists(shortfall) OR shortfall >= :zero)"',
    ),
    Mutant(
        "a merged account is credited",
        "nothing credits a ghost",
        _ACCOUNTS,
        'conditions = ["attribute_exists(pk)", "attribute_not_exists(merged_into)"]',
        'conditions = ["attribute_exists(pk)"]',
    ),
    Mutant(
        "an erased account is credited",
        "no gift to somebody who is forgotten",
        _ACCOUNTS,
        'conditions.append("attribute_not_exists(erased_at)")',
        "pass",
    ),
    Mutant(
        "a merge leaves figures behind",
        "what an emptied account counts is taken over whole",
        _ACCOUNTS,
        'conditions += [_holds_no_more(name, sums[name], values) for name in ("orders_count", "total_spent")]',
        "pass",
        held_by="tests/unit/test_merge_customers.py"
        "::test_an_order_that_is_counted_while_customers_are_merged_counts_at_the_kept_one",
        why="figures alone move with orders that earn nothing, and hardly ever within the three calls of a merge",
    ),
    Mutant(
        "the account is read before the entry",
        "a replay whose balance is short is a replay",
        _LEDGER,
        "        if taken:\n            return _replay",
        '        if taken and reasons[count]["Code"] == "None":\n            return _replay',
    ),
    Mutant(
        "a refusal is read before a conflict",
        "with a conflict the fate of the entries is unknown",
        _LEDGER,
        "if codes & RETRYABLE:\n            return _Retry(cancelled)\n        if codes - ",
        'if codes & RETRYABLE and reasons[count]["Code"] != "ConditionalCheckFailed":\n'
        "            return _Retry(cancelled)\n        if codes - RETRYABLE - ",
        held_by="tests/simulation/test_posting_faults.py::test_a_conflict_beside_a_failed_condition_is_sent_again",
        why="what follows from a refusal looks for the entry first, or is decided from the document as it stands",
    ),
    Mutant(
        "a refusal is not recorded",
        "the same key has the same answer",
        _LEDGER,
        "return self._reject(asked, shape, reason, account)\n        return AccountMoved",
        "return Refused(shape.entries[0], account)\n        return AccountMoved",
    ),
    Mutant(
        "a history may lag",
        "a history read after an answer shows what was answered",
        "adapters/dynamo/history.py",
        "condition, values, ConsistentRead=True, **how)",
        "condition, values, ConsistentRead=False, **how)",
    ),
    # ---- documents
    Mutant(
        "an order is written over any revision",
        "one decision from one state of an order",
        "adapters/dynamo/orders.py",
        '"rev = :rev"',
        '"rev >= :rev"',
    ),
    Mutant(
        "an order is begun twice",
        "the same for its first one",
        "adapters/dynamo/orders.py",
        'self.table.put(order_item(store_id, order), "attribute_not_exists(pk)")',
        "self.table.put(order_item(store_id, order))",
    ),
    Mutant(
        "an order does not say what it waits for",
        "the wait item",
        "adapters/dynamo/waiting.py",
        "for key in sorted(now - was)]",
        "for key in sorted(now - now)]",
    ),
    Mutant(
        "an order goes on waiting",
        "the end of the wait item",
        "adapters/dynamo/waiting.py",
        "for key in sorted(was - now))",
        "for key in sorted(now - now))",
    ),
    Mutant(
        "a profile is written over any revision",
        "who has which contact, and who is erased",
        "adapters/dynamo/customers.py",
        '"rev = :rev"',
        '"rev >= :rev"',
    ),
    # ---- tasks
    Mutant(
        "a task is written over any revision",
        "a task runs once, and never after a confirmed cancel",
        "adapters/dynamo/tasks.py",
        '"rev = :rev"',
        '"rev >= :rev"',
        among="scenarios",
    ),
    Mutant(
        "a task is created again",
        "one task for one fact",
        "adapters/dynamo/tasks.py",
        "self.table.put(_item(store_id, task), absent)",
        "self.table.put(_item(store_id, task))",
        among="scenarios",
    ),
    Mutant(
        "a task begins in any state",
        "what was cancelled or has ended does not run",
        "services/run_task.py",
        "if task.status not in {TaskStatus.WAITING, TaskStatus.RUNNING}:",
        "if task.status is TaskStatus.EXECUTED:",
        among="scenarios",
    ),
    Mutant(
        "a task runs before it is due",
        "no earlier than promised",
        "domain/tasks.py",
        "if task.due_at > now or (task.status, Event.FIRED)",
        "if (task.status, Event.FIRED)",
        held_by="tests/unit/test_tasks.py::test_a_task_runs_from_the_very_moment_it_is_due_and_not_before",
        why="whoever runs a task has looked at the time before; without both looks worlds break, see the next",
    ),
    Mutant(
        "nobody looks whether a task is due",
        "no earlier than promised, whoever rings",
        "domain/tasks.py",
        "if task.due_at > now or (task.status, Event.FIRED)",
        "if (task.status, Event.FIRED)",
        also=(
            ("services/run_task.py", "        if task.due_at > now:\n", "        if task.due_at > now and not now:\n"),
        ),
        among="scenarios",
    ),
    Mutant(
        "once is not guarded",
        "once for an order, or for a customer",
        "adapters/dynamo/tasks.py",
        'self.table.put({"pk": pk, "sk": sk, "task_id": task.task_id}, absent)',
        'self.table.put({"pk": pk, "sk": sk, "task_id": task.task_id})',
        among="scenarios",
    ),
    Mutant(
        "a message is sent over its mark",
        "a message is sent once at most",
        "services/run_task.py",
        "        if Action.MESSAGE in self.task.outcomes:\n",
        "        if self.task.outcomes is None:\n",
        among="scenarios",
    ),
    Mutant(
        "a promo code is redeemed over any revision",
        "a code is redeemed once",
        "adapters/dynamo/promo_codes.py",
        '"rev = :rev"',
        '"rev >= :rev"',
        among="scenarios",
    ),
    # ---- group jobs
    Mutant(
        "a job is written over any revision",
        "how far a job is, whether it is stopped or undone",
        "adapters/dynamo/group_jobs.py",
        '"rev = :rev", {":rev": job.rev - 1}',
        '"rev >= :rev", {":rev": job.rev - 1}',
        among="jobs",
    ),
    Mutant(
        "a chunk is begun over another",
        "the mark that a chunk is at work, or done",
        "adapters/dynamo/group_jobs.py",
        '{"pk": pk, "sk": sk, "rev": 1}, "attribute_not_exists(pk)"',
        '{"pk": pk, "sk": sk, "rev": 1}, "attribute_not_exists(nothing)"',
        among="jobs",
    ),
    Mutant(
        "a chunk is done twice",
        "progress counts each chunk once",
        "adapters/dynamo/group_jobs.py",
        '("attribute_not_exists(pk)", None) if over is None else ("rev = :rev"',
        '("attribute_not_exists(nothing)", None) if over is None else ("rev >= :rev"',
        among="jobs",
    ),
    Mutant(
        "members of a job share one payload",
        "of two members who are one account the second gets nothing",
        "domain/group_jobs.py",
        "payload_hash=payload_hash(Kind.GROUP, share.customer_id)",
        "payload_hash=payload_hash(Kind.GROUP)",
        among="jobs",
    ),
    # ---- payouts
    Mutant(
        "requests and payouts are written over any revision",
        "a report heard late beside a person's change; a request is decided once, and holds what it says",
        "adapters/dynamo/listed_documents.py",
        '"rev = :rev"',
        '"rev >= :rev"',
        among="offices",
    ),
    Mutant(
        "neither a payout's revision nor its line is compared",
        "two admins who turn one payout at once",
        "adapters/dynamo/listed_documents.py",
        '"rev = :rev"',
        '"rev >= :rev"',
        among="offices",
        also=(
            (
                "adapters/dynamo/payouts.py",
                'writes = [self.table.put(line, "attribute_not_exists(pk)")]',
                "writes = [self.table.put(line)]",
            ),
        ),
    ),
    Mutant(
        "a payout moves from any state",
        "no move but those there are",
        "domain/payouts.py",
        "if status not in MOVES[payout.status]:",
        "if status is payout.status:",
        among="offices",
    ),
    Mutant(
        "a change is decided again from whatever a payout has become",
        "who has not seen what another did to a payout does not undo it",
        "services/manage_payouts.py",
        "if seen is not None and seen != payout.step:",
        "if False:",
        held_by="tests/unit/test_payout_money.py::test_a_failure_decided_before_a_success_was_told_does_not_undo_it",
        why="the books of a world balance either way: the same change, asked for a moment later, is made",
    ),
    Mutant(
        "a second payout of a request",
        "one payment of one request",
        "domain/payouts.py",
        "if request.active_payout_id is not None:",
        'if request.active_payout_id == "":',
        among="offices",
    ),
    Mutant(
        "what a payment gives back repays nothing",
        "an open shortfall is repaid first",
        "services/manage_payouts.py",
        "repays=any(entry.amount > 0 for entry in decision.entries)",
        "repays=False",
        among="offices",
    ),
    Mutant(
        "what a request gives back repays nothing",
        "the same of a request that is turned down",
        "services/manage_requests.py",
        "repays=True",
        "repays=False",
        among="offices",
    ),
    Mutant(
        "a request is made beside a shortfall",
        "nothing is paid to somebody who owes",
        "services/manage_requests.py",
        "forbids_shortfall=asked.from_balance",
        "forbids_shortfall=False",
        among="offices",
    ),
    Mutant(
        "a request is decided in any state",
        "what is turned down stays so",
        "domain/incentive_requests.py",
        "if decided.status not in MOVES[request.status]:",
        "if decided.status is request.status:",
        among="offices",
    ),
    # ---- the projector
    Mutant(
        "a change is counted each time it comes",
        "totals count each change once",
        "adapters/dynamo/totals.py",
        '" AND ".join(f"attribute_not_exists({mark})" for mark in new)',
        '"attribute_exists(pk) OR attribute_not_exists(pk)"',
        among="projected",
    ),
    Mutant(
        "a day is written over any revision",
        "no count of another shard is lost",
        "adapters/dynamo/totals.py",
        '"rev = :rev"',
        '"rev >= :rev"',
        among="projected",
    ),
    Mutant(
        "a refused event is told no more",
        "what the bus did not take comes again",
        "edge/projector.py",
        "return {number for number, change in numbered if change.change_id in refused}",
        "return set()",
        among="projected",
    ),
    Mutant(
        "words that are gone find a payout",
        "search knows each payout by its words of now",
        "services/search_payouts.py",
        "going=had - has",
        "going=has - has",
        among="projected",
    ),
)
