"""The world starts and stops cleanly and shows what it holds."""

import threading
from typing import Any

import pytest
import requests

from local.environment import AUDIENCE, CALLBACK_TOKEN, TEMPLATES
from local.world import World
from local.world.bounded import BoundedCounter
from local.world.outcomes import OTHERWISE, OUTCOMES, outcome_for


def demo_world() -> World:
    return World(clients=[], audience=AUDIENCE, templates=TEMPLATES, callback_token=CALLBACK_TOKEN)


@pytest.mark.parametrize("path", ["/", "/notifynl/", "/notifynl", "/ontvanger/", "/idp/jwks.json"])
def test_every_part_is_served_from_one_address(world: World, path: str) -> None:
    assert requests.get(world.base_url + path, timeout=5).status_code == 200


def test_every_page_finds_its_stylesheet(world: World) -> None:
    for path in ("/", "/notifynl/", "/ontvanger/"):
        page = requests.get(world.base_url + path, timeout=5).text
        stylesheet = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
        answer = requests.get(world.base_url + stylesheet, timeout=5)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


def test_unknown_paths_are_not_found(world: World) -> None:
    assert requests.get(f"{world.base_url}/elders/", timeout=5).status_code == 404


def test_it_starts_again_after_stopping_and_leaves_no_threads() -> None:
    before = set(threading.enumerate())
    world = demo_world()
    for _ in range(2):
        url = world.start()
        assert requests.get(url, timeout=5).ok
        world.stop()
    world.stop()
    ours = {thread for thread in set(threading.enumerate()) - before if thread.name.startswith(("world", "courier"))}
    assert not ours
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_it_has_no_address_before_it_starts() -> None:
    with pytest.raises(RuntimeError):
        demo_world().base_url  # noqa: B018 - reading it is the test


def test_keywords_and_sms_endings_are_each_used_once() -> None:
    assert len({outcome.keyword for outcome in OUTCOMES}) == len(OUTCOMES)
    assert len({outcome.sms_ending for outcome in OUTCOMES}) == len(OUTCOMES)


@pytest.mark.parametrize(
    ("kind", "recipient", "keyword"),
    [
        ("email", "times-out@example.nl", "times-out"),
        ("email", "times-out+7@example.nl", "times-out"),
        ("email", "mijn-times-out@example.nl", OTHERWISE.keyword),
        ("sms", "06 12345 007", "times-out"),
        ("sms", "+31612345017", OTHERWISE.keyword),
        ("letter", "times-out Jansen", "times-out"),
        ("letter", "A. Jansen", OTHERWISE.keyword),
    ],
)
def test_the_outcome_is_read_from_the_recipient(kind: str, recipient: str, keyword: Any) -> None:
    assert outcome_for(kind, recipient).keyword == keyword


def test_a_counter_forgets_what_was_counted_longest_ago() -> None:
    counter = BoundedCounter(limit=2)
    for key in ("a", "b", "a", "c"):
        counter.count(key)
    assert [counter[key] for key in ("a", "b", "c")] == [2, 0, 1]
