"""Accepting an assignment: durable before it is answered, and the same however often it is asked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import Any

from omc.afspraken import BEWAKING
from omc.notificatie import Notificatie, Status
from omc.notificaties import Notificaties
from omc.opdracht import Adresopdracht, Notificatieopdracht
from ond.aansluitregister import Aansluitregister, DoelGeweigerd, toets_doelbinding
from ond.agenda import Agenda, Moment
from ond.api import Fault, Problem, geweigerd, ongeldig
from ond.aws import client
from ond.berichten import NotificatieGewijzigd, RouteerNotificatie
from ond.geheimen import Geheim
from ond.queues import Outgoing, send
from ond.settings import Seconds, Settings, Text, read
from ond.verzegeling import Verzegeling


class AannameSettings(Settings):
    """Settings of both functions that accept."""

    aansluitregister_table: Text
    notificaties_table: Text
    agenda_table: Text
    inhoud_key: Text
    vingerafdruk_secret: Text
    routering_queue_url: Text
    terugkoppeling_queue_url: Text
    bewaking_na: Seconds


@dataclass(frozen=True)
class Dependencies:
    """What accepting needs."""

    settings: AannameSettings
    register: Aansluitregister
    notificaties: Notificaties
    agenda: Agenda
    verzegeling: Verzegeling
    vingerafdruk: Geheim
    sqs: Any


@cache
def dependencies() -> Dependencies:
    """Made at the first request."""
    settings = read(AannameSettings)
    dynamodb = client("dynamodb")
    return Dependencies(
        settings=settings,
        register=Aansluitregister(dynamodb, settings.aansluitregister_table),
        notificaties=Notificaties(dynamodb, settings.notificaties_table),
        agenda=Agenda(dynamodb, settings.agenda_table),
        verzegeling=Verzegeling(client("kms"), settings.inhoud_key),
        vingerafdruk=Geheim(client("secretsmanager"), settings.vingerafdruk_secret),
        sqs=client("sqs"),
    )


def neem_aan(oin: str, opdracht: Notificatieopdracht | Adresopdracht, nu: datetime, deps: Dependencies) -> Notificatie:
    """Accept an assignment of service provider ``oin``.

    In this order, so that no crash loses or doubles anything: note in the agenda to look after it; store it by one
    conditional write; put it on the queue. Only then is it answered. A caller who got no answer asks again, with the
    same reference, and gets the same notification.

    Raises:
        Problem: 403 the doelbinding refuses; 400 unknown dienst; 409 the reference was used for something else.
    """
    dienstverlener = deps.register.dienstverlener(oin)
    try:
        toets_doelbinding(dienstverlener, opdracht.doel_id)
    except DoelGeweigerd as error:
        raise geweigerd(error.weigering) from None
    if opdracht.dienst and dienstverlener and opdracht.dienst not in dienstverlener.diensten:
        raise ongeldig(
            "De aanvraag klopt niet; zie fouten.", [Fault("dienst", "is niet geregistreerd voor uw organisatie")]
        )
    asked = Notificatie.aangenomen(
        oin=oin,
        referentie=opdracht.referentie,
        doel_id=opdracht.doel_id,
        dienst=opdracht.dienst,
        kanalen=opdracht.toegestane_kanalen(),
        inhoud_hash=opdracht.vingerafdruk(deps.vingerafdruk.waarde()),
        nu=nu,
    )
    deps.agenda.noteer(Moment(BEWAKING, asked.id, nu + timedelta(seconds=deps.settings.bewaking_na)), nu)
    stored = deps.notificaties.neem_aan(asked, opdracht.inhoud(), deps.verzegeling)
    if stored.inhoud_hash != asked.inhoud_hash:
        raise Problem(
            HTTPStatus.CONFLICT,
            "referentie-in-gebruik",
            "Referentie in gebruik",
            "Met deze referentie nam u al een andere notificatie aan. Gebruik voor een nieuwe een nieuwe referentie.",
        )
    if stored.status is Status.AANGENOMEN:
        send(
            deps.sqs,
            [
                Outgoing(
                    deps.settings.routering_queue_url,
                    RouteerNotificatie(notificatie_id=stored.id, oin=oin, poging=1),
                    oin,
                ),
                Outgoing(
                    deps.settings.terugkoppeling_queue_url, NotificatieGewijzigd(notificatie_id=stored.id, oin=oin), oin
                ),
            ],
        )
    return stored
