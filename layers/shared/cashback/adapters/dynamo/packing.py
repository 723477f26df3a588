"""Documents as one compressed attribute: what no condition and no list asks for costs a fraction of its bytes."""

import zlib
from fractions import Fraction
from functools import cached_property
from typing import Any

import msgspec

from cashback.domain.money import fraction_of


class Packing[Document]:
    """How documents of one type become bytes and come back. Exact rates are texts in between.

    ``dictionary`` is what documents have in common, so that zlib need not store it in each. It is part of the format,
    never to be changed: a better one would be a second one, told apart by the checksum that zlib puts in front.
    """

    def __init__(self, kind: Any, dictionary: bytes = b"") -> None:
        self._kind = kind
        self._dictionary = dictionary

    def pack(self, document: Document) -> bytes:
        """Return a document as bytes; the same document always as the same."""
        packer = zlib.compressobj(9, zdict=self._dictionary)
        return packer.compress(self._encoder.encode(document)) + packer.flush()

    def unpack(self, packed: bytes) -> Document:
        """Read a document back. What newer code added is ignored, and lost when the document is written again; what
        older code did not write has its default."""
        document: Document = self._decoder.decode(zlib.decompressobj(zdict=self._dictionary).decompress(packed))
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
