"""Documents as one compressed attribute: what no condition and no list asks for costs a fraction of its bytes."""

import zlib
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import msgspec

from cashback.domain.money import fraction_of

_CHECKSUM: Final = slice(2, 6)
"""Where a document says which dictionary it needs. Source: RFC 1950, 2.2."""

_LEVEL: Final = 6
_MEMORY: Final = 5
"""At which a document of an order's size is no larger than at the most of both, for a fifth less instructions."""


class Packing[Document]:
    """How documents of one type become bytes and come back. Exact rates are texts in between.

    ``dictionaries`` are what documents have in common, so that zlib need not store it in each: the newest first, by
    which documents are written. All are part of the format, never to be changed: zlib puts the checksum of its own in
    front of each document.
    """

    def __init__(self, kind: Any, *dictionaries: bytes) -> None:
        self._kind = kind
        self._dictionary = dictionaries[0] if dictionaries else b""
        self._dictionaries = {zlib.adler32(one).to_bytes(4): one for one in dictionaries}

    def pack(self, document: Document) -> bytes:
        """Return a document as bytes; the same document always as the same."""
        packer = zlib.compressobj(_LEVEL, memLevel=_MEMORY, zdict=self._dictionary)
        return packer.compress(self._encoder.encode(document)) + packer.flush()

    def unpack(self, packed: bytes) -> Document:
        """Read a document back. What newer code added is ignored, and lost when the document is written again; what
        older code did not write has its default."""
        unpacker = zlib.decompressobj(zdict=self._dictionaries.get(packed[_CHECKSUM], b""))
        document: Document = self._decoder.decode(unpacker.decompress(packed))
        return document

    @cached_property
    def _encoder(self) -> msgspec.json.Encoder:
        return msgspec.json.Encoder(enc_hook=_plain, order="deterministic")

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Any]:
        """Made when something is read first: looking through all types takes its time."""
        return msgspec.json.Decoder(self._kind, dec_hook=_exact)


def _plain(value: object) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    raise TypeError(type(value).__name__)


def _exact(kind: type, value: Any) -> Any:
    return fraction_of(value) if kind is Fraction else value
