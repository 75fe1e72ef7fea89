"""The edge of the HTTP APIs: what is let in, and what every answer looks like."""

import json
from http import HTTPStatus
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from ond.api import (
    HEADERS,
    MAX_BODY_BYTES,
    ApiModel,
    IdentificatieIn,
    Problem,
    caller,
    json_response,
    parse_json,
    read_body,
    resolver,
)
from tests.gedeeld.eigenschap import eigenschap

BSN = "999990342"


class Voorbeeld(ApiModel):
    """An example request."""

    referentie: str = Field(min_length=1, max_length=10)
    kanalen: tuple[str, ...] = ()
    ontvanger: IdentificatieIn


def body(**overig: Any) -> dict[str, Any]:
    return {"referentie": "a", "ontvanger": {"identificatieType": "BSN", "identificatieNummer": BSN}, **overig}


def event(
    text: str | None = None, *, method: str = "POST", path: str = "/v1/dingen", headers: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "httpMethod": method,
        "path": path,
        "headers": {"Content-Type": "application/json"} if headers is None else headers,
        "body": json.dumps(body()) if text is None else text,
        "requestContext": {"authorizer": {"oin": "00000099000000001000", "scope": "lezen schrijven"}},
    }


def refused(text: str | None = None, **overig: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        read_body(event(text, **overig), Voorbeeld)
    return caught.value


def test_a_good_body_is_read() -> None:
    assert read_body(event(), Voorbeeld).ontvanger.identificatie().nummer == BSN


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE"])
def test_json_is_known_by_its_media_type(name: str, media_type: str) -> None:
    assert read_body(event(headers={name: media_type}), Voorbeeld)


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Type": ""}, {"Content-Type": "text/json"}, {"Content-Type": "application/json+x"}]
)
def test_another_media_type_is_415(headers: dict[str, str]) -> None:
    assert refused(headers=headers).status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE


