"""The parts of docs/performance.md that follow from committed counts alone: compared with them by a test, and written
anew without measuring anything by ``python -m tests.benchmarks.page``."""

import re
from collections.abc import Mapping
from typing import Final

from dev.project import ROOT
from tests.benchmarks import cost_page, limits, naive_units, projection, units, units_page
from tests.benchmarks.units import Operation

PAGE: Final = ROOT / "docs" / "performance.md"


def renewed(text: str, operations: Mapping[str, Operation], naive: Mapping[str, Operation]) -> str:
    """Return a page with those parts as these counts have them: two sections, the rows of the table of limits that are
    counted, and what the projection says of a task.

    :raises ValueError: the page has no such part.
    """
    parts = {
        r"^## Calls and units of each operation\n.*?(?=^## )": units_page.section(list(operations.values())),
        r"^## Dollars a million\n.*?(?=^## )": cost_page.section(operations, naive),
        r"^\| paid order: DynamoDB calls .*?^\| balance read \|[^\n]*\n": limits.of_operations(operations, naive),
        r"(?:^\| \$ a million: [^\n]*\n)+": limits.of_dollars(operations, naive),
        r"^A million tasks of one scenario .*?\n\n": projection.of_counted_tasks(operations),
    }
    for pattern, lines in parts.items():
        found = list(re.finditer(pattern, text, flags=re.MULTILINE | re.DOTALL))
        if len(found) != 1:
            raise ValueError(f"the page has {len(found)} parts like {pattern}")
        text = text[: found[0].start()] + "".join(f"{line}\n" for line in lines) + text[found[0].end() :]
    return text


def renew() -> None:
    """Write those parts anew."""
    PAGE.write_text(renewed(PAGE.read_text(), units.read(), naive_units.read()))


if __name__ == "__main__":
    renew()
