"""Show that a missing permission fails a test: `python -m dev.prove_roles [FUNCTION ...]`.

For every action of every role, a copy of the deployed stack loses just that action and the end-to-end tests run on it.
They must fail. It takes minutes, so it is run by hand when a role or the suite has changed, and is not part of
`make test`.
"""

import copy
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dev import deploy, local_aws
from dev.local_aws import LocalAws
from dev.project import ROOT

# The emulator's queue poller, its Scheduler and its destinations of failures ask no role, and nobody is asked whose
# role a schedule gets; tests/template/test_roles.py holds these.
NOT_ASKED_FOR = frozenset({"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "iam:PassRole"})
NOT_ASKED_UNDER = frozenset(
    {
        "StartSweeps",
        "KeepSweepsThatFailed",
        "KeepSweepsThatCouldNotBeStarted",
        "StartHours",
        "KeepHoursThatFailed",
        "KeepHoursThatCouldNotBeStarted",
        "QueueTasksThatAreDue",
        "KeepAlarmsThatCouldNotBeDelivered",
    }
)


class Grant(NamedTuple):
    """One action of one statement of one role's policy."""

    role: str
    policy: str
    sid: str
    action: str


def main() -> None:
    """Remove each grant in turn; end with 1 if the tests passed without one of them."""
    chosen = sys.argv[1:]
    image = deploy.image()
    if tests_fail_without(image, None):
        sys.exit("error: the end-to-end tests fail with all grants in place")
    unnoticed = []
    for grant in grants(image):
        if chosen and not any(f"-{name}Role-" in grant.role for name in chosen):
            continue
        if grant.action in NOT_ASKED_FOR or grant.sid in NOT_ASKED_UNDER:
            continue
        noticed = tests_fail_without(image, grant)
        print(f"{'noticed  ' if noticed else 'UNNOTICED'} {grant.role} {grant.sid} {grant.action}", flush=True)
        if not noticed:
            unnoticed.append(grant)
    sys.exit(1 if unnoticed else 0)


def grants(image: Path) -> list[Grant]:
    """Every grant of the deployed roles."""
    with tempfile.TemporaryDirectory() as scratch:
        aws = start_copy(image, Path(scratch))
        found = [
            Grant(role, policy, statement["Sid"], action)
            for role, policy, document in policies(aws)
            for statement in document["Statement"]
            for action in as_list(statement["Action"])
        ]
        aws.stop()
    return found


def tests_fail_without(image: Path, grant: Grant | None) -> bool:
    """Run the end-to-end tests on a copy of the stack that lacks the grant, if one is named."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        aws = start_copy(image, home)
        if grant:
            remove(aws, grant)
        aws.stop()
        finished = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-n", "2", "tests/e2e"],
            cwd=ROOT,
            env={**os.environ, deploy.IMAGE_VARIABLE: scratch},
            capture_output=True,
            check=False,
        )
    return finished.returncode != 0


def start_copy(image: Path, home: Path) -> LocalAws:
    """An emulator of its own on a copy of the image."""
    local_aws.copy_home(image, home)
    return local_aws.start(home, local_aws.free_port(), with_this_process=True)


def policies(aws: LocalAws) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The inline policies of the stack's roles."""
    iam = aws.client("iam")
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            yield name, policy, iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]


def remove(aws: LocalAws, grant: Grant) -> None:
    """Take one action out of one statement; a statement without actions goes, and a policy without any."""
    document = copy.deepcopy(next(document for role, policy, document in policies(aws) if (role, policy) == grant[:2]))
    for statement in document["Statement"]:
        if statement["Sid"] == grant.sid:
            statement["Action"] = [action for action in as_list(statement["Action"]) if action != grant.action]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    iam = aws.client("iam")
    if not document["Statement"]:
        iam.delete_role_policy(RoleName=grant.role, PolicyName=grant.policy)
        return
    iam.put_role_policy(RoleName=grant.role, PolicyName=grant.policy, PolicyDocument=json.dumps(document))


def as_list(value: Any) -> list[Any]:
    """An action or a resource may stand alone."""
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    main()
