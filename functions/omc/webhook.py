"""Queue ``webhook``: send a service provider what it has not had of its feed.

The webhook is a reader of the feed that is pushed to: in order, at least once, never dropped while it is in the feed.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, Protocol

import requests

from omc.afspraken import WEBHOOK
from omc.cloudevents import MEDIA_TYPE, cloudevent
from omc.wijzigingen import Pagina, Webhookstand, Webhookstanden, Wijzigingen
from ond.aansluitregister import Aansluitregister
from ond.agenda import Agenda, Moment
from ond.aws import client
from ond.berichten import StuurWijzigingen
from ond.log import fault, logger
from ond.queues import Delivery, Outgoing, consume
from ond.settings import Seconds, Settings, Text, read
from ond.tijd import nu

TIMEOUT_SECONDS = 10
#: With less left of this function's own time, another invocation goes on.
ENOUGH_SECONDS = 2
EEN_DAG = 86_400
PAGES_AT_ONCE = 10


class WebhookSettings(Settings):
    """Settings of this function."""

    aansluitregister_table: Text
    wijzigingen_table: Text
    agenda_table: Text
    operator_oin: Text
    uitstel_basis: Seconds


@dataclass(frozen=True)
class Dependencies:
    """What sending needs."""

    settings: WebhookSettings
    register: Aansluitregister
    wijzigingen: Wijzigingen
    standen: Webhookstanden
    agenda: Agenda
    http: requests.Session
    sqs: Any


@cache
def dependencies() -> Dependencies:
    """Made at the first message."""
    settings = read(WebhookSettings)
    dynamodb = client("dynamodb")
    return Dependencies(
        settings=settings,
        register=Aansluitregister(dynamodb, settings.aansluitregister_table),
        wijzigingen=Wijzigingen(dynamodb, settings.wijzigingen_table),
        standen=Webhookstanden(dynamodb, settings.wijzigingen_table),
        agenda=Agenda(dynamodb, settings.agenda_table),
        http=requests.Session(),
        sqs=client("sqs"),
    )


class Context(Protocol):
    """What we use of Lambda's context."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Until the time-out."""
        ...


def stuur(delivery: Delivery[StuurWijzigingen], context: Context, deps: Dependencies) -> Iterable[Outgoing]:
    """Send all that is new, in order, one sender at a time.

    Who finds the turn taken leaves it to the one who has it, because that one looks again after giving it back. A
    sender that dies keeps the turn no longer than its own time-out, and its message comes back later than that.
    Where this function's own time runs out, the agenda has another go on.
    """
    oin = delivery.body.oin
    dienstverlener = deps.register.dienstverlener(oin)
    if dienstverlener is None or dienstverlener.webhook is None:
        return ()
    beurt = Beurt(oin, dienstverlener.webhook, context)
    while True:
        stand = deps.standen.neem(oin, beurt.wie, nu(), nu() + timedelta(seconds=beurt.seconds_left()))
        if stand is None:
            return ()
        if stand.niet_voor is None or stand.niet_voor <= nu():
            stand = _stuur_alles(beurt, stand, deps)
        kept_turn = deps.standen.leg_neer(oin, beurt.wie, stand, klaar=True)
        if beurt.seconds_left() < ENOUGH_SECONDS:
            # Not by giving the message back: a long backlog would end it in the dead-letter queue.
            deps.agenda.noteer(Moment(WEBHOOK, oin, nu()), nu())
            return ()
        if not kept_turn or stand.mislukt or not deps.wijzigingen.lees(oin, stand.tot, 1):
            return ()


@dataclass(frozen=True)
class Beurt:
    """One sender's turn: for whom, to where, and how long it may take."""

    oin: str
    url: str
    context: Context

    @property
    def wie(self) -> str:
        """Who has the turn: this invocation."""
        return self.context.aws_request_id

    def seconds_left(self) -> float:
        """Until this function is stopped."""
        return self.context.get_remaining_time_in_millis() / 1000


def _stuur_alles(beurt: Beurt, stand: Webhookstand, deps: Dependencies) -> Webhookstand:
    """Send page after page; how far it got. After a failure the agenda tries again, later with every failure."""
    while paginas := deps.wijzigingen.lees(beurt.oin, stand.tot, PAGES_AT_ONCE):
        if beurt.seconds_left() < ENOUGH_SECONDS:
            break
        if _post(beurt.url, paginas, min(TIMEOUT_SECONDS, beurt.seconds_left() - 1), deps):
            stand = Webhookstand(tot=paginas[-1].positie)
            if not deps.standen.leg_neer(beurt.oin, beurt.wie, stand, klaar=False):
                break
            continue
        wait = min(deps.settings.uitstel_basis * 2 ** min(stand.mislukt, 20), EEN_DAG)
        niet_voor = nu() + timedelta(seconds=wait)
        deps.agenda.noteer(Moment(WEBHOOK, beurt.oin, niet_voor), nu())
        return replace(stand, mislukt=stand.mislukt + 1, niet_voor=niet_voor)
    return stand


def _post(url: str, paginas: Sequence[Pagina], timeout: float, deps: Dependencies) -> bool:
    """Whether the receiver took the events; any 2xx says so. Redirects are not followed."""
    events = [cloudevent(regel, deps.settings.operator_oin) for pagina in paginas for regel in pagina.regels]
    try:
        # The answer's body is of no use, so it is not read: a receiver cannot make us hold a large one.
        with deps.http.post(
            url,
            data=json.dumps(events).encode(),
            headers={"Content-Type": MEDIA_TYPE},
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as answer:
            status = answer.status_code
    except requests.RequestException as error:
        logger.warning("webhook not reached", **fault(error))
        return False
    if not 200 <= status < 300:
        logger.warning("webhook refused", status=status)
        return False
    return True


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda entry: ``StuurWijzigingen``."""
    deps = dependencies()
    return consume(
        event,
        deps.sqs,
        StuurWijzigingen,
        prepare=lambda _messages: None,
        handle=lambda delivery, _: stuur(delivery, context, deps),
    )
