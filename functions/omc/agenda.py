"""Every minute: what the OMC must look at now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from omc.afspraken import BEWAKING, DEFINITIEF, ROUTERING, WEBHOOK
from omc.notificatie import EINDE, Notificatie, Status, vervolg
from omc.notificaties import Notificaties
from ond.agenda import Agenda, Moment
from ond.aws import client
from ond.berichten import NotificatieGewijzigd, RouteerNotificatie, StuurWijzigingen
from ond.log import logger
from ond.queues import Outgoing, send
from ond.settings import Seconds, Settings, Text, read
from ond.tijd import nu

#: Enough to finish the moment in hand and write down where we were.
RESERVE_MS = 2_000


class AgendaSettings(Settings):
    """Settings of this function."""

    notificaties_table: Text
    agenda_table: Text
    routering_queue_url: Text
    terugkoppeling_queue_url: Text
    webhook_queue_url: Text
    bewaking_na: Seconds
    herhaling_na: Seconds


@dataclass(frozen=True)
class Dependencies:
    """What the agenda needs."""

    settings: AgendaSettings
    notificaties: Notificaties
    agenda: Agenda
    sqs: Any


@cache
def dependencies() -> Dependencies:
    """Made at the first run."""
    settings = read(AgendaSettings)
    dynamodb = client("dynamodb")
    return Dependencies(
        settings=settings,
        notificaties=Notificaties(dynamodb, settings.notificaties_table),
        agenda=Agenda(dynamodb, settings.agenda_table),
        sqs=client("sqs"),
    )


def bewaak(moment: Moment, deps: Dependencies) -> None:
    """A notification that is not on its way goes on the routing queue again; looked after until it is.

    On its way: a provider has the latest attempt. From there the Notificatie Service answers for an outcome.
    """
    notificatie = deps.notificaties.lees(moment.over)
    if notificatie is None or notificatie.status in EINDE:
        return
    poging = notificatie.poging
    volgende = vervolg(notificatie, timedelta(seconds=deps.settings.herhaling_na))
    if poging is None or poging.uitslag is None:
        _routeer(notificatie, max(1, len(notificatie.pogingen)), deps)
    elif volgende is None:
        return
    elif volgende.op <= nu():
        _routeer(notificatie, volgende.poging, deps)
    again = Moment(BEWAKING, moment.over, nu() + timedelta(seconds=deps.settings.bewaking_na))
    deps.agenda.noteer(again, nu())


def start_poging(moment: Moment, deps: Dependencies) -> None:
    """The time for an attempt has come."""
    if notificatie := deps.notificaties.lees(moment.over):
        _routeer(notificatie, moment.extra, deps)


def maak_definitief(moment: Moment, deps: Dependencies) -> None:
    """Delivered, and no failure reported since."""
    notificatie = deps.notificaties.lees(moment.over)
    if notificatie is None:
        return
    if notificatie.status is Status.BEZORGD:
        deps.notificaties.bewaar(notificatie.naar(Status.DEFINITIEF_BEZORGD, nu()))
    bericht = NotificatieGewijzigd(notificatie_id=notificatie.id, oin=notificatie.oin)
    send(deps.sqs, [Outgoing(deps.settings.terugkoppeling_queue_url, bericht, notificatie.oin)])


def wek_webhook(moment: Moment, deps: Dependencies) -> None:
    """Try a webhook again that failed."""
    send(deps.sqs, [Outgoing(deps.settings.webhook_queue_url, StuurWijzigingen(oin=moment.over), moment.over)])


WERK: Mapping[str, Callable[[Moment, Dependencies], None]] = {
    BEWAKING: bewaak,
    ROUTERING: start_poging,
    DEFINITIEF: maak_definitief,
    WEBHOOK: wek_webhook,
}


def _routeer(notificatie: Notificatie, poging: int, deps: Dependencies) -> None:
    opdracht = RouteerNotificatie(notificatie_id=notificatie.id, oin=notificatie.oin, poging=poging)
    send(deps.sqs, [Outgoing(deps.settings.routering_queue_url, opdracht, notificatie.oin)])


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Lambda entry: the schedule. Gives how many moments were worked."""
    deps = dependencies()
    done = deps.agenda.werk_af(
        nu(),
        lambda moment: WERK[moment.soort](moment, deps),
        genoeg_tijd=lambda: context.get_remaining_time_in_millis() > RESERVE_MS,
    )
    if done:
        logger.info("agenda worked", moments=done)
    return {"afgewerkt": done}
