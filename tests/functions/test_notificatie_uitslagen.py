"""What comes back from the provider: receipts, and answers to our own questions."""

from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from local.world import World
from notificatie.kanalen.notifynl import NotifyNL
from notificatie.pogingen import Poging, Pogingen
from ond.agenda import Agenda, Moment
from ond.berichten import Kanaal, ReceiptOntvangen, Uitslag, UitslagGemeld, Zending
from ond.geheimen import Geheim
from tests.functions.omgeving import OIN, Context, Omgeving, nieuwe_poging_id, roep

PAD = "/v1/ontvangst/notifynl"
TO = "geheim@voorbeeld.nl"
ID = "6f9619ff-8b86-5d01-b42d-00cf4fc964ff-1"
TOKEN = {"Authorization": "Bearer NotifyNlCallbackSecret!"}
V, B, O = Uitslag.VERZONDEN, Uitslag.BEZORGD, Uitslag.ONBEKEND  # noqa: E741
PERMANENT, TIJDELIJK = Uitslag.PERMANENT_MISLUKT, Uitslag.TIJDELIJK_MISLUKT
TECHNISCH, TERUG = Uitslag.TECHNISCH_MISLUKT, Uitslag.TERUGGEGEVEN


def receipt(**overig: Any) -> dict[str, Any]:
    return {
        "id": "740e5834-3a29-46b4-9a6f-16142fde533a",
        "reference": ID,
        "to": TO,
        "status": "delivered",
        "created_at": "2026-11-23T19:25:01.123456Z",
        "completed_at": "2026-11-23T19:25:02.123456Z",
        "sent_at": "2026-11-23T19:25:01.223456Z",
        "notification_type": "email",
        **overig,
    }


@pytest.fixture
def ontvangst(omgeving: Omgeving) -> ModuleType:
    return omgeving.functie("Ontvangst")


def op_de_queue(omgeving: Omgeving) -> list[ReceiptOntvangen]:
    return omgeving.leeg("ReceiptsQueue", ReceiptOntvangen)


@pytest.mark.parametrize(
    ("status", "uitslag", "reden"),
    [
        ("delivered", B, None),
        ("sending", V, None),
        ("permanent-failure", PERMANENT, "permanent-failure"),
        ("temporary-failure", TIJDELIJK, "temporary-failure"),
        ("technical-failure", TECHNISCH, "technical-failure"),
        ("nooit-gehoord", V, None),
    ],
)
def test_a_receipt_is_on_the_queue_in_our_words_before_it_is_answered(
    ontvangst: ModuleType, omgeving: Omgeving, status: str, uitslag: Uitslag, reden: str | None
) -> None:
    answer = roep(ontvangst, PAD, receipt(status=status), headers=TOKEN)
    assert (answer.status, answer.text) == (204, "")
    assert "API-Version" in answer.headers
    assert op_de_queue(omgeving) == [ReceiptOntvangen(poging_id=ID, uitslag=uitslag, reden=reden)]


