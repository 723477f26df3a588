"""Cut an installed layer, in place, to what the functions use. Usage: python trim_layer.py SITE_PACKAGES.

botocore carries the descriptions of every AWS service: 18 MB of JSON, and an endpoint table that costs 28 ms to parse
at each cold start. What is left here is the services and operations below with the shapes they reach, so that
a client behaves as before, and a service that is not listed fails at once with an error naming the valid ones.
tests/template/test_layer.py proves that requests and parsed answers are those of the stock library.

Some modules are rewritten, because importing them costs more than a function gets of it. What they offer stays as it
is, which tests/template/test_rewritten_modules.py proves; tests/benchmarks counts what it saves.
"""

import ast
import gzip
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

OPERATIONS = {
    "dynamodb": (
        "GetItem",
        "PutItem",
        "Query",
        "BatchGetItem",
        "TransactWriteItems",
    ),
    "sqs": ("SendMessage", "SendMessageBatch", "ChangeMessageVisibility"),
    "kms": ("Encrypt", "Decrypt"),
    "ssm": ("GetParameter", "PutParameter"),
    "scheduler": ("CreateSchedule",),
    "sns": ("Publish",),
    "sesv2": ("SendEmail",),
}
PARTITION = "aws"
PROSE = frozenset({"documentation", "documentationUrl", "examples"})
SHARED_FILES = ("sdk-default-configuration.json", "_retry.json")
UNUSED_DIRECTORIES = ("boto3/data", "boto3/examples", "bin")
UNUSED_MODULES = {
    # Docstrings of generated methods, rendered by forty modules that a function never calls.
    "botocore/docs/__init__.py": '"""Emptied: see trim_layer.py."""\n',
    "botocore/docs/docstring.py": """\"\"\"Replaced: generated methods have no docstrings. See trim_layer.py.\"\"\"


class NoDocstring(str):
    __slots__ = ()

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)


ClientMethodDocstring = PaginatorDocstring = WaiterDocstring = NoDocstring
""",
    # Switching urllib3 to HTTP/2, which botocore never does; it imports importlib.metadata.
    "urllib3/http2/__init__.py": '"""Emptied: see trim_layer.py."""\n',
    # The search for plug-ins, which reads the metadata of every package here: there are none.
    "pydantic/plugin/_loader.py": """\"\"\"Replaced: no plug-in is installed. See trim_layer.py.\"\"\"


def get_plugins():
    return ()
""",
}
"""Modules that cost a cold start 65 M instructions and do nothing for a function."""

LAZY_PACKAGES = (
    "aws_lambda_powertools",
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/event_handler/openapi",
    "aws_lambda_powertools/utilities/data_classes",
)
"""Packages that import all their modules, asyncio among them, to offer every name in one place: 110 M instructions.
They go on offering every name, and import a module when one of its names is asked for."""

EDITS = {
    # Used once there is a configuration file or a cached token, which a function has not.
    "botocore/configloader.py": {
        "import configparser\n": "",
        "        cp = configparser.": "        import configparser\n\n        cp = configparser.",
    },
    "botocore/utils.py": {
        "from pathlib import Path\n": "",
        "            key_path = Path(": "            from pathlib import Path\n\n            key_path = Path(",
    },
    # On this Python these names are those of typing.
    "msgspec/_utils.py": {
        "from typing_extensions import get_type_hints": "from typing import get_type_hints",
        "from typing_extensions import NotRequired": "from typing import NotRequired",
    },
    # Nothing matches it, and it takes long to compile.
    "urllib3/util/url.py": {'_IPV6_RE = re.compile("^" + _IPV6_PAT + "$")\n': ""},
}
"""Lines replaced: 40 M instructions of imports and patterns that a function has no use for."""

TYPED_DICTS = ("pydantic_core/core_schema.py",)
"""Modules of typed dictionaries whose fields only type checkers read: 60 M instructions."""

LAZY_NAMES = """
_LAZY = {names!r}


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value
"""


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
    for directory in UNUSED_DIRECTORIES:
        shutil.rmtree(site / directory, ignore_errors=True)
    for name, text in UNUSED_MODULES.items():
        (site / name).write_text(text)
    for name in LAZY_PACKAGES:
        rewrite(site / name / "__init__.py", lazy)
    for name in TYPED_DICTS:
        rewrite(site / name, without_fields)
    for name, lines in EDITS.items():
        edit(site / name, lines)
    for tests in [path for path in site.rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests)


def cut_service(stock: Path, cut: Path, operations: tuple[str, ...]) -> None:
    """Keep one version of a service's model: its operations, their shapes, their paginators, its endpoint rules."""
    version = max(path.name for path in stock.iterdir())
    model = read_json(stock / version / "service-2.json")
    model["operations"] = {name: model["operations"][name] for name in operations}
    model["shapes"] = reachable_shapes(model)
    write_json(cut / version / "service-2.json", without_prose(model))

    rules = read_json(stock / version / "endpoint-rule-set-1.json")
    write_json(cut / version / "endpoint-rule-set-1.json", without_prose(rules))

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


def rewrite(module: Path, change: Callable[[ast.Module], str]) -> None:
    """Replace a module's source by a changed one."""
    module.write_text(change(ast.parse(module.read_text())))


def lazy(package: ast.Module) -> str:
    """The source of a package that imports what it only passes on when it is asked for.

    What it uses itself stays as it is. So does a name of a module that is called the same: the package has only one.
    """
    used = {node.id for node in ast.walk(package) if isinstance(node, ast.Name)}
    deferred: dict[str, str] = {}
    for node in package.body:
        if not isinstance(node, ast.ImportFrom) or node.module is None or node.module == "__future__":
            continue
        itself = node.module.rpartition(".")[2]
        moved = [name for name in node.names if not name.asname and name.name not in used and name.name != itself]
        deferred |= {name.name: "." * node.level + node.module for name in moved}
        node.names = [name for name in node.names if name not in moved]
    package.body = [node for node in package.body if not isinstance(node, ast.ImportFrom) or node.names]
    return ast.unparse(package) + "\n" + LAZY_NAMES.format(names=deferred)


def without_fields(module: ast.Module) -> str:
    """The source of a module with its typed dictionaries empty; they are made and called as before."""
    for node in module.body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "TypedDict" for base in node.bases):
            node.body = [ast.Pass()]
    return ast.unparse(module) + "\n"


def edit(module: Path, lines: dict[str, str]) -> None:
    """Replace some lines of a module; another version of it, where they are not what they were, fails the build."""
    text = module.read_text()
    for stock, changed in lines.items():
        if text.count(stock) != 1:
            raise ValueError(f"{module} does not hold just once: {stock!r}")
        text = text.replace(stock, changed)
    module.write_text(text)


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