@pytest.mark.parametrize(("size", "status"), [(0, HTTPStatus.BAD_REQUEST), (1, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)])
def test_a_body_has_a_largest_size_in_bytes(size: int, status: HTTPStatus) -> None:
    # Two bytes per character.
    assert refused("é" * (MAX_BODY_BYTES // 2 + size)).status is status


# What is wrong -> a body with it.
ONGELDIGE_JSON = {
    "empty": "",
    "truncated": '{"a": ',
    "not JSON": "a=1",
    "more than one value": "{} {}",
    "a field twice": '{"a": 1, "a": 2}',
    "a field twice, deeper": '{"a": [{"b": 1, "b": 1}]}',
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": Infinity}',
    "minus Infinity": '{"a": [-Infinity]}',
    "nested 100,000 deep": "[" * 100_000,
    "objects nested 100,000 deep": '{"a":' * 100_000,
    "an integer of 5,000 digits": '{"a": ' + "9" * 5000 + "}",
    "a number that is too large": '{"a": 1e999}',
    "a number that is too small": '{"a": [-1e999]}',
    "a lone surrogate": '{"a": "\\ud800"}',
    "a lone surrogate in a name": '{"\\udfff": 1}',
    "a control character": '{"a": "\n"}',
    "single quotes": "{'a': 1}",
    "a byte order mark": "\ufeff{}",
}


@pytest.mark.parametrize("text", ONGELDIGE_JSON.values(), ids=ONGELDIGE_JSON.keys())
def test_json_that_readers_could_differ_on_is_400(text: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_json(text)
    assert caught.value.status is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "text", ['{"a": "\\ud83d\\ude00"}', '{"a": 999999999999999999}', "[]", '"x"', "null", "-0.5", "1e300"]
)
def test_json_by_the_letter_is_read(text: str) -> None:
    assert parse_json(text) == json.loads(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**16), 10**16) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@eigenschap
@given(_json)
def test_any_json_is_read_as_python_reads_it(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


@eigenschap
@given(st.text(max_size=30))
def test_any_other_text_is_a_problem_and_nothing_else(text: str) -> None:
    problem: Problem | None = None
    try:
        parse_json(text)
    except Problem as caught:
        problem = caught
    assert problem is None or problem.status is HTTPStatus.BAD_REQUEST
    # Only what it names itself may be in it.
    assert problem is None or len(text) < 5 or text in ("Infinity", "-Infinity") or text not in problem.detail


def test_every_fault_is_told_at_once_in_dutch_and_without_values() -> None:
    problem = refused(
        json.dumps(
            body(
                referentie="te lang voor dit veld",
                kanalen="geheim-1",
                status="geheim-2",
                ontvanger={"identificatieType": "BSN", "identificatieNummer": "999990343"},
            )
        )
    )
    assert problem.status is HTTPStatus.BAD_REQUEST
    faults = {fault.veld: fault.melding for fault in problem.faults}
    assert faults == {
        "referentie": "mag hoogstens 10 tekens hebben",
        "kanalen": "moet een lijst zijn",
        "status": "bestaat niet in deze aanvraag",
        "ontvanger.identificatieNummer": "dit BSN voldoet niet aan de elfproef",
    }
    text = json.dumps(problem.body())
    assert not any(value in text for value in ("te lang voor", "geheim-1", "geheim-2", "999990343"))


@pytest.mark.parametrize("value", [[], "tekst", 5, None, True])
def test_what_is_not_an_object_is_a_fault_of_the_request(value: object) -> None:
    problem = refused(json.dumps(value))
    assert [(fault.veld, fault.melding) for fault in problem.faults] == [("(aanvraag)", "moet een JSON-object zijn")]


def test_a_body_that_is_no_text_is_400() -> None:
    with pytest.raises(Problem) as caught:
        read_body({**event(), "isBase64Encoded": True}, Voorbeeld)
    assert caught.value.status is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(("scope", "allowed"), [("lezen", True), ("lez", False), ("lezen schrijven", False)])
def test_a_scope_is_a_whole_word_of_the_token(scope: str, *, allowed: bool) -> None:
    if allowed:
        assert caller(event(), scope) == "00000099000000001000"
        return
    with pytest.raises(Problem) as caught:
        caller(event(), scope)
    assert caught.value.status is HTTPStatus.FORBIDDEN


# --- every answer


@pytest.fixture
def app() -> APIGatewayRestResolver:
    app = resolver()

    @app.post("/v1/dingen")
    def neem() -> Response[str]:
        return json_response(HTTPStatus.OK, read_body(app.current_event.raw_event, Voorbeeld))

    @app.get("/v1/defect")
    def defect() -> Response[str]:
        raise RuntimeError(f"kapot voor {BSN}")

    return app


ANTWOORDEN = [
    (event(), 200),
    (event("{"), 400),
    (event(headers={}), 415),
    (event(method="GET", path="/v1/onbekend"), 404),
    (event(method="GET", path="/"), 404),
    (event(method="DELETE"), 404),
    (event(method="GET", path="/v1/defect"), 500),
]


@pytest.mark.parametrize(("request_", "status"), ANTWOORDEN, ids=lambda value: str(value) if value is int else None)
def test_every_answer_has_the_headers_and_every_error_is_a_problem(
    app: APIGatewayRestResolver, request_: dict[str, Any], status: int
) -> None:
    answer = app.resolve(request_, LambdaContext())
    headers = {name: value[0] for name, value in answer["multiValueHeaders"].items()}
    assert answer["statusCode"] == status
    assert headers.items() >= HEADERS.items()
    if status >= 400:
        problem = json.loads(answer["body"])
        assert headers["Content-Type"] == "application/problem+json"
        assert problem["status"] == status
        assert problem.keys() >= {"type", "title", "detail"}


def test_a_defect_says_nothing_of_itself(app: APIGatewayRestResolver, log: StringIO) -> None:
    answer = app.resolve(event(method="GET", path="/v1/defect"), LambdaContext())
    assert "kapot" not in answer["body"]
    assert "RuntimeError" not in answer["body"]
    assert "RuntimeError" in log.getvalue()
    assert BSN not in log.getvalue()
