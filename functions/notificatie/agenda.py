"""Every minute: ask providers about attempts that they sent no receipt for."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from notificatie.kanalen import Antwoord, Onzeker
from notificatie.kanalen.notifynl import NotifyNL
from notificatie.navraag import Navraagmomenten, volgende_navraag
from notificatie.pogingen import OnbekendePoging, Pogingen
from ond.agenda import Agenda, Moment
from ond.aws import client
from ond.berichten import Uitslag
from ond.geheimen import Geheim
from ond.log import logger
from ond.queues import Outgoing, send
from ond.settings import Settings, Text, read
from ond.tijd import nu

#: Enough for one more call to a provider that takes its time.
RESERVE_MS = 3_000


class AgendaSettings(Settings):
    """Settings of this function."""

    pogingen_table: Text
    agenda_table: Text
    status_queue_url: Text
    notifynl_url: Text
    notifynl_api_key_secret: Text
    navraag_na: Navraagmomenten


@dataclass(frozen=True)
class Dependencies:
    """What asking needs."""

    settings: AgendaSettings
    pogingen: Pogingen
    agenda: Agenda
    provider: NotifyNL
    sqs: Any


@cache
def dependencies() -> Dependencies:
    """Made at the first run."""
    settings = read(AgendaSettings)
    dynamodb = client("dynamodb")
    return Dependencies(
        settings=settings,
        pogingen=Pogingen(dynamodb, settings.pogingen_table),
        agenda=Agenda(dynamodb, settings.agenda_table),
        provider=NotifyNL(
            settings.notifynl_url, Geheim(client("secretsmanager"), settings.notifynl_api_key_secret), timeout=2
        ),
        sqs=client("sqs"),
    )


def vraag_na(moment: Moment, deps: Dependencies) -> None:
    """Ask about one attempt, and note when to ask again; after the last time its outcome is unknown.

    News is reported before it is recorded: a run that dies in between is done again, since nothing is recorded yet, and
    reports again. (Recorded first, the report of a run that dies would be lost, for nobody asks about what is known.)
    """
    try:
        poging = deps.pogingen.lees(moment.over)
    except OnbekendePoging:
        return
    if poging.afgelopen:
        return
    answer = _antwoord(poging.id, deps)
    open_ = answer is None or answer.uitslag is Uitslag.VERZONDEN
    again = volgende_navraag(moment, poging.geclaimd_op, deps.settings.navraag_na)
    # A postponed attempt was surely not taken; its queue message, not this question, decides what becomes of it.
    if open_ and again is None and not poging.uitgesteld:
        answer = Antwoord(Uitslag.ONBEKEND)
    if answer is not None and answer.uitslag is not poging.uitslag:
        op = nu()
        news = replace(poging, uitslag=answer.uitslag, reden=answer.reden, uitslag_op=op)
        send(deps.sqs, [Outgoing(deps.settings.status_queue_url, news.melding(), news.oin)])
        deps.pogingen.leg_vast(poging.id, answer.uitslag, answer.reden, op)
    if open_ and again is not None:
        deps.agenda.noteer(again, nu())


def _antwoord(poging_id: str, deps: Dependencies) -> Antwoord | None:
    try:
        return deps.provider.vraag_na(poging_id)
    except Onzeker:
        return None


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Lambda entry: the schedule. Gives how many attempts were asked about."""
    deps = dependencies()
    done = deps.agenda.werk_af(
        nu(),
        lambda moment: vraag_na(moment, deps),
        genoeg_tijd=lambda: context.get_remaining_time_in_millis() > RESERVE_MS,
    )
    if done:
        logger.info("agenda worked", moments=done)
    return {"afgewerkt": done}
