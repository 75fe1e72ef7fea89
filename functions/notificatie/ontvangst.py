"""API for providers: take a delivery receipt, authenticated first, and put it on the queue before answering."""

import hmac
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel, ConfigDict, Field

from notificatie.kanalen.notifynl import antwoord
from ond.api import HEADERS, Problem, header, read_body, resolver
from ond.aws import client
from ond.berichten import ReceiptOntvangen, uit_poging_id
from ond.geheimen import Geheim
from ond.log import logger
from ond.queues import Outgoing, send
from ond.settings import Settings, Text, read

app = resolver()


class OntvangstSettings(Settings):
    """Settings of this function."""

    receipts_queue_url: Text
    notifynl_callback_secret: Text


@dataclass(frozen=True)
class Dependencies:
    """What taking a receipt needs."""

    settings: OntvangstSettings
    token: Geheim
    sqs: Any


@cache
def dependencies() -> Dependencies:
    """Made at the first receipt."""
    settings = read(OntvangstSettings)
    return Dependencies(settings, Geheim(client("secretsmanager"), settings.notifynl_callback_secret), client("sqs"))


class NotifyNlReceipt(BaseModel):
    """What we read of a receipt of NotifyNL. The rest, the recipient's address among it, is not even looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    reference: str | None = Field(default=None, max_length=200)
    status: str = Field(max_length=100)


@app.post("/v1/ontvangst/notifynl")
def ontvang() -> Response[str]:
    """Take a receipt. One that is not about an attempt of ours is taken too, so that it is not sent again."""
    event = app.current_event.raw_event
    deps = dependencies()
    _controleer_token(event, deps.token.waarde())
    receipt = read_body(event, NotifyNlReceipt)
    try:
        notificatie_id, _ = uit_poging_id(receipt.reference or "")
    except ValueError:
        logger.warning("receipt without an attempt of ours", provider="notifynl")
        return _taken()
    meaning = antwoord(receipt.status)
    bericht = ReceiptOntvangen(poging_id=str(receipt.reference), uitslag=meaning.uitslag, reden=meaning.reden)
    send(deps.sqs, [Outgoing(deps.settings.receipts_queue_url, bericht, notificatie_id)])
    return _taken()


def _controleer_token(event: dict[str, Any], expected: str) -> None:
    given = header(event, "authorization")
    # As bytes, and all of them: no exception on odd characters, and no telling from the time how much was right.
    if not hmac.compare_digest(given.encode(errors="replace"), f"Bearer {expected}".encode()):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "niet-aangemeld",
            "Niet aangemeld",
            "De header Authorization bevat niet het afgesproken token.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _taken() -> Response[str]:
    return Response(status_code=HTTPStatus.NO_CONTENT.value, body="", headers=dict(HEADERS))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda entry: API Gateway proxy event."""
    return app.resolve(event, context)
