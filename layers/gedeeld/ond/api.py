"""The edge of the HTTP APIs: strict JSON in; problems (RFC 9457) and the headers of the NL API Design Rules out."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from ond.aansluitregister import Weigering
from ond.identificatie import OIN, Identificatie, IdentificatieType, fout_in_nummer
from ond.log import fault, logger

API_VERSION = "1.0.0"
MAX_BODY_BYTES = 64 * 1024

# NL API Design Rules, transport/security-headers and version-header.
HEADERS = {
    "API-Version": API_VERSION,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ApiModel(BaseModel):
    """Base of what the APIs take and give: camelCase names, nothing unknown, and no value ever in an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )


class IdentificatieIn(ApiModel):
    """A citizen or business, as the APIs take it."""

    identificatie_type: IdentificatieType
    identificatie_nummer: str

    @field_validator("identificatie_nummer")
    @classmethod
    def _check(cls, nummer: str, info: ValidationInfo) -> str:
        soort = info.data.get("identificatie_type")
        if soort and (fout := fout_in_nummer(soort, nummer)):
            raise ValueError(fout)
        return nummer

    def identificatie(self) -> Identificatie:
        """Without the API's names."""
        return Identificatie(soort=self.identificatie_type, nummer=self.identificatie_nummer)


@dataclass(frozen=True)
class Fault:
    """One fault in the input: where, and what."""

    veld: str
    melding: str


@dataclass
class Problem(Exception):
    """An answer other than success (RFC 9457). ``soort`` names the problem; its URI is ``urn:ond:probleem:<soort>``."""

    status: HTTPStatus
    soort: str
    title: str
    detail: str
    faults: list[Fault] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The problem as JSON."""
        body: dict[str, Any] = {
            "type": f"urn:ond:probleem:{self.soort}",
            "title": self.title,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.faults:
            body["fouten"] = [{"veld": fault.veld, "melding": fault.melding} for fault in self.faults]
        return body


def ongeldig(detail: str, faults: list[Fault] | None = None) -> Problem:
    """Invalid input: 400, with every fault at once (NL API Design Rules, error-handling/invalid-input)."""
    return Problem(HTTPStatus.BAD_REQUEST, "ongeldige-invoer", "Ongeldige invoer", detail, faults or [])


def niet_gevonden(detail: str) -> Problem:
    """Not there, or not the caller's: the two look the same."""
    return Problem(HTTPStatus.NOT_FOUND, "niet-gevonden", "Niet gevonden", detail)


_WEIGERINGEN = {
    Weigering.GEEN_DOEL: "Noem het doel (doelId) waarvoor u deze notificatie verstuurt.",
    Weigering.NIET_AANGESLOTEN: "Uw organisatie is niet aangesloten. Vraag een aansluiting aan.",
    Weigering.GEBLOKKEERD: "De aansluiting van uw organisatie is geblokkeerd. Neem contact op met de beheerder.",
    Weigering.DOEL_NIET_GEREGISTREERD: "Dit doel is niet geregistreerd voor uw organisatie. Registreer het eerst.",
    Weigering.DOEL_GESCHORST: "Dit doel is geschorst. Neem contact op met de beheerder.",
}


def geweigerd(weigering: Weigering) -> Problem:
    """A refused purpose, as the caller sees it."""
    return Problem(HTTPStatus.FORBIDDEN, weigering.value, "Geweigerd", _WEIGERINGEN[weigering])


def json_response(status: HTTPStatus, body: BaseModel, headers: Mapping[str, str] | None = None) -> Response[str]:
    """A model as an answer."""
    return Response(
        status_code=status.value,
        content_type="application/json",
        body=body.model_dump_json(by_alias=True, exclude_none=True),
        headers={**HEADERS, **(headers or {})},
    )


def problem_response(problem: Problem) -> Response[str]:
    """A problem as an answer."""
    return Response(
        status_code=problem.status.value,
        content_type="application/problem+json",
        body=json.dumps(problem.body(), ensure_ascii=False),
        headers={**HEADERS, **problem.headers},
    )


def resolver() -> APIGatewayRestResolver:
    """A router whose every error is a problem, and that never lets an exception's text out."""
    app = APIGatewayRestResolver()

    @app.exception_handler(Problem)  # type: ignore[untyped-decorator]  # Powertools leaves it untyped
    def _problem(problem: Problem) -> Response[str]:
        return problem_response(problem)

    @app.not_found
    def _not_found(_error: NotFoundError) -> Response[str]:
        return problem_response(niet_gevonden("Deze combinatie van pad en methode bestaat niet."))

    @app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # as above
    def _defect(error: Exception) -> Response[str]:
        logger.error("request failed", **fault(error))
        return problem_response(
            Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "storing",
                "Storing",
                "Er ging iets mis. Probeer het opnieuw; dezelfde referentie wordt niet dubbel verzonden.",
            )
        )

    return app


