"""The functions and the layer as they are deployed, for the tests that measure them."""

from pathlib import Path

import pytest

from dev import deploy
from dev.project import only_one
from tests.benchmarks import instructions


@pytest.fixture(scope="session")
def build() -> Path:
    """The folder that `sam build` makes from the sources of now."""
    with only_one("build"):
        deploy.build()
    return deploy.BUILD


@pytest.fixture(scope="session")
def counter() -> None:
    """What counts instructions, which is no package of Python's, so that no set-up of ours can bring it."""
    if instructions.valgrind() is None:
        pytest.skip(instructions.MISSING)
