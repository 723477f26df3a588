"""The two keys of a deployment: one signs cursors, one hashes contacts. They live in one SSM SecureString, because
CloudFormation cannot make one; platform_api makes it when it creates the first store."""

import base64
import json
from typing import TYPE_CHECKING

from msgspec import Struct

from cashback.adapters.faults import unreachable_is_busy

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


class DeploymentKeys(Struct, frozen=True):
    """Keys that never change while a deployment lives: cursors and hashed contacts would be lost with them."""

    cursor: bytes
    hash: bytes


class DeploymentKeyStore(Struct, frozen=True):
    """The parameter that holds them."""

    client: "SSMClient"
    parameter: str

    def make(self, keys: DeploymentKeys) -> None:
        """Make the keys, unless there are some: whoever is first decides, and nobody overwrites."""
        text = {name: base64.b64encode(getattr(keys, name)).decode() for name in ("cursor", "hash")}
        with unreachable_is_busy():
            try:
                self.client.put_parameter(
                    Name=self.parameter, Value=json.dumps(text), Type="SecureString", Overwrite=False
                )
            except self.client.exceptions.ParameterAlreadyExists:
                return

    def read(self) -> DeploymentKeys:
        """Return the keys."""
        with unreachable_is_busy():
            answer = self.client.get_parameter(Name=self.parameter, WithDecryption=True)
        return DeploymentKeys(
            **{name: base64.b64decode(text) for name, text in json.loads(answer["Parameter"]["Value"]).items()}
        )
