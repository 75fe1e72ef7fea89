"""Routing: by which channel and to which address a notification goes now, or why it does not. A pure function."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from omc.notificatie import Notificatie, Reden, Status
from ond.berichten import Kanaal, Profielantwoord, Profieluitkomst, Uitslag

#: For who never chose: fastest first.
STANDAARDVOLGORDE = (Kanaal.EMAIL, Kanaal.SMS, Kanaal.BRIEF)


@dataclass(frozen=True)
class Verzend:
    """Send now."""

    kanaal: Kanaal
    adres: str


@dataclass(frozen=True)
class Beeindig:
    """It ends here."""

    status: Status
    reden: Reden


Route = Verzend | Beeindig
Regel = Callable[[Profielantwoord, Notificatie, datetime], Route | None]


def _geldig(_profiel: Profielantwoord, notificatie: Notificatie, nu: datetime) -> Route | None:
    """What came too late is not sent any more."""
    return Beeindig(Status.VERLOPEN, Reden.GELDIGHEID_VERSTREKEN) if nu >= notificatie.verloopt_op else None


_UITKOMSTEN = {
    Profieluitkomst.ONBEKEND: Reden.GEEN_CONTACTGEGEVENS,
    Profieluitkomst.GEEN_CONTACTGEGEVENS: Reden.GEEN_CONTACTGEGEVENS,
    Profieluitkomst.AFGEMELD: Reden.AFGEMELD,
    Profieluitkomst.GEWEIGERD: Reden.DOEL_GEWEIGERD,
}


def _bereikbaar(profiel: Profielantwoord, _notificatie: Notificatie, _nu: datetime) -> Route | None:
    """Unknown, opted out, or no address that may be used."""
    reden = _UITKOMSTEN.get(profiel.uitkomst)
    return Beeindig(Status.NIET_BEZORGBAAR, reden) if reden else None


def _nog_eens(profiel: Profielantwoord, notificatie: Notificatie, _nu: datetime) -> Route | None:
    """The same channel once more, after a failure that may pass."""
    poging = notificatie.te_herhalen
    if poging is None:
        return None
    adres = adres_voor(profiel, notificatie, poging.kanaal)
    return Verzend(poging.kanaal, adres) if adres else None


def _volgende(profiel: Profielantwoord, notificatie: Notificatie, _nu: datetime) -> Route | None:
    """The first channel in the person's order that was not tried yet; what was given back never went out."""
    tried = {poging.kanaal for poging in notificatie.pogingen if poging.uitslag is not Uitslag.TERUGGEGEVEN}
    for kanaal in _kanalen(profiel, notificatie):
        if kanaal not in tried:
            return Verzend(kanaal, profiel.adressen[kanaal])
    return None


def _op(_profiel: Profielantwoord, notificatie: Notificatie, _nu: datetime) -> Route:
    """Nothing left to try: what the attempts say, or that there was no address for any allowed channel."""
    uitslagen = {poging.uitslag for poging in notificatie.pogingen}
    if not notificatie.pogingen or uitslagen == {Uitslag.TERUGGEGEVEN}:
        return Beeindig(Status.NIET_BEZORGBAAR, Reden.GEEN_CONTACTGEGEVENS)
    if Uitslag.PERMANENT_MISLUKT in uitslagen or Uitslag.TIJDELIJK_MISLUKT in uitslagen:
        return Beeindig(Status.NIET_BEZORGBAAR, Reden.ADRES_ONBEREIKBAAR)
    return Beeindig(Status.TECHNISCH_MISLUKT, Reden.TECHNISCHE_STORING)


#: The first rule that has an answer gives it.
REGELS: tuple[Regel, ...] = (_geldig, _bereikbaar, _nog_eens, _volgende, _op)


def bepaal_route(profiel: Profielantwoord, notificatie: Notificatie, nu: datetime) -> Route:
    """Where a notification's next attempt goes."""
    for regel in REGELS:
        if route := regel(profiel, notificatie, nu):
            return route
    raise AssertionError("the last rule always answers")


def adres_voor(profiel: Profielantwoord, notificatie: Notificatie, kanaal: Kanaal) -> str | None:
    """The address of an attempt that has begun; None where the person can no longer be reached by that channel."""
    return profiel.adressen[kanaal] if kanaal in _kanalen(profiel, notificatie) else None


def _kanalen(profiel: Profielantwoord, notificatie: Notificatie) -> list[Kanaal]:
    """The person's order, with a letter at the end as the last resort; only what is allowed and has an address."""
    if profiel.uitkomst is not Profieluitkomst.GEVONDEN:
        return []
    order = dict.fromkeys((*(profiel.voorkeurskanalen or STANDAARDVOLGORDE), Kanaal.BRIEF))
    return [kanaal for kanaal in order if kanaal in notificatie.kanalen and kanaal in profiel.adressen]
