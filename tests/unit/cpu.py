"""What something costs, told in what reading costs on the same machine at the same moment."""

import json
import time
from collections.abc import Callable
from typing import Final

_TRIES: Final = 5
_NUMBERS: Final = "[" + "1," * 200_000 + "1]"


def readings(act: Callable[[], object]) -> float:
    """How many times the CPU of reading a list of 200,000 numbers something takes: the quickest of some tries of each,
    which tells what they cost on a machine that does other things too."""
    return _quickest(act) / _quickest(lambda: json.loads(_NUMBERS))


def _quickest(act: Callable[[], object]) -> float:
    return min(_once(act) for _ in range(_TRIES))


def _once(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began
