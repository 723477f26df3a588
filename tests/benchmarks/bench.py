"""``make bench``: measure, and write docs/performance.md with its plots."""

import os
import platform
import sys
from typing import Final

from dev.project import ROOT
from tests.benchmarks import cost, group_jobs, projection, runtime, units, webhook_load

PAGE: Final = ROOT / "docs" / "performance.md"


def main() -> int:
    """Run every benchmark; fail on what is not as it must be on any machine."""
    counted = units.measure()
    units.write(counted)
    loads = webhook_load.measure()
    jobs = group_jobs.measure()
    starts = runtime.measure()
    lines = [
        "# Performance",
        "",
        "Written by `make bench`; do not edit. Times are of one machine with the local engine, itself a Python process",
        "on the same cores: they are here to be compared with one another. Write units, calls and memory do not depend",
        "on the machine.",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.",
        "",
        *units.section(counted),
        *cost.section(units.read()),
        *webhook_load.section(loads),
        *group_jobs.section(jobs),
        *projection.section(projection.measure()),
        *runtime.section(starts),
    ]
    PAGE.write_text("\n".join(lines))
    faults = [*units.check(counted), *cost.check(units.read()), *group_jobs.check(jobs), *runtime.check(starts)]
    print("\n".join(faults) or f"written: {PAGE.relative_to(ROOT)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
