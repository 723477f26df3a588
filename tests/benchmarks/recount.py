"""Operations that are counted again, a round after another or another day: held against what was counted before."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import replace
from typing import Final

from dev.project import StepFailedError
from tests.benchmarks import budgets
from tests.benchmarks.budgets import BUDGETS
from tests.benchmarks.units import DECIDING, ENTRANCES, KEPT, Operation, Share, units_of

BY_CHANCE: Final = frozenset({"group job of 1,000"})
"""Chunks that end at once all look for the job's end, and how many do is by chance: so these have a limit and no more.
"""

STEPS: Final = frozenset({"members read by hand", "customers read by a rule", "tasks swept", "duplicate task messages"})
"""Counted for the CPU that projections assume, of one function alone, and by nobody again."""


def of_rounds(rounds: Sequence[Operation]) -> Operation:
    """Return an operation that was counted several times as it was the last time, with the median of its CPU.

    Those who decide, or whom the budget names, are to have made the same calls each time, of the same units, and to
    have read the same items. That is not asked of ``BY_CHANCE``, nor of ``STEPS``, some of which are cut out of what
    was called where an invocation ended. Who follows may have got other batches, and the sizes of items are not
    compared.

    :raises StepFailedError: they did otherwise.
    """
    last = rounds[-1]
    if last.name not in BY_CHANCE | STEPS:
        found = [line for one in rounds[:-1] for line in _done_otherwise(one, last, DECIDING)]
        if found:
            raise StepFailedError("not the same in every round: " + "; ".join(found))
    cpu = {name: [one.shares[name].cpu for one in rounds if name in one.shares] for name in last.shares}
    shares = {name: replace(share, cpu=statistics.median(cpu[name])) for name, share in last.shares.items()}
    return replace(last, shares=shares, rounds=cpu)


def recounted(kept: Mapping[str, Operation], again: Mapping[str, Operation]) -> list[str]:
    """Return what was done otherwise than it was counted before, what was not counted again, and what never was."""
    wanted = (kept.keys() - STEPS) | {budget.operation for budget in BUDGETS}
    return [
        *(f"{name}: not counted again" for name in sorted(wanted - again.keys())),
        *(f"{name}: not counted before" for name in sorted(again.keys() - kept.keys())),
        *(line for name, one in again.items() if name in kept for line in differences(kept[name], one)),
    ]


def differences(kept: Operation, again: Operation, functions: frozenset[str] = DECIDING) -> list[str]:
    """Return what these functions, or whom the budget names, did otherwise than it was counted before, and which items
    take other units than they took; of what is by chance, what is over its budget instead."""
    sizes = [
        (f"units of {kind}", units_of(kept.items[kind]), units_of(size))
        for kind, size in again.items.items()
        # A kind that is new or gone changes the write units below; the notifier's are gone because it is at rest.
        if kind in kept.items
    ]
    if kept.name in BY_CHANCE:
        rest = budgets.check([again], [budget for budget in BUDGETS if budget.operation == kept.name])
    else:
        rest = _done_otherwise(kept, again, functions)
    return rest + _told(kept.name, sizes)


def _done_otherwise(kept: Operation, again: Operation, functions: frozenset[str]) -> list[str]:
    functions = functions.union(*(budget.functions for budget in BUDGETS if budget.operation == kept.name))
    figures = ("writes", "read_units", "settings_units", "refused_units", "steady_calls")
    before, now = kept.of(functions), again.of(functions)
    found = [(name, getattr(before, name), getattr(now, name)) for name in figures]
    return _told(kept.name, [*found, ("items read", kept.read, again.read)])


def _told(operation: str, figures: Sequence[tuple[str, object, object]]) -> list[str]:
    return [
        f"{operation}: {name} {now}, and {before} when it was counted" for name, before, now in figures if now != before
    ]


def to_price(kept: Operation, again: Operation) -> Operation:
    """Return an operation as it was counted again, to be priced. What is by chance is as it was counted before: CPU,
    what a function keeps for a while or has to look up once more, and the share of whoever was at rest."""
    return replace(
        kept,
        shares={
            **kept.shares,
            **{name: _share_again(name, kept.shares.get(name, Share()), share) for name, share in again.shares.items()},
        },
    )


def _share_again(function: str, kept: Share, found: Share) -> Share:
    if function in ENTRANCES:
        return replace(kept, invocations=found.invocations, logged=found.logged)
    calls = Counter(found.steady_calls) + Counter({name: kept.calls[name] for name in KEPT})
    return replace(found, cpu=kept.cpu, calls=calls)