def caller(event: Mapping[str, Any], scope: str) -> OIN:
    """The OIN of who calls, from the checked token; never from path or body.

    Raises:
        Problem: 403, the token lacks ``scope``.
    """
    context = event["requestContext"]["authorizer"]
    if scope not in str(context.get("scope", "")).split():
        raise Problem(
            HTTPStatus.FORBIDDEN, "scope-ontbreekt", "Geen toegang", f"Dit access token heeft de scope {scope} niet."
        )
    return str(context["oin"])


def header(event: Mapping[str, Any], name: str) -> str:
    """The request's header ``name`` (in lower case), however the caller wrote it; empty where there is none."""
    headers = {given.lower(): value for given, value in (event.get("headers") or {}).items()}
    return str(headers.get(name, ""))


M = TypeVar("M", bound=BaseModel)


def read_body(event: Mapping[str, Any], model: type[M]) -> M:
    """The request's body as ``model``.

    Raises:
        Problem: 415 not JSON by its Content-Type; 413 larger than ``MAX_BODY_BYTES``; 400 not valid JSON (also
            duplicate keys, NaN, lone surrogates, or nested too deep) or not as the model says, with every fault.
    """
    media_type = header(event, "content-type").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "geen-json",
            "Geen JSON",
            "Stuur de aanvraag als JSON, met de header Content-Type: application/json.",
        )
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        raise ongeldig("De aanvraag is geen tekst in UTF-8.")
    if len(text.encode(errors="replace")) > MAX_BODY_BYTES:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "te-groot",
            "Te groot",
            f"De aanvraag is groter dan {MAX_BODY_BYTES} bytes.",
        )
    values = parse_json(text)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ongeldig("De aanvraag klopt niet; zie fouten.", faults_of(error)) from None


def parse_json(text: str) -> Any:
    """JSON by the letter: what other readers of the same text could read differently is refused.

    Raises:
        Problem: 400, says what is wrong without repeating the text.
    """
    try:
        values = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded_int, parse_float=_finite
        )
        json.dumps(values, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ongeldig(f"De aanvraag is geen geldige JSON (regel {error.lineno}, positie {error.colno}).") from None
    except RecursionError:
        raise ongeldig("De JSON is te diep genest.") from None
    except UnicodeEncodeError:
        raise ongeldig("De JSON bevat een half teken (losse surrogate).") from None
    return values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ongeldig("De JSON noemt een veld tweemaal.")
    return values


def _no_constant(name: str) -> Any:
    raise ongeldig(f"{name} is geen JSON.")


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ongeldig("De JSON bevat een te groot getal.")
    return number


def _bounded_int(digits: str) -> int:
    if len(digits) > 18:
        raise ongeldig("De JSON bevat een te groot getal.")
    return int(digits)


# Pydantic's own words, in the language of the interface; what is not listed keeps a general text.
_MELDINGEN: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda context: "ontbreekt",
    "extra_forbidden": lambda context: "bestaat niet in deze aanvraag",
    "string_type": lambda context: "moet tekst zijn",
    "string_too_short": lambda context: f"moet minstens {context['min_length']} tekens hebben",
    "string_too_long": lambda context: f"mag hoogstens {context['max_length']} tekens hebben",
    "string_pattern_mismatch": lambda context: f"heeft niet de vorm {context['pattern']}",
    "enum": lambda context: f"moet een van {context['expected'].replace(' or ', ' of ')} zijn",
    "too_short": lambda context: f"moet minstens {context['min_length']} waarden hebben",
    "too_long": lambda context: f"mag hoogstens {context['max_length']} waarden hebben",
    "model_type": lambda context: "moet een JSON-object zijn",
    "model_attributes_type": lambda context: "moet een JSON-object zijn",
    "tuple_type": lambda context: "moet een lijst zijn",
    "value_error": lambda context: str(context["error"]),
}


def faults_of(error: ValidationError) -> list[Fault]:
    """Every fault of a validation, in Dutch, without the values."""
    return [
        Fault(
            veld=".".join(str(part) for part in fault["loc"]) or "(aanvraag)",
            melding=_melding(fault["type"], fault.get("ctx", {})),
        )
        for fault in error.errors(include_url=False, include_input=False)
    ]


def _melding(soort: str, context: dict[str, Any]) -> str:
    return _MELDINGEN[soort](context) if soort in _MELDINGEN else "heeft geen geldige waarde"
