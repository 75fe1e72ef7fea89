"""Changes as CloudEvents (NL GOV profile 1.1). Nothing personal: a receiver may log all of it."""

from typing import Any

from omc.notificatie import aflevering
from omc.wijzigingen import Regel
from ond.tijd import tekst

MEDIA_TYPE = "application/cloudevents-batch+json"
TYPE = "nl.ond.notificatie.status-gewijzigd.v1"


def cloudevent(regel: Regel, operator_oin: str) -> dict[str, Any]:
    """One change. The id stays the same however often it is sent, so that a receiver can drop repeats; ``sequence``
    puts the changes of one notification (``subject``) in order; ``time`` is when the status changed.
    """
    data = {
        "notificatieId": regel.notificatie_id,
        "referentie": regel.referentie,
        "versie": regel.versie,
        "van": regel.van,
        "naar": regel.naar,
        "aflevering": aflevering(regel.naar),
        "reden": regel.reden,
    }
    return {
        "specversion": "1.0",
        "id": f"{regel.notificatie_id}-{regel.versie}",
        "source": f"urn:nld:oin:{operator_oin}:systeem:ond",
        "type": TYPE,
        "subject": regel.notificatie_id,
        "time": tekst(regel.tijdstip),
        "sequence": str(regel.versie),
        "sequencetype": "Integer",
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }
