"""The address book: looking up for the OMC, looking up by service providers, and what the table shows."""

import json
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ond.aansluitregister import Veld
from ond.berichten import Profielantwoord, Profielantwoorden, Profieluitkomst, Profielvraag, Profielvragen
from ond.identificatie import Identificatie, IdentificatieType
from tests.functions.omgeving import (
    ANDER_BSN,
    ANDERE_OIN,
    BSN,
    OIN,
    Context,
    Omgeving,
    dienstverlener,
    doel,
    partij,
    roep,
)

EMAIL, TELEFOON, ADRES = "geheim@voorbeeld.nl", "+31612345699", "Naam\nStraat 1\n1234 AB  Plaats"
DOELEN = {
    "besluiten": doel(Veld.EMAIL, Veld.TELEFOONNUMMER, Veld.VOORKEURSKANAAL),
    "notificaties": doel(Veld.EMAIL, Veld.TELEFOONNUMMER, Veld.VOORKEURSKANAAL),
    "nieuwsbrieven": doel(Veld.EMAIL),
    "oud": doel(geschorst=True),
}


@pytest.fixture
def gevuld(omgeving: Omgeving) -> Omgeving:
    omgeving.register.zet(dienstverlener(doelen=DOELEN))
    omgeving.partijen.voeg_toe(
        partij(("BSN", BSN), ("KVK", "90000013"), email=EMAIL, telefoonnummer=TELEFOON, postadres=ADRES)
    )
    return omgeving


def vraag(nummer: str = BSN, *, soort: str = "BSN", oin: str = OIN, doel_id: str = "besluiten") -> Profielvraag:
    return Profielvraag(
        identificatie=Identificatie(soort=IdentificatieType(soort), nummer=nummer), oin=oin, doel_id=doel_id
    )


def vraag_op(omgeving: Omgeving, *vragen: Profielvraag) -> list[Profielantwoord]:
    """Invoke the lookup as the OMC does: JSON in, JSON out."""
    event = json.loads(Profielvragen(vragen=vragen).model_dump_json())
    answer = _handler(omgeving)(event, Context())
    return list(Profielantwoorden.model_validate_json(json.dumps(answer)).antwoorden)


def _handler(omgeving: Omgeving) -> Any:
    return omgeving.functie("ProfielOpvragen").handler


def test_a_person_is_found_by_each_number_with_the_fields_of_the_doel(gevuld: Omgeving) -> None:
    by_bsn, by_kvk, news = vraag_op(gevuld, vraag(), vraag("90000013", soort="KVK"), vraag(doel_id="nieuwsbrieven"))
    assert by_bsn == by_kvk
    assert by_bsn.model_dump(mode="json") == {
        "uitkomst": "gevonden",
        "voorkeurskanalen": ["email"],
        "adressen": {"email": EMAIL, "sms": TELEFOON},
    }
    assert news.model_dump(mode="json") == {
        "uitkomst": "gevonden",
        "voorkeurskanalen": [],
        "adressen": {"email": EMAIL},
    }


def test_answers_come_in_the_order_of_the_questions(gevuld: Omgeving) -> None:
    answers = vraag_op(
        gevuld,
        vraag(ANDER_BSN),
        vraag(doel_id="oud"),
        vraag(),
        vraag(oin=ANDERE_OIN),
        vraag(BSN, soort="RSIN"),
    )
    assert [answer.uitkomst for answer in answers] == [
        Profieluitkomst.ONBEKEND,
        Profieluitkomst.GEWEIGERD,
        Profieluitkomst.GEVONDEN,
        Profieluitkomst.GEWEIGERD,
        # The same digits in another register are somebody else.
        Profieluitkomst.ONBEKEND,
    ]
    assert all(not answer.adressen for answer in answers if answer.uitkomst is not Profieluitkomst.GEVONDEN)


def test_a_hundred_questions_take_two_reads_and_a_known_key_no_third(gevuld: Omgeving) -> None:
    for number in range(2):
        gevuld.partijen.voeg_toe(partij(("KVK", f"1000000{number}"), id_=f"q{number}"))
    handler = _handler(gevuld)
    vragen = (vraag(), *(vraag(f"{10_000_000 + number:08d}", soort="KVK") for number in range(99)))
    event = json.loads(Profielvragen(vragen=vragen).model_dump_json())
    handler(event, Context())
    gevuld.calls.clear()
    handler(event, Context())
    assert gevuld.calls == {"BatchGetItem": 2}


@pytest.mark.parametrize("refused", [vraag(doel_id="onbekend"), vraag(doel_id="oud"), vraag(oin=ANDERE_OIN)])
def test_for_a_refused_purpose_nothing_is_read(gevuld: Omgeving, refused: Profielvraag) -> None:
    handler = _handler(gevuld)
    gevuld.calls.clear()
    answer = handler(json.loads(Profielvragen(vragen=(refused,)).model_dump_json()), Context())
    assert answer["antwoorden"][0]["uitkomst"] == "geweigerd"
    # The aansluitregister only.
    assert gevuld.calls == {"GetItem": 1}


@pytest.mark.parametrize(
    "event", [{}, {"vragen": []}, {"vragen": [{"identificatie": {"soort": "BSN", "nummer": "999990343"}}]}]
)
def test_a_defect_tells_its_caller_and_the_log_nothing(gevuld: Omgeving, event: Any, log: Any) -> None:
    handler = _handler(gevuld)
    with pytest.raises(Exception) as failed:  # noqa: PT011 - its class and its lack of text are what is tested
        handler(event, Context())
    assert type(failed.value).__name__ == "OpvragenMislukt"
    assert str(failed.value) == ""
    assert failed.value.__context__ is None
    assert "999990343" not in log.getvalue()


