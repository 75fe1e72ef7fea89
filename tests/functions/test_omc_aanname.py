"""Accepting a notification and showing what became of it."""

from types import ModuleType
from typing import Any

import pytest

from omc.notificatie import Status
from ond.berichten import NotificatieGewijzigd, RouteerNotificatie
from tests.functions.omgeving import ANDERE_OIN, BSN, OIN, Omgeving, dienstverlener, doel, roep

PAD = "/v1/notificaties"
TEKST = "Uw besluit staat klaar."


def opdracht(**overig: Any) -> dict[str, Any]:
    return {
        "referentie": "zaak-1",
        "doelId": "besluiten",
        "ontvanger": {"identificatieType": "BSN", "identificatieNummer": BSN},
        "bericht": {"onderwerp": "Besluit", "tekst": TEKST},
        **overig,
    }


@pytest.fixture
def aanname(omgeving: Omgeving) -> ModuleType:
    module = omgeving.functie("Aanname")
    # Both functions that accept share these.
    module.dependencies.cache_clear()
    omgeving.register.zet(dienstverlener())
    return module


def test_an_assignment_is_accepted_with_where_to_look(aanname: ModuleType, omgeving: Omgeving) -> None:
    answer = roep(aanname, PAD, opdracht())
    assert answer.status == 202
    assert answer.body["referentie"] == "zaak-1"
    assert answer.headers["Location"] == f"/api/v1/notificaties/{answer.body['id']}"
    [routing] = omgeving.leeg("RouteringQueue", RouteerNotificatie)
    assert (routing.notificatie_id, routing.oin, routing.poging) == (answer.body["id"], OIN, 1)
    assert [m.notificatie_id for m in omgeving.leeg("TerugkoppelingQueue", NotificatieGewijzigd)] == [answer.body["id"]]
    shown = roep(aanname, f"{PAD}/{answer.body['id']}", method="GET")
    assert (shown.status, shown.body["status"], shown.body["aflevering"]) == (200, "aangenomen", "IN_BEHANDELING")
    assert shown.body == roep(aanname, PAD, method="GET", query={"referentie": "zaak-1"}).body


def test_the_same_reference_with_the_same_body_is_the_same_notification(
    aanname: ModuleType, omgeving: Omgeving
) -> None:
    first = roep(aanname, PAD, opdracht())
    omgeving.klok.vooruit(hours=1)
    # In another order of fields, too.
    again = roep(aanname, PAD, dict(reversed(opdracht().items())))
    assert again.status == 202
    assert again.body == first.body
    assert len([item for item in omgeving.items("NotificatiesTable") if item["sk"]["S"] == "toestand"]) == 1


@pytest.mark.parametrize(
    "anders",
    [
        {"bericht": {"onderwerp": "Besluit", "tekst": "anders"}},
        {"ontvanger": {"identificatieType": "BSN", "identificatieNummer": "123456782"}},
        {"kanalen": ["sms"]},
        {"dienst": "parkeren"},
    ],
)
def test_the_same_reference_for_something_else_is_409(
    aanname: ModuleType, omgeving: Omgeving, anders: dict[str, Any]
) -> None:
    first = roep(aanname, PAD, opdracht())
    answer = roep(aanname, PAD, opdracht(**anders))
    assert (answer.status, answer.body["type"]) == (409, "urn:ond:probleem:referentie-in-gebruik")
    assert len(omgeving.leeg("RouteringQueue", RouteerNotificatie)) == 1
    assert roep(aanname, f"{PAD}/{first.body['id']}", method="GET").status == 200


def test_the_same_reference_of_another_service_provider_is_another_notification(
    aanname: ModuleType, omgeving: Omgeving
) -> None:
    omgeving.register.zet(dienstverlener(ANDERE_OIN))
    one, other = roep(aanname, PAD, opdracht()), roep(aanname, PAD, opdracht(), oin=ANDERE_OIN)
    assert (one.status, other.status) == (202, 202)
    assert one.body["id"] != other.body["id"]


