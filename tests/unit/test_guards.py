"""The table of mutants is of the code as it is."""

import ast
import shutil
from pathlib import Path

import pytest

from dev.project import ROOT
from tests.simulation.guards import CODE, MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mutant_changes_lines_that_are_there_once_and_is_still_python(mutant: Mutant, tmp_path: Path) -> None:
    for path in {mutant.path, *(path for path, _, _ in mutant.also)}:
        (tmp_path / CODE / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / CODE / path, tmp_path / CODE / path)
    mutant.made_in(tmp_path)
    mutated = (tmp_path / CODE / mutant.path).read_text()
    assert ast.dump(ast.parse(mutated)) != ast.dump(ast.parse((ROOT / CODE / mutant.path).read_text()))


def test_a_mutant_whose_line_is_gone_is_refused(tmp_path: Path) -> None:
    gone = Mutant("gone", "nothing", "domain/money.py", "no such line", "")
    (tmp_path / CODE / "domain").mkdir(parents=True)
    shutil.copy(ROOT / CODE / gone.path, tmp_path / CODE / gone.path)
    with pytest.raises(ValueError, match="0 times"):
        gone.made_in(tmp_path)


def test_mutants_that_no_world_tells_apart_name_a_test_that_is_there_and_say_why() -> None:
    for mutant in MUTANTS:
        assert bool(mutant.held_by) is bool(mutant.why)
        if mutant.held_by:
            path, _, name = mutant.held_by.partition("::")
            assert f"def {name}(" in (ROOT / path).read_text()


def test_the_page_on_reliability_has_every_mutant() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    missing = [mutant.name for mutant in MUTANTS if f"| {mutant.name} | {mutant.guards} |" not in page]
    assert not missing
