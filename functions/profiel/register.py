"""API, variant centraal-register: a registered service provider looks up the fields of its purpose."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from ond.aansluitregister import DoelGeweigerd, toets_doelbinding
from ond.api import ApiModel, IdentificatieIn, caller, geweigerd, json_response, read_body, resolver
from ond.berichten import Kanaal, Profieluitkomst, Profielvraag
from profiel.opzoeken import dependencies, zoek_op

ZOEKEN = "partijen:zoeken"

app = resolver()


class Zoekvraag(IdentificatieIn):
    """Who, and for what purpose."""

    doel_id: str = Field(min_length=1, max_length=100)
    dienst: str | None = Field(default=None, min_length=1, max_length=100)


class Zoekantwoord(ApiModel):
    """The fields of the doel, and no others. Someone unknown looks like someone who may not be reached."""

    gevonden: bool
    voorkeurskanalen: tuple[Kanaal, ...]
    email: str | None
    telefoonnummer: str | None
    postadres: str | None


@app.post("/v1/partijen/_zoek")
def zoek() -> Response[str]:
    """Look up one partij. By POST, so that no number is ever in an address."""
    event = app.current_event.raw_event
    oin = caller(event, ZOEKEN)
    vraag = read_body(event, Zoekvraag)
    deps = dependencies()
    try:
        toets_doelbinding(deps.register.dienstverlener(oin), vraag.doel_id)
    except DoelGeweigerd as error:
        raise geweigerd(error.weigering) from None
    profielvraag = Profielvraag(
        identificatie=vraag.identificatie(), oin=oin, dienst=vraag.dienst, doel_id=vraag.doel_id
    )
    [antwoord] = zoek_op([profielvraag], deps)
    return json_response(
        HTTPStatus.OK,
        Zoekantwoord(
            gevonden=antwoord.uitkomst is Profieluitkomst.GEVONDEN,
            voorkeurskanalen=antwoord.voorkeurskanalen,
            email=antwoord.adressen.get(Kanaal.EMAIL),
            telefoonnummer=antwoord.adressen.get(Kanaal.SMS),
            postadres=antwoord.adressen.get(Kanaal.BRIEF),
        ),
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda entry: API Gateway proxy event."""
    return app.resolve(event, context)