@pytest.mark.parametrize(
    ("wie", "doel_id", "soort"),
    [
        (None, "besluiten", "niet-aangesloten"),
        (dienstverlener(geblokkeerd=True), "besluiten", "geblokkeerd"),
        (dienstverlener(), "onbekend", "doel-niet-geregistreerd"),
        (dienstverlener(doelen={"oud": doel(geschorst=True)}), "oud", "doel-geschorst"),
    ],
)
def test_a_refused_purpose_is_403_and_leaves_nothing(omgeving: Omgeving, wie: Any, doel_id: str, soort: str) -> None:
    module = omgeving.functie("Aanname")
    if wie:
        omgeving.register.zet(wie)
    answer = roep(module, PAD, opdracht(doelId=doel_id))
    assert (answer.status, answer.body["type"]) == (403, f"urn:ond:probleem:{soort}")
    assert omgeving.items("NotificatiesTable") == []
    assert omgeving.leeg("RouteringQueue", RouteerNotificatie) == []


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", PAD, "notificaties:lezen"),
        ("GET", f"{PAD}/6f9619ff", "notificaties:schrijven"),
        ("GET", PAD, ""),
    ],
)
def test_a_token_without_the_scope_is_403(aanname: ModuleType, method: str, path: str, scope: str) -> None:
    answer = roep(aanname, path, opdracht(), method=method, scope=scope, query={"referentie": "zaak-1"})
    assert (answer.status, answer.body["type"]) == (403, "urn:ond:probleem:scope-ontbreekt")


def test_all_faults_are_told_at_once_and_nothing_is_stored(aanname: ModuleType, omgeving: Omgeving) -> None:
    answer = roep(
        aanname,
        PAD,
        opdracht(
            referentie="a\x1b[31m",
            doelId="",
            oin=ANDERE_OIN,
            status="bezorgd",
            kanalen=["email", "fax"],
            ontvanger={"identificatieType": "BSN", "identificatieNummer": "999990343"},
            bericht={"onderwerp": "Onderwerp\r\nBcc: x", "tekst": 7},
        ),
    )
    assert answer.status == 400
    assert sorted(fault["veld"] for fault in answer.body["fouten"]) == [
        "bericht.onderwerp",
        "bericht.tekst",
        "doelId",
        "kanalen.1",
        "oin",
        "ontvanger.identificatieNummer",
        "referentie",
        "status",
    ]
    assert "999990343" not in answer.text
    assert omgeving.items("NotificatiesTable") == []


@pytest.mark.parametrize(
    ("anders", "veld"),
    [
        ({"referentie": ""}, "referentie"),
        ({"referentie": "x" * 101}, "referentie"),
        ({"referentie": 1}, "referentie"),
        ({"referentie": "a\x00b"}, "referentie"),
        ({"kanalen": []}, "kanalen"),
        ({"kanalen": ["email"] * 4}, "kanalen"),
        ({"dienst": "onbekend"}, "dienst"),
        ({"bericht": {"onderwerp": "a", "tekst": "x" * 10_001}}, "bericht.tekst"),
        ({"bericht": {"onderwerp": "a", "tekst": "\x07"}}, "bericht.tekst"),
        ({"bericht": {"onderwerp": "a\u202eb", "tekst": "x"}}, "bericht.onderwerp"),
        ({"bericht": {"onderwerp": "a\nb", "tekst": "x"}}, "bericht.onderwerp"),
        ({"bericht": {"onderwerp": "a\tb", "tekst": "x"}}, "bericht.onderwerp"),
        ({"bericht": {"onderwerp": " \u00a0", "tekst": "x"}}, "bericht.onderwerp"),
        ({"bericht": {"onderwerp": "a", "tekst": " \r\n\t"}}, "bericht.tekst"),
        ({"bericht": {"onderwerp": "a", "tekst": "a\rb"}}, "bericht.tekst"),
        ({"bericht": {"onderwerp": "a", "tekst": "a\x85b"}}, "bericht.tekst"),
        ({"bericht": {"onderwerp": "a", "tekst": "a\u202eb"}}, "bericht.tekst"),
        ({"bericht": {"onderwerp": "a", "tekst": "a\u2066b"}}, "bericht.tekst"),
        ({"referentie": "  "}, "referentie"),
        ({"ontvanger": {"identificatieType": "EHI", "identificatieNummer": "1"}}, "ontvanger.identificatieType"),
        (
            {"ontvanger": {"identificatieType": "BSN", "identificatieNummer": 1}},
            "ontvanger.identificatieNummer",
        ),
        ({"ontvanger": {"kanaal": "email", "adres": "a@voorbeeld.nl"}}, "ontvanger.kanaal"),
    ],
)
def test_a_wrong_value_is_named(aanname: ModuleType, anders: dict[str, Any], veld: str) -> None:
    answer = roep(aanname, PAD, opdracht(**anders))
    assert answer.status == 400
    assert veld in [fault["veld"] for fault in answer.body["fouten"]]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("x" * 70_000, {}, 413),
        ("{}", {"Content-Type": "text/plain"}, 415),
        ("{", {}, 400),
        ('{"referentie": "a", "referentie": "b"}', {}, 400),
        (None, {}, 400),
    ],
)
def test_what_cannot_be_read_is_refused(
    aanname: ModuleType, body: str | None, headers: dict[str, str], status: int
) -> None:
    assert roep(aanname, PAD, body, headers=headers).status == status


