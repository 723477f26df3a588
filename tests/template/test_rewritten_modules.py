"""Modules that the layer's build rewrites: they offer and do what the stock ones do."""

import ast
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dev.project import ROOT
from rewrite_modules import DEFERRED, LAZY_PACKAGES, defer, edit
from tests.template import probes

# Not the one of the virtual environment, which would bring the stock packages.
PYTHON = Path(sys.executable).resolve()
PROBES = (
    "models",
    "messages",
    "addresses",
    "handlers",
    "proxies",
    "times",
    "processes",
    "documents",
    "clients",
    "requests",
)


def probed(probe: str, *arguments: str, among: Sequence[Path]) -> Any:
    """What a probe sees of the packages in these folders. In a process of its own, because Powertools changes what
    botocore sends, once it is imported."""
    folders = os.pathsep.join(map(str, among))
    command = [str(PYTHON), "-S", "-E", "-B", probes.__file__, folders, probe, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def in_layer(layer: Path, probe: str, *arguments: str) -> Any:
    """What a probe sees of the layer."""
    return probed(probe, *arguments, among=[layer])


def in_stock(probe: str, *arguments: str) -> Any:
    """What the same probe sees of the packages as they were installed here."""
    return probed(probe, *arguments, among=[ROOT / "layers" / "shared", Path(sysconfig.get_path("purelib"))])


@pytest.mark.parametrize("package", [name.replace("/", ".") for name in LAZY_PACKAGES])
def test_a_lazy_package_offers_every_name(layer: Path, package: str) -> None:
    stock = in_stock("names", package)
    assert stock
    assert in_layer(layer, "names", package) == stock


@pytest.mark.parametrize("path", DEFERRED)
def test_a_module_offers_the_names_that_it_defers(layer: Path, path: str) -> None:
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    stock = in_stock("offered", module, *DEFERRED[path])
    assert set(stock) == set(DEFERRED[path])
    assert in_layer(layer, "offered", module, *DEFERRED[path]) == stock


@pytest.mark.parametrize("probe", PROBES)
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


def deferred(source: str) -> str:
    """A module's source with ``re`` deferred, and what is appended to it left out."""
    return defer(ast.parse(source), ("re",)).partition("\n\n_LAZY")[0]


def test_a_deferred_name_is_imported_in_the_innermost_block_with_every_use_of_it() -> None:
    body = "def f(x):\n    if x:\n        a = 1\n        {}return re.compile(re.escape(x))\n    return None"
    assert deferred("import re\n" + body.format("")) == body.format("import re\n        ")
    body = "def f(x):\n    {}if re.match(x, ''):\n        re.purge()"
    assert deferred("import os, re\n" + body.format("")) == "import os\n\n" + body.format("import re\n    ")
    body = "class C:\n\n    def f(self):\n        try:\n            pass\n        except ValueError:\n            pass"
    assert deferred("import re\n" + body) == body


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import os", "not imported"),
        ("import re\nA = re.compile('a')", "while its module"),
        ("import re\nA = lambda: re", "while its module"),
        ("import re\n@re.A\ndef f(): pass", "while its module"),
        ("import re\ndef f(a=re): pass", "while its module"),
        ("import re\nclass C(re.A): pass", "while its module"),
        ("import re\nclass C:\n    a = re", "while its module"),
        ("import re\ndef f(re): return re", "own"),
        ("import re\ndef f():\n    re = re", "own"),
    ],
)
def test_a_name_that_cannot_be_deferred_fails_the_build(source: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        deferred(source)
