"""``make bench``: measure, and write docs/performance.md with its plots."""

import os
import platform
import sys
from typing import Final

from dev.project import ROOT
from tests.benchmarks import group_jobs, projection, webhook_load

PAGE: Final = ROOT / "docs" / "performance.md"


def main() -> int:
    """Run every benchmark; fail on what is not as it must be on any machine."""
    loads = webhook_load.measure()
    jobs = group_jobs.measure()
    lines = [
        "# Performance",
        "",
        "Written by `make bench`; do not edit. Times are of one machine with the local engine, itself a Python process",
        "on the same cores: they are here to be compared with one another. Write units, calls and memory do not depend",
        "on the machine.",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.",
        "",
        *webhook_load.section(loads),
        *group_jobs.section(jobs),
        *projection.section(projection.measure()),
    ]
    PAGE.write_text("\n".join(lines))
    faults = group_jobs.check(jobs)
    print("\n".join(faults) or f"written: {PAGE.relative_to(ROOT)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
