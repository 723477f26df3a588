"""What several rounds of the same came to: the middle one, and between what they were."""

import statistics
from collections.abc import Iterable


def told(values: Iterable[float], form: str = ",.0f") -> str:
    """Return the median, and the least and the most where there are several."""
    every = sorted(values)
    median = format(statistics.median(every), form)
    return median if len(every) == 1 else f"{median} ({every[0]:{form}}-{every[-1]:{form}})"


def divided(these: Iterable[float], by: Iterable[float]) -> list[float]:
    """Return the figures of each round by those of the same round.

    :raises ValueError: one has more rounds than the other.
    """
    return [one / other for one, other in zip(these, by, strict=True)]
