"""How many instructions a piece of Python takes: the same at any load, and within half a percent every time."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from dev.project import ROOT

# Not the one of the virtual environment, which would bring its packages.
PYTHON = Path(sys.executable).resolve()
# As on Lambda there are credentials, and no files about them; a fixed order of sets makes the count repeatable.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "PYTHONHASHSEED": "0",
}
# What a function starts with; connections that ``played`` serves need no TLS.
ON_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "measured", "AWS_ENDPOINT_URL": "http://localhost"}

AT_ONCE = 2

MISSING = "valgrind is not installed, which counts instructions (Debian: apt install valgrind)"


def valgrind() -> str | None:
    """Where valgrind is, if it is installed."""
    return shutil.which("valgrind")


@contextmanager
def side_by_side() -> Iterator[ThreadPoolExecutor]:
    """Threads to count in. Where one fails, or is interrupted, those that have not begun never do."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def count(code: str, paths: Sequence[Path], environment: Mapping[str, str]) -> int:
    """Count the instructions of a Python that starts, runs some code with these folders to import from, and is gone.

    It ends at once: taking the interpreter down costs a tenth of what is counted, and no cold start waits for it.
    """
    cachegrind = [str(valgrind()), "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={os.devnull}"]
    finished = subprocess.run(
        [*cachegrind, *_python(f"{code}\nimport os; os._exit(0)", paths)],
        cwd=ROOT,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    counted = re.search(r"I\s+refs:\s+([\d,]+)", finished.stderr)
    if finished.returncode or counted is None:
        raise RuntimeError(f"could not count: {finished.stderr}")
    return int(counted[1].replace(",", ""))


def run(code: str, paths: Sequence[Path], environment: Mapping[str, str], given: str = "") -> str:
    """Run some code as it is counted, with something on its standard input; return the last line that it printed.

    :raises RuntimeError: it failed.
    """
    finished = subprocess.run(
        _python(code, paths),
        env={**ENVIRONMENT, **environment},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(finished.stderr)
    return finished.stdout.splitlines()[-1]


def _python(code: str, paths: Sequence[Path]) -> list[str]:
    """The command of a Python that runs some code with these folders to import from."""
    program = f"import sys; sys.path[:0] = {[str(path) for path in paths]}\n{code}"
    return [str(PYTHON), "-S", "-B", "-P", "-c", program]