def test_the_table_shows_no_number_and_no_contact_detail(gevuld: Omgeving) -> None:
    assert not gevuld.bevat("ProfielenTable", BSN, "90000013", EMAIL, TELEFOON, "Straat", "BSN")


def test_a_number_belongs_to_one_party_only(gevuld: Omgeving) -> None:
    before = gevuld.items("ProfielenTable")
    for numbers in ([("BSN", BSN)], [("BSN", ANDER_BSN), ("KVK", "90000013")]):
        with pytest.raises(ClientError, match="TransactionCanceled"):
            gevuld.partijen.voeg_toe(partij(*numbers, id_="p2"))
    known = {item["pk"]["S"] for item in before}
    now = {item["pk"]["S"] for item in gevuld.items("ProfielenTable")}
    assert not [pk for pk in now - known if not pk.startswith("sleutel#")]
    assert [answer.uitkomst for answer in vraag_op(gevuld, vraag(ANDER_BSN))] == [Profieluitkomst.ONBEKEND]


def test_the_same_party_is_not_stored_twice(gevuld: Omgeving) -> None:
    with pytest.raises(ClientError, match="TransactionCanceled"):
        gevuld.partijen.voeg_toe(partij(("BSN", ANDER_BSN)))


def test_sealed_details_cannot_be_moved_to_another_party(gevuld: Omgeving) -> None:
    gevuld.partijen.voeg_toe(partij(("BSN", ANDER_BSN), id_="p2", email="ander@voorbeeld.nl"))
    items = {item["pk"]["S"]: item for item in gevuld.items("ProfielenTable")}
    moved = {**items["partij#p1"], "pk": {"S": "partij#p2"}}
    gevuld.client("dynamodb").put_item(TableName=gevuld["ProfielenTable"], Item=moved)
    with pytest.raises(Exception, match=r"^$"):
        vraag_op(gevuld, vraag(ANDER_BSN))


def test_with_another_pepper_nobody_is_found(gevuld: Omgeving) -> None:
    gevuld.zet_geheim("PeperSecret", "een andere peper")
    assert [answer.uitkomst for answer in vraag_op(gevuld, vraag())] == [Profieluitkomst.ONBEKEND]


# --- variant centraal-register: service providers look up themselves

PAD = "/v1/partijen/_zoek"


def zoekvraag(**overig: Any) -> dict[str, Any]:
    return {"identificatieType": "BSN", "identificatieNummer": BSN, "doelId": "besluiten", **overig}


@pytest.fixture
def register(gevuld: Omgeving) -> ModuleType:
    return gevuld.functie("ProfielRegister")


@pytest.mark.parametrize(
    ("doel_id", "expected"),
    [
        ("besluiten", {"email": EMAIL, "telefoonnummer": TELEFOON, "voorkeurskanalen": ["email"]}),
        ("notificaties", {"email": EMAIL, "telefoonnummer": TELEFOON, "voorkeurskanalen": ["email"]}),
        ("nieuwsbrieven", {"email": EMAIL, "voorkeurskanalen": []}),
    ],
)
def test_a_service_provider_gets_exactly_the_fields_of_its_doel(
    register: ModuleType, doel_id: str, expected: dict[str, Any]
) -> None:
    answer = roep(register, PAD, zoekvraag(doelId=doel_id))
    assert answer.status == 200
    assert answer.body == {"gevonden": True, **expected}
    assert answer.headers["Cache-Control"] == "no-store"


def test_someone_unknown_looks_like_someone_who_may_not_be_reached(register: ModuleType, gevuld: Omgeving) -> None:
    gevuld.partijen.voeg_toe(partij(("BSN", ANDER_BSN), id_="p2", postadres=ADRES))
    unreachable = roep(register, PAD, zoekvraag(identificatieNummer=ANDER_BSN))
    unknown = roep(register, PAD, zoekvraag(identificatieNummer="111222333"))
    assert (unknown.status, unknown.text) == (unreachable.status, unreachable.text)
    assert unknown.body == {"gevonden": False, "voorkeurskanalen": []}


@pytest.mark.parametrize(
    ("doel_id", "oin", "soort"),
    [
        ("oud", OIN, "doel-geschorst"),
        ("onbekend", OIN, "doel-niet-geregistreerd"),
        ("besluiten", ANDERE_OIN, "niet-aangesloten"),
    ],
)
def test_without_a_registered_doel_nothing_is_read(
    register: ModuleType, gevuld: Omgeving, doel_id: str, oin: str, soort: str
) -> None:
    gevuld.calls.clear()
    answer = roep(register, PAD, zoekvraag(doelId=doel_id), oin=oin)
    assert (answer.status, answer.body["type"]) == (403, f"urn:ond:probleem:{soort}")
    assert "BatchGetItem" not in gevuld.calls


@pytest.mark.parametrize(
    ("overig", "scope", "status"),
    [
        ({}, "notificaties:schrijven", 403),
        ({"identificatieNummer": "999990343"}, "partijen:zoeken", 400),
        ({"doelId": ""}, "partijen:zoeken", 400),
        ({"oin": ANDERE_OIN}, "partijen:zoeken", 400),
    ],
)
def test_a_lookup_that_is_not_right_is_refused(
    register: ModuleType, overig: dict[str, Any], scope: str, status: int
) -> None:
    answer = roep(register, PAD, zoekvraag(**overig), scope=scope)
    assert answer.status == status
    assert "999990343" not in answer.text
