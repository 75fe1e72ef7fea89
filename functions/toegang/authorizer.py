"""API Gateway authorizer: checks the access token of a service provider and says who that is."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from pydantic import TypeAdapter

from ond.identificatie import OIN
from ond.log import fault, logger
from ond.settings import Settings, Text, read

#: Asymmetric only: with a shared secret, whoever can check a token could also make one.
ALGORITHMS = ["PS256", "RS256", "ES256"]

_oin: TypeAdapter[str] = TypeAdapter(OIN)


class AuthorizerSettings(Settings):
    """Settings of this function."""

    token_issuer: Text
    token_jwks_url: Text
    token_audience: Text


@dataclass(frozen=True)
class Dependencies:
    """What checking a token needs."""

    settings: AuthorizerSettings
    keys: jwt.PyJWKClient


@cache
def dependencies() -> Dependencies:
    """Made at the first request; the keys of the identity provider are remembered for five minutes."""
    settings = read(AuthorizerSettings)
    return Dependencies(settings, jwt.PyJWKClient(settings.token_jwks_url, lifespan=300, timeout=5))


class Unauthorized(Exception):
    """API Gateway answers 401 to this word, and to no other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@dataclass(frozen=True)
class Beller:
    """Who calls, and what the token allows."""

    oin: str
    scope: str


def controleer(token: str, deps: Dependencies) -> Beller:
    """Who the token speaks for.

    Raises:
        Unauthorized: signature, issuer, audience or time is wrong, or it names no OIN.
        PyJWKClientConnectionError: the identity provider's keys cannot be had; not the caller's fault, so not a 401.
    """
    try:
        claims = jwt.decode(
            token,
            deps.keys.get_signing_key_from_jwt(token).key,
            algorithms=ALGORITHMS,
            issuer=deps.settings.token_issuer,
            audience=deps.settings.token_audience,
            options={"require": ["exp", "iat", "iss", "aud", "jti"]},
            leeway=5,
        )
        scope = claims.get("scope")
        return Beller(
            oin=_oin.validate_python(claims.get("oin"), strict=True), scope=scope if isinstance(scope, str) else ""
        )
    except jwt.PyJWKClientConnectionError:
        raise
    # Type and value errors: a key of another kind than the algorithm's, half characters, no OIN.
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        logger.info("token refused", **fault(error))
        raise Unauthorized from None


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Lambda entry: a REQUEST authorizer event. The token is taken from the header only, never from the query.

    Raises:
        Unauthorized: no token, or not a good one.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme, _, token = str(headers.get("authorization", "")).partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized
    beller = controleer(token.strip(), dependencies())
    # For the whole API, because the gateway remembers this answer per token; what a scope allows, the functions check.
    stage_arn = "/".join(event["methodArn"].split("/")[:2])
    return {
        "principalId": beller.oin,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stage_arn}/*"}],
        },
        "context": {"oin": beller.oin, "scope": beller.scope},
    }
