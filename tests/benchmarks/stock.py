"""Packages as they are installed from their wheels: boto3, at the layer's own versions, which is the unit of the
budgets, and what else is measured with or against."""

import hashlib
import re
import shutil
from functools import cache
from pathlib import Path

from dev.project import LOCAL, ROOT, TOOLS, clean_environment, only_one, proxies, run_step
from tests.benchmarks.instructions import PYTHON, count

PACKAGES = frozenset({"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"})
CLIENT = "import boto3; boto3.client('dynamodb')"


@cache
def instructions() -> int:
    """Count what it takes to import boto3 and create a DynamoDB client: one B. It is the same each time, within what
    any count is, so it is counted once."""
    return count(CLIENT, [site_packages()], {})


def site_packages() -> Path:
    """The folder with boto3, compiled."""
    return installed("boto3", pins())


def pins() -> str:
    """The layer's pins of boto3 and what it needs."""
    every = (ROOT / "layers" / "shared" / "requirements.txt").read_text()
    mine = [pin for pin in re.split(r"^(?=\S)", every, flags=re.MULTILINE) if pin.partition("==")[0] in PACKAGES]
    assert len(mine) == len(PACKAGES)
    return "".join(mine)


def installed(name: str, wanted: str, *, compiled: bool = True) -> Path:
    """A folder with the packages of some pins, installed once for each set of them.

    Compiled as the layer is; otherwise with no bytecode at all, which is what `sam build` makes of a requirements.txt.
    """
    state = hashlib.sha256(f"{wanted}{'' if compiled else 'not compiled'}".encode()).hexdigest()[:16]
    home = LOCAL / "benchmarks" / f"{name}-{state}"
    with only_one("benchmarks"):
        if not (home / "ready").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            requirements = home / "requirements.txt"
            requirements.write_text(wanted)
            install = [
                *(str(TOOLS / "uv" / "bin" / "uv"), "pip", "install", "--target", str(home), "--python", str(PYTHON)),
                *("--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(requirements)),
            ]
            run_step(f"stock {name}", install, {**clean_environment(), **proxies()})
            if compiled:
                compile_all = [str(PYTHON), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
                run_step(f"stock {name}", [*compile_all, str(home)], clean_environment())
            (home / "ready").touch()
    return home
