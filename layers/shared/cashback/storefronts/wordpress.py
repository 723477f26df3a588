"""What WordPress does to texts before it stores them."""

import re
from typing import Final

_ESCAPED: Final = re.compile(r"&(?:(amp|lt|gt|quot)|#0*(34|38|39|60|62)|#[xX]0*(22|26|27));")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}


def unescaped(text: str) -> str:
    """Undo what WordPress escapes in a stored text: its five special characters and no other HTML entity."""
    return _ESCAPED.sub(_unescape, text)


def _unescape(found: re.Match[str]) -> str:
    name, decimal, hexadecimal = found.groups()
    if name:
        return _NAMED[name]
    return chr(int(decimal)) if decimal else chr(int(hexadecimal, 16))
