"""What travels between the services: one class per queue message and for the lookup, checked at both ends.

Commands are imperative, events are past tense. Nothing personal is in the clear in any queue message; the lookup is a
direct call between two functions and is never stored.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ond.identificatie import OIN, Identificatie


class Kanaal(StrEnum):
    """A way to reach somebody; each has its own delivery queue and function."""

    EMAIL = "email"
    SMS = "sms"
    BRIEF = "brief"


class Uitslag(StrEnum):
    """What came of one attempt, as the Notificatie Service reports it."""

    VERZONDEN = "verzonden"
    BEZORGD = "bezorgd"
    PERMANENT_MISLUKT = "permanent-mislukt"
    TIJDELIJK_MISLUKT = "tijdelijk-mislukt"
    TECHNISCH_MISLUKT = "technisch-mislukt"
    ONBEKEND = "onbekend"
    TERUGGEGEVEN = "teruggegeven"


_POGING_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-[1-9][0-9]{0,3}"
PogingId = Annotated[str, Field(pattern=f"^{_POGING_ID}$")]


class Bericht(BaseModel):
    """Base of every message."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RouteerNotificatie(Bericht):
    """Decide on attempt ``poging`` of a notification; it changes nothing once that attempt has an outcome."""

    notificatie_id: str
    oin: OIN
    poging: int = Field(ge=1)


class BezorgPoging(Bericht):
    """Deliver by this channel. Without ``verzegeld`` it withdraws the attempt: unless it was sent, it is given back."""

    poging_id: PogingId
    oin: OIN
    kanaal: Kanaal
    opgezocht_op: datetime
    verzegeld: str | None = None


class Zending(Bericht):
    """The inside of ``BezorgPoging.verzegeld``: the message and where it goes.

    ``adres`` is an e-mail address, a phone number in E.164, or the lines of a postal address.
    """

    adres: str
    onderwerp: str
    tekst: str


class ReceiptOntvangen(Bericht):
    """A provider reported on an attempt. ``uitslag`` is already in our words, and the recipient is left out."""

    poging_id: PogingId
    uitslag: Uitslag
    reden: str | None = None


class UitslagGemeld(Bericht):
    """The Notificatie Service reports the outcome of an attempt."""

    poging_id: PogingId
    oin: OIN
    uitslag: Uitslag
    reden: str | None = None
    tijdstip: datetime


class NotificatieGewijzigd(Bericht):
    """A notification's status changed; what changed is read from the notification itself, so nothing can be missed."""

    notificatie_id: str
    oin: OIN


class StuurWijzigingen(Bericht):
    """There may be changes that this service provider's webhook has not had yet."""

    oin: OIN


class Profielvraag(Bericht):
    """Who, for whom and for what purpose."""

    identificatie: Identificatie
    oin: OIN
    dienst: str | None = None
    doel_id: str


class Profieluitkomst(StrEnum):
    """Whether there is somewhere to send to; every one but the first gives no contact data."""

    GEVONDEN = "gevonden"
    ONBEKEND = "onbekend"
    AFGEMELD = "afgemeld"
    GEEN_CONTACTGEGEVENS = "geen-contactgegevens"
    GEWEIGERD = "geweigerd"


class Profielantwoord(Bericht):
    """The least that delivery needs: usable addresses of the doel's fields, and the person's order of channels."""

    uitkomst: Profieluitkomst
    voorkeurskanalen: tuple[Kanaal, ...] = ()
    adressen: dict[Kanaal, str] = {}


class Profielvragen(Bericht):
    """Up to a hundred questions in one call."""

    vragen: tuple[Profielvraag, ...] = Field(min_length=1, max_length=100)


class Profielantwoorden(Bericht):
    """One answer per question, in the same order."""

    antwoorden: tuple[Profielantwoord, ...]


def poging_id(notificatie_id: str, nummer: int) -> str:
    """The attempt's id follows from notification and attempt number, for example ``6f9619ff-...-2``."""
    return f"{notificatie_id}-{nummer}"


def uit_poging_id(poging_id: str) -> tuple[str, int]:
    """Notification and attempt number of an attempt's id.

    Raises:
        ValueError: it is no attempt's id.
    """
    if not re.fullmatch(_POGING_ID, poging_id):
        raise ValueError("no attempt id")
    notificatie_id, _, nummer = poging_id.rpartition("-")
    return notificatie_id, int(nummer)
