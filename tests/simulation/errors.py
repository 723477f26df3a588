"""Failures in the shape botocore gives them: the modelled class, `Error.Code`, and the error's own members."""

from __future__ import annotations

from functools import cache
from typing import Any, NoReturn

import botocore.session
from botocore.errorfactory import BaseClientExceptions, ClientExceptionsFactory
from botocore.exceptions import ClientError, ParamValidationError

_SERVER_SIDE = frozenset({"InternalServerError", "InternalFailure", "ServiceUnavailable"})


class Refusal(Exception):
    """What the service answers instead of a result; the client turns it into a `ClientError`."""

    def __init__(self, code: str, message: str, fields: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields or {}


def invalid(message: str) -> Refusal:
    return Refusal("ValidationException", message)


def bad_parameter(report: str) -> NoReturn:
    """What boto3 itself refuses before anything is sent: a wrong Python type, an unknown or missing key."""
    raise ParamValidationError(report=report)


@cache
def client_exceptions(service: str) -> BaseClientExceptions:
    """The `client.exceptions` of a service, from botocore's own model, built once a process."""
    model = botocore.session.get_session().get_service_model(service)
    return ClientExceptionsFactory().create_client_exceptions(model)


def client_error(service: str, operation: str, code: str, message: str, fields: dict[str, Any]) -> ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {
            "RequestId": "SIMULATED",
            "HTTPStatusCode": 500 if code in _SERVER_SIDE else 400,
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        },
        **fields,
    }
    modelled: type[ClientError] = client_exceptions(service).from_code(code)  # type: ignore[assignment]
    return modelled(response, operation)  # type: ignore[arg-type]
