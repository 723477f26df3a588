"""The local stack: `python -m dev.stack up|down|status|logs|reset`, or `make up` and so on.

`up` starts the emulator, builds and deploys the template, and creates the store `demo`; what is there already is kept.
It writes .local/stack.json, which says where everything is and holds the demo store's key and secrets.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dev import deploy, local_aws
from dev.client import Platform, Store, UnexpectedAnswerError, Urls
from dev.local_aws import LocalAws
from dev.project import LOCAL, REGION, ROOT, STACK_NAME, StepFailedError, only_one

HOME = LOCAL / "emulator"
STACK_FILE = LOCAL / "stack.json"
DEMO_STORE = "demo"
LOG_SECONDS = 600
PLATFORM_LINES = ("START ", "END ", "REPORT ")


def main(arguments: list[str] | None = None) -> None:
    """Run one verb, of the command line unless given; a failure is one message and the exit status 1."""
    parser = argparse.ArgumentParser(prog="dev.stack", description=__doc__)
    parser.add_argument("verb", choices=tuple(VERBS))
    verb = parser.parse_args(arguments).verb
    try:
        with only_one("stack"):
            VERBS[verb]()
    except StepFailedError as failure:
        sys.exit(f"error: {failure}")
    except UnexpectedAnswerError as answer:
        sys.exit(f"error: the demo store could not be set up: {answer}\nThe emulator's log: {HOME / 'emulator.log'}")


def up() -> None:
    """Bring the stack up to date."""
    begun = time.monotonic()
    require_python()
    aws = running_emulator()
    with only_one("build"):
        tell(f"template and functions {'built' if deploy.build() else 'unchanged'}")
        tell(f"stack {STACK_NAME} {'deployed' if deploy.deploy(aws) else 'unchanged'}")
    found = deploy.outputs(aws)
    if found is None:
        raise StepFailedError(f"The stack {STACK_NAME} is not there after its deploy.")
    urls = Urls(deploy.api_url(aws, found), deploy.webhook_url(aws, found))
    store = demo_store(urls)
    write_stack_file(aws, store)
    tell(f"ready after {time.monotonic() - begun:.0f} s: {urls.api_url}/v1, everything else in {relative(STACK_FILE)}")


def down() -> None:
    """Stop the emulator; its state stays in .local and is there again at the next `up`."""
    aws = local_aws.remembered(HOME)
    if aws is None or not local_aws.is_running(aws):
        tell("nothing is running")
        return
    aws.stop()
    tell("stopped; the data is kept (make reset removes it)")


def reset() -> None:
    """Stop the emulator and forget its data."""
    down()
    shutil.rmtree(HOME, ignore_errors=True)
    STACK_FILE.unlink(missing_ok=True)
    tell("the data is gone")


def status() -> None:
    """Say what is running, and what waits in its queues."""
    aws = local_aws.remembered(HOME)
    if aws is None or not local_aws.is_running(aws):
        tell("nothing is running; make up starts it")
    elif not STACK_FILE.exists():
        tell(f"an emulator runs at {aws.url}, without a finished stack; make up finishes it")
    else:
        stack = read_stack_file()
        tell(f"running: {stack['api_url']}/v1 (emulator: process {aws.pid})")
        for name, waiting, in_work in queues(aws):
            tell(f"  {name}: {waiting} waiting, {in_work} in work")


def queues(aws: LocalAws) -> Iterator[tuple[str, str, str]]:
    """Each queue of the stack that has messages, with how many wait and how many are being handled."""
    sqs = aws.client("sqs")
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    for url in sqs.list_queues().get("QueueUrls", []):
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
        if set(counts.values()) != {"0"}:
            yield url.rpartition("/")[2], *(counts[name] for name in wanted)


def logs() -> None:
    """What the functions logged last, in order of time; of one alone where FUNCTION names it."""
    wanted = os.environ.get("FUNCTION")
    functions = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))
    if wanted and wanted not in functions:
        raise StepFailedError(f"There is no function {wanted}. FUNCTION is one of: {', '.join(functions)}")
    aws = local_aws.remembered(HOME)
    if aws is None or not local_aws.is_running(aws):
        raise StepFailedError("Nothing is running; make up starts it.")
    client = aws.client("logs")
    since = int((time.time() - LOG_SECONDS) * 1000)
    lines: list[tuple[int, str]] = []
    for group in client.describe_log_groups()["logGroups"]:
        name = group["logGroupName"].rsplit("/", 1)[-1]
        if name == (wanted or name):
            found = client.filter_log_events(logGroupName=group["logGroupName"], startTime=since)["events"]
            lines += [(event["timestamp"], f"{name}: {event['message'].rstrip()}") for event in found if is_ours(event)]
    for _, line in sorted(lines, key=lambda line: line[0]):
        tell(line)


def is_ours(event: dict[str, Any]) -> bool:
    """Whether a function printed this line."""
    return not event["message"].startswith(PLATFORM_LINES)


def running_emulator() -> LocalAws:
    """The emulator of this clone, started if it is not running."""
    last = local_aws.remembered(HOME)
    wanted = wanted_port()
    if last is not None and local_aws.is_running(last):
        if wanted in {0, last.port} and not local_aws.is_outdated(last):
            tell(f"emulator already running at {last.url}")
            return last
        if wanted not in {0, last.port}:
            require_free(wanted)
        last.stop()
    port = wanted or (last.port if last else local_aws.free_port())
    require_free(port)
    aws = local_aws.start(HOME, port)
    tell(f"emulator started at {aws.url}")
    return aws


def require_free(port: int) -> None:
    """Nobody else may listen there."""
    if not local_aws.is_free(port):
        raise StepFailedError(f"Port {port} is taken by another process. Free it, or choose another: make up PORT=4599")


def wanted_port() -> int:
    """The port that the caller chose; 0 is none."""
    given = os.environ.get("PORT") or "0"
    if not given.isdecimal() or int(given) > 65535:
        raise StepFailedError(f"PORT={given} is no port number.")
    return int(given)


def require_python() -> None:
    """The emulator runs the functions under its own interpreter, which must be theirs."""
    if sys.version_info[:2] != (3, 13):
        raise StepFailedError(
            f"Python 3.13 is needed and this is {sys.version.split()[0]}: remove .venv, run make setup"
        )


def demo_store(urls: Urls) -> Store:
    """The demo store: as remembered while its key works, else made, else taken over with new keys."""
    known = remembered_store(urls)
    if known is not None and known.api("GET", "/v1/store").status == 200:
        tell(f"store {DEMO_STORE} unchanged")
        return known
    platform = Platform(urls)
    if platform.has_store(DEMO_STORE):
        tell(f"store {DEMO_STORE} exists, its key is lost: new key and secrets")
        return platform.take_over_store(DEMO_STORE)
    tell(f"store {DEMO_STORE} created")
    return platform.create_store(DEMO_STORE, name="Demo shop")


def remembered_store(urls: Urls) -> Store | None:
    """The demo store of the last `up`, at the addresses of now."""
    if not STACK_FILE.exists():
        return None
    stack = read_stack_file()
    return Store(urls, stack["store_id"], stack["api_key"], stack["secrets"])


def read_stack_file() -> dict[str, Any]:
    """What the last `up` wrote."""
    stack: dict[str, Any] = json.loads(STACK_FILE.read_text())
    return stack


def write_stack_file(aws: LocalAws, store: Store) -> None:
    """For people, the demo and other tools; not readable by other users, as it holds a key."""
    stack = {
        "api_url": store.urls.api_url,
        "webhook_url": store.urls.webhook_url,
        "endpoint_url": aws.url,
        "region": REGION,
        "stack_name": STACK_NAME,
        "store_id": store.store_id,
        "api_key": store.api_key,
        "secrets": dict(store.secrets),
    }
    STACK_FILE.touch(mode=0o600)
    STACK_FILE.write_text(json.dumps(stack, indent=2) + "\n")


def relative(path: Path) -> str:
    """A path as one would type it."""
    return os.path.relpath(path)


def tell(line: str) -> None:
    """One line of progress, at once."""
    print(line, flush=True)


VERBS = {"up": up, "down": down, "status": status, "logs": logs, "reset": reset}

if __name__ == "__main__":
    main()
