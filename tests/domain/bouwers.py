"""Builders of domain objects with defaults, so that a test shows only what matters."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings

from omc.notificatie import Notificatie, Poging, Status, Wijziging
from ond.berichten import Kanaal, Profielantwoord, Profieluitkomst, Uitslag

NU = datetime(2026, 11, 23, 19, 25, 1, 123000, tzinfo=UTC)
UUR = timedelta(hours=1)
OIN = "00000099000000001000"
ANDERE_OIN = "00000099000000002000"

#: Nothing is kept on disk, and a slow machine fails no test.
eigenschap = settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def notificatie(
    *, kanalen: tuple[Kanaal, ...] = tuple(Kanaal), referentie: str = "zaak-1", dienst: str | None = None
) -> Notificatie:
    """A notification as it is accepted."""
    return Notificatie.aangenomen(
        oin=OIN, referentie=referentie, doel_id="besluiten", dienst=dienst, kanalen=kanalen, inhoud_hash="0", nu=NU
    )


def in_toestand(status: Status, *pogingen: tuple[Kanaal, Uitslag | None]) -> Notificatie:
    """A notification in a state, with these attempts; how it came there is left out."""
    attempts = tuple(
        Poging(nummer, kanaal, uitslag, NU if uitslag else None)
        for nummer, (kanaal, uitslag) in enumerate(pogingen, start=1)
    )
    start = notificatie()
    return Notificatie(
        id=start.id,
        oin=start.oin,
        referentie=start.referentie,
        doel_id=start.doel_id,
        inhoud_hash=start.inhoud_hash,
        aangenomen_op=start.aangenomen_op,
        pogingen=attempts,
        wijzigingen=(*start.wijzigingen, Wijziging(2, Status.AANGENOMEN, status, NU)),
    )


def onderweg(*uitslagen: Uitslag, kanaal: Kanaal = Kanaal.EMAIL) -> Notificatie:
    """A notification whose first attempt has begun and then got these outcomes."""
    begun = notificatie().start_poging(kanaal, NU)
    for uitslag in uitslagen:
        begun = begun.met_uitslag(1, uitslag, NU, None)
    return begun


def profiel(
    *voorkeur: Kanaal,
    adressen: dict[Kanaal, str] | None = None,
    uitkomst: Profieluitkomst = Profieluitkomst.GEVONDEN,
) -> Profielantwoord:
    """What the address book says; an address for every channel unless told otherwise."""
    every = {kanaal: f"adres-{kanaal}" for kanaal in Kanaal}
    return Profielantwoord(
        uitkomst=uitkomst, voorkeurskanalen=voorkeur, adressen=every if adressen is None else adressen
    )
