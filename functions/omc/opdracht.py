"""What a service provider sends and gets: the models of the notifications API, in its own language."""

import hashlib
import hmac
import re
import unicodedata
from datetime import datetime
from typing import Annotated, Any

from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberType, is_valid_number, number_type, parse
from pydantic import AfterValidator, Field, PlainSerializer, ValidationInfo, field_validator

from omc.notificatie import Aflevering, Notificatie, Status, aflevering
from omc.notificaties import Bestemming, Inhoud
from ond.api import ApiModel, IdentificatieIn
from ond.berichten import Kanaal, Uitslag
from ond.tijd import tekst as tijdstip_tekst

Tijdstip = Annotated[datetime, PlainSerializer(tijdstip_tekst, when_used="json")]


# Control characters, halves of characters, and marks that turn the reading direction round: they hide what is written.
_CATEGORIES = {"Cc", "Cs"}
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _tekst(value: str) -> str:
    value = value.replace("\r\n", "\n")
    if any(char not in "\n\t" and (unicodedata.category(char) in _CATEGORIES or char in _BIDI) for char in value):
        raise ValueError("mag geen stuurtekens bevatten, behalve regeleinden en tabs")
    if not value.strip():
        raise ValueError("mag niet leeg zijn")
    return value


def _regel(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise ValueError("moet op een regel passen")
    return _tekst(value)


Regel = Annotated[str, AfterValidator(_regel)]


class Bericht(ApiModel):
    """What it says. An SMS has no subject, so everything that matters must be in the text."""

    onderwerp: Regel = Field(min_length=1, max_length=200)
    tekst: Annotated[str, AfterValidator(_tekst)] = Field(min_length=1, max_length=10_000)


class _Opdracht(ApiModel):
    """What every assignment has. It carries no sender: that is the token's OIN."""

    referentie: Regel = Field(min_length=1, max_length=100)
    doel_id: Regel = Field(min_length=1, max_length=100)
    dienst: Regel | None = Field(default=None, min_length=1, max_length=100)
    bericht: Bericht

    def vingerafdruk(self, peper: str) -> str:
        """Tells a repeated request from a different one.

        Keyed: who knows a message's text could otherwise find the number by trying all of them.
        """
        text = self.model_dump_json(by_alias=True)
        return hmac.new(peper.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


class Notificatieopdracht(_Opdracht):
    """Reach this citizen or business by the channel that they chose."""

    ontvanger: IdentificatieIn
    kanalen: tuple[Kanaal, ...] | None = Field(default=None, min_length=1, max_length=len(Kanaal))

    def inhoud(self) -> Inhoud:
        """What is sealed away."""
        return Inhoud(
            identificatie=self.ontvanger.identificatie(),
            onderwerp=self.bericht.onderwerp,
            tekst=self.bericht.tekst,
        )

    def toegestane_kanalen(self) -> tuple[Kanaal, ...]:
        """The channels that may be used."""
        return self.kanalen or tuple(Kanaal)


def _email(adres: str) -> str:
    try:
        return validate_email(adres, check_deliverability=False).normalized
    except EmailNotValidError:
        raise ValueError("is geen e-mailadres") from None


def _mobiel(nummer: str) -> str:
    """Dutch mobile numbers only: sending to dear foreign numbers is a known fraud."""
    if not re.fullmatch(r"\+31[0-9 ]{8,14}", nummer):
        raise ValueError("is geen Nederlands telefoonnummer in internationale vorm (+316...)")
    try:
        parsed = parse(nummer, None)
    except NumberParseException:
        raise ValueError("is geen Nederlands telefoonnummer in internationale vorm (+316...)") from None
    if not is_valid_number(parsed) or number_type(parsed) not in (
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
    ):
        raise ValueError("is geen mobiel nummer")
    return f"+{parsed.country_code}{parsed.national_number}"


def _brief(adres: str) -> str:
    lines = [line.strip() for line in _tekst(adres).split("\n") if line.strip()]
    if not 3 <= len(lines) <= 7:
        raise ValueError("een postadres heeft drie tot zeven regels")
    return "\n".join(lines)


_ADRESREGELS: dict[Kanaal, Any] = {Kanaal.EMAIL: _email, Kanaal.SMS: _mobiel, Kanaal.BRIEF: _brief}


class Adres(ApiModel):
    """A channel and an address that the service provider knows itself (*decentrale regie*)."""

    kanaal: Kanaal
    adres: str = Field(min_length=1, max_length=500)

    @field_validator("adres")
    @classmethod
    def _check(cls, adres: str, info: ValidationInfo) -> str:
        kanaal = info.data.get("kanaal")
        return str(_ADRESREGELS[kanaal](adres)) if kanaal else adres


class Adresopdracht(_Opdracht):
    """Send to the address that the service provider supplies."""

    ontvanger: Adres

    def inhoud(self) -> Inhoud:
        """What is sealed away."""
        return Inhoud(
            bestemming=Bestemming(kanaal=self.ontvanger.kanaal, adres=self.ontvanger.adres),
            onderwerp=self.bericht.onderwerp,
            tekst=self.bericht.tekst,
        )

    def toegestane_kanalen(self) -> tuple[Kanaal, ...]:
        """The one channel of the address."""
        return (self.ontvanger.kanaal,)


class WijzigingUit(ApiModel):
    """One change of status."""

    versie: int
    van: Status | None
    naar: Status
    tijdstip: Tijdstip
    poging: int | None
    kanaal: Kanaal | None
    reden: str | None


class PogingUit(ApiModel):
    """One attempt: by which channel and what came of it; never to which address."""

    nummer: int
    kanaal: Kanaal
    uitslag: Uitslag | None
    uitslag_op: Tijdstip | None
    reden: str | None


class NotificatieUit(ApiModel):
    """A notification as its service provider sees it: status and history, nothing of the recipient."""

    id: str
    referentie: str
    doel_id: str
    dienst: str | None
    status: Status
    aflevering: Aflevering
    reden: str | None
    versie: int
    aangenomen_op: Tijdstip
    gewijzigd_op: Tijdstip
    pogingen: list[PogingUit]
    geschiedenis: list[WijzigingUit]

    @classmethod
    def van(cls, notificatie: Notificatie) -> "NotificatieUit":
        """Show a notification."""
        laatste = notificatie.wijzigingen[-1]
        return cls(
            id=notificatie.id,
            referentie=notificatie.referentie,
            doel_id=notificatie.doel_id,
            dienst=notificatie.dienst,
            status=notificatie.status,
            aflevering=aflevering(notificatie.status),
            reden=laatste.reden,
            versie=notificatie.versie,
            aangenomen_op=notificatie.aangenomen_op,
            gewijzigd_op=laatste.tijdstip,
            pogingen=[PogingUit.model_validate(poging, from_attributes=True) for poging in notificatie.pogingen],
            geschiedenis=[
                WijzigingUit.model_validate(wijziging, from_attributes=True) for wijziging in notificatie.wijzigingen
            ],
        )


class Aangenomen(ApiModel):
    """The receipt of an assignment."""

    id: str
    referentie: str
    aangenomen_op: Tijdstip
