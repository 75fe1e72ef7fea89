"""Queue ``status``: what came of an attempt, and what that asks for next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from omc.afspraken import BEWAKING, DEFINITIEF, ROUTERING
from omc.notificatie import Notificatie, Status, vervolg
from omc.notificaties import Conflict, Notificaties
from ond.agenda import Agenda, Moment
from ond.aws import client
from ond.berichten import NotificatieGewijzigd, RouteerNotificatie, UitslagGemeld, uit_poging_id
from ond.log import logger
from ond.queues import Delivery, Outgoing, Uitgesteld, consume
from ond.settings import Seconds, Settings, Text, read
from ond.tijd import nu


class StatusSettings(Settings):
    """Settings of this function."""

    notificaties_table: Text
    agenda_table: Text
    routering_queue_url: Text
    terugkoppeling_queue_url: Text
    herhaling_na: Seconds
    bewaking_na: Seconds
    definitief_na: Seconds


@dataclass(frozen=True)
class Dependencies:
    """What handling an outcome needs."""

    settings: StatusSettings
    notificaties: Notificaties
    agenda: Agenda
    sqs: Any


@cache
def dependencies() -> Dependencies:
    """Made at the first batch."""
    settings = read(StatusSettings)
    dynamodb = client("dynamodb")
    return Dependencies(
        settings=settings,
        notificaties=Notificaties(dynamodb, settings.notificaties_table),
        agenda=Agenda(dynamodb, settings.agenda_table),
        sqs=client("sqs"),
    )


def verwerk(
    delivery: Delivery[UitslagGemeld], notificaties: Mapping[str, Notificatie], deps: Dependencies
) -> Iterable[Outgoing]:
    """Note an outcome and start what it leads to.

    What follows is derived from the notification's state, not from the message, and is asked for again when the same
    outcome comes twice: so a crash between writing and asking is repaired by the message's return.
    """
    gemeld = delivery.body
    notificatie_id, nummer = uit_poging_id(gemeld.poging_id)
    notificatie = notificaties.get(notificatie_id)
    if notificatie is None:
        logger.warning("outcome of an unknown notification", poging=gemeld.poging_id)
        return
    bijgewerkt = notificatie.met_uitslag(nummer, gemeld.uitslag, gemeld.tijdstip, gemeld.reden)
    if bijgewerkt is not notificatie:
        try:
            deps.notificaties.bewaar(bijgewerkt)
        except Conflict:
            raise Uitgesteld(1, groeit=True) from None
    yield Outgoing(
        deps.settings.terugkoppeling_queue_url,
        NotificatieGewijzigd(notificatie_id=notificatie_id, oin=bijgewerkt.oin),
        bijgewerkt.oin,
    )
    if bijgewerkt.status is Status.BEZORGD:
        bezorgd_op = bijgewerkt.wijzigingen[-1].tijdstip
        op = bezorgd_op + timedelta(seconds=deps.settings.definitief_na)
        deps.agenda.noteer(Moment(DEFINITIEF, notificatie_id, op), nu())
    if volgende := vervolg(bijgewerkt, timedelta(seconds=deps.settings.herhaling_na)):
        look_again = volgende.op + timedelta(seconds=deps.settings.bewaking_na)
        deps.agenda.noteer(Moment(BEWAKING, notificatie_id, look_again), nu())
        if volgende.op > nu():
            deps.agenda.noteer(Moment(ROUTERING, notificatie_id, volgende.op, volgende.poging), nu())
        else:
            opdracht = RouteerNotificatie(notificatie_id=notificatie_id, oin=bijgewerkt.oin, poging=volgende.poging)
            yield Outgoing(deps.settings.routering_queue_url, opdracht, bijgewerkt.oin)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Lambda entry: a batch of ``UitslagGemeld``."""
    deps = dependencies()
    return consume(
        event,
        deps.sqs,
        UitslagGemeld,
        prepare=lambda gemeld: deps.notificaties.lees_alle(uit_poging_id(bericht.poging_id)[0] for bericht in gemeld),
        handle=lambda delivery, notificaties: verwerk(delivery, notificaties, deps),
    )
