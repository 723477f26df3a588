"""Where things are, and running a step of the set-up with words for when it fails."""

import fcntl
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
LOGS = LOCAL / "logs"
TOOLS = ROOT / ".tools"

REGION = "eu-central-1"
STACK_NAME = "cashback"
# The emulator's root: any secret passes, and nothing here is worth keeping.
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105 - no secret: the emulator takes any

LAST_LINES = 20
PASSED_ON = frozenset({"HOME", "LANG", "LC_ALL", "SSL_CERT_FILE", "XDG_CACHE_HOME"})
PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


class StepFailedError(Exception):
    """A step did not work; the message is for the person at the keyboard."""


def run_step(name: str, command: list[str], environment: Mapping[str, str], folder: Path = ROOT) -> None:
    """Run a command with its output in a log; on failure say which step, its last lines and where the log is."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as output:
        finished = subprocess.run(
            command, cwd=folder, env=dict(environment), stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if finished.returncode:
        raise StepFailedError(f"{name} failed ({command[0]} ended with {finished.returncode}).\n{last_lines(log)}")


def last_lines(log: Path) -> str:
    """The end of a log, indented, with its path."""
    lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([*(f"    {line}" for line in lines), f"The whole log: {log}"])


def clean_environment() -> dict[str, str]:
    """An environment with our tools first and none of the user's AWS settings or proxies."""
    kept = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("UV_")}
    tools = [ROOT / ".venv" / "bin", TOOLS / "uv" / "bin", TOOLS / "sam" / "bin"]
    return {
        **kept,
        "PATH": os.pathsep.join([*map(str, tools), os.environ.get("PATH", os.defpath)]),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_TELEMETRY": "0",
    }


def proxies() -> dict[str, str]:
    """The user's, for what fetches packages; nothing that talks to the emulator may have them."""
    return {name: value for name, value in os.environ.items() if name.lower() in PROXIES}


def architecture() -> str:
    """This machine's, in Lambda's words: the emulator runs the functions right here."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def layer_platform() -> str:
    """This machine's, in uv's words, for the layer's compiled packages."""
    processor = "aarch64" if architecture() == "arm64" else "x86_64"
    return f"{processor}-apple-darwin" if platform.system() == "Darwin" else f"{processor}-manylinux2014"


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """One process at a time in here, over all test workers and `make up`s of this clone."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def logical_id(function: str) -> str:
    """Return what the template calls a function, by its folder's name."""
    return function.title().replace("_", "")
