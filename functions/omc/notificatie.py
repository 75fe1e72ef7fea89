"""The notification: its states, its attempts, and what an outcome leads to. No AWS and no HTTP in here."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ond.berichten import Kanaal, Uitslag

#: A notification that could not be delivered by then is not delivered any more.
GELDIGHEID = timedelta(days=7)
#: After a temporary or technical failure a channel gets one more attempt.
POGINGEN_PER_KANAAL = 2

_NAMESPACE = uuid.UUID("6c3f0d0c-52b5-5b7c-9a55-6f2f1f6a1d0e")


class Status(StrEnum):
    """Where a notification is."""

    AANGENOMEN = "aangenomen"
    IN_VERZENDING = "in-verzending"
    VERZONDEN = "verzonden"
    BEZORGD = "bezorgd"
    DEFINITIEF_BEZORGD = "definitief-bezorgd"
    NIET_BEZORGBAAR = "niet-bezorgbaar"
    TECHNISCH_MISLUKT = "technisch-mislukt"
    BEZORGSTATUS_ONBEKEND = "bezorgstatus-onbekend"
    VERLOPEN = "verlopen"
    GEANNULEERD = "geannuleerd"


S = Status
OVERGANGEN: Mapping[Status, frozenset[Status]] = {
    S.AANGENOMEN: frozenset({S.IN_VERZENDING, S.VERLOPEN, S.GEANNULEERD, S.NIET_BEZORGBAAR}),
    S.IN_VERZENDING: frozenset({S.VERZONDEN, S.TECHNISCH_MISLUKT, S.VERLOPEN, S.NIET_BEZORGBAAR}),
    S.VERZONDEN: frozenset(
        {S.VERZONDEN, S.BEZORGD, S.NIET_BEZORGBAAR, S.TECHNISCH_MISLUKT, S.BEZORGSTATUS_ONBEKEND, S.VERLOPEN}
    ),
    S.BEZORGD: frozenset({S.DEFINITIEF_BEZORGD, S.VERZONDEN, S.NIET_BEZORGBAAR, S.VERLOPEN}),
    S.BEZORGSTATUS_ONBEKEND: frozenset({S.BEZORGD, S.NIET_BEZORGBAAR}),
    S.DEFINITIEF_BEZORGD: frozenset(),
    S.NIET_BEZORGBAAR: frozenset(),
    S.TECHNISCH_MISLUKT: frozenset(),
    S.VERLOPEN: frozenset(),
    S.GEANNULEERD: frozenset(),
}
#: States that need no further attempt.
EINDE = frozenset(S) - {S.AANGENOMEN, S.IN_VERZENDING, S.VERZONDEN}


class Aflevering(StrEnum):
    """The one word that a service provider always sees."""

    OK = "OK"
    NOK = "NOK"
    IN_BEHANDELING = "IN_BEHANDELING"
    ONBEKEND = "ONBEKEND"


_AFLEVERING = {
    S.BEZORGD: Aflevering.OK,
    S.DEFINITIEF_BEZORGD: Aflevering.OK,
    S.NIET_BEZORGBAAR: Aflevering.NOK,
    S.TECHNISCH_MISLUKT: Aflevering.NOK,
    S.VERLOPEN: Aflevering.NOK,
    S.GEANNULEERD: Aflevering.NOK,
    S.BEZORGSTATUS_ONBEKEND: Aflevering.ONBEKEND,
}


def aflevering(status: Status) -> Aflevering:
    """What a status means to the service provider."""
    return _AFLEVERING.get(status, Aflevering.IN_BEHANDELING)


class Reden(StrEnum):
    """Why a notification or an attempt ended as it did."""

    GEEN_CONTACTGEGEVENS = "geen-contactgegevens"
    AFGEMELD = "afgemeld"
    DOEL_GEWEIGERD = "doel-geweigerd"
    ADRES_ONBEREIKBAAR = "adres-onbereikbaar"
    TECHNISCHE_STORING = "technische-storing"
    GELDIGHEID_VERSTREKEN = "geldigheid-verstreken"
    GEEN_ONTVANGSTMELDING = "geen-ontvangstmelding"


class OngeldigeOvergang(Exception):
    """The transition table does not allow this."""


@dataclass(frozen=True)
class Wijziging:
    """One change of status; ``versie`` counts them."""

    versie: int
    van: Status | None
    naar: Status
    tijdstip: datetime
    poging: int | None = None
    kanaal: Kanaal | None = None
    reden: str | None = None


@dataclass(frozen=True)
class Poging:
    """One attempt by one channel; ``uitslag`` is the latest that is known of it."""

    nummer: int
    kanaal: Kanaal
    uitslag: Uitslag | None = None
    uitslag_op: datetime | None = None
    reden: str | None = None


#: After these an attempt is over; only an unknown outcome may still be corrected.
_AFGELOPEN = frozenset(Uitslag) - {Uitslag.VERZONDEN, Uitslag.ONBEKEND}
_MISLUKT = frozenset(
    {Uitslag.PERMANENT_MISLUKT, Uitslag.TIJDELIJK_MISLUKT, Uitslag.TECHNISCH_MISLUKT, Uitslag.TERUGGEGEVEN}
)
_HERHAALBAAR = frozenset({Uitslag.TIJDELIJK_MISLUKT, Uitslag.TECHNISCH_MISLUKT})


@dataclass(frozen=True)
class Notificatie:
    """What the OMC keeps of a notification: nothing of who gets it, where, or what it says.

    ``kanalen`` are the channels that this assignment allows; ``inhoud_hash`` tells a repeated request from a different
    one; ``revisie`` counts writes, for the conditional write.
    """

    id: str
    oin: str
    referentie: str
    doel_id: str
    inhoud_hash: str
    aangenomen_op: datetime
    kanalen: tuple[Kanaal, ...] = tuple(Kanaal)
    dienst: str | None = None
    pogingen: tuple[Poging, ...] = ()
    wijzigingen: tuple[Wijziging, ...] = ()
    revisie: int = 0

    @classmethod
    def aangenomen(
        cls,
        *,
        oin: str,
        referentie: str,
        doel_id: str,
        dienst: str | None,
        kanalen: tuple[Kanaal, ...],
        inhoud_hash: str,
        nu: datetime,
    ) -> "Notificatie":
        """A notification as it is accepted."""
        return cls(
            id=notificatie_id(oin, referentie),
            oin=oin,
            referentie=referentie,
            doel_id=doel_id,
            dienst=dienst,
            kanalen=kanalen,
            inhoud_hash=inhoud_hash,
            aangenomen_op=nu,
            wijzigingen=(Wijziging(1, None, Status.AANGENOMEN, nu),),
        )

    @property
    def status(self) -> Status:
        """Where it is now."""
        return self.wijzigingen[-1].naar

    @property
    def versie(self) -> int:
        """How many changes of status there were."""
        return self.wijzigingen[-1].versie

    @property
    def poging(self) -> Poging | None:
        """The latest attempt."""
        return self.pogingen[-1] if self.pogingen else None

    @property
    def wacht_op_uitslag(self) -> bool:
        """Whether the latest attempt is under way."""
        return self.poging is not None and self.poging.uitslag not in _AFGELOPEN

    @property
    def verloopt_op(self) -> datetime:
        """Until when it is delivered."""
        return self.aangenomen_op + GELDIGHEID

    def naar(self, status: Status, nu: datetime, *, reden: str | None = None) -> "Notificatie":
        """With its status changed.

        Raises:
            OngeldigeOvergang: the table does not allow it.
        """
        if status not in OVERGANGEN[self.status]:
            raise OngeldigeOvergang(f"{self.status} -> {status}")
        poging = self.poging
        wijziging = Wijziging(
            versie=self.versie + 1,
            van=self.status,
            naar=status,
            tijdstip=nu,
            poging=poging.nummer if poging else None,
            kanaal=poging.kanaal if poging else None,
            reden=reden,
        )
        return replace(self, wijzigingen=(*self.wijzigingen, wijziging))

    def start_poging(self, kanaal: Kanaal, nu: datetime) -> "Notificatie":
        """With the next attempt begun."""
        begonnen = replace(self, pogingen=(*self.pogingen, Poging(len(self.pogingen) + 1, kanaal)))
        return begonnen.naar(Status.IN_VERZENDING, nu) if self.status is Status.AANGENOMEN else begonnen

    def met_uitslag(self, nummer: int, uitslag: Uitslag, op: datetime, reden: str | None) -> "Notificatie":
        """With the outcome of attempt ``nummer``; the same notification where the outcome tells nothing new.

        Outcomes come twice, late and out of order: a delivery receipt may overtake the news that the message was sent.
        """
        poging = self.poging
        if poging is None or poging.nummer != nummer or poging.uitslag in (*_AFGELOPEN, uitslag):
            return self
        if uitslag is Uitslag.VERZONDEN and poging.uitslag is Uitslag.ONBEKEND:
            return self
        bijgewerkt = replace(poging, uitslag=uitslag, uitslag_op=op, reden=reden)
        resultaat = replace(self, pogingen=(*self.pogingen[:-1], bijgewerkt))
        if self.status in (Status.IN_VERZENDING, Status.VERZONDEN):
            if poging.uitslag is None and uitslag in (Uitslag.VERZONDEN, Uitslag.BEZORGD, Uitslag.ONBEKEND):
                resultaat = resultaat.naar(Status.VERZONDEN, op)
            if uitslag is Uitslag.BEZORGD:
                resultaat = resultaat.naar(Status.BEZORGD, op)
            if uitslag is Uitslag.ONBEKEND:
                resultaat = resultaat.naar(Status.BEZORGSTATUS_ONBEKEND, op, reden=Reden.GEEN_ONTVANGSTMELDING)
        elif self.status is Status.BEZORGSTATUS_ONBEKEND:
            if uitslag is Uitslag.BEZORGD:
                resultaat = resultaat.naar(Status.BEZORGD, op)
            elif uitslag in _MISLUKT:
                resultaat = resultaat.naar(Status.NIET_BEZORGBAAR, op, reden=Reden.ADRES_ONBEREIKBAAR)
        return resultaat

    @property
    def te_herhalen(self) -> Poging | None:
        """The last attempt that went out, where its channel gets one more; what was given back never went out."""
        went_out = [poging for poging in self.pogingen if poging.uitslag is not Uitslag.TERUGGEGEVEN]
        if not went_out or went_out[-1].uitslag not in _HERHAALBAAR:
            return None
        kanaal = went_out[-1].kanaal
        failures = sum(poging.kanaal is kanaal and poging.uitslag in _HERHAALBAAR for poging in went_out)
        return went_out[-1] if failures < POGINGEN_PER_KANAAL else None


@dataclass(frozen=True)
class Vervolg:
    """What must happen next: attempt ``poging`` at ``op``."""

    poging: int
    op: datetime


def vervolg(notificatie: Notificatie, herhaling_na: timedelta) -> Vervolg | None:
    """The next attempt that a notification's state asks for; None while one is under way or none is needed.

    It follows from the state alone, so that working the same outcome again, after a crash, asks for the same.
    """
    poging = notificatie.poging
    if notificatie.status in EINDE or poging is None or poging.uitslag not in _MISLUKT or poging.uitslag_op is None:
        return None
    wait = herhaling_na if notificatie.te_herhalen is poging else timedelta()
    return Vervolg(poging.nummer + 1, poging.uitslag_op + wait)


def notificatie_id(oin: str, referentie: str) -> str:
    """The id follows from service provider and reference, so that the same reference is the same notification."""
    return str(uuid.uuid5(_NAMESPACE, f"{oin}\n{referentie}"))