def test_template_marks_in_a_text_are_text(aanname: ModuleType) -> None:
    tekst = "{{7*7}} ((naam)) {0.__class__} %s <script>"
    assert roep(aanname, PAD, opdracht(bericht={"onderwerp": tekst, "tekst": f"{tekst}\n\t"})).status == 202


@pytest.mark.parametrize(
    "tekst",
    [
        "\u00a0\u20ac\u00a05",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "zacht\u00adafbreken",
        "\u0645\u0631\u062d\u0628\u0627",
    ],
)
def test_what_people_write_is_text(aanname: ModuleType, tekst: str) -> None:
    assert roep(aanname, PAD, opdracht(bericht={"onderwerp": tekst, "tekst": tekst})).status == 202


def test_a_line_ends_in_one_way_however_it_was_sent(aanname: ModuleType) -> None:
    answers = [
        roep(aanname, PAD, opdracht(bericht={"onderwerp": "a", "tekst": f"een{einde}twee"})) for einde in ("\r\n", "\n")
    ]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].body == answers[1].body


def test_anothers_notification_looks_like_none(aanname: ModuleType) -> None:
    id_ = roep(aanname, PAD, opdracht()).body["id"]
    others = roep(aanname, f"{PAD}/{id_}", method="GET", oin=ANDERE_OIN)
    none = roep(aanname, f"{PAD}/6f9619ff-8b86-5d01-b42d-00cf4fc964ff", method="GET")
    by_reference = roep(aanname, PAD, method="GET", query={"referentie": "zaak-1"}, oin=ANDERE_OIN)
    assert (others.status, others.body) == (none.status, none.body) == (by_reference.status, by_reference.body)
    assert others.status == 404


@pytest.mark.parametrize("query", [None, {}, {"referentie": "a", "x": "y"}, {"oin": OIN}])
def test_searching_takes_exactly_one_parameter(aanname: ModuleType, query: dict[str, str] | None) -> None:
    assert roep(aanname, PAD, method="GET", query=query).status == 400


def test_nothing_that_is_stored_queued_or_logged_shows_number_or_text(
    aanname: ModuleType, omgeving: Omgeving, log: Any
) -> None:
    roep(aanname, PAD, opdracht())
    roep(aanname, PAD, opdracht(bericht={"onderwerp": BSN, "tekst": 5}))
    assert not omgeving.bevat("NotificatiesTable", BSN, TEKST, "Besluit")
    assert not omgeving.bevat("OmcAgendaTable", BSN, TEKST)
    queued = [
        record["body"]
        for queue in ("RouteringQueue", "TerugkoppelingQueue")
        for record in omgeving.levering(queue)["Records"]
    ]
    assert not any(BSN in body or TEKST in body for body in queued)
    assert BSN not in log.getvalue()


def test_a_crash_between_state_and_queue_is_made_good_by_asking_again(
    aanname: ModuleType, omgeving: Omgeving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_: object) -> None:
        raise ConnectionError("queue")

    with monkeypatch.context() as broken:
        broken.setattr(omgeving.client("sqs"), "send_message_batch", down)
        assert roep(aanname, PAD, opdracht()).status == 500
    [stored] = [item for item in omgeving.items("NotificatiesTable") if item["sk"]["S"] == "toestand"]
    # The agenda looks after it also where nobody asks again.
    assert any(stored["pk"]["S"] in item["sk"]["S"] for item in omgeving.items("OmcAgendaTable"))
    again = roep(aanname, PAD, opdracht())
    assert (again.status, again.body["id"]) == (202, stored["pk"]["S"])
    assert [m.notificatie_id for m in omgeving.leeg("RouteringQueue", RouteerNotificatie)] == [again.body["id"]]


