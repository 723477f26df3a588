"""The local AWS as a process: start it on a folder and a port, stop it so that its state is kept."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import urllib3
from botocore.config import Config

from dev.project import ACCESS_KEY, REGION, ROOT, SECRET_KEY, TOOLS, StepFailedError, clean_environment, last_lines

LAUNCHER = ROOT / "dev" / "emulator.py"
START_SECONDS = 30
STOP_SECONDS = 30
# State files name their own address, in queue URLs among others.
ADDRESS = "127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class LocalAws:
    """A running emulator. `home` holds its state, its log and its temporary files."""

    home: Path
    port: int
    pid: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The endpoint of every service."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client as its root, which may do everything."""
        session = boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION)
        make: Any = session.client
        direct = Config(proxies={})
        return make(service, endpoint_url=self.url, config=direct.merge(config) if config else direct)

    def stop(self) -> None:
        """End it by SIGTERM, at which it writes its state; its functions' processes end with it."""
        os.kill(self.pid, signal.SIGTERM)
        if not self.wait_for_end():
            os.kill(self.pid, signal.SIGKILL)
            raise StepFailedError(f"The emulator (process {self.pid}) had to be killed; its last changes are lost.")

    def wait_for_end(self) -> bool:
        """Whether it ended in time; a child of this process is reaped."""
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None if self.process else not is_alive(self.pid):
                return True
            time.sleep(0.05)
        return False


def start(
    home: Path,
    port: int,
    *,
    with_this_process: bool = False,
    proxy: str | None = None,
    journal: Path | None = None,
) -> LocalAws:
    """Start the emulator on a folder; what a stopped one left there is there again. Waits until it answers.

    `with_this_process`: it ends by itself when the calling process has died without stopping it.
    `proxy`: where the functions send their calls of AWS instead of to the emulator itself.
    `journal`: the file that their calls are written down in.
    """
    state, scratch, log = home / "state", home / "tmp", home / "emulator.log"
    # Workers unpack their code there and stopped ones leave it behind.
    shutil.rmtree(scratch, ignore_errors=True)
    state.mkdir(parents=True, exist_ok=True)
    scratch.mkdir()
    move_to_port(home, port)
    with log.open("wb") as output:
        python = str(TOOLS / "emulator" / "bin" / "python")
        command = [python, str(LAUNCHER), "--port", str(port), "--state", str(state)]
        command += ["--journal", str(journal)] if journal else []
        process = subprocess.Popen(
            [*command, "--parent", str(os.getpid())] if with_this_process else command,
            cwd=home,
            env={**clean_environment(), **emulator_settings(port, scratch), **({"HTTP_PROXY": proxy} if proxy else {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    aws = LocalAws(home, port, process.pid, process)
    deadline = time.monotonic() + START_SECONDS
    while not answers(aws.url):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise StepFailedError(f"The emulator did not start on port {port}.\n{last_lines(log)}")
        time.sleep(0.05)
    note = {"port": port, "pid": process.pid, "launcher": launcher_hash()}
    (home / "emulator.json").write_text(json.dumps(note))
    return aws


def emulator_settings(port: int, scratch: Path) -> dict[str, str]:
    """ministack's environment: loopback only, every function under its own role, state kept."""
    return {
        "AUTH": "true",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(scratch),
        "S3_DATA_DIR": str(scratch / "s3"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def remembered(home: Path) -> LocalAws | None:
    """The emulator last started on a folder, running or not."""
    note = home / "emulator.json"
    if not note.exists():
        return None
    record = json.loads(note.read_text())
    return LocalAws(home, int(record["port"]), int(record["pid"]))


def is_running(aws: LocalAws) -> bool:
    """Whether this process id is still that very emulator, and not a later process with its number."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(aws.pid)], capture_output=True, text=True, check=False
    )
    return str(LAUNCHER) in listed.stdout and str(aws.home / "state") in listed.stdout


def is_outdated(aws: LocalAws) -> bool:
    """Whether it was started with another launcher or ministack than those of now."""
    note = json.loads((aws.home / "emulator.json").read_text())
    return bool(note["launcher"] != launcher_hash())


def launcher_hash() -> str:
    """Of the launcher, which names the version of ministack that it corrects."""
    return hashlib.sha256(LAUNCHER.read_bytes()).hexdigest()


def move_to_port(home: Path, port: int) -> None:
    """Rewrite the port in a saved state: without this no queue would ever reach its function."""
    last = remembered(home)
    if last is None or last.port == port:
        return
    old, new = ADDRESS.format(port=last.port).encode(), ADDRESS.format(port=port).encode()
    for document in (home / "state").rglob("*.json"):
        content = document.read_bytes()
        if old in content:
            document.write_bytes(content.replace(old, new))


def copy_home(source: Path, target: Path) -> None:
    """A second emulator's folder with the state of a stopped one."""
    shutil.copytree(source / "state", target / "state")
    shutil.copy(source / "emulator.json", target / "emulator.json")


def answers(url: str) -> bool:
    """Whether an emulator serves requests there."""
    try:
        return urllib3.request("GET", f"{url}/_ministack/health", timeout=2, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server may listen on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
