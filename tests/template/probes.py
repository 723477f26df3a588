"""What can be seen of the layer's packages from outside. Usage: python probes.py SITE_PACKAGES PROBE ARGUMENT..."""

# ruff: noqa: PLC0415  # the packages are found once the path is set

import importlib
import inspect
import json
import sys
from typing import Any, NotRequired, TypedDict


def names(package: str) -> dict[str, str]:
    """Everything that a package offers and where it comes from."""
    module = importlib.import_module(package)
    offered = {name: getattr(module, name) for name in (*dir(module), *module.__dict__.get("_LAZY", ()))}
    return {
        name: f"{value.__module__}.{value.__qualname__}"
        for name, value in offered.items()
        if name != "__getattr__" and (inspect.isclass(value) or inspect.isfunction(value))
    }


def models() -> dict[str, Any]:
    """The schema of each model of the API, and how it refuses nothing and what it does not know."""
    from pydantic import BaseModel

    from cashback.edge import customer_models, order_models, store_models
    from cashback.edge import models as shared

    named = [
        value for module in (shared, store_models, customer_models, order_models) for value in vars(module).values()
    ]
    found = [value for value in named if isinstance(value, type) and issubclass(value, BaseModel)]
    return {model.__name__: [schema(model), refusal(model)] for model in found if model is not BaseModel}


def schema(model: Any) -> Any:
    """A model's JSON schema."""
    return model.model_json_schema()


def refusal(model: Any) -> Any:
    """What a model says of a document that fits none."""
    from pydantic import ValidationError

    try:
        model.model_validate({"unknown": 1, "name": 2, "role": "?", "limit": [], "tiers": [{}], "cursor": {}})
    except ValidationError as error:
        return error.errors(include_url=False)
    return None


def messages() -> list[str]:
    """What msgspec decodes of fields that are required and of fields that are not."""
    import msgspec

    class Message(TypedDict):
        known: int
        more: NotRequired[str]

    said = [str(msgspec.json.decode(b'{"known": 1}', type=Message))]
    for text in ("{}", '{"known": "1"}', '{"known": 1, "more": 2}'):
        try:
            msgspec.json.decode(text, type=Message)
        except msgspec.ValidationError as error:
            said.append(str(error))
    return said


def files(folder: str) -> Any:
    """What botocore reads from a configuration file, and keeps and forgets in a cache of its own."""
    from botocore.configloader import load_config
    from botocore.utils import JSONFileCache

    cache = JSONFileCache(folder)
    cache["token"] = {"a": 1}
    kept = cache["token"]
    del cache["token"]
    return [load_config(f"{folder}/config"), kept, "token" in cache]


def addresses() -> list[list[str | None]]:
    """How urllib3 reads the addresses of hosts."""
    from urllib3.util import parse_url

    hosts = ("sqs.eu-central-1.amazonaws.com", "127.0.0.1:4566", "[::1]:80", "[fe80::1%25eth0]", "[2001:db8::7]")
    return [list(map(str, parse_url(f"https://{host}/p?q=1"))) for host in hosts]


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    print(json.dumps(globals()[sys.argv[2]](*sys.argv[3:])))
