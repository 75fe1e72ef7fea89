"""API, variant centraal-register: accept a notification to an address that the service provider supplies."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from omc.aanname import SCHRIJVEN, aangenomen
from omc.aannemen import dependencies, neem_aan
from omc.opdracht import Adresopdracht
from ond.api import caller, read_body, resolver
from ond.tijd import nu

app = resolver()


@app.post("/v1/notificaties/_op-adres")
def verstuur() -> Response[str]:
    """Accept a notification to a supplied address."""
    event = app.current_event.raw_event
    oin = caller(event, SCHRIJVEN)
    return aangenomen(event, neem_aan(oin, read_body(event, Adresopdracht), nu(), dependencies()))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda entry: API Gateway proxy event."""
    return app.resolve(event, context)
