"""The secrets that sign what goes to the shops' endpoints: encrypted for their store and endpoint, and kept by nobody.

The encryption context names both, so a ciphertext moved to another endpoint decrypts for nobody.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from cashback.adapters.faults import unreachable_is_busy

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient


class EndpointSecrets(Struct, frozen=True):
    """Seals a secret when it is made, and opens it when it signs."""

    kms: "KMSClient"
    key_id: str

    def seal(self, store_id: str, endpoint_id: str, secret: str) -> bytes:
        """Encrypt a secret.

        :raises Busy: KMS is out of reach.
        """
        context = _context(store_id, endpoint_id)
        with unreachable_is_busy():
            answer = self.kms.encrypt(KeyId=self.key_id, Plaintext=secret.encode(), EncryptionContext=context)
        return answer["CiphertextBlob"]

    def open(self, store_id: str, endpoint_id: str, sealed: bytes) -> str:
        """Decrypt a secret.

        :raises Busy: KMS is out of reach.
        """
        context = _context(store_id, endpoint_id)
        with unreachable_is_busy():
            answer = self.kms.decrypt(KeyId=self.key_id, CiphertextBlob=sealed, EncryptionContext=context)
        return answer["Plaintext"].decode()


def _context(store_id: str, endpoint_id: str) -> dict[str, str]:
    return {"store": store_id, "webhook_endpoint": endpoint_id}
