"""API: accept a notification, and show what became of it."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from omc.aannemen import dependencies, neem_aan
from omc.notificatie import Notificatie
from omc.notificatie import notificatie_id as kenmerk_van
from omc.opdracht import Aangenomen, Notificatieopdracht, NotificatieUit
from ond.api import caller, json_response, niet_gevonden, ongeldig, read_body, resolver
from ond.tijd import nu

SCHRIJVEN = "notificaties:schrijven"
LEZEN = "notificaties:lezen"

app = resolver()


@app.post("/v1/notificaties")
def verstuur() -> Response[str]:
    """Accept a notification for a citizen or business."""
    event = app.current_event.raw_event
    oin = caller(event, SCHRIJVEN)
    return aangenomen(event, neem_aan(oin, read_body(event, Notificatieopdracht), nu(), dependencies()))


@app.get("/v1/notificaties")
def zoek() -> Response[str]:
    """Show the notification with a reference."""
    oin = caller(app.current_event.raw_event, LEZEN)
    query = app.current_event.query_string_parameters or {}
    if set(query) != {"referentie"}:
        raise ongeldig("Zoek met precies een parameter: ?referentie=<uw referentie>.")
    return _toon(oin, kenmerk_van(oin, query["referentie"]))


@app.get("/v1/notificaties/<notificatie_id>")
def toon(notificatie_id: str) -> Response[str]:
    """Show one notification."""
    return _toon(caller(app.current_event.raw_event, LEZEN), notificatie_id)


def aangenomen(event: dict[str, Any], notificatie: Notificatie) -> Response[str]:
    """202 with where to look. The stage is part of the address that the caller used."""
    stage = event["requestContext"].get("path", event["path"]).removesuffix(event["path"])
    return json_response(
        HTTPStatus.ACCEPTED,
        Aangenomen(id=notificatie.id, referentie=notificatie.referentie, aangenomen_op=notificatie.aangenomen_op),
        {"Location": f"{stage}/v1/notificaties/{notificatie.id}"},
    )


def _toon(oin: str, kenmerk: str) -> Response[str]:
    notificatie = dependencies().notificaties.lees(kenmerk)
    # Another service provider's notification looks exactly like none.
    if notificatie is None or notificatie.oin != oin:
        raise niet_gevonden("Er is geen notificatie met dit kenmerk.")
    return json_response(HTTPStatus.OK, NotificatieUit.van(notificatie))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda entry: API Gateway proxy event."""
    return app.resolve(event, context)
