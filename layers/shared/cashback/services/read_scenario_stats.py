"""What has come of a scenario: its tasks counted, and what they credited."""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

from msgspec import Struct

from cashback.domain.scenarios import Scenario
from cashback.domain.tasks import Part, Result
from cashback.services.books import Books
from cashback.services.manage_scenarios import read_scenario


class ScenarioStats(Struct, frozen=True):
    """How many tasks of a scenario stand where. ``open`` ones wait, or run at this moment; ``credited`` is minor units,
    those too that are on their way."""

    scenario: Scenario
    open: int
    executed: int
    failed: int
    cancelled: Mapping[str, int]
    results: Mapping[Result, int]
    credited: int

    @property
    def created(self) -> int:
        """All tasks."""
        return self.open + self.executed + self.failed + sum(self.cancelled.values())

    @property
    def success_rate(self) -> Fraction | None:
        """How many of the tasks that a result is known of were a success; None while it is known of none."""
        successful = self.results.get(Result.SUCCESSFUL, 0)
        decided = successful + self.results.get(Result.NOT_MET, 0)
        return Fraction(successful, decided) if decided else None


def read_scenario_stats(books: Books, store_id: str, scenario_id: str) -> ScenarioStats:
    """Count the tasks of a scenario, a deleted one's too. The list that is counted may lag a second.

    :raises NotFound: no such scenario in this store.
    """
    scenario = read_scenario(books, store_id, scenario_id)
    parts: Counter[Part] = Counter()
    outcomes: Counter[tuple[Part, str]] = Counter()
    credited = 0
    for figure in books.tasks.figures(store_id, scenario_id):
        parts[figure.part] += 1
        outcomes[figure.part, figure.outcome or ""] += 1
        credited += figure.credit
    return ScenarioStats(
        scenario=scenario,
        open=parts[Part.OPEN],
        executed=parts[Part.EXECUTED],
        failed=parts[Part.FAILED],
        cancelled={reason: number for (part, reason), number in outcomes.items() if part is Part.CANCELLED},
        results={result: outcomes[Part.EXECUTED, result] for result in Result},
        credited=credited,
    )
