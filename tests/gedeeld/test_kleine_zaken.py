"""Secrets, settings and moments."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ond.aansluitregister import Aansluitregister, Dienstverlener
from ond.geheimen import Geheim
from ond.settings import Seconds, Settings, SettingsError, Text, read
from ond.tijd import naar_ms, nu, tekst, van_ms
from tests.gedeeld.eigenschap import eigenschap


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# --- secrets


def test_a_rotated_secret_is_seen_after_its_time_and_not_before(aws: Any) -> None:
    secrets, clock = aws("secretsmanager"), Clock()
    secrets.create_secret(Name="peper", SecretString="oud")
    geheim = Geheim(secrets, "peper", seconds=300, clock=clock)
    assert geheim.waarde() == "oud"
    secrets.put_secret_value(SecretId="peper", SecretString="nieuw")
    clock.now += 299
    assert geheim.waarde() == "oud"
    clock.now += 1
    assert geheim.waarde() == "nieuw"


def test_an_empty_secret_is_refused_and_named() -> None:
    class Empty:
        def get_secret_value(self, **_: str) -> dict[str, str]:
            return {"SecretString": ""}

    with pytest.raises(ValueError, match="peper"):
        Geheim(Empty(), "peper").waarde()


# --- settings


class Example(Settings):
    """Two settings."""

    queue_url: Text
    wachttijd: Seconds


def test_settings_come_from_the_environment_by_their_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_URL", "https://queue")
    monkeypatch.setenv("WACHTTIJD", "15")
    assert read(Example) == Example(queue_url="https://queue", wachttijd=15)


@pytest.mark.parametrize("value", ["", "geheime-waarde", "0", "-1", "1.5"])
def test_every_missing_or_unusable_setting_is_named_and_no_value_is_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.delenv("QUEUE_URL", raising=False)
    monkeypatch.setenv("WACHTTIJD", value)
    with pytest.raises(SettingsError) as refused:
        read(Example)
    text = str(refused.value)
    assert "QUEUE_URL" in text
    assert "WACHTTIJD" in text
    assert len(value) < 4 or value not in text
    assert refused.value.__context__ is None


def test_an_empty_text_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_URL", "")
    monkeypatch.setenv("WACHTTIJD", "1")
    with pytest.raises(SettingsError, match="QUEUE_URL"):
        read(Example)


# --- moments

_zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@eigenschap
@given(st.integers(-(10**12), 10**14))
def test_milliseconds_and_moments_lead_to_each_other(milliseconds: int) -> None:
    assert naar_ms(van_ms(milliseconds)) == milliseconds


@eigenschap
@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)), _zones)
def test_the_text_of_a_moment_is_utc_to_the_millisecond_with_a_z(naive: datetime, zone: timezone) -> None:
    moment = naive.replace(microsecond=naive.microsecond // 1000 * 1000, tzinfo=zone)
    assert tekst(moment).endswith("Z")
    assert len(tekst(moment)) == len("2026-11-23T19:25:01.123Z")
    assert datetime.fromisoformat(tekst(moment)) == moment == van_ms(naar_ms(moment))


def test_now_reads_back_as_the_same_moment() -> None:
    now = nu()
    assert now.tzinfo is UTC
    assert van_ms(naar_ms(now)) == now == datetime.fromisoformat(tekst(now))


# --- aansluitregister


def test_a_block_works_within_a_minute(aws: Any, pk_table: str) -> None:
    clock = Clock()
    reader = Aansluitregister(aws("dynamodb"), pk_table, clock=clock)
    writer = Aansluitregister(aws("dynamodb"), pk_table)
    oin = "00000099000000001000"
    writer.zet(Dienstverlener(oin=oin, naam="Gemeente"))
    first = reader.dienstverlener(oin)
    assert first is not None
    assert not first.geblokkeerd
    writer.zet(first.model_copy(update={"geblokkeerd": True}))
    clock.now += 60
    later = reader.dienstverlener(oin)
    assert later is not None
    assert later.geblokkeerd


def test_who_is_not_connected_is_nobody_also_from_memory(aws: Any, pk_table: str) -> None:
    register = Aansluitregister(aws("dynamodb"), pk_table)
    assert register.dienstverlener("00000099000000002000") is None
    assert register.dienstverlener("00000099000000002000") is None
