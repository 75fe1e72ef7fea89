"""The local identity provider: OAuth 2.0 client credentials in, a signed access token (RFC 9068) out."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Response, jsonify, request
from werkzeug.datastructures import MultiDict

from local.world.pages import new_app

ALGORITHM = "PS256"
LIFETIME_SECONDS = 3600
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749 section 5.1


class Client(NamedTuple):
    """A party that may ask for tokens: a service provider, known by its OIN, or a system of the service itself."""

    client_id: str
    client_secret: str
    oin: str
    naam: str
    scopes: tuple[str, ...]


class TokenRefused(Exception):
    """A token request that fails, as RFC 6749 section 5.2 has it answered."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


class IdentityProvider:
    """Knows its clients and signs with a key that lives as long as the process."""

    def __init__(self, *, clients: Iterable[Client], audience: str) -> None:
        """`audience` is the `aud` of every token: the API that is to accept it."""
        self.audience = audience
        self.issuer = ""  # set when the world starts: the address holds the port
        self._clients = {client.client_id: client for client in (Client(*client) for client in clients)}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public_jwk = _public_jwk(self._key)
        self.app = new_app("idp")
        self.app.add_url_rule("/.well-known/openid-configuration", "configuration", self._configuration)
        self.app.add_url_rule("/jwks.json", "jwks", self._jwks)
        self.app.add_url_rule("/token", "token", self._token, methods=["POST"])
        self.app.register_error_handler(TokenRefused, _refusal)

    def token_for(
        self,
        client_id: str,
        *,
        scopes: Iterable[str] | None = None,
        lifetime: int = LIFETIME_SECONDS,
        claims: Mapping[str, object] | None = None,
    ) -> str:
        """A signed token without the request for it; `claims` replaces claims, to see a verifier refuse them."""
        client = self._clients[client_id]
        now = int(time.time())
        payload: dict[str, Any] = {
            "iss": self.issuer,
            "sub": client.client_id,
            "client_id": client.client_id,
            "aud": self.audience,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "jti": str(uuid.uuid4()),
            "scope": " ".join(client.scopes if scopes is None else scopes),
            "oin": client.oin,
        }
        payload.update(claims or {})
        headers = {"kid": self._public_jwk["kid"], "typ": "at+jwt"}
        return jwt.encode(payload, self._key, algorithm=ALGORITHM, headers=headers)

    def _configuration(self) -> Response:
        return jsonify(
            issuer=self.issuer,
            token_endpoint=f"{self.issuer}/token",
            jwks_uri=f"{self.issuer}/jwks.json",
            grant_types_supported=["client_credentials"],
            token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
            scopes_supported=sorted({scope for client in self._clients.values() for scope in client.scopes}),
            response_types_supported=[],
            subject_types_supported=["public"],
            id_token_signing_alg_values_supported=[ALGORITHM],
        )

    def _jwks(self) -> Response:
        return jsonify(keys=[self._public_jwk])

    def _token(self) -> Response:
        if request.args:
            raise TokenRefused("invalid_request", "parameters belong in the body, not in the address")
        form = _single_values(request.form)
        client = self._authenticated(*_credentials(form))
        _check_grant(form)
        scopes = _granted_scopes(client, form.get("scope"))
        response = jsonify(
            access_token=self.token_for(client.client_id, scopes=scopes),
            token_type="Bearer",  # noqa: S106 - the name of a kind of token
            expires_in=LIFETIME_SECONDS,
            scope=" ".join(scopes),
        )
        response.headers.update(NO_STORE)
        return response

    def _authenticated(self, client_id: str, client_secret: str) -> Client:
        client = self._clients.get(client_id)
        # Compared for an unknown client too, so that the time taken does not tell which clients exist.
        known = client.client_secret if client else uuid.uuid4().hex
        if not hmac.compare_digest(known.encode(), client_secret.encode()) or client is None:
            raise TokenRefused("invalid_client", "unknown client or wrong secret", status=401)
        return client


def _single_values(form: MultiDict[str, str]) -> dict[str, str]:
    """The form's fields; RFC 6749 section 3.2 forbids sending one twice and treats an empty one as left out."""
    if any(len(values) > 1 for values in form.listvalues()):
        raise TokenRefused("invalid_request", "a parameter occurs more than once")
    return {name: value for name, value in form.items() if value}


def _check_grant(form: Mapping[str, str]) -> None:
    if "grant_type" not in form:
        raise TokenRefused("invalid_request", "grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise TokenRefused("unsupported_grant_type", "only client_credentials is offered")


def _credentials(form: Mapping[str, str]) -> tuple[str, str]:
    """Client id and secret, from the Authorization header or from the form but not both (section 2.3)."""
    if "Authorization" not in request.headers:
        return _form_credentials(form)
    if "client_secret" in form:
        raise TokenRefused("invalid_request", "credentials both in the header and in the body")
    return _basic_credentials()


def _form_credentials(form: Mapping[str, str]) -> tuple[str, str]:
    if "client_id" not in form or "client_secret" not in form:
        raise TokenRefused("invalid_client", "no client credentials", status=401)
    return form["client_id"], form["client_secret"]


def _basic_credentials() -> tuple[str, str]:
    given = request.authorization
    if given is None or given.type != "basic" or given.username is None or given.password is None:
        raise TokenRefused("invalid_client", "the Authorization header is not HTTP Basic", status=401)
    # Section 2.3.1: both parts are form-encoded before they are joined.
    return unquote_plus(given.username), unquote_plus(given.password)


def _granted_scopes(client: Client, requested: str | None) -> tuple[str, ...]:
    """The scopes asked for, or all of the client's when it names none."""
    if requested is None:
        return client.scopes
    scopes = tuple(dict.fromkeys(requested.split()))
    if not set(scopes) <= set(client.scopes):
        raise TokenRefused("invalid_scope", "a scope is not allowed for this client")
    return scopes


def _refusal(refused: TokenRefused) -> Response:
    response = jsonify(error=refused.error, error_description=refused.description)
    response.status_code = refused.status
    response.headers.update(NO_STORE)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="idp"'
    return response


def _public_jwk(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """The public half as a JWK; its `kid` is the thumbprint of RFC 7638."""
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    members = {name: jwk[name] for name in ("e", "kty", "n")}
    thumbprint = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    kid = base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()
    return {**members, "use": "sig", "alg": ALGORITHM, "kid": kid}
