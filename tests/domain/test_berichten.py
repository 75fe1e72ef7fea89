"""The contracts of the queues."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ond.berichten import (
    Bericht,
    BezorgPoging,
    Kanaal,
    NotificatieGewijzigd,
    Profielantwoord,
    Profielantwoorden,
    Profieluitkomst,
    Profielvraag,
    Profielvragen,
    ReceiptOntvangen,
    RouteerNotificatie,
    StuurWijzigingen,
    Uitslag,
    UitslagGemeld,
    Zending,
    poging_id,
    uit_poging_id,
)
from ond.identificatie import Identificatie, IdentificatieType
from tests.domain.bouwers import NU, OIN, eigenschap

NOTIFICATIE_ID = "6f9619ff-8b86-5d01-b42d-00cf4fc964ff"
POGING_ID = f"{NOTIFICATIE_ID}-1"
VRAAG = Profielvraag(
    identificatie=Identificatie(soort=IdentificatieType.BSN, nummer="999990342"), oin=OIN, doel_id="besluiten"
)
ANTWOORD = Profielantwoord(
    uitkomst=Profieluitkomst.GEVONDEN, voorkeurskanalen=(Kanaal.SMS,), adressen={Kanaal.SMS: "+31612345699"}
)
BERICHTEN: list[Bericht] = [
    RouteerNotificatie(notificatie_id="n", oin=OIN, poging=1),
    BezorgPoging(poging_id=POGING_ID, oin=OIN, kanaal=Kanaal.EMAIL, opgezocht_op=NU, verzegeld="AQ=="),
    BezorgPoging(poging_id=POGING_ID, oin=OIN, kanaal=Kanaal.BRIEF, opgezocht_op=NU),
    Zending(adres="a@voorbeeld.nl", onderwerp="Één", tekst="regel\nregel \U0001f600"),
    ReceiptOntvangen(poging_id=POGING_ID, uitslag=Uitslag.BEZORGD),
    UitslagGemeld(poging_id=POGING_ID, oin=OIN, uitslag=Uitslag.PERMANENT_MISLUKT, reden="r", tijdstip=NU),
    NotificatieGewijzigd(notificatie_id="n", oin=OIN),
    StuurWijzigingen(oin=OIN),
    VRAAG,
    Profielvragen(vragen=(VRAAG,)),
    ANTWOORD,
    Profielantwoorden(antwoorden=(ANTWOORD,)),
]


@pytest.mark.parametrize("bericht", BERICHTEN, ids=lambda bericht: type(bericht).__name__)
def test_a_message_comes_out_as_it_went_in(bericht: Bericht) -> None:
    body = bericht.model_dump_json(exclude_none=True)
    assert type(bericht).model_validate_json(body) == bericht


@pytest.mark.parametrize("bericht", BERICHTEN, ids=lambda bericht: type(bericht).__name__)
def test_a_field_that_the_contract_does_not_know_is_refused(bericht: Bericht) -> None:
    body = {**json.loads(bericht.model_dump_json()), "bsn": "999990342"}
    with pytest.raises(ValidationError) as refused:
        type(bericht).model_validate_json(json.dumps(body))
    assert "999990342" not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (RouteerNotificatie, {"notificatie_id": "n", "oin": OIN, "poging": 0}),
        (RouteerNotificatie, {"notificatie_id": "n", "oin": "geen", "poging": 1}),
        (RouteerNotificatie, {"notificatie_id": "n", "poging": 1}),
        (BezorgPoging, {"poging_id": POGING_ID, "oin": OIN, "kanaal": "fax", "opgezocht_op": "2026-01-01T00:00:00Z"}),
        (BezorgPoging, {"poging_id": POGING_ID, "oin": OIN, "kanaal": "sms", "opgezocht_op": "gisteren"}),
        (ReceiptOntvangen, {"poging_id": POGING_ID, "uitslag": "delivered"}),
        (Profielvragen, {"vragen": []}),
        (StuurWijzigingen, []),
        (StuurWijzigingen, None),
    ],
)
def test_a_message_that_breaks_its_contract_is_refused(model: type[Bericht], body: Any) -> None:
    with pytest.raises(ValidationError):
        model.model_validate_json(json.dumps(body))


def test_a_lookup_takes_a_hundred_questions_and_no_more() -> None:
    assert len(Profielvragen(vragen=(VRAAG,) * 100).vragen) == 100
    with pytest.raises(ValidationError):
        Profielvragen(vragen=(VRAAG,) * 101)


@eigenschap
@given(st.uuids().map(str), st.integers(1, 9999))
def test_an_attempts_id_leads_back_to_notification_and_number(notificatie: str, nummer: int) -> None:
    assert uit_poging_id(poging_id(notificatie, nummer)) == (notificatie, nummer)


GEEN_POGING_ID = [
    "",
    "-",
    "-1",
    "n-1",
    "factuur-2026-1",
    NOTIFICATIE_ID,
    POGING_ID.upper(),
    POGING_ID.replace("-", ""),
    f" {POGING_ID}",
    f"{POGING_ID}\n",
    *(f"{NOTIFICATIE_ID}-{nummer}" for nummer in ("", "x", "²", "\u0663", " 1", "0", "01", "+1", "10000", "1-1")),
]


@pytest.mark.parametrize("text", GEEN_POGING_ID)
def test_what_is_no_attempts_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no attempt id"):
        uit_poging_id(text)


@pytest.mark.parametrize("text", GEEN_POGING_ID)
@pytest.mark.parametrize(
    "bericht",
    [bericht for bericht in BERICHTEN if isinstance(bericht, BezorgPoging | ReceiptOntvangen | UitslagGemeld)],
    ids=lambda bericht: type(bericht).__name__,
)
def test_a_message_about_no_attempt_is_refused(bericht: Bericht, text: str) -> None:
    body = {**json.loads(bericht.model_dump_json()), "poging_id": text}
    with pytest.raises(ValidationError) as refused:
        type(bericht).model_validate_json(json.dumps(body))
    assert [fault["loc"] for fault in refused.value.errors()] == [("poging_id",)]
