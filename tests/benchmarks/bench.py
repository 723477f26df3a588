"""``make bench``: measure, and write docs/performance.md with its plots."""

import importlib.metadata
import os
import platform
import re
import signal
import subprocess
import sys
from typing import Final

from dev.project import ROOT, StepFailedError
from tests.benchmarks import (
    assumed,
    budgets,
    cost,
    cost_page,
    group_jobs,
    group_jobs_page,
    instructions,
    limits,
    naive_scene,
    naive_units,
    projection,
    projection_page,
    runtime,
    runtime_page,
    scene,
    stock,
    units,
    units_page,
    webhook_load,
)
from tests.benchmarks.page import PAGE

_PINS: Final = ROOT / "dev" / "requirements"


def main() -> int:
    """Run every benchmark; fail on what is not as it must be on any machine, and where a core of this one credits fewer
    members a second than the design wants. A step that failed is one message.

    Interrupted, by Ctrl-C or a ``kill``, it ends what it has started and changes no file of the project.
    """
    try:
        return _main()
    except StepFailedError as failure:
        sys.exit(f"error: {failure}")
    except KeyboardInterrupt:
        sys.exit("interrupted: nothing was written")


def _main() -> int:
    limits.require_valgrind()
    stock.site_packages()
    runtime.install()
    instructed = limits.measure()
    kept, kept_naive = units.written(scene.measure()), naive_units.written(naive_scene.measure())
    operations, naive = units.parsed(kept), units.parsed(kept_naive)
    counted = list(operations.values())
    loads = webhook_load.measure()
    jobs = group_jobs.measure()
    starts = runtime.measure()
    kept_projected, sizes = projection.written(projection.measure(operations)), projection.measure_sizes()
    projected = projection.parsed(kept_projected)
    lines = [
        *head(),
        *limits.section(instructed, operations, jobs, projected.jobs, naive, starts),
        *units_page.section(counted),
        *cost_page.section(operations, naive),
        *webhook_load.section(loads),
        *group_jobs_page.section(jobs, starts),
        *projection_page.section(projected, operations),
        *runtime_page.section(starts),
    ]
    for which in (signal.SIGINT, signal.SIGTERM):  # from here on all is written
        signal.signal(which, signal.SIG_IGN)
    units.COUNTED.write_text(kept)
    naive_units.COUNTED.write_text(kept_naive)
    projection.PROJECTED.write_text(kept_projected)
    group_jobs_page.write_plot(jobs.jobs)
    projection_page.write_plot(projected, sizes, operations)
    PAGE.write_text("\n".join(lines))
    faults = [
        *budgets.check(counted),
        *cost.check(operations),
        *assumed.check(operations),
        *group_jobs.check(jobs),
        *runtime.check(starts),
    ]
    print("\n".join(faults) or f"written: {PAGE.relative_to(ROOT)}")
    return 1 if faults else 0


def head() -> list[str]:
    """Return the first lines of the page."""
    versions = [f"{name} {version}" for name, version in measured_with().items()]
    return [
        "# Performance",
        "",
        "Written by `make bench`; do not edit. Times are of one machine with the local engine, itself a Python process",
        "on the same cores: they are here to be compared with one another. Write units, calls and memory do not depend",
        "on the machine.",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.",
        f"{', '.join(versions)}.",
        "",
    ]


def measured_with() -> dict[str, str]:
    """The versions that the figures depend on: of the layer, of what runs it here, and of what counts."""
    layer = ("botocore", "boto3", "aws-lambda-powertools", "pydantic")
    said = subprocess.run([str(instructions.valgrind()), "--version"], capture_output=True, text=True, check=True)
    return {
        **{name: importlib.metadata.version(name) for name in layer},
        "awslambdaric": _pinned("runtime.txt", "awslambdaric"),
        "ministack": _pinned("emulator.txt", "ministack"),
        "valgrind": said.stdout.strip().removeprefix("valgrind-"),
    }


def _pinned(pins: str, name: str) -> str:
    (version,) = re.findall(rf"^{name}==(\S+)", (_PINS / pins).read_text(), flags=re.MULTILINE)
    return str(version)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
