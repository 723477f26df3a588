"""The built layer: valid bytecode, no ballast, and a trimmed botocore that behaves as the stock one."""

import importlib.metadata
import json
import ssl
import uuid
from datetime import UTC, datetime
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from dev.project import ROOT
from dev.template import as_written
from tests import bytecode
from tests.aws_calls import CALLS, FAILURES, SUCCESSES, Sent, exchange
from trim_layer import AMAZON_ROOTS, OPERATIONS, common_name


def test_every_module_has_bytecode_that_is_never_checked_again(layer: Path) -> None:
    modules = list(layer.rglob("*.py"))
    invalid = [str(path.relative_to(layer)) for path in modules if not bytecode.is_valid(path)]
    assert modules
    assert invalid == []


def test_the_layer_holds_the_package_and_no_ballast(layer: Path) -> None:
    assert (layer / "cashback" / "__init__.py").exists()
    assert not (layer / "boto3" / "data").exists()
    assert [path for path in layer.rglob("tests") if path.is_dir()] == []
    services = {path.name for path in (layer / "botocore" / "data").iterdir() if path.is_dir()}
    assert services == set(OPERATIONS)


def test_the_layer_has_the_certificates_of_aws_apart(layer: Path) -> None:
    trusted = ssl.create_default_context(cafile=layer / "amazon-roots.pem").get_ca_certs()
    assert {common_name(one) for one in trusted} == set(AMAZON_ROOTS)
    everyone = ssl.create_default_context(cafile=layer / "botocore" / "cacert.pem").get_ca_certs()
    assert len(everyone) > 100
    assert all(one in everyone for one in trusted)


@pytest.mark.parametrize("roots", ["amazon", "all"])
def test_calls_of_aws_trust_a_file_of_the_layer(layer: Path, roots: str) -> None:
    chosen = as_written()
    assert chosen["Conditions"]["TrustsAmazonAlone"] == {"Fn::Equals": [{"Ref": "TrustedRoots"}, "amazon"]}
    variables = chosen["Globals"]["Function"]["Environment"]["Variables"]
    _, *paths = variables["AWS_CA_BUNDLE"]["Fn::If"]
    place = dict(zip(chosen["Parameters"]["TrustedRoots"]["AllowedValues"], paths, strict=True))[roots]
    assert (layer / PurePosixPath(place).relative_to("/opt/python")).is_file()


def test_the_layer_is_a_fraction_of_what_lambda_takes(layer: Path) -> None:
    size = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())
    assert size < 40 * 1024 * 1024


def test_the_sources_of_the_layer_hold_no_build_output() -> None:
    found = {path.name for path in (ROOT / "layers" / "shared").iterdir()} - {"__pycache__", ".mypy_cache"}
    assert found == {"Makefile", "cashback", "requirements.txt", "rewrite_modules.py", "trim_layer.py"}


def test_the_tests_run_with_the_layer_s_own_versions(layer: Path) -> None:
    in_layer = {found.name: found.version for found in importlib.metadata.distributions(path=[str(layer)])}
    here = {name: importlib.metadata.version(name) for name in in_layer}
    assert in_layer == here


# ---- the trimmed botocore


@pytest.fixture(autouse=True)
def fixed_time_and_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures, idempotency tokens and invocation ids depend on nothing but the request."""
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime(2026, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=1))


@cache
def client(service: str, data: Path | None, region: str = "eu-central-1") -> Any:
    """A client of the stock library, or one that finds only the layer's data."""
    session = botocore.session.Session()
    if data is not None:
        session.register_component("data_loader", Loader([str(data)], include_default_search_paths=False))
    session.set_credentials("key", "secret")
    # Named as the functions name theirs: botocore's own name tells by which means it found the endpoint.
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, user_agent="cashback")
    return session.create_client(service, region_name=region, config=config)


def exchanged(
    service: str, operation: str, data: Path | None, answer: tuple[int, bytes], region: str = "eu-central-1"
) -> tuple[Sent, Any]:
    """What a call sends, and what it makes of this answer."""
    sent: list[Sent] = []
    result = exchange(client(service, data, region), operation, CALLS[service, operation], [answer], sent)
    return sent[0], result


def test_there_is_a_call_for_every_operation_that_is_kept() -> None:
    assert set(CALLS) == {(service, name) for service, names in OPERATIONS.items() for name in names}


@pytest.mark.parametrize(("service", "operation"), CALLS)
def test_a_trimmed_client_sends_and_reads_what_the_stock_one_does(layer: Path, service: str, operation: str) -> None:
    said = SUCCESSES[service, operation]
    answers = {"success": (200, said if isinstance(said, bytes) else json.dumps(said).encode()), **FAILURES}
    for name, answer in answers.items():
        trimmed = exchanged(service, operation, layer / "botocore" / "data", answer)
        stock = exchanged(service, operation, None, answer)
        (sent, result) = stock
        assert sent.body
        assert isinstance(result, dict) == (name == "success")
        assert trimmed == stock


@pytest.mark.parametrize(("service", "operation"), CALLS)
def test_a_trimmed_client_pages_what_the_stock_one_does(layer: Path, service: str, operation: str) -> None:
    trimmed, stock = client(service, layer / "botocore" / "data"), client(service, None)
    method = botocore.xform_name(operation)
    assert trimmed.can_paginate(method) == stock.can_paginate(method)


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "ap-south-2"])
@pytest.mark.parametrize("service", OPERATIONS)
def test_a_trimmed_client_finds_the_same_endpoint(layer: Path, service: str, region: str) -> None:
    operation = next(name for kept, name in CALLS if kept == service)
    trimmed, stock = (
        exchanged(service, operation, data, (200, b"{}"), region)[0] for data in (layer / "botocore" / "data", None)
    )
    assert stock.url.startswith("https://")
    assert trimmed == stock


def test_a_service_that_was_cut_away_fails_by_name(layer: Path) -> None:
    with pytest.raises(UnknownServiceError, match="dynamodb"):
        client("s3", layer / "botocore" / "data")
