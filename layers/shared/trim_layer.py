"""Cut an installed layer, in place, to what the functions use. Usage: python trim_layer.py SITE_PACKAGES.

botocore carries the descriptions of every AWS service: 18 MB of JSON, and an endpoint table that costs 28 ms to parse
at each cold start. What is left here is the services and operations below with the shapes they reach, so that
a client behaves as before, and a service that is not listed fails at once with an error naming the valid ones.
tests/template/test_layer.py proves that requests and parsed answers are those of the stock library. Beside botocore's
certificates there is a file with those alone that AWS's own endpoints need. rewrite_modules.py does the rest.
"""

import gzip
import json
import shutil
import ssl
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import rewrite_modules

OPERATIONS = {
    "dynamodb": (
        "GetItem",
        "PutItem",
        "UpdateItem",
        "Query",
        "BatchGetItem",
        "BatchWriteItem",
        "TransactWriteItems",
    ),
    "sqs": ("SendMessage", "SendMessageBatch", "ChangeMessageVisibility"),
    "kms": ("Encrypt", "Decrypt"),
    "ssm": ("GetParameter", "PutParameter"),
    "scheduler": ("CreateSchedule",),
    "sns": ("Publish",),
    "sesv2": ("SendEmail",),
    "events": ("PutEvents",),
}
PARTITION = "aws"
PROSE = frozenset({"documentation", "documentationUrl", "examples"})
SHARED_FILES = ("sdk-default-configuration.json", "_retry.json")
UNUSED_DIRECTORIES = ("boto3/data", "boto3/examples", "bin")

AMAZON_ROOTS = (
    *[f"Amazon Root CA {number}" for number in range(1, 5)],
    "Starfield Services Root Certificate Authority - G2",
)
"""Who signs for the endpoints of partition aws. Source: the repository of Amazon Trust Services."""


def main(site: Path) -> None:
    """Replace botocore's data by the cut, then drop what no function imports."""
    stock, cut = site / "botocore" / "data", site / "botocore" / "data.cut"
    for service, operations in OPERATIONS.items():
        cut_service(stock / service, cut / service, operations)
    cut_endpoints(stock, cut)
    for name in SHARED_FILES:
        write_json(cut / name, without_prose(read_json(stock / name)))
    shutil.rmtree(stock)
    cut.rename(stock)
    write_amazon_roots(site)
    for directory in UNUSED_DIRECTORIES:
        shutil.rmtree(site / directory, ignore_errors=True)
    rewrite_modules.rewrite_all(site)
    for tests in [path for path in site.rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests)


def cut_service(stock: Path, cut: Path, operations: tuple[str, ...]) -> None:
    """Keep one version of a service's model: its operations, their shapes, their paginators.

    Its rules for endpoints go: without them botocore takes the endpoint of the region from its table, once for a client
    and not by resolving nine parameters for each call.
    """
    version = max(path.name for path in stock.iterdir())
    model = read_json(stock / version / "service-2.json")
    model["operations"] = {name: model["operations"][name] for name in operations}
    model["shapes"] = reachable_shapes(model)
    write_json(cut / version / "service-2.json", without_prose(model))

    paginators = read_json(stock / version / "paginators-1.json")["pagination"]
    kept = {name: paginator for name, paginator in paginators.items() if name in operations}
    write_json(cut / version / "paginators-1.json", {"pagination": kept})


def cut_endpoints(stock: Path, cut: Path) -> None:
    """Keep one partition, and in it the services that are used."""
    endpoints = read_json(stock / "endpoints.json")
    endpoints["partitions"] = [
        {**partition, "services": {name: s for name, s in partition["services"].items() if name in OPERATIONS}}
        for partition in endpoints["partitions"]
        if partition["partition"] == PARTITION
    ]
    write_json(cut / "endpoints.json", endpoints)

    partitions = read_json(stock / "partitions.json")
    partitions["partitions"] = [partition for partition in partitions["partitions"] if partition["id"] == PARTITION]
    write_json(cut / "partitions.json", partitions)


def write_amazon_roots(site: Path) -> None:
    """Take Amazon's certificates out of botocore's. To read all costs some 25 ms of CPU for each connection.

    :raises KeyError: one of them is not there.
    """
    every = ssl.create_default_context(cafile=site / "botocore" / "cacert.pem")
    found = {
        common_name(told): ssl.DER_cert_to_PEM_cert(certificate)
        for told, certificate in zip(every.get_ca_certs(), every.get_ca_certs(binary_form=True), strict=True)
    }
    (site / "amazon-roots.pem").write_text("".join([found[name] for name in AMAZON_ROOTS]))


def common_name(told: Any) -> str | None:
    """The name that a certificate gives its owner."""
    return dict(chain.from_iterable(told["subject"])).get("commonName")


def reachable_shapes(model: dict[str, Any]) -> dict[str, Any]:
    """Every shape that the model's operations lead to, and every error: a service answers any of them by name."""
    reached: set[str] = set()
    errors = {name for name, shape in model["shapes"].items() if shape.get("exception")}
    frontier = errors | set(shape_names(model["operations"]))
    while frontier:
        reached |= frontier
        frontier = {name for shape in frontier for name in shape_names(model["shapes"][shape])} - reached
    return {name: shape for name, shape in model["shapes"].items() if name in reached}


def shape_names(node: object) -> Iterator[str]:
    """The shapes that a part of a model refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for child in node.values():
            yield from shape_names(child)
    elif isinstance(node, list):
        for child in node:
            yield from shape_names(child)


def without_prose(node: Any) -> Any:
    """A model without its documentation; members that happen to be called `documentation` are objects and stay."""
    if isinstance(node, dict):
        return {
            name: without_prose(child) for name, child in node.items() if name not in PROSE or isinstance(child, dict)
        }
    if isinstance(node, list):
        return [without_prose(child) for child in node]
    return node


def read_json(path: Path) -> Any:
    """One of botocore's files; the large ones are installed compressed."""
    compressed = path.with_name(f"{path.name}.gz")
    return json.loads(gzip.decompress(compressed.read_bytes()) if compressed.exists() else path.read_bytes())


def write_json(path: Path, document: object) -> None:
    """Write a file of the cut, as small as JSON gets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, separators=(",", ":")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
