"""Queue ``terugkoppeling``: put what changed in the service provider's feed, then have its webhook sent to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from omc.notificatie import Notificatie
from omc.notificaties import Notificaties
from omc.wijzigingen import Bezet, Wijzigingen
from ond.aws import client
from ond.berichten import NotificatieGewijzigd, StuurWijzigingen
from ond.queues import Delivery, Outgoing, Uitgesteld, consume
from ond.settings import Settings, Text, read
from ond.tijd import nu


class TerugkoppelingSettings(Settings):
    """Settings of this function."""

    notificaties_table: Text
    wijzigingen_table: Text
    webhook_queue_url: Text


@dataclass(frozen=True)
class Dependencies:
    """What reporting back needs."""

    settings: TerugkoppelingSettings
    notificaties: Notificaties
    wijzigingen: Wijzigingen
    sqs: Any


@cache
def dependencies() -> Dependencies:
    """Made at the first batch."""
    settings = read(TerugkoppelingSettings)
    dynamodb = client("dynamodb")
    return Dependencies(
        settings=settings,
        notificaties=Notificaties(dynamodb, settings.notificaties_table),
        wijzigingen=Wijzigingen(dynamodb, settings.wijzigingen_table),
        sqs=client("sqs"),
    )


def voed(gewijzigd: Iterable[NotificatieGewijzigd], deps: Dependencies) -> Mapping[str, Notificatie]:
    """Put the whole batch in the feed: one page per service provider.

    What changed is read from the notifications, all versions that the feed lacks, so the order of the messages does
    not matter and a lost one is made good by the next.

    Raises:
        Uitgesteld: another writer was at the same feed.
    """
    notificaties = deps.notificaties.lees_alle(bericht.notificatie_id for bericht in gewijzigd)
    by_oin: dict[str, list[Notificatie]] = {}
    for notificatie in notificaties.values():
        by_oin.setdefault(notificatie.oin, []).append(notificatie)
    for oin, changed in by_oin.items():
        _voed(oin, changed, deps)
    return notificaties


def _voed(oin: str, notificaties: Sequence[Notificatie], deps: Dependencies) -> None:
    """Write to one feed. Writers of a busy feed meet often and take a moment each, so a few tries are usual."""
    for _ in range(5):
        try:
            deps.wijzigingen.voeg_toe(oin, notificaties, nu())
        except Bezet:
            continue
        return
    raise Uitgesteld(1, groeit=True)


def wek_webhook(
    delivery: Delivery[NotificatieGewijzigd], notificaties: Mapping[str, Notificatie], deps: Dependencies
) -> Iterable[Outgoing]:
    """Tell the webhook function that there is news."""
    notificatie = notificaties.get(delivery.body.notificatie_id)
    if notificatie is not None:
        yield Outgoing(deps.settings.webhook_queue_url, StuurWijzigingen(oin=notificatie.oin), notificatie.oin)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Lambda entry: a batch of ``NotificatieGewijzigd``."""
    deps = dependencies()
    return consume(
        event,
        deps.sqs,
        NotificatieGewijzigd,
        prepare=lambda gewijzigd: voed(gewijzigd, deps),
        handle=lambda delivery, notificaties: wek_webhook(delivery, notificaties, deps),
    )
