"""The feed: every change of every notification of a service provider, once, in order, without gaps.

    {"pk": "00000099000000001000", "positie": 17, "wijzigingen": [...], "ttl": ...}   a page
    {"pk": "00000099000000001000", "positie": 0, "tot": 17}                           where the feed ends
    {"pk": "gevoed#6f9619ff-...", "positie": 0, "versie": 3, "ttl": ...}              what the feed has of one
    {"pk": "webhook#00000099000000001000", "positie": 0, "tot": 16, ...}              how far its webhook is

A page, the feed's end and the marks of what is on the page are written in one transaction, only where the end is still
where it was read. So no change is on two pages, a page never appears before the one in front of it, and positions go on
after all pages have gone by themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from omc.notificatie import Notificatie, Status, Wijziging
from ond.dynamodb import Item, batch_get, pack, unpack
from ond.tijd import naar_ms, van_ms

BEWAARD = timedelta(days=30)
#: A transaction takes a hundred writes; a notification has one mark, and its changes share the page.
PER_PAGINA = 90


@dataclass(frozen=True)
class Regel:
    """One change, as the feed tells it."""

    notificatie_id: str
    referentie: str
    versie: int
    van: Status | None
    naar: Status
    tijdstip: datetime
    reden: str | None


@dataclass(frozen=True)
class Pagina:
    """A number of changes, at a position in one service provider's feed; positions count from 1."""

    positie: int
    regels: tuple[Regel, ...]


class Bezet(Exception):
    """Another writer took the position, or has put these changes in the feed already."""


