"""Sealing: AES-256-GCM under a data key from KMS, so that who holds the bytes sees nothing without the KMS key.

Data keys are cached, so that a busy process makes one KMS call in five minutes rather than one per message.
"""

import os
import time
from collections import OrderedDict
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12
_CONTEXT = {"ond": "verzegeling"}


class Onleesbaar(Exception):
    """The bytes were not sealed with this key, were changed, or belong to something else."""


class Verzegeling:
    """Seals and opens with one KMS key; IAM decides which of the two a function may do.

    ``label`` binds the sealed bytes to what they belong to (associated data): opened under another label they are
    refused, so nobody can move them from one record to another.
    """

    def __init__(self, kms: Any, key: str, *, seconds: int = 300, uses: int = 100_000) -> None:
        """``seconds`` and ``uses`` bound the life of a data key that seals (NIST SP 800-38D allows 2^32 uses)."""
        self._kms = kms
        self._key = key
        self._seconds = seconds
        self._uses = uses
        self._current: tuple[bytes, AESGCM] | None = None
        self._expires = 0.0
        self._left = 0
        self._opened: OrderedDict[bytes, tuple[AESGCM, float]] = OrderedDict()

    def seal(self, plaintext: bytes, label: str) -> bytes:
        """The sealed form: version, wrapped data key, nonce and ciphertext."""
        wrapped, cipher = self._sealing_key()
        nonce = os.urandom(_NONCE_BYTES)
        return (
            _VERSION
            + len(wrapped).to_bytes(2, "big")
            + wrapped
            + nonce
            + cipher.encrypt(nonce, plaintext, label.encode())
        )

    def open(self, sealed: bytes, label: str) -> bytes:
        """What was sealed under ``label``.

        Raises:
            Onleesbaar: it was not, or not with this key.
        """
        if sealed[:1] != _VERSION or len(sealed) < 3:
            raise Onleesbaar
        body = 3 + int.from_bytes(sealed[1:3], "big")
        wrapped, nonce, ciphertext = sealed[3:body], sealed[body : body + _NONCE_BYTES], sealed[body + _NONCE_BYTES :]
        try:
            return self._opening_key(wrapped).decrypt(nonce, ciphertext, label.encode())
        except (InvalidTag, ValueError):
            raise Onleesbaar from None

    def _sealing_key(self) -> tuple[bytes, AESGCM]:
        if self._current is None or self._left <= 0 or time.monotonic() >= self._expires:
            answer = self._kms.generate_data_key(KeyId=self._key, KeySpec="AES_256", EncryptionContext=_CONTEXT)
            self._current = (answer["CiphertextBlob"], AESGCM(answer["Plaintext"]))
            self._expires = time.monotonic() + self._seconds
            self._left = self._uses
        self._left -= 1
        return self._current

    def _opening_key(self, wrapped: bytes) -> AESGCM:
        cached = self._opened.get(wrapped)
        if cached and time.monotonic() < cached[1]:
            return cached[0]
        try:
            answer = self._kms.decrypt(CiphertextBlob=wrapped, KeyId=self._key, EncryptionContext=_CONTEXT)
        except (self._kms.exceptions.InvalidCiphertextException, self._kms.exceptions.IncorrectKeyException):
            raise Onleesbaar from None
        cipher = AESGCM(answer["Plaintext"])
        self._opened[wrapped] = (cipher, time.monotonic() + self._seconds)
        while len(self._opened) > 1000:
            self._opened.popitem(last=False)
        return cipher
