"""The committed pins are those of pyproject.toml, hashed, and say nothing about where packages come from."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dev.project import ROOT

PIN_FILES = (
    "layers/shared/requirements.txt",
    "requirements-dev.txt",
    "dev/requirements/uv.txt",
    "dev/requirements/sam.txt",
    "dev/requirements/emulator.txt",
    "dev/requirements/audit.txt",
    "dev/requirements/microburst.txt",
    "dev/requirements/mutate.txt",
    "dev/requirements/runtime.txt",
    "dev/requirements/naive.txt",
)


@pytest.mark.parametrize("name", PIN_FILES)
@pytest.mark.row("S30")
def test_every_pin_is_exact_and_hashed(name: str) -> None:
    pins = (ROOT / name).read_text().replace("\\\n", "").splitlines()
    assert pins
    for pin in pins:
        assert "==" in pin
        assert "--hash=sha256:" in pin


@pytest.mark.parametrize("name", PIN_FILES)
def test_no_pin_file_names_a_registry(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not any(word in text for word in ("://", "--index", "--extra-index", "--find-links", " @ "))


def test_the_tests_run_with_the_pins_of_the_layer() -> None:
    layer, dev = (set((ROOT / name).read_text().replace("\\\n", "").splitlines()) for name in PIN_FILES[:2])
    assert layer <= dev


def test_compiling_the_pins_again_changes_nothing(tmp_path: Path) -> None:
    for name in PIN_FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    compiled = subprocess.run(
        ["make", "pins", f"PINS={tmp_path}/"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stderr
    changed = [name for name in PIN_FILES if (tmp_path / name).read_text() != (ROOT / name).read_text()]
    assert changed == []
