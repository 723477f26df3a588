"""What nobody may read in the tables: encrypted with KMS, each text for its own context.

The context names whose the text is and which, so a ciphertext moved to another place opens for nobody.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError
from msgspec import Struct

from cashback.adapters.faults import unreachable_is_busy
from cashback.domain.errors import Busy

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient


_SHUT: Final = frozenset({"AccessDeniedException", "DisabledException", "KMSInvalidStateException"})
"""A key that nobody may use now. An operator can give it back, so that what is asked for only has to wait."""


class Seals(Struct, frozen=True):
    """Seals a text, and opens it in the same context alone. ``kms`` is asked for once there is one."""

    kms: "Callable[[], KMSClient]"
    key_id: str

    def seal(self, text: str, context: Mapping[str, str]) -> bytes:
        """Encrypt a text; the same one twice gives two ciphertexts.

        :raises Busy: KMS is out of reach, or the key may not be used.
        """
        with _shut_is_busy():
            answer = self.kms().encrypt(KeyId=self.key_id, Plaintext=text.encode(), EncryptionContext=context)
        return answer["CiphertextBlob"]

    def open(self, sealed: bytes, context: Mapping[str, str]) -> str:
        """Decrypt a text.

        :raises Busy: KMS is out of reach, or the key may not be used.
        """
        with _shut_is_busy():
            answer = self.kms().decrypt(KeyId=self.key_id, CiphertextBlob=sealed, EncryptionContext=context)
        return answer["Plaintext"].decode()


@contextmanager
def _shut_is_busy() -> Iterator[None]:
    """Turn a key that may not be used into ``Busy`` too; bugs pass through."""
    try:
        with unreachable_is_busy():
            yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _SHUT:
            raise
        raise Busy("the key cannot be used") from error
