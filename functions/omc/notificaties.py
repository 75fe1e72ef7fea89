"""The notifications table: a notification's state and, beside it, its sealed content that goes by itself.

{"pk": "6f9619ff-...", "sk": "toestand", "oin": ..., "v": 4, ...}            at most 1 KB, one write unit
{"pk": "6f9619ff-...", "sk": "inhoud#<hash>", "verzegeld": b"...", "ttl": ...}
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import model_validator

from omc.notificatie import GELDIGHEID, Notificatie, Poging, Status, Wijziging
from ond.berichten import Bericht, Kanaal, Uitslag
from ond.dynamodb import Item, batch_get, pack, unpack
from ond.identificatie import Identificatie
from ond.tijd import naar_ms, van_ms
from ond.verzegeling import Onleesbaar, Verzegeling

#: Proof of delivery is kept for a year.
TOESTAND_BEWAARD = timedelta(days=365)
#: Content is kept until seven days after the latest possible end: delivered on the last day, final seven days later.
INHOUD_BEWAARD = GELDIGHEID + timedelta(days=7) + timedelta(days=7)

_TOESTAND = "toestand"


class Bestemming(Bericht):
    """An address that the service provider supplied itself."""

    kanaal: Kanaal
    adres: str


class Inhoud(Bericht):
    """Who it is for and what it says: sealed at rest, opened for routing only."""

    identificatie: Identificatie | None = None
    bestemming: Bestemming | None = None
    onderwerp: str
    tekst: str

    @model_validator(mode="after")
    def _one_recipient(self) -> "Inhoud":
        if (self.identificatie is None) == (self.bestemming is None):
            raise ValueError("either a number or an address")
        return self


class Conflict(Exception):
    """Somebody else changed the notification in the meantime."""


class Notificaties:
    """The table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def neem_aan(self, notificatie: Notificatie, inhoud: Inhoud, verzegeling: Verzegeling) -> Notificatie:
        """Accept: the notification as it is stored, which is an earlier one where the reference was used before.

        The content goes first, under a key of its own hash: a crash in between leaves sealed bytes that nobody points
        to and that go by themselves, never a notification without content.
        """
        plaintext = inhoud.model_dump_json(exclude_none=True).encode()
        self._client.put_item(
            TableName=self._table,
            Item=pack(
                {
                    **_inhoud_key(notificatie),
                    "verzegeld": verzegeling.seal(plaintext, _inhoud_label(notificatie)),
                    "ttl": int((notificatie.aangenomen_op + INHOUD_BEWAARD).timestamp()),
                }
            ),
        )
        try:
            return self._put(notificatie, "attribute_not_exists(pk)", {})
        except Conflict:
            earlier = self.lees(notificatie.id)
            if earlier is None:
                raise
            return earlier

    def bewaar(self, notificatie: Notificatie) -> Notificatie:
        """Write a change.

        Raises:
            Conflict: the stored one is not the one that this change started from.
        """
        return self._put(notificatie, "revisie = :revisie", {":revisie": notificatie.revisie})

    def _put(self, notificatie: Notificatie, condition: str, values: Item) -> Notificatie:
        stored = replace(notificatie, revisie=notificatie.revisie + 1)
        try:
            self._client.put_item(
                TableName=self._table,
                Item=pack(_to_item(stored)),
                ConditionExpression=condition,
                **({"ExpressionAttributeValues": pack(values)} if values else {}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise Conflict from None
        return stored

    def lees(self, notificatie_id: str) -> Notificatie | None:
        """One notification."""
        answer = self._client.get_item(
            TableName=self._table, Key=pack(_toestand_key(notificatie_id)), ConsistentRead=True
        )
        return _from_item(unpack(answer["Item"])) if "Item" in answer else None

    def lees_alle(self, ids: Iterable[str]) -> dict[str, Notificatie]:
        """The notifications that exist, by id."""
        items = batch_get(self._client, self._table, (_toestand_key(notificatie_id) for notificatie_id in ids))
        return {item["pk"]: _from_item(item) for item in items}

    def lees_inhoud(self, notificaties: Iterable[Notificatie], verzegeling: Verzegeling) -> dict[str, Inhoud]:
        """The contents that still exist and can be read, by notification id."""
        by_id = {notificatie.id: notificatie for notificatie in notificaties}
        found = {}
        for item in batch_get(self._client, self._table, map(_inhoud_key, by_id.values())):
            try:
                plaintext = verzegeling.open(item["verzegeld"], _inhoud_label(by_id[item["pk"]]))
            except Onleesbaar:
                continue
            found[item["pk"]] = Inhoud.model_validate_json(plaintext)
        return found


def _toestand_key(notificatie_id: str) -> dict[str, str]:
    return {"pk": notificatie_id, "sk": _TOESTAND}


def _inhoud_key(notificatie: Notificatie) -> dict[str, str]:
    return {"pk": notificatie.id, "sk": f"inhoud#{notificatie.inhoud_hash}"}


def _inhoud_label(notificatie: Notificatie) -> str:
    return f"inhoud/{notificatie.id}"


def _to_item(notificatie: Notificatie) -> Item:
    """Short names in the two lists, because the whole must stay within one kilobyte."""
    return {
        **_toestand_key(notificatie.id),
        "oin": notificatie.oin,
        "referentie": notificatie.referentie,
        "doel": notificatie.doel_id,
        "dienst": notificatie.dienst,
        "hash": notificatie.inhoud_hash,
        "kanalen": list(notificatie.kanalen),
        "op": naar_ms(notificatie.aangenomen_op),
        "revisie": notificatie.revisie,
        "pogingen": [
            {
                "k": poging.kanaal,
                **_present(u=poging.uitslag, t=poging.uitslag_op and naar_ms(poging.uitslag_op), r=poging.reden),
            }
            for poging in notificatie.pogingen
        ],
        "wijzigingen": [
            {
                "s": wijziging.naar,
                "t": naar_ms(wijziging.tijdstip),
                **_present(p=wijziging.poging, r=wijziging.reden),
            }
            for wijziging in notificatie.wijzigingen
        ],
        "ttl": int((notificatie.aangenomen_op + TOESTAND_BEWAARD).timestamp()),
    }


def _present(**values: Any) -> Item:
    return {name: value for name, value in values.items() if value is not None}


def _from_item(item: Item) -> Notificatie:
    pogingen = tuple(
        Poging(
            nummer=nummer,
            kanaal=Kanaal(entry["k"]),
            uitslag=Uitslag(entry["u"]) if "u" in entry else None,
            uitslag_op=van_ms(entry["t"]) if "t" in entry else None,
            reden=entry.get("r"),
        )
        for nummer, entry in enumerate(item["pogingen"], start=1)
    )
    wijzigingen: tuple[Wijziging, ...] = ()
    for versie, entry in enumerate(item["wijzigingen"], start=1):
        poging = entry.get("p")
        wijzigingen += (
            Wijziging(
                versie=versie,
                van=wijzigingen[-1].naar if wijzigingen else None,
                naar=Status(entry["s"]),
                tijdstip=van_ms(entry["t"]),
                poging=poging,
                kanaal=pogingen[poging - 1].kanaal if poging else None,
                reden=entry.get("r"),
            ),
        )
    return Notificatie(
        id=item["pk"],
        oin=item["oin"],
        referentie=item["referentie"],
        doel_id=item["doel"],
        dienst=item.get("dienst"),
        inhoud_hash=item["hash"],
        kanalen=tuple(Kanaal(kanaal) for kanaal in item["kanalen"]),
        aangenomen_op=van_ms(item["op"]),
        revisie=item["revisie"],
        pogingen=pogingen,
        wijzigingen=wijzigingen,
    )