def test_asking_again_for_what_is_on_its_way_starts_nothing(aanname: ModuleType, omgeving: Omgeving) -> None:
    id_ = roep(aanname, PAD, opdracht()).body["id"]
    omgeving.leeg("RouteringQueue", RouteerNotificatie)
    omgeving.bewaar(omgeving.lees(id_), lambda n: n.naar(Status.IN_VERZENDING, omgeving.klok.nu))
    assert roep(aanname, PAD, opdracht()).status == 202
    assert omgeving.leeg("RouteringQueue", RouteerNotificatie) == []


# --- variant centraal-register: to an address


def naar(kanaal: str, adres: str) -> dict[str, Any]:
    return opdracht(ontvanger={"kanaal": kanaal, "adres": adres})


@pytest.fixture
def op_adres(omgeving: Omgeving) -> ModuleType:
    module = omgeving.functie("AannameOpAdres")
    omgeving.register.zet(dienstverlener())
    return module


GOEDE_ADRESSEN = [
    ("email", "Jan@Voorbeeld.NL"),
    ("sms", "+31 6 12345678"),
    ("brief", "Naam\nStraat 1\n1234 AB  Plaats"),
    ("brief", "Naam\r\nStraat 1\r\n1234 AB  Plaats"),
]
FOUTE_ADRESSEN = [
    ("email", "geen adres"),
    ("email", "a@voorbeeld.nl, b@voorbeeld.nl"),
    ("email", "a@voorbeeld.nl\r\nBcc: b@voorbeeld.nl"),
    ("email", '"Bank" <a@voorbeeld.nl>'),
    ("email", "a@localhost"),
    ("sms", "0612345678"),
    ("sms", "+31201234567"),
    ("sms", "+31900123456"),
    ("sms", "a@voorbeeld.nl"),
    ("sms", "+32470123456"),
    ("sms", "+447400123456"),
    ("sms", "+31612345678;ext=1"),
    ("sms", "+31\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668"),
    ("brief", "Naam\nPlaats"),
    ("brief", "Naam\nStraat\x0b1\n1234 AB  Plaats"),
    ("brief", "Naam\n\u202eStraat 1\n1234 AB  Plaats"),
    ("brief", "Naam\rStraat 1\r1234 AB  Plaats"),
    ("brief", "\n".join("12345678")),
    ("fax", "x"),
]


@pytest.mark.parametrize(("kanaal", "adres"), GOEDE_ADRESSEN)
def test_a_supplied_address_is_taken_and_sealed(
    op_adres: ModuleType, omgeving: Omgeving, kanaal: str, adres: str
) -> None:
    answer = roep(op_adres, f"{PAD}/_op-adres", naar(kanaal, adres))
    assert answer.status == 202
    assert omgeving.lees(answer.body["id"]).kanalen == (kanaal,)
    assert not omgeving.bevat("NotificatiesTable", adres, adres.lower(), adres.split("\n", maxsplit=1)[0])
    assert len(omgeving.leeg("RouteringQueue", RouteerNotificatie)) == 1


@pytest.mark.parametrize(("kanaal", "adres"), FOUTE_ADRESSEN)
def test_a_wrong_address_is_400_without_repeating_it(op_adres: ModuleType, kanaal: str, adres: str) -> None:
    answer = roep(op_adres, f"{PAD}/_op-adres", naar(kanaal, adres))
    assert answer.status == 400
    assert answer.body["fouten"][0]["veld"].startswith("ontvanger.")
    assert adres == "x" or adres not in answer.text


def test_the_two_ways_of_accepting_share_their_references(op_adres: ModuleType, omgeving: Omgeving) -> None:
    assert roep(op_adres, f"{PAD}/_op-adres", naar("sms", "+31612345678")).status == 202
    assert roep(omgeving.functie("Aanname"), PAD, opdracht()).status == 409
