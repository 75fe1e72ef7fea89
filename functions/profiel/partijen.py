"""The profiles table: no number and no contact detail in it can be read without the KMS key and the pepper.

{"pk": "partij#0f1c...", "verzegeld": b"...", "sleutel": "2026-11-23T...", "versie": 3}
{"pk": "id#1#9ec4...", "partij": "0f1c..."}         pointer: pepper version, then HMAC-SHA-256 of type and number
{"pk": "sleutel#2026-11-23T...", "verpakt": b"..."}  a data key, wrapped by KMS
"""

import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ond.dynamodb import batch_get, pack
from ond.geheimen import Geheim
from ond.identificatie import Identificatie
from ond.tijd import nu, tekst
from profiel.partij import Partij

#: Which pepper a pointer was made with; a new one is written beside the old while all are made anew.
PEPER_VERSIE = 1
_CONTEXT = {"ond": "profiel"}
_NONCE_BYTES = 12


class Partijen:
    """The table."""

    def __init__(self, client: Any, table: str, kms: Any, key: str, peper: Geheim) -> None:
        self._client = client
        self._table = table
        self._kms = kms
        self._key = key
        self._peper = peper
        self._ciphers: dict[str, AESGCM] = {}
        self._current: str | None = None

    def zoek(self, identificaties: Sequence[Identificatie]) -> list[Partij | None]:
        """The partij of each, in order; one batch read for the pointers and one for the partijen."""
        pointer_keys = [self._pointer(identificatie) for identificatie in identificaties]
        pointers = {
            item["pk"]: item["partij"]
            for item in batch_get(self._client, self._table, ({"pk": key} for key in pointer_keys))
        }
        items = batch_get(self._client, self._table, ({"pk": _pk(partij)} for partij in set(pointers.values())))
        self._load_ciphers({item["sleutel"] for item in items})
        partijen = {item["pk"]: self._open(item) for item in items}
        return [partijen.get(_pk(pointers[key])) if key in pointers else None for key in pointer_keys]

    def voeg_toe(self, partij: Partij) -> None:
        """Store a new partij and the pointers of its numbers, all or nothing.

        Raises:
            TransactionCanceledException: the partij exists, or one of its numbers belongs to another.
        """
        sleutel = self._sealing_key()
        nonce = os.urandom(_NONCE_BYTES)
        pk = _pk(partij.id)
        sealed = nonce + self._ciphers[sleutel].encrypt(nonce, partij.model_dump_json().encode(), pk.encode())
        items = [{"pk": pk, "verzegeld": sealed, "sleutel": sleutel, "versie": 1}]
        items += [{"pk": self._pointer(number), "partij": partij.id} for number in partij.identificaties]
        self._client.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": self._table,
                        "Item": pack(item),
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                }
                for item in items
            ]
        )

    def _pointer(self, identificatie: Identificatie) -> str:
        text = f"{identificatie.soort}:{identificatie.nummer}"
        digest = hmac.new(self._peper.waarde().encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"id#{PEPER_VERSIE}#{digest}"

    def _open(self, item: dict[str, Any]) -> Partij:
        nonce, ciphertext = item["verzegeld"][:_NONCE_BYTES], item["verzegeld"][_NONCE_BYTES:]
        plaintext = self._ciphers[item["sleutel"]].decrypt(nonce, ciphertext, item["pk"].encode())
        return Partij.model_validate_json(plaintext)

    def _load_ciphers(self, sleutels: set[str]) -> None:
        """Unwrap the data keys that are not known yet; usually there is one, and it is known."""
        missing = sleutels - self._ciphers.keys()
        for item in batch_get(self._client, self._table, ({"pk": f"sleutel#{name}"} for name in missing)):
            answer = self._kms.decrypt(CiphertextBlob=item["verpakt"], KeyId=self._key, EncryptionContext=_CONTEXT)
            self._ciphers[item["pk"].removeprefix("sleutel#")] = AESGCM(answer["Plaintext"])

    def _sealing_key(self) -> str:
        """The name of the data key that this process seals with; made and stored, wrapped, at first use."""
        if self._current is None:
            answer = self._kms.generate_data_key(KeyId=self._key, KeySpec="AES_256", EncryptionContext=_CONTEXT)
            name = tekst(nu())
            self._client.put_item(
                TableName=self._table,
                Item=pack({"pk": f"sleutel#{name}", "verpakt": answer["CiphertextBlob"]}),
                ConditionExpression="attribute_not_exists(pk)",
            )
            self._ciphers[name] = AESGCM(answer["Plaintext"])
            self._current = name
        return self._current


def _pk(partij_id: str) -> str:
    return f"partij#{partij_id}"
