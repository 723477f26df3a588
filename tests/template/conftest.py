"""The built layer, for the tests that open it."""

from pathlib import Path

import pytest

from dev import deploy
from dev.project import only_one


@pytest.fixture(scope="session")
def layer() -> Path:
    """The site-packages folder of the layer, as `sam build` makes it from the sources of now."""
    with only_one("build"):
        deploy.build()
    return deploy.BUILD / "SharedLayer" / "python"
