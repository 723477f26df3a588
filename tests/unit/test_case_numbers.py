"""Each numbered case of the cashback rules has a test that is called by its number."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_each_of_the_41_cases_has_a_test() -> None:
    named = re.compile(r"^def test_case_(\d\d)_", re.MULTILINE)
    found = {int(number) for path in HERE.glob("test_*.py") for number in named.findall(path.read_text())}
    assert found == set(range(1, 42))
