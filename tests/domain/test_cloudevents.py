"""The events that service providers receive: CloudEvents 1.0 and its NL GOV profile, and nothing personal."""

import re
from datetime import datetime
from typing import Any

import pytest

from omc.cloudevents import MEDIA_TYPE, cloudevent
from omc.notificatie import Reden, Status
from omc.wijzigingen import Regel
from tests.domain.bouwers import NU, OIN


def regel(versie: int = 3, van: Status | None = Status.VERZONDEN, naar: Status = Status.BEZORGD) -> Regel:
    return Regel("6f9619ff-8b86-5d01-b42d-00cf4fc964ff", "zaak-1", versie, van, naar, NU, None)


def event(**overig: Any) -> dict[str, Any]:
    return cloudevent(regel(**overig), OIN)


# Attribute -> what the standard and the profile ask of it.
REGELS: dict[str, str] = {
    "specversion": r"1\.0",
    "id": r".+",
    "source": r"urn:nld:oin:[0-9]{8}[0-9A-Z]{9}[0-9]{3}:systeem:[a-z0-9-]+",
    "type": r"nl(\.[a-z0-9-]+)+\.v1",
    "subject": r"[0-9a-f-]{36}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    "sequence": r"[0-9]+",
    "sequencetype": r"Integer",
    "datacontenttype": r"application/json",
}


@pytest.mark.parametrize("naar", Status, ids=str)
def test_every_attribute_follows_the_profile(naar: Status) -> None:
    attributes = {name: value for name, value in event(naar=naar).items() if name != "data"}
    assert attributes.keys() == REGELS.keys()
    for name, value in attributes.items():
        assert re.fullmatch(r"[a-z0-9]{1,20}", name)
        assert re.fullmatch(REGELS[name], value), name
    assert datetime.fromisoformat(attributes["time"]) == NU


def test_the_type_names_a_version_once_and_no_organisation() -> None:
    assert event()["type"].split(".").count("v1") == 1
    assert OIN not in event()["type"]


def test_the_same_change_is_the_same_event_and_another_change_another() -> None:
    assert event() == event()
    assert event(versie=4)["id"] != event()["id"]
    assert [int(event(versie=versie)["sequence"]) for versie in (2, 10)] == [2, 10]


def test_the_data_are_the_change_and_nothing_of_the_recipient() -> None:
    assert event()["data"].keys() == {"notificatieId", "referentie", "versie", "van", "naar", "aflevering"}
    first = event(versie=1, van=None, naar=Status.AANGENOMEN)["data"]
    assert "van" not in first
    assert first["aflevering"] == "IN_BEHANDELING"


def test_the_reason_is_one_word_of_ours() -> None:
    ended = Regel("n", "zaak-1", 3, Status.VERZONDEN, Status.NIET_BEZORGBAAR, NU, Reden.ADRES_ONBEREIKBAAR)
    assert cloudevent(ended, OIN)["data"]["reden"] == "adres-onbereikbaar"


def test_a_batch_has_its_own_media_type() -> None:
    assert MEDIA_TYPE == "application/cloudevents-batch+json"
