"""`make logs` of one function."""

import pytest

from dev.project import StepFailedError
from dev.stack import logs


def test_logs_of_a_function_that_is_not_there_fail_and_name_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCTION", "nosuch")
    with pytest.raises(StepFailedError, match=r"no function nosuch.* daily, "):
        logs()
