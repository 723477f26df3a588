"""What nobody may read in the tables: encrypted with KMS, each text for its own context.

The context names whose the text is and which, so a ciphertext moved to another place opens for nobody.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from cashback.adapters.faults import unreachable_is_busy

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient


class Seals(Struct, frozen=True):
    """Seals a text, and opens it in the same context alone. ``kms`` is asked for once there is one."""

    kms: "Callable[[], KMSClient]"
    key_id: str

    def seal(self, text: str, context: Mapping[str, str]) -> bytes:
        """Encrypt a text; the same one twice gives two ciphertexts.

        :raises Busy: KMS is out of reach.
        """
        with unreachable_is_busy():
            answer = self.kms().encrypt(KeyId=self.key_id, Plaintext=text.encode(), EncryptionContext=context)
        return answer["CiphertextBlob"]

    def open(self, sealed: bytes, context: Mapping[str, str]) -> str:
        """Decrypt a text.

        :raises Busy: KMS is out of reach.
        """
        with unreachable_is_busy():
            answer = self.kms().decrypt(KeyId=self.key_id, CiphertextBlob=sealed, EncryptionContext=context)
        return answer["Plaintext"].decode()
