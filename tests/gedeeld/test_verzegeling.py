"""Sealing and opening."""

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from ond.verzegeling import Onleesbaar, Verzegeling
from tests.gedeeld.eigenschap import eigenschap


class Kms:
    """A KMS key, and how often it was called."""

    def __init__(self, client: Any, calls: Counter[str]) -> None:
        self.client = client
        self.key = self.client.create_key()["KeyMetadata"]["Arn"]
        self.calls = calls
        self.calls.clear()

    def verzegeling(self, **settings: int) -> Verzegeling:
        """A process of its own, with an empty cache."""
        return Verzegeling(self.client, self.key, **settings)


@pytest.fixture
def kms(aws: Any, calls: Counter[str]) -> Kms:
    return Kms(aws("kms"), calls)


@eigenschap
@given(plaintext=st.binary(max_size=300), label=st.text(max_size=50))
def test_what_is_sealed_opens_under_its_label_also_in_another_process(kms: Kms, plaintext: bytes, label: str) -> None:
    sealed = kms.verzegeling().seal(plaintext, label)
    assert kms.verzegeling().open(sealed, label) == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed


def test_the_same_text_is_never_sealed_the_same(kms: Kms) -> None:
    one = kms.verzegeling()
    assert len({one.seal(b"tekst", "a") for _ in range(50)}) == 50


@pytest.mark.parametrize("label", ["b", "", "a ", "A"])
def test_another_label_does_not_open_it(kms: Kms, label: str) -> None:
    sealed = kms.verzegeling().seal(b"tekst", "a")
    with pytest.raises(Onleesbaar):
        kms.verzegeling().open(sealed, label)


def test_another_key_does_not_open_it(kms: Kms) -> None:
    sealed = kms.verzegeling().seal(b"tekst", "a")
    with pytest.raises((Onleesbaar, ClientError)):
        Kms(kms.client, kms.calls).verzegeling().open(sealed, "a")


@eigenschap
@given(data=st.data(), flip=st.integers(1, 255))
def test_a_changed_byte_at_any_place_is_refused(kms: Kms, data: st.DataObject, flip: int) -> None:
    process = kms.verzegeling()
    sealed = bytearray(process.seal(b"een bericht", "a"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= flip
    # Where the wrapped key itself was changed, it may be KMS that refuses.
    with pytest.raises((Onleesbaar, ClientError)):
        process.open(bytes(sealed), "a")


@eigenschap
@given(data=st.data())
def test_a_shortened_or_lengthened_text_is_refused(kms: Kms, data: st.DataObject) -> None:
    process = kms.verzegeling()
    sealed = process.seal(b"een bericht", "a")
    changed = sealed[: data.draw(st.integers(0, len(sealed) - 1))] if data.draw(st.booleans()) else sealed + b"\0"
    with pytest.raises((Onleesbaar, ClientError)):
        process.open(changed, "a")


@pytest.mark.parametrize("rubbish", [b"", b"\x01", b"\x01\x00", b"\x02" + bytes(60), b"\x01" + bytes(60)])
def test_what_was_never_sealed_is_refused_as_such(kms: Kms, rubbish: bytes) -> None:
    with pytest.raises(Onleesbaar):
        kms.verzegeling().open(rubbish, "a")


def test_many_seals_and_openings_cost_one_call_each_way(kms: Kms) -> None:
    sealing, opening = kms.verzegeling(), kms.verzegeling()
    for sealed in [sealing.seal(b"x", str(number)) for number in range(100)]:
        opening.open(sealed, str(next(n for n in range(100) if _opens(opening, sealed, str(n)))))
    assert kms.calls == {"GenerateDataKey": 1, "Decrypt": 1}


def _opens(process: Verzegeling, sealed: bytes, label: str) -> bool:
    try:
        process.open(sealed, label)
    except Onleesbaar:
        return False
    return True


def test_the_data_key_is_new_after_its_uses(kms: Kms) -> None:
    process = kms.verzegeling(uses=3)
    sealed = [process.seal(b"x", "a") for _ in range(7)]
    assert kms.calls["GenerateDataKey"] == 3
    assert [process.open(one, "a") for one in sealed] == [b"x"] * 7


def test_the_data_key_is_new_after_its_time(kms: Kms) -> None:
    process = kms.verzegeling(seconds=0)
    process.seal(b"x", "a")
    process.seal(b"x", "a")
    assert kms.calls["GenerateDataKey"] == 2
