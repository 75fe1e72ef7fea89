"""Items as plain dicts, and reading many at once."""

from collections import Counter
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ond.dynamodb import batch_get, pack, unpack
from tests.gedeeld.eigenschap import eigenschap

_leaf = st.text(max_size=10) | st.integers(-(10**37), 10**37) | st.booleans() | st.binary(max_size=10)
_value = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@eigenschap
@given(st.dictionaries(st.text(min_size=1, max_size=10), _value, max_size=6))
def test_an_item_comes_out_as_it_went_in(item: dict[str, Any]) -> None:
    again = unpack(pack(item))
    assert again == item
    assert {name: type(value) for name, value in again.items()} == {name: type(value) for name, value in item.items()}


def test_what_is_none_is_left_out() -> None:
    assert pack({"a": None, "b": 0, "c": ""}) == {"b": {"N": "0"}, "c": {"S": ""}}


def test_a_word_of_ours_is_stored_as_its_text() -> None:
    class Woord(StrEnum):
        AAN = "aan"

    assert unpack(pack({"w": Woord.AAN})) == {"w": "aan"}


@pytest.mark.parametrize(("wanted", "requests"), [(0, 0), (1, 1), (100, 1), (101, 2), (250, 3)])
def test_many_items_are_read_a_hundred_at_a_time(
    aws: Any, pk_table: str, calls: Counter[str], wanted: int, requests: int
) -> None:
    client = aws("dynamodb")
    for number in range(0, wanted, 2):
        client.put_item(TableName=pk_table, Item=pack({"pk": str(number), "waarde": number}))
    # Every key is asked for twice; every other one exists.
    keys = [{"pk": str(number)} for number in range(wanted)] * 2
    found = batch_get(client, pk_table, keys)
    assert sorted(item["waarde"] for item in found) == list(range(0, wanted, 2))
    assert calls["BatchGetItem"] == requests


class Partial:
    """A table that answers one key at a time, or, out of capacity, none."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803 - boto3's name
        [(table, wanted)] = RequestItems.items()
        done, rest = wanted["Keys"][: self.at_once], wanted["Keys"][self.at_once :]
        unprocessed = {table: {**wanted, "Keys": rest}} if rest else {}
        return {"Responses": {table: done}, "UnprocessedKeys": unprocessed}


def test_an_answer_in_part_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    keys = [{"pk": str(number)} for number in range(5)]
    assert batch_get(Partial(1), "t", keys) == keys


def test_a_table_that_keeps_answering_in_part_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    with pytest.raises(TimeoutError):
        batch_get(Partial(0), "t", [{"pk": "1"}])
