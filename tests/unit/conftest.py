"""Fixtures that several test modules use."""

from tests.unit.deployment import deployment

__all__ = ["deployment"]
