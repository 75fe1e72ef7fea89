"""A service provider as it would be in real life: gets a token, sends, asks how it went. Everything over HTTP."""

import time
from dataclasses import dataclass
from typing import Any

import requests

from local.data import Aansluiting

#: A server that fails or is away is tried again for this long; the reference makes that safe.
PATIENCE_SECONDS = 60


@dataclass
class ServiceProvider:
    """One connected organisation."""

    aansluiting: Aansluiting
    token_url: str
    api_url: str

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._token = ""

    def token(self) -> str:
        """An access token, by OAuth 2.0 client credentials."""
        if not self._token:
            credentials = self.aansluiting.client
            answer = self._session.post(
                self.token_url,
                data={
                    "grant_type": "client_credentials",
                    "client_id": credentials.id,
                    "client_secret": credentials.secret,
                },
                timeout=10,
            )
            answer.raise_for_status()
            self._token = str(answer.json()["access_token"])
        return self._token

    def send(self, path: str, body: Any) -> requests.Response:
        """Send an assignment."""
        return self._request("POST", path, json=body)

    def notificatie(self, notificatie_id: str) -> dict[str, Any]:
        """How it stands with a notification."""
        answer = self._request("GET", f"/notificaties/{notificatie_id}")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self._session.request(
                    method,
                    f"{self.api_url}{path}",
                    headers={"Authorization": f"Bearer {self.token()}"},
                    timeout=30,
                    **arguments,
                )
                if answer.status_code < 500 or time.monotonic() > deadline:
                    return answer
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.5)
