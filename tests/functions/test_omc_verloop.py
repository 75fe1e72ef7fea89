"""From accepted to ended: outcomes, the agenda and routing, each on its own state."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from omc.notificatie import Notificatie, Reden, Status
from omc.notificaties import Bestemming, Conflict, Inhoud
from ond.agenda import Agenda, Moment
from ond.berichten import (
    BezorgPoging,
    Kanaal,
    NotificatieGewijzigd,
    RouteerNotificatie,
    StuurWijzigingen,
    Uitslag,
    UitslagGemeld,
    Zending,
    poging_id,
)
from ond.verzegeling import Verzegeling
from tests.functions.omgeving import ANDER_BSN, BSN, OIN, Context, Omgeving, dienstverlener, nieuwe_poging_id, partij

V, B, O = Uitslag.VERZONDEN, Uitslag.BEZORGD, Uitslag.ONBEKEND  # noqa: E741
PERMANENT, TIJDELIJK, TERUG = Uitslag.PERMANENT_MISLUKT, Uitslag.TIJDELIJK_MISLUKT, Uitslag.TERUGGEGEVEN
S = Status
Stap = Callable[[Notificatie], Notificatie]


def begonnen(omgeving: Omgeving, *uitslagen: Uitslag, kanaal: Kanaal = Kanaal.EMAIL) -> Notificatie:
    """A stored notification whose first attempt has begun and got these outcomes."""
    begun = omgeving.neem_aan().start_poging(kanaal, omgeving.klok.nu)
    for uitslag in uitslagen:
        begun = begun.met_uitslag(1, uitslag, omgeving.klok.nu, None)
    return omgeving.notificaties.bewaar(begun)


def momenten(omgeving: Omgeving) -> list[list[str]]:
    """What is in the agenda: moment, kind, over what, extra; in order."""
    items = [item for item in omgeving.items("OmcAgendaTable") if item["pk"]["S"] != "wijzer"]
    return sorted(item["sk"]["S"].split("#") for item in items)


def soorten(omgeving: Omgeving) -> list[str]:
    return [moment[1] for moment in momenten(omgeving)]


def routeringen(omgeving: Omgeving) -> list[int]:
    """The attempts that routing is asked for."""
    return [message.poging for message in omgeving.leeg("RouteringQueue", RouteerNotificatie)]


def gewijzigd(omgeving: Omgeving) -> int:
    return len(omgeving.leeg("TerugkoppelingQueue", NotificatieGewijzigd))


# --- outcomes


@pytest.fixture
def status(omgeving: Omgeving) -> ModuleType:
    return omgeving.functie("Status")


def melding(omgeving: Omgeving, notificatie: Notificatie, uitslag: Uitslag, poging: int = 1) -> UitslagGemeld:
    return UitslagGemeld(
        poging_id=poging_id(notificatie.id, poging), oin=OIN, uitslag=uitslag, tijdstip=omgeving.klok.nu
    )


UITSLAGEN: list[tuple[Uitslag, Status, list[str], list[int]]] = [
    (V, S.VERZONDEN, [], []),
    (B, S.BEZORGD, ["definitief"], []),
    (O, S.BEZORGSTATUS_ONBEKEND, [], []),
    (PERMANENT, S.IN_VERZENDING, ["bewaking"], [2]),
    (TERUG, S.IN_VERZENDING, ["bewaking"], [2]),
    (TIJDELIJK, S.IN_VERZENDING, ["routering", "bewaking"], []),
    (Uitslag.TECHNISCH_MISLUKT, S.IN_VERZENDING, ["routering", "bewaking"], []),
]


@pytest.mark.parametrize(("uitslag", "daarna", "agenda", "routering"), UITSLAGEN)
@pytest.mark.parametrize("keren", [1, 2])
def test_an_outcome_is_noted_and_starts_what_follows_also_when_it_comes_twice(
    status: ModuleType,
    omgeving: Omgeving,
    keren: int,
    uitslag: Uitslag,
    daarna: Status,
    agenda: list[str],
    routering: list[int],
) -> None:
    start = begonnen(omgeving)
    message = melding(omgeving, start, uitslag)
    for _ in range(keren):
        assert omgeving.werk(status, "StatusQueue", message) == 0
    assert omgeving.status(start) is daarna
    assert soorten(omgeving) == agenda
    assert routeringen(omgeving) == routering * keren
    assert gewijzigd(omgeving) == keren


def test_what_follows_a_temporary_failure_is_due_an_hour_later(status: ModuleType, omgeving: Omgeving) -> None:
    start = begonnen(omgeving, V)
    omgeving.werk(status, "StatusQueue", melding(omgeving, start, TIJDELIJK))
    due = omgeving.klok.nu + timedelta(hours=1)
    look_again = due + timedelta(seconds=int(omgeving.resolve({"Ref": "BewakingNa"})))
    expected = [Moment("routering", start.id, due, 2), Moment("bewaking", start.id, look_again)]
    assert momenten(omgeving) == [moment.key["sk"].split("#") for moment in expected]


def test_a_repeat_that_comes_after_the_hour_asks_for_the_attempt_at_once(
    status: ModuleType, omgeving: Omgeving
) -> None:
    start = begonnen(omgeving)
    message = melding(omgeving, start, TIJDELIJK)
    omgeving.klok.vooruit(hours=2)
    omgeving.werk(status, "StatusQueue", message)
    assert routeringen(omgeving) == [2]


def test_delivered_becomes_definitive_a_week_after_it_was_delivered(status: ModuleType, omgeving: Omgeving) -> None:
    start = begonnen(omgeving, V)
    message = melding(omgeving, start, B)
    for _ in range(3):
        omgeving.klok.vooruit(hours=1)
        omgeving.werk(status, "StatusQueue", message)
    expected = Moment("definitief", start.id, message.tijdstip + timedelta(days=7))
    assert momenten(omgeving) == [expected.key["sk"].split("#")]


def test_a_follow_up_that_was_lost_is_asked_for_by_the_agenda(omgeving: Omgeving) -> None:
    stored = begonnen(omgeving, V)
    omgeving.werk(omgeving.functie("Status"), "StatusQueue", melding(omgeving, stored, PERMANENT))
    assert routeringen(omgeving) == [2]
    omgeving.klok.vooruit(seconds=int(omgeving.resolve({"Ref": "BewakingNa"})))
    assert omgeving.functie("OmcAgenda").handler({}, Context()) == {"afgewerkt": 1}
    assert routeringen(omgeving) == [2]


def test_a_batch_is_worked_message_by_message(status: ModuleType, omgeving: Omgeving) -> None:
    start = begonnen(omgeving)
    unknown = UitslagGemeld(poging_id=nieuwe_poging_id(), oin=OIN, uitslag=B, tijdstip=omgeving.klok.nu)
    assert omgeving.werk(status, "StatusQueue", unknown, "{", melding(omgeving, start, B)) == 1
    assert omgeving.status(start) is S.BEZORGD


def test_an_outcome_that_meets_another_writer_comes_back_and_then_holds(
    status: ModuleType, omgeving: Omgeving, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = begonnen(omgeving)

    def conflict(_self: object, _notificatie: Notificatie) -> Notificatie:
        raise Conflict

    with monkeypatch.context() as race:
        race.setattr("omc.notificaties.Notificaties.bewaar", conflict)
        assert omgeving.werk(status, "StatusQueue", melding(omgeving, start, B)) == 1
    assert gewijzigd(omgeving) == 0
    assert omgeving.terug_over("StatusQueue")[0] <= 2
    omgeving.weer_zichtbaar("StatusQueue")
    assert omgeving.werk(status, "StatusQueue") == 0
    assert omgeving.status(start) is S.BEZORGD


def test_a_write_on_stale_state_is_refused(omgeving: Omgeving) -> None:
    stale = omgeving.neem_aan()
    omgeving.notificaties.bewaar(stale.start_poging(Kanaal.SMS, omgeving.klok.nu))
    with pytest.raises(Conflict):
        omgeving.notificaties.bewaar(stale.start_poging(Kanaal.EMAIL, omgeving.klok.nu))
    assert [p.kanaal for p in omgeving.lees(stale.id).pogingen] == [Kanaal.SMS]


def test_a_notification_comes_out_of_the_table_as_it_went_in_and_stays_within_a_kilobyte(omgeving: Omgeving) -> None:
    state = omgeving.neem_aan("x" * 100)
    for nummer, kanaal in enumerate((Kanaal.EMAIL, Kanaal.EMAIL, Kanaal.SMS, Kanaal.SMS, Kanaal.BRIEF), start=1):
        state = state.start_poging(kanaal, omgeving.klok.nu)
        state = state.met_uitslag(nummer, V, omgeving.klok.nu, None)
        state = state.met_uitslag(nummer, TIJDELIJK, omgeving.klok.nu, "temporary-failure")
    assert omgeving.notificaties.bewaar(state) == replace(state, revisie=state.revisie + 1)
    assert omgeving.lees(state.id) == replace(state, revisie=state.revisie + 1)
    [item] = [item for item in omgeving.items("NotificatiesTable") if item["sk"]["S"] == "toestand"]
    assert _size(item) <= 1024


def _size(value: Any) -> int:
    """What DynamoDB counts for a value in its own form, names included."""
    if isinstance(value, list):
        return sum(1 + _size(element) for element in value)
    if not isinstance(value, dict):
        return len(str(value).encode())
    if len(value) == 1 and (kind := next(iter(value))) in ("S", "N", "L", "M"):
        inner = value[kind]
        return (len(inner) + 1) // 2 + 1 if kind == "N" else _size(inner) + (3 if kind in "LM" else 0)
    return sum(len(name) + _size(element) + 1 for name, element in value.items())


# --- the agenda


@pytest.fixture
def agenda(omgeving: Omgeving) -> ModuleType:
    return omgeving.functie("OmcAgenda")


def draai(omgeving: Omgeving, module: ModuleType, soort: str, over: str, extra: int = 0) -> int:
    """Note a moment for now and run; how many moments were worked."""
    table = Agenda(omgeving.client("dynamodb"), omgeving["OmcAgendaTable"])
    table.noteer(Moment(soort, over, omgeving.klok.nu, extra), omgeving.klok.nu)
    return int(module.handler({}, Context())["afgewerkt"])


BEWAAKT: list[tuple[str, list[Stap], list[int], bool]] = [
    ("accepted and never routed", [], [1], True),
    ("an attempt under way", [lambda n: n.start_poging(Kanaal.SMS, n.aangenomen_op)], [1], True),
    (
        "failed, and the next is due",
        [lambda n: n.start_poging(Kanaal.SMS, n.aangenomen_op).met_uitslag(1, PERMANENT, n.aangenomen_op, None)],
        [2],
        True,
    ),
    (
        "failed, and the next is not due yet",
        [lambda n: n.start_poging(Kanaal.SMS, n.aangenomen_op).met_uitslag(1, TIJDELIJK, n.aangenomen_op, None)],
        [],
        True,
    ),
    (
        "sent once and failed, and the next attempt under way",
        [
            lambda n: n.start_poging(Kanaal.SMS, n.aangenomen_op),
            lambda n: n.met_uitslag(1, V, n.aangenomen_op, None).met_uitslag(1, PERMANENT, n.aangenomen_op, None),
            lambda n: n.start_poging(Kanaal.EMAIL, n.aangenomen_op),
        ],
        [2],
        True,
    ),
    (
        "sent once and failed, and the next is due",
        [
            lambda n: n.start_poging(Kanaal.SMS, n.aangenomen_op),
            lambda n: n.met_uitslag(1, V, n.aangenomen_op, None).met_uitslag(1, PERMANENT, n.aangenomen_op, None),
        ],
        [2],
        True,
    ),
    ("ended", [lambda n: n.naar(S.VERLOPEN, n.aangenomen_op)], [], False),
    (
        "sent",
        [lambda n: n.start_poging(Kanaal.SMS, n.aangenomen_op).met_uitslag(1, V, n.aangenomen_op, None)],
        [],
        False,
    ),
]


@pytest.mark.parametrize(
    ("stappen", "routering", "blijft"), [case[1:] for case in BEWAAKT], ids=[case[0] for case in BEWAAKT]
)
def test_a_notification_is_looked_after_until_it_is_on_its_way(
    agenda: ModuleType, omgeving: Omgeving, stappen: list[Stap], routering: list[int], *, blijft: bool
) -> None:
    stored = omgeving.bewaar(omgeving.neem_aan(), *stappen)
    assert draai(omgeving, agenda, "bewaking", stored.id) == 1
    assert routeringen(omgeving) == routering
    assert soorten(omgeving) == (["bewaking"] if blijft else [])


def test_an_attempt_whose_time_has_come_is_routed(agenda: ModuleType, omgeving: Omgeving) -> None:
    stored = omgeving.neem_aan()
    draai(omgeving, agenda, "routering", stored.id, 3)
    assert routeringen(omgeving) == [3]


@pytest.mark.parametrize(
    ("uitslagen", "daarna"),
    [((V, B), S.DEFINITIEF_BEZORGD), ((V,), S.VERZONDEN), ((V, O), S.BEZORGSTATUS_ONBEKEND)],
)
def test_only_what_is_delivered_becomes_definitive(
    agenda: ModuleType, omgeving: Omgeving, uitslagen: tuple[Uitslag, ...], daarna: Status
) -> None:
    stored = begonnen(omgeving, *uitslagen)
    for _ in range(2):
        draai(omgeving, agenda, "definitief", stored.id)
    assert omgeving.status(stored) is daarna
    assert gewijzigd(omgeving) == 2


def test_a_webhook_is_woken(agenda: ModuleType, omgeving: Omgeving) -> None:
    draai(omgeving, agenda, "webhook", OIN)
    assert omgeving.leeg("WebhookQueue", StuurWijzigingen) == [StuurWijzigingen(oin=OIN)]


@pytest.mark.parametrize("soort", ["bewaking", "routering", "definitief"])
def test_a_moment_about_a_notification_that_has_gone_is_done(
    agenda: ModuleType, omgeving: Omgeving, soort: str
) -> None:
    assert omgeving["NotificatiesTable"]
    assert draai(omgeving, agenda, soort, "weg") == 1
    assert momenten(omgeving) == []


def test_a_moment_of_an_unknown_kind_does_not_stop_the_others(agenda: ModuleType, omgeving: Omgeving) -> None:
    table = Agenda(omgeving.client("dynamodb"), omgeving["OmcAgendaTable"])
    table.noteer(Moment("onbekend", "x", omgeving.klok.nu), omgeving.klok.nu)
    assert draai(omgeving, agenda, "webhook", OIN) == 1
    assert len(omgeving.leeg("WebhookQueue", StuurWijzigingen)) == 1


def test_a_run_without_time_leaves_everything_for_the_next(agenda: ModuleType, omgeving: Omgeving) -> None:
    table = Agenda(omgeving.client("dynamodb"), omgeving["OmcAgendaTable"])
    table.noteer(Moment("webhook", OIN, omgeving.klok.nu), omgeving.klok.nu)
    assert agenda.handler({}, Context(milliseconds=1_000)) == {"afgewerkt": 0}
    assert agenda.handler({}, Context()) == {"afgewerkt": 1}


# --- routing


class Adresboek:
    """Lambda, with the real lookup behind it; counts the calls, and fails as told."""

    def __init__(self, handler: Callable[[Any, Any], Any]) -> None:
        self._handler = handler
        self.calls = 0
        self.fout: Exception | None = None
        self.function_error = False

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName.endswith(":ProfielOpvragen")
        self.calls += 1
        if self.fout:
            raise self.fout
        if self.function_error:
            return {"FunctionError": "Unhandled", "Payload": BytesIO(b'{"errorMessage": ""}')}
        answer = self._handler(json.loads(Payload), Context())
        return {"StatusCode": 200, "Payload": BytesIO(json.dumps(answer).encode())}


@pytest.fixture
def adresboek(omgeving: Omgeving) -> Adresboek:
    omgeving.register.zet(dienstverlener())
    return Adresboek(omgeving.functie("ProfielOpvragen").handler)


@pytest.fixture
def routering(omgeving: Omgeving, adresboek: Adresboek, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = omgeving.functie("Routering")
    deps = replace(module.dependencies(), lambda_=adresboek)
    monkeypatch.setattr(module, "dependencies", lambda: deps)
    return module


def start(notificatie: Notificatie, poging: int = 1) -> RouteerNotificatie:
    return RouteerNotificatie(notificatie_id=notificatie.id, oin=OIN, poging=poging)


def opdrachten(omgeving: Omgeving, kanaal: str = "Email") -> list[BezorgPoging]:
    return omgeving.leeg(f"Bezorging{kanaal}Queue", BezorgPoging)


def open_zending(omgeving: Omgeving, opdracht: BezorgPoging) -> Zending:

    key = Verzegeling(omgeving.client("kms"), omgeving["BezorgingKey"])
    assert opdracht.verzegeld
    return Zending.model_validate_json(key.open(base64.b64decode(opdracht.verzegeld), opdracht.poging_id))


def test_an_attempt_is_started_by_the_persons_channel_with_everything_personal_sealed(
    routering: ModuleType, omgeving: Omgeving
) -> None:
    omgeving.partijen.voeg_toe(partij(kanalen=("sms", "email")))
    stored = omgeving.neem_aan()
    assert omgeving.werk(routering, "RouteringQueue", start(stored)) == 0
    [record] = omgeving.levering("BezorgingSmsQueue")["Records"]
    assert "+316" not in record["body"]
    assert "Tekst" not in record["body"]
    omgeving.weer_zichtbaar("BezorgingSmsQueue")
    [opdracht] = opdrachten(omgeving, "Sms")
    assert (opdracht.poging_id, opdracht.kanaal, opdracht.opgezocht_op) == (
        poging_id(stored.id, 1),
        Kanaal.SMS,
        omgeving.klok.nu,
    )
    assert open_zending(omgeving, opdracht) == Zending(adres="+31612345699", onderwerp="Besluit", tekst="Tekst")
    after = omgeving.lees(stored.id)
    assert (after.status, [p.kanaal for p in after.pogingen]) == (S.IN_VERZENDING, [Kanaal.SMS])
    assert gewijzigd(omgeving) == 1
    assert not omgeving.bevat("NotificatiesTable", "+316", BSN)


def test_a_whole_batch_is_one_lookup(routering: ModuleType, omgeving: Omgeving, adresboek: Adresboek) -> None:
    omgeving.partijen.voeg_toe(partij())
    batch = [omgeving.neem_aan(f"zaak-{number}", bsn=(BSN, ANDER_BSN)[number % 2]) for number in range(10)]
    omgeving.calls.clear()
    assert omgeving.werk(routering, "RouteringQueue", *map(start, batch)) == 0
    assert adresboek.calls == 1
    # State, content, pointers and partijen.
    assert omgeving.calls["BatchGetItem"] <= 5
    assert [omgeving.status(n) for n in batch] == [S.IN_VERZENDING, S.NIET_BEZORGBAAR] * 5
    assert len(opdrachten(omgeving)) == 5


EINDEN = [
    ("unknown", None, {}, S.NIET_BEZORGBAAR, Reden.GEEN_CONTACTGEGEVENS),
    ("purpose withdrawn", partij(), {"doelen": {}}, S.NIET_BEZORGBAAR, Reden.DOEL_GEWEIGERD),
    ("blocked", partij(), {"geblokkeerd": True}, S.NIET_BEZORGBAAR, Reden.DOEL_GEWEIGERD),
]


@pytest.mark.parametrize(("wie", "aansluiting", "status", "reden"), [e[1:] for e in EINDEN], ids=[e[0] for e in EINDEN])
def test_who_cannot_be_reached_ends_it(
    routering: ModuleType, omgeving: Omgeving, wie: Any, aansluiting: dict[str, Any], status: Status, reden: Reden
) -> None:
    if wie:
        omgeving.partijen.voeg_toe(wie)
    omgeving.register.zet(dienstverlener(**aansluiting))
    assert omgeving["ProfielenTable"]
    stored = omgeving.neem_aan()
    for _ in range(2):
        assert omgeving.werk(routering, "RouteringQueue", start(stored)) == 0
    after = omgeving.lees(stored.id)
    assert (after.status, after.wijzigingen[-1].reden, after.versie) == (status, reden, 2)
    assert gewijzigd(omgeving) == 2
    assert opdrachten(omgeving) == []


def test_after_seven_days_it_expires(routering: ModuleType, omgeving: Omgeving) -> None:
    omgeving.partijen.voeg_toe(partij())
    stored = omgeving.neem_aan()
    omgeving.klok.vooruit(days=7)
    omgeving.werk(routering, "RouteringQueue", start(stored))
    assert omgeving.status(stored) is S.VERLOPEN


@pytest.mark.parametrize("poging", [1, 3, 99])
def test_a_message_about_another_attempt_than_the_next_changes_nothing(
    routering: ModuleType, omgeving: Omgeving, poging: int
) -> None:
    omgeving.partijen.voeg_toe(partij())
    stored = begonnen(omgeving, V, PERMANENT)
    assert omgeving.werk(routering, "RouteringQueue", start(stored, poging)) == 0
    assert omgeving.lees(stored.id) == stored
    assert opdrachten(omgeving) == opdrachten(omgeving, "Sms") == []


def test_after_a_failure_the_next_channel_is_tried(routering: ModuleType, omgeving: Omgeving) -> None:
    omgeving.partijen.voeg_toe(partij(kanalen=("email", "sms")))
    stored = begonnen(omgeving, V, PERMANENT)
    omgeving.werk(routering, "RouteringQueue", start(stored, 2))
    assert [o.poging_id for o in opdrachten(omgeving, "Sms")] == [poging_id(stored.id, 2)]


def test_a_repeat_sends_the_same_attempt_again_and_starts_no_other(routering: ModuleType, omgeving: Omgeving) -> None:
    omgeving.partijen.voeg_toe(partij())
    stored = omgeving.neem_aan()
    for _ in range(3):
        assert omgeving.werk(routering, "RouteringQueue", start(stored)) == 0
    assert {o.poging_id for o in opdrachten(omgeving)} == {poging_id(stored.id, 1)}
    assert len(omgeving.lees(stored.id).pogingen) == 1


def test_the_same_message_twice_in_one_batch_starts_one_attempt(routering: ModuleType, omgeving: Omgeving) -> None:
    omgeving.partijen.voeg_toe(partij())
    stored = omgeving.neem_aan()
    assert omgeving.werk(routering, "RouteringQueue", start(stored), start(stored)) == 1
    omgeving.weer_zichtbaar("RouteringQueue")
    assert omgeving.werk(routering, "RouteringQueue") == 0
    assert len(omgeving.lees(stored.id).pogingen) == 1


def test_an_attempt_by_a_channel_that_is_not_wanted_any_more_is_withdrawn(
    routering: ModuleType, omgeving: Omgeving
) -> None:
    omgeving.partijen.voeg_toe(partij(kanalen=("sms",)))
    stored = begonnen(omgeving, kanaal=Kanaal.EMAIL)
    omgeving.werk(routering, "RouteringQueue", start(stored))
    [withdrawal] = opdrachten(omgeving)
    assert (withdrawal.poging_id, withdrawal.verzegeld) == (poging_id(stored.id, 1), None)


@pytest.mark.parametrize(
    "fout",
    [
        ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke"),
        ReadTimeoutError(endpoint_url="https://lambda"),
        None,
    ],
    ids=["refused", "no answer", "defect"],
)
def test_without_an_answer_of_the_address_book_everything_waits(
    routering: ModuleType, omgeving: Omgeving, adresboek: Adresboek, fout: Exception | None
) -> None:
    omgeving.partijen.voeg_toe(partij())
    stored = omgeving.neem_aan()
    adresboek.fout, adresboek.function_error = fout, fout is None
    assert omgeving.werk(routering, "RouteringQueue", start(stored)) == 1
    assert omgeving.status(stored) is S.AANGENOMEN
    assert 12 <= omgeving.terug_over("RouteringQueue")[0] <= 18
    adresboek.fout, adresboek.function_error = None, False
    omgeving.weer_zichtbaar("RouteringQueue")
    assert omgeving.werk(routering, "RouteringQueue") == 0
    assert omgeving.status(stored) is S.IN_VERZENDING


def _weg(omgeving: Omgeving, key: dict[str, Any]) -> None:
    omgeving.client("dynamodb").delete_item(TableName=omgeving["NotificatiesTable"], Key=key)


def _onleesbaar(omgeving: Omgeving, key: dict[str, Any]) -> None:
    omgeving.client("dynamodb").update_item(
        TableName=omgeving["NotificatiesTable"],
        Key=key,
        UpdateExpression="SET verzegeld = :rommel",
        ExpressionAttributeValues={":rommel": {"B": b"rommel"}},
    )


@pytest.mark.parametrize("bederf", [_weg, _onleesbaar], ids=["gone", "damaged"])
def test_content_that_cannot_be_read_fails_its_own_message_only(
    routering: ModuleType, omgeving: Omgeving, bederf: Callable[[Omgeving, dict[str, Any]], None]
) -> None:
    omgeving.partijen.voeg_toe(partij())
    bad, good = omgeving.neem_aan("slecht"), omgeving.neem_aan("goed")
    bederf(omgeving, {"pk": {"S": bad.id}, "sk": {"S": f"inhoud#{bad.inhoud_hash}"}})
    assert omgeving.werk(routering, "RouteringQueue", start(bad), start(good)) == 1
    assert [omgeving.status(n) for n in (bad, good)] == [S.AANGENOMEN, S.IN_VERZENDING]
    assert [o.poging_id for o in opdrachten(omgeving)] == [poging_id(good.id, 1)]
    assert gewijzigd(omgeving) == 1


def test_a_supplied_address_needs_no_lookup(routering: ModuleType, omgeving: Omgeving, adresboek: Adresboek) -> None:
    supplied = Inhoud(bestemming=Bestemming(kanaal=Kanaal.SMS, adres="+31612345698"), onderwerp="O", tekst="T")
    stored = omgeving.neem_aan(inhoud=supplied)
    omgeving.werk(routering, "RouteringQueue", start(stored))
    [opdracht] = opdrachten(omgeving, "Sms")
    assert open_zending(omgeving, opdracht).adres == "+31612345698"
    assert adresboek.calls == 0


def test_a_message_about_an_unknown_notification_is_done(routering: ModuleType, omgeving: Omgeving) -> None:
    gone = RouteerNotificatie(notificatie_id="weg", oin=OIN, poging=1)
    assert omgeving.werk(routering, "RouteringQueue", gone) == 0
