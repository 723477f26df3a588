"""The runtime by itself."""


def handler(_event: object, _context: object) -> None:
    """Do nothing."""
