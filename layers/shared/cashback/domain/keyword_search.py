"""Search by the beginnings of words: what a text is cut into, and when it answers to a query."""

import unicodedata
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Final

SHORTEST: Final = 2
LONGEST: Final = 12
"""Characters of the beginnings that an index knows; longer ones are compared with the words themselves."""

_PART_OF_WORDS: Final = frozenset("LMN")
"""Letters, marks and digits, by the first letter of a character's category. Everything else is between words."""


def words_of(texts: Iterable[str | None]) -> frozenset[str]:
    """Return the words of some texts, in the spelling in which words are compared: without case, and without the
    differences that are only in how characters are encoded."""
    return frozenset(word for text in texts if text is not None for word in _cut(text))


def first_words(text: str | None, most: int) -> frozenset[str]:
    """Return the words with which a text begins, at most so many different ones."""
    return frozenset(islice(dict.fromkeys(_cut(text or "")), most))


def prefixes_of(words: Iterable[str]) -> frozenset[str]:
    """Return the beginnings of words under which an index finds them."""
    return frozenset(word[:length] for word in words for length in range(SHORTEST, min(len(word), LONGEST) + 1))


def leading_prefix(query: Iterable[str]) -> str | None:
    """Return what an index is asked for: the beginning of the longest word, which the fewest texts have. None where no
    word is long enough."""
    longest = max(query, key=lambda word: (len(word), word), default="")
    return longest[:LONGEST] if len(longest) >= SHORTEST else None


def answers(query: Iterable[str], words: Collection[str]) -> bool:
    """Tell whether every word of a query is the beginning of some word."""
    return all(any(word.startswith(asked) for word in words) for asked in query)


def _cut(text: str) -> list[str]:
    # What loses its case may need composing again.
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(one if unicodedata.category(one)[0] in _PART_OF_WORDS else " " for one in plain).split()
