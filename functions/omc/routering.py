"""Queue ``routering``: decide per person, for a whole batch with one lookup in the address book."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError

from omc.notificatie import EINDE, Notificatie, Poging
from omc.notificaties import Conflict, Inhoud, Notificaties
from omc.route import Beeindig, adres_voor, bepaal_route
from ond.aws import client
from ond.berichten import (
    BezorgPoging,
    Kanaal,
    NotificatieGewijzigd,
    Profielantwoord,
    Profielantwoorden,
    Profieluitkomst,
    Profielvraag,
    Profielvragen,
    RouteerNotificatie,
    Zending,
    poging_id,
)
from ond.log import fault, logger
from ond.queues import Delivery, Outgoing, Uitgesteld, consume
from ond.settings import Seconds, Settings, Text, read
from ond.tijd import nu
from ond.verzegeling import Verzegeling


class RouteringSettings(Settings):
    """Settings of this function."""

    notificaties_table: Text
    profiel_opvragen_function: Text
    inhoud_key: Text
    bezorging_key: Text
    bezorging_email_queue_url: Text
    bezorging_sms_queue_url: Text
    bezorging_brief_queue_url: Text
    terugkoppeling_queue_url: Text
    uitstel_basis: Seconds


@dataclass(frozen=True)
class Dependencies:
    """What routing needs."""

    settings: RouteringSettings
    notificaties: Notificaties
    inhoud: Verzegeling
    bezorging: Verzegeling
    lambda_: Any
    sqs: Any

    def queue_url(self, kanaal: Kanaal) -> str:
        """The delivery queue of a channel."""
        return {
            Kanaal.EMAIL: self.settings.bezorging_email_queue_url,
            Kanaal.SMS: self.settings.bezorging_sms_queue_url,
            Kanaal.BRIEF: self.settings.bezorging_brief_queue_url,
        }[kanaal]


@cache
def dependencies() -> Dependencies:
    """Made at the first batch."""
    settings = read(RouteringSettings)
    return Dependencies(
        settings=settings,
        notificaties=Notificaties(client("dynamodb"), settings.notificaties_table),
        inhoud=Verzegeling(client("kms"), settings.inhoud_key),
        bezorging=Verzegeling(client("kms"), settings.bezorging_key),
        lambda_=client("lambda"),
        sqs=client("sqs"),
    )


class ZonderInhoud(Exception):
    """A notification that has not ended has no content that can be read; somebody must look at it."""


@dataclass(frozen=True)
class Dossier:
    """All that is known of one notification: its state, its content and what the address book says."""

    notificatie: Notificatie
    inhoud: Inhoud
    profiel: Profielantwoord


@dataclass(frozen=True)
class Dossiers:
    """The batch's notifications."""

    by_id: dict[str, Dossier]
    zonder_inhoud: frozenset[str]
    opgezocht_op: datetime


def lees_dossiers(opdrachten: Sequence[RouteerNotificatie], deps: Dependencies, moment: datetime) -> Dossiers:
    """Read the whole batch: two batch reads and one lookup. What has ended already is left out.

    Raises:
        Uitgesteld: the address book did not answer.
    """
    notificaties = {
        notificatie.id: notificatie
        for notificatie in deps.notificaties.lees_alle(opdracht.notificatie_id for opdracht in opdrachten).values()
        if notificatie.status not in EINDE
    }
    inhoud = deps.notificaties.lees_inhoud(notificaties.values(), deps.inhoud)
    profielen = vraag_op([(notificaties[id_], inhoud[id_]) for id_ in inhoud], deps)
    return Dossiers(
        {id_: Dossier(notificaties[id_], inhoud[id_], profielen[id_]) for id_ in inhoud},
        zonder_inhoud=frozenset(notificaties.keys() - inhoud.keys()),
        opgezocht_op=moment,
    )


def vraag_op(notificaties: Sequence[tuple[Notificatie, Inhoud]], deps: Dependencies) -> dict[str, Profielantwoord]:
    """What the address book says of everybody in the batch, in one call. A supplied address needs no lookup."""
    profielen: dict[str, Profielantwoord] = {}
    vragen: dict[str, Profielvraag] = {}
    for notificatie, inhoud in notificaties:
        if inhoud.bestemming:
            profielen[notificatie.id] = Profielantwoord(
                uitkomst=Profieluitkomst.GEVONDEN,
                voorkeurskanalen=(inhoud.bestemming.kanaal,),
                adressen={inhoud.bestemming.kanaal: inhoud.bestemming.adres},
            )
        elif inhoud.identificatie:
            vragen[notificatie.id] = Profielvraag(
                identificatie=inhoud.identificatie,
                oin=notificatie.oin,
                dienst=notificatie.dienst,
                doel_id=notificatie.doel_id,
            )
    if vragen:
        antwoorden = _invoke(Profielvragen(vragen=tuple(vragen.values())), deps).antwoorden
        profielen.update(zip(vragen, antwoorden, strict=True))
    return profielen


