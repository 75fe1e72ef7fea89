"""When a provider is asked about an attempt that it sent no receipt for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ond.agenda import Moment

#: In the agenda: over an attempt, extra = how many times it was asked before.
NAVRAAG = "navraag"


def _split(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


#: Seconds after the claim, for example ``3600,21600,86400``.
Navraagmomenten = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_split), Field(min_length=1, max_length=50)
]


def eerste_navraag(poging_id: str, geclaimd_op: datetime, momenten: Sequence[int]) -> Moment:
    """The first time to ask."""
    return Moment(NAVRAAG, poging_id, geclaimd_op + timedelta(seconds=momenten[0]))


def volgende_navraag(moment: Moment, geclaimd_op: datetime, momenten: Sequence[int]) -> Moment | None:
    """The next time to ask; None after the last."""
    asked = moment.extra + 1
    if asked >= len(momenten):
        return None
    return Moment(NAVRAAG, moment.over, geclaimd_op + timedelta(seconds=momenten[asked]), asked)
