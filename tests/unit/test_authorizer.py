"""Who is let in: a key that works, and nothing else."""

import subprocess
import sys
from typing import Any

import pytest

from cashback.domain.errors import Busy
from cashback.edge import deps
from dev.project import ROOT
from tests.simulation.dynamo import Fault
from tests.unit.deployment import METHOD_ARN, Deployment, function, token


def authorize(key: str) -> dict[str, Any]:
    granted: dict[str, Any] = function("authorizer").handler(token(key), None)
    return granted


def is_refused(event: dict[str, Any]) -> bool:
    with pytest.raises(Exception, match=r"^Unauthorized$") as refused:
        function("authorizer").handler(event, None)
    return type(refused.value) is Exception


def test_a_key_opens_its_whole_stage_and_names_its_store(deployment: Deployment) -> None:
    granted = authorize(deployment.create_store())
    (statement,) = granted["policyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": "arn:aws:execute-api:eu-central-1:000000000000:abc123/live/*",
    }
    assert granted["context"]["store_id"] == "demo"
    assert granted["context"]["role"] == "admin"
    assert granted["context"]["api_key_id"] == granted["principalId"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "Bearer cbk_demo_short",
        "Bearer cbk_demo_" + "a" * 33,
        "Bearer cbk_demo_" + "A" * 32,
        "Bearer cbk_demo_" + "é" * 32,
        "Bearer  cbk_demo_" + "a" * 32,
        "Bearer cbk_demo_" + "a" * 32 + "\n",
        "Bearer cbk_demo_" + "a" * 32,
    ],
)
@pytest.mark.row("92")
def test_what_is_no_key_of_ours_is_refused(deployment: Deployment, header: str) -> None:
    deployment.create_store()
    assert is_refused({"type": "TOKEN", "authorizationToken": header, "methodArn": METHOD_ARN})


@pytest.mark.row("92")
def test_a_missing_header_is_refused(deployment: Deployment) -> None:
    assert is_refused({"type": "TOKEN", "methodArn": METHOD_ARN})


@pytest.mark.row("93", "S35")
def test_a_key_of_another_deployment_is_refused(deployment: Deployment) -> None:
    other = deployment.create_store().replace("cbk_demo_", "cbk_demo_a")[:-1]
    assert is_refused(token(other))


@pytest.mark.row("92")
def test_an_expired_key_is_refused(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = deployment.create_store()
    key = deployment.make_key(admin, "viewer", expires_at="2090-01-01T00:00:00Z")
    assert authorize(key)
    monkeypatch.setattr(function("authorizer"), "now", lambda: "2090-01-01T00:00:00.000000Z")
    assert is_refused(token(key))


@pytest.mark.row("92", "S10")
def test_a_deleted_key_is_refused(deployment: Deployment) -> None:
    admin = deployment.create_store()
    made = deployment.call("POST", "/v1/api-keys", {"name": "x", "role": "viewer"}, key=admin).expect(201)
    deployment.call("DELETE", f"/v1/api-keys/{made['api_key_id']}", key=admin).expect(204)
    assert is_refused(token(made["api_key"]))


def test_an_unreachable_table_is_a_crash_and_never_a_yes_or_a_no(deployment: Deployment) -> None:
    key = deployment.create_store()
    deployment.dynamo.faults.script[deployment.dynamo.faults.calls + 1] = Fault.ERROR_BEFORE
    with pytest.raises(Busy):
        authorize(key)


@pytest.mark.row("S10")
def test_no_key_is_stored_in_the_clear(deployment: Deployment) -> None:
    key = deployment.create_store()
    assert key not in repr(deployment.everything())
    assert key.rpartition("_")[2] not in repr(deployment.everything())


def test_the_look_up_is_one_consistent_read(deployment: Deployment) -> None:
    key = deployment.create_store()
    before = deployment.dynamo.faults.calls
    authorize(key)
    assert deployment.dynamo.faults.calls == before + 1
    assert deps.api_keys().bearer(key) is not None


def test_the_authorizer_imports_neither_pydantic_nor_a_resolver() -> None:
    script = (
        "import sys; import functions.authorizer.app; print('pydantic' in sys.modules, 'boto3' in sys.modules, "
        "any(name.startswith('aws_lambda_powertools') for name in sys.modules))"
    )
    paths = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'layers' / 'shared')!r}]; "
    found = subprocess.run([sys.executable, "-c", paths + script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False", "False"]