def _invoke(vragen: Profielvragen, deps: Dependencies) -> Profielantwoorden:
    try:
        answer = deps.lambda_.invoke(
            FunctionName=deps.settings.profiel_opvragen_function, Payload=vragen.model_dump_json().encode()
        )
        # Read in any case: an unread payload keeps the connection from being used again.
        payload = answer["Payload"].read()
    except (ClientError, HTTPClientError) as error:
        logger.error("profile lookup not reached", **fault(error))
        raise Uitgesteld(deps.settings.uitstel_basis, groeit=True) from None
    if "FunctionError" in answer:
        logger.error("profile lookup failed")
        raise Uitgesteld(deps.settings.uitstel_basis, groeit=True)
    return Profielantwoorden.model_validate_json(payload)


def routeer(delivery: Delivery[RouteerNotificatie], dossiers: Dossiers, deps: Dependencies) -> Iterable[Outgoing]:
    """Start the attempt that the message names, or end the notification, or do nothing where that has been done.

    The state is written first and the assignment sent after. A crash between the two is repaired by the message's
    return: the attempt has begun without outcome, so its assignment is sent again, and the Notificatie Service takes
    an attempt only once. Where the person can no longer be reached by that channel, the attempt is withdrawn instead.

    Raises:
        Uitgesteld: somebody else changed the notification meanwhile.
        ZonderInhoud: what must be sent cannot be read.
    """
    opdracht = delivery.body
    if opdracht.notificatie_id in dossiers.zonder_inhoud:
        raise ZonderInhoud
    yield Outgoing(
        deps.settings.terugkoppeling_queue_url,
        NotificatieGewijzigd(notificatie_id=opdracht.notificatie_id, oin=opdracht.oin),
        opdracht.oin,
    )
    dossier = dossiers.by_id.get(opdracht.notificatie_id)
    if dossier is None:
        return
    notificatie, moment = dossier.notificatie, dossiers.opgezocht_op
    begonnen = len(notificatie.pogingen)
    if opdracht.poging == begonnen and notificatie.poging and notificatie.poging.uitslag is None:
        adres = adres_voor(dossier.profiel, notificatie, notificatie.poging.kanaal)
        yield bezorging(dossier, notificatie.poging, adres, moment, deps)
    elif opdracht.poging == begonnen + 1 and not notificatie.wacht_op_uitslag:
        route = bepaal_route(dossier.profiel, notificatie, moment)
        try:
            if isinstance(route, Beeindig):
                deps.notificaties.bewaar(notificatie.naar(route.status, moment, reden=route.reden))
                return
            started = deps.notificaties.bewaar(notificatie.start_poging(route.kanaal, moment))
        except Conflict:
            raise Uitgesteld(1, groeit=True) from None
        yield bezorging(dossier, started.pogingen[-1], route.adres, moment, deps)


def bezorging(
    dossier: Dossier, poging: Poging, adres: str | None, opgezocht_op: datetime, deps: Dependencies
) -> Outgoing:
    """The assignment for the Notificatie Service: message and address sealed; without an address, a withdrawal."""
    attempt = poging_id(dossier.notificatie.id, poging.nummer)
    verzegeld = None
    if adres is not None:
        zending = Zending(adres=adres, onderwerp=dossier.inhoud.onderwerp, tekst=dossier.inhoud.tekst)
        sealed = deps.bezorging.seal(zending.model_dump_json().encode(), attempt)
        verzegeld = base64.b64encode(sealed).decode()
    oin = dossier.notificatie.oin
    opdracht = BezorgPoging(
        poging_id=attempt, oin=oin, kanaal=poging.kanaal, opgezocht_op=opgezocht_op, verzegeld=verzegeld
    )
    return Outgoing(deps.queue_url(poging.kanaal), opdracht, oin)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Lambda entry: a batch of ``RouteerNotificatie``."""
    deps = dependencies()
    return consume(
        event,
        deps.sqs,
        RouteerNotificatie,
        prepare=lambda opdrachten: lees_dossiers(opdrachten, deps, nu()),
        handle=lambda delivery, dossiers: routeer(delivery, dossiers, deps),
    )
