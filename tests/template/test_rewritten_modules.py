"""Modules that the layer's build rewrites: they offer and do what the stock ones do."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.template import probes
from trim_layer import LAZY_PACKAGES, edit

# Not the one of the virtual environment, which would bring the stock packages.
PYTHON = Path(sys.executable).resolve()


def in_layer(layer: Path, probe: str, *arguments: str) -> Any:
    """What a probe sees of the layer."""
    command = [str(PYTHON), "-S", "-E", "-B", probes.__file__, str(layer), probe, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def in_stock(probe: str, *arguments: str) -> Any:
    """What the same probe sees of the packages as they were installed here."""
    return json.loads(json.dumps(getattr(probes, probe)(*arguments)))


@pytest.mark.parametrize("package", [name.replace("/", ".") for name in LAZY_PACKAGES])
def test_a_lazy_package_offers_every_name(layer: Path, package: str) -> None:
    stock = in_stock("names", package)
    assert stock
    assert in_layer(layer, "names", package) == stock


@pytest.mark.parametrize("probe", ["models", "messages", "addresses"])
def test_a_rewritten_module_does_what_the_stock_one_does(layer: Path, probe: str) -> None:
    stock = in_stock(probe)
    assert stock
    assert in_layer(layer, probe) == stock


def test_botocore_still_reads_and_writes_files(layer: Path, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-central-1\ns3 =\n  max_concurrent_requests = 1\n")
    stock = in_stock("files", str(tmp_path))
    assert stock[0]["profiles"]["default"]["region"] == "eu-central-1"
    assert in_layer(layer, "files", str(tmp_path)) == stock


def test_an_edit_that_fits_no_more_fails_the_build(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("import re\nimport os\n")
    edit(module, {"import re\n": ""})
    assert module.read_text() == "import os\n"
    with pytest.raises(ValueError, match="just once"):
        edit(module, {"import re\n": ""})
