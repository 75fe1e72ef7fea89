"""Who is calling: tokens that hold, and tokens that do not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local.world import Client, World
from tests.functions.omgeving import OIN, Context, Omgeving

AUDIENCE = "https://api.example"
ARN = "arn:aws:execute-api:eu-west-1:123456789012:api123/api/POST/v1/notificaties"


@pytest.fixture(scope="module")
def idp() -> Iterator[World]:
    """An identity provider with one client."""
    client = Client("gemeente", "geheim", OIN, "Gemeente", ("notificaties:schrijven", "notificaties:lezen"))
    with World(clients=(client,), audience=AUDIENCE, templates={}, callback_token="t") as world:
        yield world


@pytest.fixture
def authorizer(omgeving: Omgeving, idp: World) -> ModuleType:
    omgeving.parameters |= {
        "TokenIssuer": idp.identity.issuer,
        "TokenJwksUrl": f"{idp.identity.issuer}/jwks.json",
        "TokenAudience": AUDIENCE,
    }
    return omgeving.functie("Authorizer")


def vraag(module: ModuleType, authorization: str | None, **overig: Any) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    return module.handler({"type": "REQUEST", "methodArn": ARN, "headers": headers, **overig}, Context())


def geweigerd(module: ModuleType, authorization: str | None, **overig: Any) -> None:
    """API Gateway answers 401 to exactly this word."""
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        vraag(module, authorization, **overig)


def token(idp: World, **claims: Any) -> str:
    return idp.identity.token_for("gemeente", claims=claims)


def vervalst(idp: World, key: Any, alg: str, **headers: Any) -> str:
    """The claims and the kid of a good token, signed otherwise."""
    good = token(idp)
    headers = {"kid": jwt.get_unverified_header(good)["kid"], **headers}
    return jwt.encode(jwt.decode(good, options={"verify_signature": False}), key, algorithm=alg, headers=headers)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_a_good_token_says_who_calls_and_what_it_allows(
    authorizer: ModuleType, idp: World, name: str, scheme: str
) -> None:
    answer = vraag(authorizer, None, headers={name: f"{scheme} {token(idp)}"})
    assert answer["principalId"] == OIN
    assert answer["context"] == {"oin": OIN, "scope": "notificaties:schrijven notificaties:lezen"}
    [statement] = answer["policyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": "arn:aws:execute-api:eu-west-1:123456789012:api123/api/*",
    }


NU = int(time.time())
CLAIMS: list[dict[str, Any]] = [
    {"iss": "https://ander.example"},
    {"iss": ""},
    {"aud": "https://ander.example"},
    {"aud": []},
    {"aud": None},
    {"exp": NU - 60},
    {"exp": None},
    {"exp": "morgen"},
    {"nbf": NU + 3600},
    {"iat": NU + 3600},
    {"iat": None},
    {"jti": None},
    {"oin": None},
    {"oin": ""},
    {"oin": "0000009900000000100"},
    {"oin": int(OIN)},
    {"oin": [OIN]},
    {"oin": {"oin": OIN}},
]


@pytest.mark.parametrize("claims", CLAIMS)
def test_a_token_with_a_wrong_claim_is_refused(authorizer: ModuleType, idp: World, claims: dict[str, Any]) -> None:
    geweigerd(authorizer, f"Bearer {token(idp, **claims)}")


@pytest.mark.parametrize("claims", [{"scope": None}, {"scope": ""}, {"aud": [AUDIENCE, "https://ander.example"]}])
def test_what_a_token_allows_is_for_the_functions_to_check(
    authorizer: ModuleType, idp: World, claims: dict[str, Any]
) -> None:
    assert vraag(authorizer, f"Bearer {token(idp, **claims)}")["context"]["oin"] == OIN


@pytest.mark.parametrize("scope", [None, 5, ["notificaties:lezen"], {"notificaties:lezen": True}, True])
def test_a_scope_that_is_no_text_allows_nothing(authorizer: ModuleType, idp: World, scope: object) -> None:
    assert vraag(authorizer, f"Bearer {token(idp, scope=scope)}")["context"] == {"oin": OIN, "scope": ""}


def test_a_token_signed_with_another_kind_of_key_is_refused(authorizer: ModuleType, idp: World) -> None:
    geweigerd(authorizer, f"Bearer {vervalst(idp, ec.generate_private_key(ec.SECP256R1()), 'ES256')}")


def test_a_token_without_signature_is_refused(authorizer: ModuleType, idp: World) -> None:
    geweigerd(authorizer, f"Bearer {vervalst(idp, None, 'none')}")
    header, body, _ = token(idp).split(".")
    geweigerd(authorizer, f"Bearer {header}.{body}.")


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(authorizer: ModuleType, idp: World) -> None:
    public = authorizer.dependencies().keys.get_signing_keys()[0].key
    for encoding in (Encoding.PEM, Encoding.DER):
        secret = public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        header = {**jwt.get_unverified_header(token(idp)), "alg": "HS256"}
        body = token(idp).split(".")[1]
        signed = f"{_b64(json.dumps(header).encode())}.{body}"
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        geweigerd(authorizer, f"Bearer {signed}.{_b64(mac)}")


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_token_signed_with_another_key_is_refused(authorizer: ModuleType, idp: World) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    geweigerd(authorizer, f"Bearer {vervalst(idp, other, 'PS256')}")
    geweigerd(authorizer, f"Bearer {vervalst(idp, other, 'RS256')}")
    geweigerd(authorizer, f"Bearer {vervalst(idp, other, 'PS256', kid='onbekend')}")
    geweigerd(authorizer, f"Bearer {vervalst(idp, other, 'PS256', kid='../../etc/passwd')}")
    geweigerd(authorizer, f"Bearer {vervalst(idp, other, 'PS512')}")


def test_keys_that_a_token_brings_along_are_not_used(authorizer: ModuleType, idp: World) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(other.public_key()))
    geweigerd(authorizer, f"Bearer {vervalst(idp, other, 'PS256', jwk=jwk)}")
    geweigerd(authorizer, f"Bearer {vervalst(idp, other, 'PS256', jku='https://aanvaller.example/jwks.json')}")


def test_a_changed_token_is_refused(authorizer: ModuleType, idp: World) -> None:
    header, body, signature = token(idp).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    for changed in ({"oin": "00000099000000002000"}, {"scope": "alles"}, {"exp": NU + 10**6}):
        geweigerd(authorizer, f"Bearer {header}.{_b64(json.dumps({**claims, **changed}).encode())}.{signature}")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ..",
        "Bearer é.ü.ö",
        "Bearer a.\ud800.c",
        "Bearer \ud800",
        "Basic eDp5",
    ],
)
def test_what_is_no_token_is_refused(authorizer: ModuleType, authorization: str | None) -> None:
    geweigerd(authorizer, authorization)


def test_a_token_counts_in_the_header_only(authorizer: ModuleType, idp: World) -> None:
    good = token(idp)
    geweigerd(authorizer, good)
    geweigerd(authorizer, f"Token {good}")
    geweigerd(authorizer, None, queryStringParameters={"access_token": good, "Authorization": f"Bearer {good}"})
    geweigerd(authorizer, None, headers={"X-Authorization": f"Bearer {good}", "Cookie": f"Authorization=Bearer {good}"})
    geweigerd(authorizer, None, headers=None)


def test_nothing_of_a_refused_token_is_logged(authorizer: ModuleType, idp: World, log: Any) -> None:
    bad = token(idp, oin="999990342")
    geweigerd(authorizer, f"Bearer {bad}")
    assert "999990342" not in log.getvalue()
    assert bad not in log.getvalue()
    assert "token refused" in log.getvalue()


def test_an_identity_provider_that_is_down_is_not_the_callers_fault(omgeving: Omgeving, idp: World) -> None:
    omgeving.parameters |= {"TokenIssuer": idp.identity.issuer, "TokenAudience": AUDIENCE}
    module = omgeving.functie("Authorizer", TOKEN_JWKS_URL="http://127.0.0.1:9/jwks.json")
    with pytest.raises(Exception) as failed:  # noqa: PT011 - that it is another word than 401's is what is tested
        vraag(module, f"Bearer {token(idp)}")
    assert str(failed.value) != "Unauthorized"
