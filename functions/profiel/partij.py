"""A partij and what may be used to reach it. No AWS and no HTTP in here."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from ond.aansluitregister import Doel, Veld
from ond.berichten import Kanaal, Profielantwoord, Profieluitkomst
from ond.identificatie import OIN, Identificatie


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Scope(_Model):
    """For whom something holds: a service provider, or one dienst of it."""

    oin: OIN
    dienst: str | None = None


class GegevenType(StrEnum):
    """What kind of contact detail."""

    EMAIL = "email"
    TELEFOONNUMMER = "telefoonnummer"
    POSTADRES = "postadres"


class Contactgegeven(_Model):
    """One way to reach a partij. ``geverifieerd_op``: when the owner proved that it is theirs; a postal address needs
    no such proof. ``ongeldig_op``: when a bounce showed that it does not work.
    """

    id: str
    type: GegevenType
    waarde: str
    geverifieerd_op: datetime | None = None
    ongeldig_op: datetime | None = None
    standaard: bool = False
    scopes: tuple[Scope, ...] = ()

    @property
    def bruikbaar(self) -> bool:
        """Whether it may be delivered to."""
        verified = self.geverifieerd_op is not None or self.type is GegevenType.POSTADRES
        return verified and self.ongeldig_op is None


class Voorkeurskanaal(_Model):
    """The order in which a partij wants to be reached."""

    kanalen: tuple[Kanaal, ...]
    standaard: bool = False
    scopes: tuple[Scope, ...] = ()


class Afmelding(_Model):
    """An opt-out: of everything, of one service provider, of one dienst, or of one doel of it."""

    oin: OIN | None = None
    dienst: str | None = None
    doel_id: str | None = None
    sinds: datetime

    def geldt(self, oin: str, dienst: str | None, doel_id: str) -> bool:
        """Whether it stops this; what it leaves open, it stops for all."""
        return (
            self.oin in (None, oin)
            and (self.dienst is None or self.dienst == dienst)
            and (self.doel_id is None or self.doel_id == doel_id)
        )


class Partij(_Model):
    """A citizen or business: its numbers, contact details and preferences."""

    id: str
    identificaties: tuple[Identificatie, ...]
    contactgegevens: tuple[Contactgegeven, ...] = ()
    voorkeurskanalen: tuple[Voorkeurskanaal, ...] = ()
    afmeldingen: tuple[Afmelding, ...] = ()


class _Scoped(Protocol):
    @property
    def standaard(self) -> bool: ...

    @property
    def scopes(self) -> tuple[Scope, ...]: ...


T = TypeVar("T", bound=_Scoped)


def rang(waarde: _Scoped, oin: str, dienst: str | None) -> int | None:
    """How specific a value is for a dienst of a service provider: 3 that dienst, 2 that service provider, 1 the
    default, 0 without scope. None: it is meant for others.
    """
    if not waarde.scopes:
        return 1 if waarde.standaard else 0
    own = [scope for scope in waarde.scopes if scope.oin == oin]
    if dienst is not None and any(scope.dienst == dienst for scope in own):
        return 3
    return 2 if any(scope.dienst is None for scope in own) else None


def kies(waarden: Sequence[T], oin: str, dienst: str | None) -> T | None:
    """The most specific value; of equals the first."""
    best: T | None = None
    best_rang = -1
    for waarde in waarden:
        its_rang = rang(waarde, oin, dienst)
        if its_rang is not None and its_rang > best_rang:
            best, best_rang = waarde, its_rang
    return best


#: Which contact detail a channel uses, and which field of a doel lets it be read.
KANAALGEGEVENS: dict[Kanaal, tuple[GegevenType, Veld]] = {
    Kanaal.EMAIL: (GegevenType.EMAIL, Veld.EMAIL),
    Kanaal.SMS: (GegevenType.TELEFOONNUMMER, Veld.TELEFOONNUMMER),
    Kanaal.BRIEF: (GegevenType.POSTADRES, Veld.POSTADRES),
}


def antwoord(partij: Partij, *, oin: str, dienst: str | None, doel_id: str, doel: Doel) -> Profielantwoord:
    """What may be known of a partij for this doel: only its fields, only addresses that may be delivered to."""
    if any(afmelding.geldt(oin, dienst, doel_id) for afmelding in partij.afmeldingen):
        return Profielantwoord(uitkomst=Profieluitkomst.AFGEMELD)
    adressen = {}
    for kanaal, (soort, veld) in KANAALGEGEVENS.items():
        usable = [gegeven for gegeven in partij.contactgegevens if gegeven.type is soort and gegeven.bruikbaar]
        chosen = kies(usable, oin, dienst) if veld in doel.velden else None
        if chosen:
            adressen[kanaal] = chosen.waarde
    if not adressen:
        return Profielantwoord(uitkomst=Profieluitkomst.GEEN_CONTACTGEGEVENS)
    voorkeur = kies(partij.voorkeurskanalen, oin, dienst) if Veld.VOORKEURSKANAAL in doel.velden else None
    return Profielantwoord(
        uitkomst=Profieluitkomst.GEVONDEN,
        voorkeurskanalen=voorkeur.kanalen if voorkeur else (),
        adressen=adressen,
    )
