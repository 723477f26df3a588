"""Read template.yaml: as written, as SAM translates it, and the tables it defines."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any
from unittest.mock import patch

import yaml
from samtranslator.translator.transform import transform

from dev.project import REGION, ROOT

Template = dict[str, Any]
Resource = dict[str, Any]

TABLE_FIELDS = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
)
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


class TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, `!Ref x` read as `{"Ref": x}`."""


def read_short_function(loader: TemplateLoader, suffix: str, node: yaml.Node) -> Any:
    """`!GetAtt a.b` is a list in its long form, the others keep their argument."""
    argument: Any
    if isinstance(node, yaml.ScalarNode):
        argument = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        argument = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(argument, str):
        argument = argument.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": argument}


TemplateLoader.add_multi_constructor("!", read_short_function)


@cache
def as_written() -> Template:
    """The template's own text, parsed."""
    template: Template = TemplateLoader((ROOT / "template.yaml").read_text()).get_single_data()
    return template


@cache
def translated() -> Template:
    """What SAM makes of the template: plain CloudFormation, as AWS gets it."""
    template = deepcopy(as_written())
    for resource in template["Resources"].values():
        for field in ("CodeUri", "ContentUri"):
            if field in resource["Properties"]:
                resource["Properties"][field] = "s3://bucket/packaged"
    with patch.dict("os.environ", {"AWS_DEFAULT_REGION": REGION}):
        result: Template = transform(template, {}, ManagedPolicies())
    return result


class ManagedPolicies:
    """SAM's policy loader asks IAM; the template names no managed policy."""

    def load(self) -> dict[str, str]:
        """None by name."""
        return {}


def resources(kind: str) -> Iterator[tuple[str, Resource]]:
    """The translated resources of one type, with their logical ids."""
    for name, resource in translated()["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource


def table_definition(logical_id: str) -> dict[str, Any]:
    """What CreateTable takes to make this table of the template; only the name is left to give."""
    properties = as_written()["Resources"][logical_id]["Properties"]
    fields = {name: deepcopy(properties[name]) for name in TABLE_FIELDS if name in properties}
    return {**fields, "StreamSpecification": STREAM}
