"""The lookup for the OMC, invoked directly. Who may call is IAM's business: this function has no event and no URL."""

from typing import Any

from ond.berichten import Profielantwoorden, Profielvragen
from ond.log import fault, logger
from profiel.opzoeken import dependencies, zoek_op


class OpvragenMislukt(Exception):
    """What the caller learns of a defect: nothing but that there was one."""


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Lambda entry: ``Profielvragen`` in, ``Profielantwoorden`` out.

    Raises:
        OpvragenMislukt: it did not succeed; the log says where. The cause's own text could quote a number, so it goes
            nowhere.
    """
    try:
        vragen = Profielvragen.model_validate(event).vragen
        return Profielantwoorden(antwoorden=tuple(zoek_op(vragen, dependencies()))).model_dump(mode="json")
    except Exception as error:  # noqa: BLE001 - see above
        logger.error("lookup failed", **fault(error))
    raise OpvragenMislukt
