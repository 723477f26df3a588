"""Fixtures that several test modules use, and how hypothesis runs here.

No example fails for being slow: this machine's pace is not what these tests are about. All else is hypothesis's own,
so every run here looks elsewhere, and in CI (which hypothesis knows by its environment) each looks at the same
examples, so that a change is never blamed for what it did not do.
"""

from hypothesis import HealthCheck, settings

from tests.unit.deployment import deployment

__all__ = ["deployment"]

settings.register_profile("cashback", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cashback")
