"""Secrets, read when needed and remembered for a few minutes, so that a rotated one works without a new deploy."""

import time
from collections.abc import Callable
from typing import Any


class Geheim:
    """One secret of Secrets Manager."""

    def __init__(
        self, client: Any, secret: str, *, seconds: float = 300, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._secret = secret
        self._seconds = seconds
        self._clock = clock
        self._value: str | None = None
        self._expires = 0.0

    def waarde(self) -> str:
        """The secret's value.

        Raises:
            ValueError: the secret is empty; the message names the secret.
        """
        if self._value is None or self._clock() >= self._expires:
            value = str(self._client.get_secret_value(SecretId=self._secret)["SecretString"])
            if not value:
                raise ValueError(f"secret {self._secret} is empty")
            self._value = value
            self._expires = self._clock() + self._seconds
        return self._value
