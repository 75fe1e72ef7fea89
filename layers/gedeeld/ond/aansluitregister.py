"""The aansluitregister: which service providers are connected, for which diensten and doelen, and where they listen.

Operators write it; functions read it and remember it for at most a minute, so that a block works within a minute.
"""

import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ond.dynamodb import pack, unpack
from ond.identificatie import OIN


class Veld(StrEnum):
    """What of a profile a doel may read."""

    EMAIL = "email"
    TELEFOONNUMMER = "telefoonnummer"
    POSTADRES = "postadres"
    VOORKEURSKANAAL = "voorkeurskanaal"


class _Register(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Doel(_Register):
    """A purpose: what may be read for it and on which ground (AVG art. 6), as registered beforehand.

    ``verwerkingsactiviteit`` is the URI of its entry in the register of processing activities (AVG art. 30).
    """

    naam: str = Field(min_length=1)
    grondslag: str = Field(min_length=1)
    velden: tuple[Veld, ...] = Field(min_length=1)
    verwerkingsactiviteit: str = Field(min_length=1)
    geschorst: bool = False


class Dienstverlener(_Register):
    """A service provider: an organisation that sends notifications."""

    oin: OIN
    naam: str = Field(min_length=1)
    geblokkeerd: bool = False
    diensten: dict[str, str] = Field(default={}, description="diensten by id, with their names")
    doelen: dict[str, Doel] = {}
    webhook: str | None = None


class Weigering(StrEnum):
    """Why a purpose check refuses."""

    GEEN_DOEL = "geen-doel"
    NIET_AANGESLOTEN = "niet-aangesloten"
    GEBLOKKEERD = "geblokkeerd"
    DOEL_NIET_GEREGISTREERD = "doel-niet-geregistreerd"
    DOEL_GESCHORST = "doel-geschorst"


class DoelGeweigerd(Exception):
    """The service provider may not do this for this doel."""

    def __init__(self, weigering: Weigering) -> None:
        super().__init__(weigering.value)
        self.weigering = weigering


def toets_doelbinding(dienstverlener: Dienstverlener | None, doel_id: str | None) -> Doel:
    """The doel that a service provider may act for.

    Raises:
        DoelGeweigerd: in the order of the doelbinding rules: no doel; not connected; blocked; doel not registered for
            this service provider; doel suspended.
    """
    if not doel_id:
        raise DoelGeweigerd(Weigering.GEEN_DOEL)
    if dienstverlener is None:
        raise DoelGeweigerd(Weigering.NIET_AANGESLOTEN)
    if dienstverlener.geblokkeerd:
        raise DoelGeweigerd(Weigering.GEBLOKKEERD)
    doel = dienstverlener.doelen.get(doel_id)
    if doel is None:
        raise DoelGeweigerd(Weigering.DOEL_NIET_GEREGISTREERD)
    if doel.geschorst:
        raise DoelGeweigerd(Weigering.DOEL_GESCHORST)
    return doel


class Gewijzigd(Exception):
    """Somebody else changed what was registered."""


class Aansluitregister:
    """The register's table: one item per service provider, for example ``{"pk": "00000099000000001000"}``."""

    def __init__(
        self, client: Any, table: str, *, seconds: float = 60, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._table = table
        self._seconds = seconds
        self._clock = clock
        self._cache: dict[str, tuple[float, Dienstverlener | None]] = {}

    def dienstverlener(self, oin: str) -> Dienstverlener | None:
        """The service provider with this OIN; None where it is not connected."""
        cached = self._cache.get(oin)
        if cached and self._clock() < cached[0]:
            return cached[1]
        answer = self._client.get_item(TableName=self._table, Key=pack({"pk": oin}))
        found = Dienstverlener.model_validate_json(unpack(answer["Item"])["inhoud"]) if "Item" in answer else None
        self._cache[oin] = (self._clock() + self._seconds, found)
        return found

    def alle(self) -> Iterator[Dienstverlener]:
        """Everyone who is connected. For operators: it reads the whole table."""
        for page in self._client.get_paginator("scan").paginate(TableName=self._table):
            for item in page["Items"]:
                yield Dienstverlener.model_validate_json(unpack(item)["inhoud"])

    def zet(self, dienstverlener: Dienstverlener, *, in_plaats_van: Dienstverlener | None = None) -> None:
        """Register a service provider, or replace what was registered.

        Raises:
            Gewijzigd: ``in_plaats_van`` is given and is not what the register holds now.
        """
        only_if = {
            "ConditionExpression": "inhoud = :inhoud",
            "ExpressionAttributeValues": pack({":inhoud": _inhoud(in_plaats_van)}),
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=pack({"pk": dienstverlener.oin, "inhoud": _inhoud(dienstverlener)}),
                **(only_if if in_plaats_van else {}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise Gewijzigd from None
        self._cache.pop(dienstverlener.oin, None)


def _inhoud(dienstverlener: Dienstverlener | None) -> str | None:
    return dienstverlener.model_dump_json() if dienstverlener else None
