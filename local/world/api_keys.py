"""API keys of NotifyNL and the tokens made with them.

A key is `<name>-<service id>-<secret>`, both of the latter UUIDs; a token is a JWT with `iss` the service and `iat`
now, signed (HS256) with the secret.
"""

import uuid
from typing import Any

from flask import request
from notifications_python_client import authentication
from notifications_python_client.errors import (
    TokenAlgorithmError,
    TokenDecodeError,
    TokenError,
    TokenExpiredError,
    TokenIssuerError,
)

from local.world.submissions import ApiError, is_uuid

# The real API checks tokens with these same functions; they carry no annotations.
_token_issuer: Any = authentication.get_token_issuer
_check_token: Any = authentication.decode_jwt_token

MALFORMED = "Invalid token: make sure your API token matches the example at https://docs.notifynl.nl"
NO_ISSUER = "Invalid token: iss field not provided"

# The first that fits counts: the kinds overlap.
TOKEN_FAULTS: tuple[tuple[type[TokenError], str], ...] = (
    (TokenExpiredError, "Error: Your system clock must be accurate to within 30 seconds"),
    (TokenAlgorithmError, "Invalid token: algorithm used is not HS256"),
    (TokenDecodeError, "Invalid token: API key not found"),
    (TokenError, MALFORMED),
)


def service_id(api_key: str) -> str:
    """The service the key belongs to."""
    return api_key[-73:-37]


def authorise(api_key: str) -> None:
    """Check the token of the current request as the real API does: issuer, signature, age.

    Raises ApiError: 401 without a token, 403 with one that does not hold.
    """
    token = _bearer_token()
    issuer = _issuer(token)
    if not is_uuid(issuer):
        raise _auth_error("Invalid token: service id is not the right data type")
    if str(uuid.UUID(issuer)) != service_id(api_key):
        raise _auth_error("Invalid token: service not found")
    try:
        _check_token(token, api_key[-36:])
    except TokenError as fault:
        raise _auth_error(_message(fault)) from None


def _auth_error(message: str, *, status: int = 403) -> ApiError:
    return ApiError(status, ("AuthError", message))


def _bearer_token() -> str:
    header = request.headers.get("Authorization", "")
    if not header:
        raise _auth_error("Unauthorized: authentication token must be provided", status=401)
    if header[:7].title() != "Bearer ":
        raise _auth_error("Unauthorized: authentication bearer scheme must be used", status=401)
    return header[7:]


def _issuer(token: str) -> str:
    try:
        return str(_token_issuer(token))
    except TokenIssuerError:
        raise _auth_error(NO_ISSUER) from None
    except TokenDecodeError:
        raise _auth_error(MALFORMED) from None


def _message(fault: TokenError) -> str:
    return next(message for kind, message in TOKEN_FAULTS if isinstance(fault, kind))
