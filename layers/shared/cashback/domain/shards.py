"""Over how many partitions is spread what would make a single one hot."""

from typing import Final

SHARDS: Final = 16
"""Partitions of a group's members, of the list of customers, of what comes due in an hour, and of a job's chunks and
progress. Which one a thing is in is part of its key, so the number never changes."""
