"""The local identity provider hands out tokens that a verifier can check with what it publishes."""

import time
from typing import Any

import jwt
import pytest
import requests
from requests.auth import _basic_auth_str

from local.world import World

GRANT = {"grant_type": "client_credentials"}
SECRET = "geheim&één"


def ask(world: World, form: Any, **more: Any) -> requests.Response:
    return requests.post(f"{world.base_url}/idp/token", data=form, timeout=5, **more)


def verified(world: World, token: str) -> dict[str, Any]:
    """The claims, checked with the key found by discovery."""
    issuer = f"{world.base_url}/idp"
    configuration = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=5).json()
    key = jwt.PyJWKClient(configuration["jwks_uri"]).get_signing_key_from_jwt(token)
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["PS256"], audience="https://ond.test/api", issuer=configuration["issuer"]
    )
    return claims


def test_a_token_names_the_client_and_its_oin(world: World) -> None:
    answer = ask(world, {**GRANT, "client_id": "gemeente", "client_secret": SECRET, "scope": "status"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "status")
    claims = verified(world, body["access_token"])
    assert claims["sub"] == claims["client_id"] == "gemeente"
    assert claims["oin"] == "00000001823288444000"
    assert claims["scope"] == "status"
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["nbf"] == claims["iat"] <= time.time()
    assert claims["jti"]
    assert jwt.get_unverified_header(body["access_token"])["typ"] == "at+jwt"


def test_http_basic_is_taken_too_and_all_scopes_are_given_when_none_is_named(world: World) -> None:
    header = {"Authorization": _basic_auth_str("gemeente", "geheim%26%C3%A9%C3%A9n")}
    answer = ask(world, GRANT, headers=header)
    assert answer.json()["scope"] == "notificaties status"


REFUSED = [
    ({**GRANT, "client_id": "gemeente", "client_secret": "fout"}, {}, 401, "invalid_client"),
    ({**GRANT, "client_id": "niemand", "client_secret": "fout"}, {}, 401, "invalid_client"),
    ({**GRANT}, {}, 401, "invalid_client"),
    ({**GRANT}, {"headers": {"Authorization": "Bearer abc"}}, 401, "invalid_client"),
    ({**GRANT}, {"headers": {"Authorization": "Basic !"}}, 401, "invalid_client"),
    ({"client_id": "gemeente", "client_secret": SECRET}, {}, 400, "invalid_request"),
    (
        {"grant_type": "password", "client_id": "gemeente", "client_secret": SECRET},
        {},
        400,
        "unsupported_grant_type",
    ),
    ({**GRANT, "client_id": "dienst", "client_secret": "geheim-2", "scope": "notificaties"}, {}, 400, "invalid_scope"),
    ([("scope", "a"), ("scope", "b")], {}, 400, "invalid_request"),
    ({**GRANT, "client_id": "dienst"}, {"params": {"client_secret": "geheim-2"}}, 400, "invalid_request"),
    ({**GRANT, "client_secret": "geheim-2"}, {"auth": ("dienst", "geheim-2")}, 400, "invalid_request"),
]


@pytest.mark.parametrize(("form", "more", "status", "error"), REFUSED)
def test_requests_that_do_not_hold_are_refused_as_rfc_6749_says(
    world: World, form: Any, more: dict[str, Any], status: int, error: str
) -> None:
    answer = ask(world, form, **more)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_a_token_can_be_made_that_a_verifier_must_refuse(world: World) -> None:
    expired = world.identity.token_for("dienst", lifetime=-60)
    with pytest.raises(jwt.ExpiredSignatureError):
        verified(world, expired)
    elsewhere = world.identity.token_for("dienst", claims={"aud": "https://elders.test"})
    with pytest.raises(jwt.InvalidAudienceError):
        verified(world, elsewhere)


def test_the_published_key_is_public_only(world: World) -> None:
    (key,) = requests.get(f"{world.base_url}/idp/jwks.json", timeout=5).json()["keys"]
    assert key.keys() == {"kty", "n", "e", "use", "alg", "kid"}
