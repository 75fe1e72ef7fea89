"""The demo receivers take CloudEvents, once and for all to see."""

from typing import Any

import pytest
import requests

from local.world import World
from local.world.receiver import BATCH, SINGLE


def event(**changes: Any) -> dict[str, Any]:
    """A valid event; a value of None leaves the attribute out."""
    attributes = {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:nld:oin:00000001823288444000:systeem:ond",
        "type": "nl.ond.notificatie.bezorgd",
        "time": "2025-03-01T12:00:00Z",
        "data": {"status": "bezorgd"},
        **changes,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def deliver(world: World, naam: str, body: Any, mimetype: str = BATCH) -> requests.Response:
    headers = {"Content-Type": f"{mimetype}; charset=utf-8"}
    return requests.post(f"{world.base_url}/ontvanger/{naam}", json=body, headers=headers, timeout=5)


def test_events_are_kept_in_order_and_repeats_are_counted(world: World) -> None:
    assert deliver(world, "volgorde", [event(id="1"), event(id="2")]).status_code == 204
    assert deliver(world, "volgorde", event(id="1"), SINGLE).status_code == 204
    listed = requests.get(f"{world.base_url}/ontvanger/volgorde", timeout=5).json()
    assert [e["id"] for e in listed] == ["1", "2"]
    assert world.receiver.duplicates("volgorde") == 1
    assert world.receiver.arrivals("volgorde", source=listed[0]["source"], id="1") == 2


def test_an_empty_batch_is_fine(world: World) -> None:
    assert deliver(world, "leeg", []).status_code == 204
    assert world.receiver.events("leeg") == []


@pytest.mark.parametrize(
    "faulty",
    [
        event(id=None),
        event(id=""),
        event(source=None),
        event(type=None),
        event(specversion=None),
        event(specversion="0.3"),
        event(time="gisteren"),
        event(time="2025-03-01T12:00:00"),
        event(statusCode="x"),
        event(data_base64="eA=="),
        "geen event",
    ],
)
def test_a_batch_with_one_bad_event_is_refused_whole(world: World, faulty: Any) -> None:
    answer = deliver(world, "streng", [event(), faulty])
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("event 1: ")
    assert world.receiver.events("streng") == []


@pytest.mark.parametrize(
    ("body", "mimetype", "status"),
    [([event()], "application/json", 415), (event(), BATCH, 400), ([event()], SINGLE, 400)],
)
def test_the_content_type_must_fit_the_body(world: World, body: Any, mimetype: str, status: int) -> None:
    assert deliver(world, "soort", body, mimetype).status_code == status


def test_it_can_be_made_to_fail(world: World) -> None:
    world.receiver.fail_next(2)
    assert [deliver(world, "storing", [event()]).status_code for _ in range(3)] == [503, 503, 204]
    assert len(world.receiver.events("storing")) == 1


def test_the_page_shows_events_escaped(world: World) -> None:
    deliver(world, "pagina", [event(subject="<b>vet</b>")])
    page = requests.get(f"{world.base_url}/ontvanger/", timeout=5).text
    assert "&lt;b&gt;vet&lt;/b&gt;" in page
    assert "<b>" not in page
