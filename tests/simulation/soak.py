"""Worlds for as long as wanted, on every core, or one of them again with everything that happened in it.

python -m tests.simulation.soak --minutes 60            worlds that no test has seen; 1 if one of them broke a rule
python -m tests.simulation.soak --replay 4711           what each call of that world did, and what did not hold
"""

import argparse
import io
import itertools
import multiprocessing
import sys
import time
from contextlib import redirect_stdout

from tests.simulation.invariants import violations
from tests.simulation.world import World

EACH = 25
"""Worlds that a process takes at once."""

ROUND = 8 * multiprocessing.cpu_count()
"""How often processes take some before the time is looked at: what is handed out is run."""


def broken(seeds: range) -> list[tuple[int, list[str]]]:
    """Run some worlds; return the seeds of those in which something did not hold, and what. One that ends by an error
    of its own names its seed in it."""
    found = []
    for seed in seeds:
        try:
            with redirect_stdout(io.StringIO()):
                wrong = violations(World(seed).run())
        except Exception as error:
            error.add_note(f"in the world of seed {seed}")
            raise
        if wrong:
            found.append((seed, wrong))
    return found


def soak(seconds: float, first: int) -> int:
    """Run worlds until the time is over, and say at each minute how many there were; return how many broke a rule."""
    began, told, count, bad = time.monotonic(), 0, 0, 0
    with multiprocessing.Pool() as pool:
        every = (range(seed, seed + EACH) for seed in itertools.count(first, EACH))
        for some in itertools.batched(every, ROUND, strict=False):
            for found in pool.imap_unordered(broken, some):
                count, bad = count + EACH, bad + len(found)
                for seed, wrong in found:
                    print(f"seed {seed}: {wrong}", flush=True)
            elapsed = time.monotonic() - began
            if elapsed // 60 > told:
                told = int(elapsed // 60)
                print(f"{told} min: {count} worlds, {count / elapsed:.0f} a second, {bad} broken", flush=True)
            if elapsed > seconds:
                break
    print(f"{count} worlds from seed {first} on, {bad} broken")
    return bad


def replay(seed: int) -> int:
    """Print the calls of one world, with what struck them, and then what did not hold; return how much."""
    trace: list[str] = []
    with redirect_stdout(io.StringIO()) as log:
        wrong = violations(World(seed, trace=trace).run())
    print(*trace, "", log.getvalue(), *wrong, sep="\n")
    return len(wrong)


def main() -> int:
    """Do what the arguments ask for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--minutes", type=float, default=60)
    asked.add_argument("--first", type=int, default=int(time.time()), help="the first seed; a new one each second")
    asked.add_argument("--replay", type=int, metavar="SEED")
    given = asked.parse_args()
    wrong = replay(given.replay) if given.replay is not None else soak(given.minutes * 60, given.first)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
