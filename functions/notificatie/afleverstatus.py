"""Queue ``receipts``: record what a provider reported of an attempt, and pass it on to the OMC."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from notificatie.pogingen import OnbekendePoging, Pogingen
from ond.aws import client
from ond.berichten import ReceiptOntvangen
from ond.log import logger
from ond.queues import Delivery, Outgoing, consume
from ond.settings import Settings, Text, read
from ond.tijd import nu


class AfleverstatusSettings(Settings):
    """Settings of this function."""

    pogingen_table: Text
    status_queue_url: Text


@dataclass(frozen=True)
class Dependencies:
    """What recording needs."""

    settings: AfleverstatusSettings
    pogingen: Pogingen
    sqs: Any


@cache
def dependencies() -> Dependencies:
    """Made at the first batch."""
    settings = read(AfleverstatusSettings)
    return Dependencies(settings, Pogingen(client("dynamodb"), settings.pogingen_table), client("sqs"))


def leg_vast(delivery: Delivery[ReceiptOntvangen], deps: Dependencies) -> Iterable[Outgoing]:
    """Record a receipt. A repeat changes nothing and is passed on again, in case the first was not."""
    receipt = delivery.body
    try:
        poging = deps.pogingen.leg_vast(receipt.poging_id, receipt.uitslag, receipt.reden, nu())
    except OnbekendePoging:
        logger.warning("receipt of an unknown attempt")
        return
    yield Outgoing(deps.settings.status_queue_url, poging.melding(), poging.oin)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Lambda entry: a batch of ``ReceiptOntvangen``."""
    deps = dependencies()
    return consume(
        event,
        deps.sqs,
        ReceiptOntvangen,
        prepare=lambda _receipts: None,
        handle=lambda delivery, _: leg_vast(delivery, deps),
    )