class Wijzigingen:
    """The table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def voeg_toe(self, oin: str, notificaties: Sequence[Notificatie], nu: datetime) -> int:
        """Put in the feed what it does not have yet of these notifications of one service provider; gives how many
        changes that were.

        Raises:
            Bezet: a concurrent writer was first; trying again is safe.
        """
        marks = batch_get(self._client, self._table, (_mark_key(notificatie.id) for notificatie in notificaties))
        had = {item["pk"]: item["versie"] for item in marks}
        new = [
            (notificatie, versie)
            for notificatie in notificaties
            if notificatie.versie > (versie := had.get(_mark_key(notificatie.id)["pk"], 0))
        ]
        for start in range(0, len(new), PER_PAGINA):
            self._write_page(oin, new[start : start + PER_PAGINA], nu)
        return sum(notificatie.versie - versie for notificatie, versie in new)

    def _write_page(self, oin: str, new: Sequence[tuple[Notificatie, int]], nu: datetime) -> None:
        regels = [
            _regel_item(notificatie, wijziging)
            for notificatie, versie in new
            for wijziging in notificatie.wijzigingen
            if wijziging.versie > versie
        ]
        ttl = int((nu + BEWAARD).timestamp())
        tot = self.laatste_positie(oin)
        page = {"pk": oin, "positie": tot + 1, "wijzigingen": regels, "ttl": ttl}
        stand = {**_stand_key(oin), "tot": tot + 1}
        writes = [
            self._put(page, "attribute_not_exists(pk)"),
            self._put(stand, "attribute_not_exists(pk) OR tot = :tot", {":tot": tot}),
        ]
        for notificatie, versie in new:
            mark = {**_mark_key(notificatie.id), "versie": notificatie.versie, "ttl": ttl}
            if versie:
                writes.append(self._put(mark, "versie = :versie", {":versie": versie}))
            else:
                writes.append(self._put(mark, "attribute_not_exists(pk)"))
        try:
            self._client.transact_write_items(TransactItems=writes)
        except self._client.exceptions.TransactionCanceledException:
            raise Bezet from None

    def _put(self, item: Item, condition: str, values: Item | None = None) -> Item:
        put = {"TableName": self._table, "Item": pack(item), "ConditionExpression": condition}
        return {"Put": {**put, **({"ExpressionAttributeValues": pack(values)} if values else {})}}

    def laatste_positie(self, oin: str) -> int:
        """The feed's end; 0 where nothing was ever in it."""
        answer = self._client.get_item(TableName=self._table, Key=pack(_stand_key(oin)), ConsistentRead=True)
        return int(unpack(answer["Item"])["tot"]) if "Item" in answer else 0

    def lees(self, oin: str, na: int, hoogstens: int) -> list[Pagina]:
        """Up to ``hoogstens`` pages after position ``na``."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :oin AND positie > :na",
            ExpressionAttributeValues=pack({":oin": oin, ":na": na}),
            Limit=hoogstens,
            ConsistentRead=True,
        )
        return [_pagina(unpack(item)) for item in answer["Items"]]


@dataclass(frozen=True)
class Webhookstand:
    """How far a webhook is: the receiver took everything to position ``tot``. After ``mislukt`` failures in a row it
    is not called before ``niet_voor``.
    """

    tot: int = 0
    mislukt: int = 0
    niet_voor: datetime | None = None


class Webhookstanden:
    """Where each service provider's webhook is, and who is sending to it right now."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def neem(self, oin: str, wie: str, nu: datetime, tot: datetime) -> Webhookstand | None:
        """Take the turn to send until ``tot``; None while somebody else has it, so that events stay in order."""
        item = self._update(
            oin,
            "SET beurt = :wie, beurtTot = :beurtTot",
            "attribute_not_exists(beurtTot) OR beurtTot < :nu OR beurt = :wie",
            {":wie": wie, ":beurtTot": naar_ms(tot), ":nu": naar_ms(nu)},
        )
        if item is None:
            return None
        niet_voor = item.get("nietVoor")
        return Webhookstand(item.get("tot", 0), item.get("mislukt", 0), van_ms(niet_voor) if niet_voor else None)

    def leg_neer(self, oin: str, wie: str, stand: Webhookstand, *, klaar: bool) -> bool:
        """Write how far it is; ``klaar`` gives the turn back. False, and nothing written, where the turn was lost."""
        item = self._update(
            oin,
            "SET tot = :tot, mislukt = :mislukt, nietVoor = :nietVoor" + (" REMOVE beurt, beurtTot" if klaar else ""),
            "beurt = :wie",
            {
                ":wie": wie,
                ":tot": stand.tot,
                ":mislukt": stand.mislukt,
                ":nietVoor": naar_ms(stand.niet_voor) if stand.niet_voor else 0,
            },
        )
        return item is not None

    def _update(self, oin: str, update: str, condition: str, values: Item) -> Item | None:
        """The item after the update; None where the condition did not hold."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=pack(_webhook_key(oin)),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=pack(values),
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        return unpack(answer["Attributes"])


def _stand_key(oin: str) -> Item:
    return {"pk": oin, "positie": 0}


def _webhook_key(oin: str) -> Item:
    return {"pk": f"webhook#{oin}", "positie": 0}


def _mark_key(notificatie_id: str) -> Item:
    return {"pk": f"gevoed#{notificatie_id}", "positie": 0}


def _regel_item(notificatie: Notificatie, wijziging: Wijziging) -> Item:
    """Short names: a page holds many of these."""
    regel = {
        "i": notificatie.id,
        "ref": notificatie.referentie,
        "v": wijziging.versie,
        "van": wijziging.van,
        "s": wijziging.naar,
        "t": naar_ms(wijziging.tijdstip),
        "r": wijziging.reden,
    }
    return {name: value for name, value in regel.items() if value is not None}


def _pagina(item: Item) -> Pagina:
    return Pagina(item["positie"], tuple(_regels(item["wijzigingen"])))


def _regels(items: Iterable[Item]) -> Iterable[Regel]:
    for item in items:
        yield Regel(
            notificatie_id=item["i"],
            referentie=item["ref"],
            versie=item["v"],
            van=Status(item["van"]) if "van" in item else None,
            naar=Status(item["s"]),
            tijdstip=van_ms(item["t"]),
            reden=item.get("r"),
        )