def test_the_recipient_is_neither_queued_nor_logged(ontvangst: ModuleType, omgeving: Omgeving, log: Any) -> None:
    roep(ontvangst, PAD, receipt(), headers=TOKEN)
    roep(ontvangst, PAD, receipt(status=5), headers=TOKEN)
    roep(ontvangst, PAD, receipt(reference="van een ander"), headers=TOKEN)
    [record] = omgeving.levering("ReceiptsQueue")["Records"]
    assert TO not in record["body"]
    assert TO not in log.getvalue()


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer ",
        "Bearer verkeerd",
        "Bearer NotifyNlCallbackSecret",
        "Bearer NotifyNlCallbackSecret!!",
        "bearer NotifyNlCallbackSecret!",
        "Basic NotifyNlCallbackSecret!",
        "NotifyNlCallbackSecret!",
        "Bearer gehéim \U0001f600",
        "Bearer \ud800",
        "x" * 10_000,
    ],
)
def test_without_the_agreed_token_nothing_is_taken(
    ontvangst: ModuleType, omgeving: Omgeving, given: str | None
) -> None:
    headers = {} if given is None else {"Authorization": given}
    answer = roep(ontvangst, PAD, receipt(), headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert op_de_queue(omgeving) == []


def test_the_token_is_checked_before_the_body_is_looked_at(ontvangst: ModuleType) -> None:
    assert roep(ontvangst, PAD, "{").status == 401
    assert roep(ontvangst, PAD, "{", headers=TOKEN).status == 400


@pytest.mark.parametrize("reference", [None, "", "geen", "brief 2026", "a-b", "-1", "factuur-1", f"{ID}0000", f"x{ID}"])
def test_a_receipt_that_is_not_ours_is_taken_and_dropped(
    ontvangst: ModuleType, omgeving: Omgeving, reference: str | None
) -> None:
    assert roep(ontvangst, PAD, receipt(reference=reference), headers=TOKEN).status == 204
    assert op_de_queue(omgeving) == []


def test_a_receipt_that_could_not_be_queued_is_not_taken(
    ontvangst: ModuleType, omgeving: Omgeving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(omgeving.client("sqs"), "send_message_batch", down)
    assert roep(ontvangst, PAD, receipt(), headers=TOKEN).status == 500


# --- recording receipts


def pogingen(omgeving: Omgeving) -> Pogingen:
    return Pogingen(omgeving.client("dynamodb"), omgeving["PogingenTable"])


def poging(omgeving: Omgeving, *uitslagen: Uitslag, id_: str = ID) -> Poging:
    """An attempt, claimed now, with these outcomes recorded."""
    claimed = Poging(id_, OIN, Kanaal.EMAIL, omgeving.klok.nu)
    pogingen(omgeving).claim(claimed)
    for uitslag in uitslagen:
        pogingen(omgeving).leg_vast(id_, uitslag, None, omgeving.klok.nu)
    return claimed


def gemeld(omgeving: Omgeving) -> list[Uitslag]:
    return [message.uitslag for message in omgeving.leeg("StatusQueue", UitslagGemeld)]


# What is known -> what is reported -> what is known then.
OORDEEL = [
    ((), V, V),
    ((), B, B),
    ((), TERUG, TERUG),
    ((V,), B, B),
    ((V,), PERMANENT, PERMANENT),
    ((V,), TIJDELIJK, TIJDELIJK),
    ((V,), O, O),
    ((V,), TERUG, V),
    ((B,), V, B),
    ((B,), O, B),
    ((PERMANENT,), V, PERMANENT),
    ((PERMANENT,), B, PERMANENT),
    ((TERUG,), B, TERUG),
    ((O,), V, O),
    ((O,), B, B),
    ((O,), PERMANENT, PERMANENT),
    ((V, O, B), O, B),
]


@pytest.mark.parametrize(("bekend", "nieuw", "daarna"), OORDEEL)
def test_a_receipt_counts_where_it_tells_more_than_is_known(
    omgeving: Omgeving, bekend: tuple[Uitslag, ...], nieuw: Uitslag, daarna: Uitslag
) -> None:
    module = omgeving.functie("Afleverstatus")
    poging(omgeving, *bekend)
    before = pogingen(omgeving).lees(ID)
    omgeving.klok.vooruit(seconds=5)
    assert omgeving.werk(module, "ReceiptsQueue", ReceiptOntvangen(poging_id=ID, uitslag=nieuw)) == 0
    after = pogingen(omgeving).lees(ID)
    assert after.uitslag is daarna
    assert gemeld(omgeving) == [daarna]
    assert (after == before) is (before.uitslag is daarna)


def test_a_repeated_receipt_is_passed_on_again_and_the_same(omgeving: Omgeving) -> None:
    module = omgeving.functie("Afleverstatus")
    poging(omgeving, V)
    message = ReceiptOntvangen(poging_id=ID, uitslag=PERMANENT, reden="permanent-failure")
    reports = []
    for _ in range(2):
        omgeving.klok.vooruit(seconds=5)
        omgeving.werk(module, "ReceiptsQueue", message)
        reports += omgeving.leeg("StatusQueue", UitslagGemeld)
    assert reports[0] == reports[1]
    assert reports[0].reden == "permanent-failure"


def test_a_receipt_of_an_unknown_attempt_makes_no_attempt(omgeving: Omgeving) -> None:
    module = omgeving.functie("Afleverstatus")
    assert omgeving.werk(module, "ReceiptsQueue", ReceiptOntvangen(poging_id=ID, uitslag=B)) == 0
    assert omgeving.items("PogingenTable") == []
    assert gemeld(omgeving) == []


def test_an_attempt_keeps_no_address_and_goes_after_a_year(omgeving: Omgeving) -> None:
    poging(omgeving, V)
    [item] = omgeving.items("PogingenTable")
    assert item.keys() == {"pk", "oin", "kanaal", "geclaimdOp", "uitslag", "uitslagOp", "reden", "ttl"}
    assert int(item["ttl"]["N"]) == int((omgeving.klok.nu + timedelta(days=365)).timestamp())


# --- asking where no receipt comes


class Navraag:
    """The agenda of the Notificatie Service, with three times to ask."""

    def __init__(self, omgeving: Omgeving, world: World) -> None:
        omgeving.parameters |= {"NotifyNlUrl": world.base_url, "NavraagNa": "60,120,180"}
        omgeving.zet_geheim("NotifyNlApiKeySecret", world.notifynl.api_key)
        self.omgeving, self.world = omgeving, world
        self.module = omgeving.functie("NotificatieAgenda")
        self.id = nieuwe_poging_id()
        self.agenda = Agenda(omgeving.client("dynamodb"), omgeving["NotificatieAgendaTable"])

    def begin(self, *uitslagen: Uitslag) -> None:
        poging(self.omgeving, *uitslagen, id_=self.id)
        op = self.omgeving.klok.nu + timedelta(seconds=60)
        self.agenda.noteer(Moment("navraag", self.id, op), self.omgeving.klok.nu)

    def verzend(self, status: str) -> None:
        """The provider has the message, and this is what became of it."""

        secret = Geheim(self.omgeving.client("secretsmanager"), self.omgeving["NotifyNlApiKeySecret"])
        template = self.omgeving.parameters["NotifyNlTemplateEmail"]
        provider = NotifyNL(self.world.base_url, secret, template)
        provider.verstuur(Kanaal.EMAIL, Zending(adres=TO, onderwerp="O", tekst="T"), self.id)
        [message] = self.world.notifynl.messages(self.id)
        self.world.notifynl._postbox.advance(message.id, lambda message: message.ended(status))

    def een_minuut(self) -> list[Uitslag]:
        self.omgeving.klok.vooruit(seconds=60)
        self.module.handler({}, Context())
        return gemeld(self.omgeving)

    @property
    def uitslag(self) -> Uitslag | None:
        return pogingen(self.omgeving).lees(self.id).uitslag


@pytest.fixture
def navraag(omgeving: Omgeving, world: World) -> Navraag:
    return Navraag(omgeving, world)


@pytest.mark.parametrize(
    ("status", "uitslag"), [("delivered", B), ("permanent-failure", PERMANENT), ("temporary-failure", TIJDELIJK)]
)
@pytest.mark.parametrize("bekend", [(), (V,)], ids=["claimed", "sent"])
def test_an_attempt_without_receipt_is_settled_by_asking(
    navraag: Navraag, bekend: tuple[Uitslag, ...], status: str, uitslag: Uitslag
) -> None:
    navraag.begin(*bekend)
    navraag.verzend(status)
    assert navraag.een_minuut() == [uitslag]
    assert navraag.uitslag is uitslag
    assert navraag.een_minuut() == []


@pytest.mark.parametrize("bij_provider", [True, False], ids=["still under way", "the provider knows nothing"])
def test_after_the_last_time_the_outcome_is_unknown(navraag: Navraag, *, bij_provider: bool) -> None:
    navraag.begin(V)
    if bij_provider:
        navraag.verzend("sending")
    assert [navraag.een_minuut() for _ in range(4)] == [[], [], [O], []]
    assert navraag.uitslag is O


def test_a_provider_that_is_down_is_asked_at_the_next_time(navraag: Navraag, monkeypatch: pytest.MonkeyPatch) -> None:
    navraag.begin(V)
    navraag.verzend("delivered")
    with monkeypatch.context() as down:
        down.setenv("NOTIFYNL_URL", "http://127.0.0.1:9")
        navraag.module.dependencies.cache_clear()
        assert navraag.een_minuut() == []
    navraag.module.dependencies.cache_clear()
    assert navraag.een_minuut() == [B]


def test_an_answer_whose_report_could_not_be_sent_is_reported_by_the_next_run(
    navraag: Navraag, monkeypatch: pytest.MonkeyPatch
) -> None:
    navraag.begin(V)
    navraag.verzend("delivered")

    def refuse(*_arguments: object) -> None:
        raise RuntimeError("the queue did not take it")

    with monkeypatch.context() as broken:
        broken.setattr(navraag.module, "send", refuse)
        assert navraag.een_minuut() == []
    assert navraag.uitslag is V
    assert navraag.een_minuut() == [B]
    assert navraag.uitslag is B


def test_what_has_ended_or_never_was_is_not_asked_about(navraag: Navraag) -> None:
    navraag.begin(PERMANENT)
    navraag.agenda.noteer(Moment("navraag", nieuwe_poging_id(), navraag.omgeving.klok.nu), navraag.omgeving.klok.nu)
    assert [navraag.een_minuut() for _ in range(2)] == [[], []]


def test_a_postponed_attempt_is_left_to_its_own_message(navraag: Navraag) -> None:
    navraag.begin()
    pogingen(navraag.omgeving).stel_uit(pogingen(navraag.omgeving).lees(navraag.id))
    assert [navraag.een_minuut() for _ in range(4)] == [[], [], [], []]
    assert navraag.uitslag is None
