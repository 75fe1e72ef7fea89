"""NotifyNL (it speaks the GOV.UK Notify API): e-mail, SMS and letters, through the official client."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from notifications_python_client import notifications
from notifications_python_client.errors import APIError

from notificatie.kanalen import Antwoord, NietGenomen, Onzeker
from ond.berichten import Kanaal, Uitslag, Zending
from ond.geheimen import Geheim
from ond.log import fault, logger

# The client is untyped though it says otherwise.
Client = Any
_new_client: Callable[..., Client] = notifications.NotificationsAPIClient

# The client logs the texts of errors, and those may quote what they are about.
logging.getLogger("notifications_python_client").setLevel(logging.CRITICAL)

#: What the provider's statuses mean. Letters: ``accepted`` is taken, ``received`` is printed and posted.
STATUSSEN: Mapping[str, Uitslag] = {
    "created": Uitslag.VERZONDEN,
    "sending": Uitslag.VERZONDEN,
    "pending": Uitslag.VERZONDEN,
    "sent": Uitslag.VERZONDEN,
    "pending-virus-check": Uitslag.VERZONDEN,
    "accepted": Uitslag.VERZONDEN,
    "delivered": Uitslag.BEZORGD,
    "received": Uitslag.BEZORGD,
    "permanent-failure": Uitslag.PERMANENT_MISLUKT,
    "temporary-failure": Uitslag.TIJDELIJK_MISLUKT,
    "technical-failure": Uitslag.TECHNISCH_MISLUKT,
    "cancelled": Uitslag.TECHNISCH_MISLUKT,
    "virus-scan-failed": Uitslag.TECHNISCH_MISLUKT,
    "validation-failed": Uitslag.TECHNISCH_MISLUKT,
}

#: An error about one of these is about the recipient's address, so another channel may work.
_ADRESVELDEN = ("email_address", "phone_number", "address", "postcode")


class NotifyNL:
    """One service at NotifyNL. ``template_id`` is the template of the channel that is sent by; asking needs none."""

    def __init__(self, url: str, api_key: Geheim, template_id: str = "", *, timeout: float = 10) -> None:
        self._url = url
        self._api_key = api_key
        self._template_id = template_id
        self._timeout = timeout
        self._clients: dict[str, Client] = {}

    def verstuur(self, kanaal: Kanaal, zending: Zending, poging_id: str) -> Antwoord:
        """Offer a message, with the attempt's id as reference.

        Raises:
            NietGenomen: too busy, or our key is not accepted.
            Onzeker: no answer, or an error of the provider's own.
        """
        try:
            _ZENDERS[kanaal](self._client(), self._template_id, zending, poging_id)
        except APIError as error:
            return _geweigerd(error)
        return Antwoord(Uitslag.VERZONDEN)

    def vraag_na(self, poging_id: str) -> Antwoord | None:
        """What the provider knows of an attempt; None: nothing.

        Raises:
            Onzeker: it cannot tell now.
        """
        try:
            found = self._client().get_all_notifications(reference=poging_id)["notifications"]
            return antwoord(found[0]["status"]) if found else None
        except (APIError, KeyError, TypeError) as error:
            logger.warning("provider cannot tell", provider="notifynl", **fault(error))
            raise Onzeker from None

    def _client(self) -> Client:
        key = self._api_key.waarde()
        if key not in self._clients:
            self._clients = {key: _new_client(key, base_url=self._url, timeout=self._timeout)}
        return self._clients[key]


def antwoord(status: str) -> Antwoord:
    """A status of NotifyNL in our words; one we do not know means that it was sent and nothing more."""
    if status not in STATUSSEN:
        logger.error("unknown provider status", provider="notifynl")
        return Antwoord(Uitslag.VERZONDEN)
    uitslag = STATUSSEN[status]
    return Antwoord(uitslag, None if uitslag in (Uitslag.VERZONDEN, Uitslag.BEZORGD) else status)


def _geweigerd(error: APIError) -> Antwoord:
    """What a refusal means, from code to consequence."""
    # The client calls it a 503 when there was no answer at all; there is no response then.
    code = error.status_code if error.response is not None else None
    logger.warning("provider refused", provider="notifynl", status=code)
    match code:
        case 400:
            return _ongeldig(error)
        case 401 | 403 | 404:
            raise NietGenomen
        case 429:
            raise NietGenomen(_retry_after(error))
        case 413:
            return Antwoord(Uitslag.TECHNISCH_MISLUKT, "te-groot")
    raise Onzeker


def _ongeldig(error: APIError) -> Antwoord:
    errors: Any = error.message
    texts = [str(entry.get("message", "")) for entry in errors] if isinstance(errors, list) else []
    if any(veld in text.lower() for text in texts for veld in _ADRESVELDEN):
        return Antwoord(Uitslag.PERMANENT_MISLUKT, "adres-geweigerd")
    return Antwoord(Uitslag.TECHNISCH_MISLUKT, "geweigerd")


def _retry_after(error: APIError) -> float | None:
    value = str(error.response.headers.get("Retry-After", "")) if error.response is not None else ""
    return float(value) if value.isascii() and value.isdigit() else None


def _email(client: Client, template_id: str, zending: Zending, reference: str) -> None:
    client.send_email_notification(
        email_address=zending.adres,
        template_id=template_id,
        personalisation={"onderwerp": zending.onderwerp, "tekst": zending.tekst},
        reference=reference,
    )


def _sms(client: Client, template_id: str, zending: Zending, reference: str) -> None:
    client.send_sms_notification(
        phone_number=zending.adres,
        template_id=template_id,
        personalisation={"tekst": zending.tekst},
        reference=reference,
    )


def _brief(client: Client, template_id: str, zending: Zending, reference: str) -> None:
    lines = {f"address_line_{number}": line for number, line in enumerate(zending.adres.splitlines(), start=1)}
    client.send_letter_notification(
        template_id=template_id,
        personalisation={**lines, "onderwerp": zending.onderwerp, "tekst": zending.tekst},
        reference=reference,
    )


_ZENDERS: Mapping[Kanaal, Callable[[Client, str, Zending, str], None]] = {
    Kanaal.EMAIL: _email,
    Kanaal.SMS: _sms,
    Kanaal.BRIEF: _brief,
}
