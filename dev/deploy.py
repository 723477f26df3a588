"""Build the template and deploy it to a local AWS, each only when what goes into it has changed."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from botocore.exceptions import ClientError

from dev import local_aws
from dev.local_aws import LocalAws
from dev.project import (
    LOCAL,
    ROOT,
    STACK_NAME,
    TOOLS,
    architecture,
    clean_environment,
    layer_platform,
    only_one,
    proxies,
    run_step,
)

SAM = TOOLS / "sam" / "bin" / "sam"
BUILD = ROOT / ".aws-sam" / "build"
BUILD_CACHE = LOCAL / "build-cache"
IMAGES = LOCAL / "images"
KEPT_IMAGES = 2
# dev/prove_roles.py runs the tests on images of its own.
IMAGE_VARIABLE = "CASHBACK_IMAGE"
# Kept beside the stack, so that it is as old as the state that the emulator found at its start.
DEPLOYED_INPUTS = "/dev/deployed-inputs"
# Whoever sends e-mails verifies it first, as in SES.
EMAIL_SENDER = "shop@example.com"
# Short times, so that a revoked key and a failed message are seen again soon; nothing is throttled.
PARAMETERS = {
    "Architecture": architecture(),
    "AuthorizerCacheSeconds": "2",
    "StoreEventsVisibilitySeconds": "10",
    "ScenarioActionsVisibilitySeconds": "10",
    "CreditsVisibilitySeconds": "10",
    "EmailSender": EMAIL_SENDER,
    "NotificationsVisibilitySeconds": "10",
    "ApiRequestsPerSecond": "10000",
    "WebhookRequestsPerSecond": "10000",
}


@cache
def inputs_hash() -> str:
    """Of everything that a build and a deploy read."""
    digest = hashlib.sha256(json.dumps([PARAMETERS, layer_platform()]).encode())
    for path in sorted(input_files()):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def input_files() -> Iterator[Path]:
    """The sources of the stack and of the emulator."""
    yield from (ROOT / "template.yaml", ROOT / "samconfig.toml", ROOT / "dev" / "emulator.py")
    yield from (ROOT / "dev" / "requirements").glob("*.txt")
    for folder in ("functions", "layers"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def build() -> bool:
    """`sam build`, unless the last one had the same inputs. Says whether it ran.

    Another `sam build`, for AWS say, empties the folder and so removes the stamp.
    """
    stamp = BUILD / "inputs"
    if stamp.exists() and stamp.read_text() == inputs_hash():
        return False
    stamp.unlink(missing_ok=True)
    environment = {**clean_environment(), **proxies(), "LAYER_PLATFORM": layer_platform()}
    command = [
        *(str(SAM), "build", "--config-env", "local", "--parameter-overrides", overrides()),
        *("--parallel", "--cached", "--cache-dir", str(BUILD_CACHE)),
    ]
    run_step("sam build", command, environment)
    stamp.write_text(inputs_hash())
    return True


def deploy(aws: LocalAws) -> bool:
    """`sam deploy`, unless this stack was deployed from the same inputs. Says whether it ran."""
    ssm = aws.client("ssm")
    try:
        if ssm.get_parameter(Name=DEPLOYED_INPUTS)["Parameter"]["Value"] == inputs_hash():
            return False
    except ssm.exceptions.ParameterNotFound:
        pass
    command = [str(SAM), "deploy", "--config-env", "local", "--no-progressbar", "--parameter-overrides", overrides()]
    environment = {**clean_environment(), "AWS_ENDPOINT_URL": aws.url, "SAM_CLI_POLL_DELAY": "0.2"}
    run_step("sam deploy", command, environment)
    ssm.put_parameter(Name=DEPLOYED_INPUTS, Value=inputs_hash(), Type="String", Overwrite=True)
    return True


def overrides() -> str:
    """The deploy's parameters as SAM takes them."""
    return " ".join(f"{name}={value}" for name, value in PARAMETERS.items())


def outputs(aws: LocalAws) -> dict[str, str] | None:
    """The outputs of the deployed stack, by name; None when there is none."""
    try:
        stacks = aws.client("cloudformation").describe_stacks(StackName=STACK_NAME)
    except ClientError:
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in stacks["Stacks"][0].get("Outputs", [])}


def image() -> Path:
    """The folder of a stopped emulator with the stack deployed, made once for each state of the sources.

    `local_aws.copy_home` of it and a start make a deployed stack in less than a second.
    """
    if IMAGE_VARIABLE in os.environ:
        return Path(os.environ[IMAGE_VARIABLE])
    home = IMAGES / inputs_hash()[:16]
    with only_one("build"):
        if not (home / "ready").exists():
            build()
            shutil.rmtree(home, ignore_errors=True)
            aws = local_aws.start(home, local_aws.free_port())
            try:
                deploy(aws)
            finally:
                aws.stop()
            (home / "ready").touch()
            remove_old_images()
    return home


def remove_old_images() -> None:
    """Keep the newest images only."""
    by_age = sorted(IMAGES.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in by_age[KEPT_IMAGES:]:
        shutil.rmtree(folder)


def api_url(aws: LocalAws, found: dict[str, str]) -> str:
    """Base of /v1 and /platform."""
    return f"{aws.url}/_aws/execute-api/{found['AdminApiId']}/live"


def webhook_url(aws: LocalAws, found: dict[str, str]) -> str:
    """Base of /webhooks."""
    return f"{aws.url}/_aws/execute-api/{found['WebhookApiId']}/live"
