"""Queues ``bezorging-email``, ``-sms`` and ``-brief``: claim the attempt, call the provider, record what came of it.

One module, deployed once per channel, each with its own queue and settings.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from notificatie.kanalen import NietGenomen, Onzeker
from notificatie.kanalen.notifynl import NotifyNL
from notificatie.navraag import Navraagmomenten, eerste_navraag
from notificatie.pogingen import Poging, Pogingen
from ond.agenda import Agenda
from ond.aws import client
from ond.berichten import BezorgPoging, Uitslag, Zending
from ond.geheimen import Geheim
from ond.queues import Delivery, Outgoing, Uitgesteld, consume
from ond.settings import Seconds, Settings, Text, read
from ond.tijd import nu
from ond.verzegeling import Verzegeling


class BezorgingSettings(Settings):
    """Settings of this function."""

    pogingen_table: Text
    agenda_table: Text
    status_queue_url: Text
    bezorging_key: Text
    notifynl_url: Text
    notifynl_api_key_secret: Text
    notifynl_template_id: Text
    claim_wachttijd: Seconds
    uitstel_basis: Seconds
    adres_geldig: Seconds
    navraag_na: Navraagmomenten


@dataclass(frozen=True)
class Dependencies:
    """What delivering needs."""

    settings: BezorgingSettings
    pogingen: Pogingen
    agenda: Agenda
    verzegeling: Verzegeling
    provider: NotifyNL
    sqs: Any


@cache
def dependencies() -> Dependencies:
    """Made at the first batch."""
    settings = read(BezorgingSettings)
    dynamodb = client("dynamodb")
    return Dependencies(
        settings=settings,
        pogingen=Pogingen(dynamodb, settings.pogingen_table),
        agenda=Agenda(dynamodb, settings.agenda_table),
        verzegeling=Verzegeling(client("kms"), settings.bezorging_key),
        provider=NotifyNL(
            settings.notifynl_url,
            Geheim(client("secretsmanager"), settings.notifynl_api_key_secret),
            settings.notifynl_template_id,
        ),
        sqs=client("sqs"),
    )


def bezorg(delivery: Delivery[BezorgPoging], deps: Dependencies) -> Iterable[Outgoing]:
    """Bring one attempt to an outcome and report it; a repeat reports again.

    Raises:
        Uitgesteld: the provider is busy or broken, or may have taken the attempt and must be asked first.
    """
    opdracht = delivery.body
    moment = nu()
    # An address that was looked up too long ago is not used: the person may have changed their mind.
    verouderd = moment - opdracht.opgezocht_op > timedelta(seconds=deps.settings.adres_geldig)
    verzegeld = None if verouderd else opdracht.verzegeld
    ours = Poging(id=opdracht.poging_id, oin=opdracht.oin, kanaal=opdracht.kanaal, geclaimd_op=moment)
    if verzegeld is None:
        poging = deps.pogingen.geef_terug(ours, moment)
    else:
        # Noted before the claim: who finds a claim can count on it that the provider will be asked.
        deps.agenda.noteer(eerste_navraag(ours.id, moment, deps.settings.navraag_na), moment)
        poging = deps.pogingen.claim(ours)
        if poging is ours:
            poging = _roep_aan(ours, verzegeld, deps)
    if poging.uitslag is None:
        poging = _zoek_uit(poging, verzegeld, deps, moment)
    return [Outgoing(deps.settings.status_queue_url, poging.melding(), poging.oin)]


def _roep_aan(poging: Poging, verzegeld: str, deps: Dependencies) -> Poging:
    """Call the provider for an attempt that is ours, and record what it says.

    Claimed before the call: a crash from here on leaves a claim without outcome, and whoever finds that asks the
    provider before doing anything else.
    """
    zending = Zending.model_validate_json(deps.verzegeling.open(base64.b64decode(verzegeld), poging.id))
    try:
        answer = deps.provider.verstuur(poging.kanaal, zending, poging.id)
    except NietGenomen as refusal:
        deps.pogingen.stel_uit(poging)
        raise _uitstel(refusal.seconds, deps) from None
    except Onzeker:
        raise Uitgesteld(deps.settings.claim_wachttijd + 1) from None
    return deps.pogingen.leg_vast(poging.id, answer.uitslag, answer.reden, nu())


def _zoek_uit(poging: Poging, verzegeld: str | None, deps: Dependencies, moment: datetime) -> Poging:
    """Settle a claim without outcome: somebody called, or was about to.

    Not asked too soon after the claim, since a provider may accept late. What the provider does not know is offered
    again by the one who claims it anew, or given back where there is nothing to offer.
    """
    free_on = poging.geclaimd_op + timedelta(seconds=deps.settings.claim_wachttijd)
    if moment < free_on:
        raise Uitgesteld((free_on - moment).total_seconds() + 1)
    try:
        answer = deps.provider.vraag_na(poging.id)
    except Onzeker:
        raise _uitstel(None, deps) from None
    if answer is not None:
        return deps.pogingen.leg_vast(poging.id, answer.uitslag, answer.reden, moment)
    if not deps.pogingen.claim_opnieuw(poging, moment):
        raise _uitstel(None, deps)
    if verzegeld is None:
        return deps.pogingen.leg_vast(poging.id, Uitslag.TERUGGEGEVEN, None, moment)
    return _roep_aan(replace(poging, geclaimd_op=moment), verzegeld, deps)


def _uitstel(seconds: float | None, deps: Dependencies) -> Uitgesteld:
    return Uitgesteld(seconds) if seconds is not None else Uitgesteld(deps.settings.uitstel_basis, groeit=True)


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Lambda entry: a batch of ``BezorgPoging``."""
    deps = dependencies()
    return consume(
        event,
        deps.sqs,
        BezorgPoging,
        prepare=lambda _assignments: None,
        handle=lambda delivery, _: bezorg(delivery, deps),
    )
