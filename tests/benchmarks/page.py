"""The parts of docs/performance.md that follow from what is committed alone, counts and projections: compared with them
by a test, and written anew without measuring anything by ``python -m tests.benchmarks.page``."""

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Final

from dev.project import ROOT
from tests.benchmarks import cost_page, limits, naive_units, projection, projection_page, units, units_page
from tests.benchmarks.projection import Figures
from tests.benchmarks.units import Operation

PAGE: Final = ROOT / "docs" / "performance.md"


def renewed(text: str, operations: Mapping[str, Operation], naive: Mapping[str, Operation], projected: Figures) -> str:
    """Return a page with those parts as these counts and projections have them: four sections, and the rows of the
    table of limits that follow from them.

    :raises ValueError: the page has no such part.
    """
    parts = {
        r"^## Calls and units of each operation\n.*?(?=^## )": units_page.section(list(operations.values())),
        r"^## Dollars a million\n.*?(?=^## )": cost_page.section(operations, naive),
        r"^\| paid order: DynamoDB calls .*?^\| balance read \|[^\n]*\n": limits.of_operations(operations, naive),
        r"^\| 1,000,000 members at [^\n]*\n": limits.of_projections(projected.jobs, naive),
        r"(?:^\| \$ a million: [^\n]*\n)+": limits.of_dollars(operations, naive),
        r"^## Group jobs projected\n.*?(?=^## (?!Tasks of scenarios projected\n))": projection_page.section(
            projected, operations
        ),
    }
    for pattern, lines in parts.items():
        found = list(re.finditer(pattern, text, flags=re.MULTILINE | re.DOTALL))
        if len(found) != 1:
            raise ValueError(f"the page has {len(found)} parts like {pattern}")
        text = text[: found[0].start()] + "".join(f"{line}\n" for line in lines) + text[found[0].end() :]
    return text


def renew(*, anew: bool = False) -> None:
    """Write those parts anew; the projections and their plot too, where they are to be computed ``anew``."""
    operations = units.read()
    if anew:
        kept, sizes = projection.written(projection.measure(operations)), projection.measure_sizes()
        projection.PROJECTED.write_text(kept)
        projection_page.write_plot(projection.parsed(kept), sizes, operations)
    PAGE.write_text(renewed(PAGE.read_text(), operations, naive_units.read(), projection.read()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.page", description="Write counted parts anew.")
    anew = "compute the projections anew first, from the counts: six minutes of two cores"
    parser.add_argument("--project", action="store_true", help=anew)
    renew(anew=parser.parse_args(arguments).project)


if __name__ == "__main__":
    main()
