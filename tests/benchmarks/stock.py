"""The unit of the budgets: boto3 as it is installed from its wheels, at the layer's own versions, compiled."""

import hashlib
import re
import shutil
from pathlib import Path

from dev.project import LOCAL, ROOT, TOOLS, clean_environment, only_one, proxies, run_step
from tests.benchmarks.instructions import PYTHON, count

PACKAGES = frozenset({"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"})
CLIENT = "import boto3; boto3.client('dynamodb')"


def instructions() -> int:
    """Count what it takes to import boto3 and create a DynamoDB client: one B."""
    return count(CLIENT, [site_packages()], {})


def site_packages() -> Path:
    """The folder with boto3, installed once for each set of pins."""
    wanted = pins()
    home = LOCAL / "benchmarks" / f"boto3-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
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
            run_step("stock boto3", install, {**clean_environment(), **proxies()})
            compile_all = [str(PYTHON), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(home)]
            run_step("stock boto3", compile_all, clean_environment())
            (home / "ready").touch()
    return home


def pins() -> str:
    """The layer's pins of boto3 and what it needs."""
    every = (ROOT / "layers" / "shared" / "requirements.txt").read_text()
    mine = [pin for pin in re.split(r"^(?=\S)", every, flags=re.MULTILINE) if pin.partition("==")[0] in PACKAGES]
    assert len(mine) == len(PACKAGES)
    return "".join(mine)
