"""Back to the service provider: the feed without gaps, and the webhook in order."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.world import World
from omc.notificatie import Notificatie, Status
from omc.wijzigingen import Bezet, Webhookstand, Webhookstanden, Wijzigingen
from ond.berichten import Kanaal, NotificatieGewijzigd, StuurWijzigingen, Uitslag
from tests.functions.omgeving import ANDERE_OIN, OIN, Context, Omgeving, dienstverlener

_namen = (f"ontvanger-{number}" for number in itertools.count(1))


def feed(omgeving: Omgeving) -> Wijzigingen:
    return Wijzigingen(omgeving.client("dynamodb"), omgeving["WijzigingenTable"])


def inhoud(omgeving: Omgeving, oin: str = OIN) -> list[tuple[str, int]]:
    """The feed from its beginning, page by page: (reference, version); positions must be without gaps."""
    pages, na = [], 0
    while some := feed(omgeving).lees(oin, na, 2):
        pages += some
        na = some[-1].positie
    assert [page.positie for page in pages] == list(range(1, len(pages) + 1))
    return [(regel.referentie, regel.versie) for page in pages for regel in page.regels]


def verder(omgeving: Omgeving, notificatie: Notificatie, stap: int) -> Notificatie:
    """A notification's first, second or third step on, stored."""
    nu = omgeving.klok.nu
    steps: list[Callable[[Notificatie], Notificatie]] = [
        lambda n: n.start_poging(Kanaal.EMAIL, nu),
        lambda n: n.met_uitslag(1, Uitslag.BEZORGD, nu, None),
        lambda n: n.naar(Status.DEFINITIEF_BEZORGD, nu),
    ]
    omgeving.notificaties.bewaar(steps[stap](omgeving.lees(notificatie.id)))
    return omgeving.lees(notificatie.id)


def bericht(notificatie: Notificatie) -> NotificatieGewijzigd:
    return NotificatieGewijzigd(notificatie_id=notificatie.id, oin=notificatie.oin)


@pytest.fixture
def terugkoppeling(omgeving: Omgeving) -> ModuleType:
    return omgeving.functie("Terugkoppeling")


# --- the feed


def test_all_that_changed_is_in_the_feed_once_and_the_webhook_is_woken_once(
    terugkoppeling: ModuleType, omgeving: Omgeving
) -> None:
    one, two = omgeving.neem_aan("a"), omgeving.neem_aan("b")
    verder(omgeving, one, 0)
    assert omgeving.werk(terugkoppeling, "TerugkoppelingQueue", bericht(one), bericht(two), bericht(one)) == 0
    assert sorted(inhoud(omgeving)) == [("a", 1), ("a", 2), ("b", 1)]
    assert omgeving.leeg("WebhookQueue", StuurWijzigingen) == [StuurWijzigingen(oin=OIN)]


def test_a_message_that_comes_again_adds_nothing_and_a_lost_one_is_made_good(
    terugkoppeling: ModuleType, omgeving: Omgeving
) -> None:
    one = omgeving.neem_aan("a")
    for stap in range(3):
        verder(omgeving, one, stap)
    for _ in range(3):
        assert omgeving.werk(terugkoppeling, "TerugkoppelingQueue", bericht(one)) == 0
    assert inhoud(omgeving) == [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 5)]


def test_every_service_provider_has_a_feed_of_its_own(terugkoppeling: ModuleType, omgeving: Omgeving) -> None:
    one, other = omgeving.neem_aan("a"), omgeving.neem_aan("b", oin=ANDERE_OIN)
    omgeving.werk(terugkoppeling, "TerugkoppelingQueue", bericht(one), bericht(other))
    assert inhoud(omgeving) == [("a", 1)]
    assert inhoud(omgeving, ANDERE_OIN) == [("b", 1)]
    assert {m.oin for m in omgeving.leeg("WebhookQueue", StuurWijzigingen)} == {OIN, ANDERE_OIN}


def test_a_message_about_nothing_wakes_nobody(terugkoppeling: ModuleType, omgeving: Omgeving) -> None:
    gone = NotificatieGewijzigd(notificatie_id="weg", oin=OIN)
    assert omgeving.werk(terugkoppeling, "TerugkoppelingQueue", gone, "{") == 1
    assert omgeving.leeg("WebhookQueue", StuurWijzigingen) == []


def test_more_changes_than_fit_on_a_page_are_spread_over_pages(omgeving: Omgeving) -> None:
    many = [
        Notificatie.aangenomen(
            oin=OIN,
            referentie=str(number),
            doel_id="d",
            dienst=None,
            kanalen=(Kanaal.SMS,),
            inhoud_hash="h",
            nu=omgeving.klok.nu,
        )
        for number in range(95)
    ]
    assert feed(omgeving).voeg_toe(OIN, many, omgeving.klok.nu) == 95
    assert feed(omgeving).voeg_toe(OIN, many, omgeving.klok.nu) == 0
    assert sorted(inhoud(omgeving)) == sorted((str(number), 1) for number in range(95))
    assert [len(page.regels) for page in feed(omgeving).lees(OIN, 0, 10)] == [90, 5]


def test_positions_go_on_after_all_pages_have_gone_by_themselves(omgeving: Omgeving) -> None:
    for referentie in ("a", "b"):
        feed(omgeving).voeg_toe(OIN, [omgeving.neem_aan(referentie)], omgeving.klok.nu)
    expiring = [item for item in omgeving.items("WijzigingenTable") if "ttl" in item]
    assert len(expiring) == 4
    for item in expiring:
        key = {"pk": item["pk"], "positie": item["positie"]}
        omgeving.client("dynamodb").delete_item(TableName=omgeving["WijzigingenTable"], Key=key)
    feed(omgeving).voeg_toe(OIN, [omgeving.neem_aan("c")], omgeving.klok.nu)
    # A reader that was at position 2 gets it.
    [page] = feed(omgeving).lees(OIN, 2, 10)
    assert (page.positie, [regel.referentie for regel in page.regels]) == (3, ["c"])


class Ertussen(Wijzigingen):
    """A writer that another one overtakes between reading the end of the feed and writing."""

    def __init__(self, omgeving: Omgeving, eerst: Callable[[], object], keren: int = 1) -> None:
        super().__init__(omgeving.client("dynamodb"), omgeving["WijzigingenTable"])
        self._eerst = itertools.repeat(eerst, keren)

    def laatste_positie(self, oin: str) -> int:
        positie = super().laatste_positie(oin)
        for overtake in itertools.islice(self._eerst, 1):
            overtake()
        return positie


def test_two_writers_of_the_same_changes_write_them_once(omgeving: Omgeving) -> None:
    one = omgeving.neem_aan("a")
    other = lambda: feed(omgeving).voeg_toe(OIN, [one], omgeving.klok.nu)  # noqa: E731
    slow = Ertussen(omgeving, other)
    with pytest.raises(Bezet):
        slow.voeg_toe(OIN, [one], omgeving.klok.nu)
    assert slow.voeg_toe(OIN, [one], omgeving.klok.nu) == 0
    assert inhoud(omgeving) == [("a", 1)]


def test_two_writers_of_different_changes_write_them_on_two_pages(
    terugkoppeling: ModuleType, omgeving: Omgeving, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = omgeving.neem_aan("a"), omgeving.neem_aan("b")
    other = lambda: feed(omgeving).voeg_toe(OIN, [two], omgeving.klok.nu)  # noqa: E731
    monkeypatch.setattr(terugkoppeling, "dependencies", _with_feed(terugkoppeling, Ertussen(omgeving, other)))
    assert omgeving.werk(terugkoppeling, "TerugkoppelingQueue", bericht(one)) == 0
    assert inhoud(omgeving) == [("b", 1), ("a", 1)]


def test_a_writer_that_is_always_overtaken_comes_back_later(
    terugkoppeling: ModuleType, omgeving: Omgeving, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = omgeving.neem_aan("a")
    others = iter([omgeving.neem_aan(f"ander-{number}") for number in range(20)])
    other = lambda: feed(omgeving).voeg_toe(OIN, [next(others)], omgeving.klok.nu)  # noqa: E731
    with monkeypatch.context() as busy:
        busy.setattr(terugkoppeling, "dependencies", _with_feed(terugkoppeling, Ertussen(omgeving, other, 20)))
        assert omgeving.werk(terugkoppeling, "TerugkoppelingQueue", bericht(one)) == 1
    assert omgeving.terug_over("TerugkoppelingQueue")[0] <= 2
    omgeving.weer_zichtbaar("TerugkoppelingQueue")
    assert omgeving.werk(terugkoppeling, "TerugkoppelingQueue") == 0
    assert ("a", 1) in inhoud(omgeving)


def _with_feed(module: ModuleType, wijzigingen: Wijzigingen) -> Callable[[], Any]:
    deps = replace(module.dependencies(), wijzigingen=wijzigingen)
    return lambda: deps


_reeks = itertools.count(1)


@settings(
    max_examples=6,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stappen=st.lists(st.tuples(st.sampled_from(["stap", "voed", "voed oud"]), st.integers(0, 2)), max_size=10))
def test_in_any_order_of_changes_and_writers_the_feed_has_every_change_once_and_in_order(
    omgeving: Omgeving, stappen: list[tuple[str, int]]
) -> None:
    serie = next(_reeks)
    oin = f"00000099{serie:09d}000"
    known = [[omgeving.neem_aan(f"{serie}-{number}", oin=oin)] for number in range(3)]
    for soort, welke in stappen:
        history = known[welke]
        if soort == "stap" and len(history) < 4:
            history.append(verder(omgeving, history[0], len(history) - 1))
        elif soort.startswith("voed"):
            # A slow writer still holds the notification as it was.
            feed(omgeving).voeg_toe(oin, [history[0 if soort == "voed oud" else -1]], omgeving.klok.nu)
    feed(omgeving).voeg_toe(oin, [history[-1] for history in known], omgeving.klok.nu)
    got = inhoud(omgeving, oin)
    for number, history in enumerate(known):
        assert [v for ref, v in got if ref == f"{serie}-{number}"] == list(range(1, history[-1].versie + 1))


# --- the webhook


@dataclass
class Ontvanger:
    """A service provider's webhook that answers as told."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[str, str, list[dict[str, Any]]]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        """Every event, in order of arrival: reference and version."""
        return [f"{event['data']['referentie']}.{event['sequence']}" for _, _, batch in self.got for event in batch]


@pytest.fixture
def ontvanger() -> Iterator[Ontvanger]:
    state = Ontvanger()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(state.answers.pop(0) if state.answers else 204)
            for name, value in {**state.headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self) -> None:
            state.got.append((self.path, "GET", []))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def webhook(omgeving: Omgeving, ontvanger: Ontvanger) -> ModuleType:
    omgeving.register.zet(dienstverlener(webhook=ontvanger.url))
    return omgeving.functie("Webhook")


def voed(omgeving: Omgeving, *referenties: str) -> None:
    """New notifications, each on a page of its own."""
    for referentie in referenties:
        feed(omgeving).voeg_toe(OIN, [omgeving.neem_aan(referentie)], omgeving.klok.nu)


def wek(omgeving: Omgeving, module: ModuleType, context: Context | None = None) -> int:
    return omgeving.werk(module, "WebhookQueue", StuurWijzigingen(oin=OIN), context=context)


def standen(omgeving: Omgeving) -> Webhookstanden:
    return Webhookstanden(omgeving.client("dynamodb"), omgeving["WijzigingenTable"])


def stand(omgeving: Omgeving) -> Webhookstand:
    """How far it is, by taking the turn for a moment."""
    nu = omgeving.klok.nu
    found = standen(omgeving).neem(OIN, "kijker", nu, nu)
    assert found is not None
    standen(omgeving).leg_neer(OIN, "kijker", found, klaar=True)
    return found


def later(omgeving: Omgeving) -> list[int]:
    """In how many seconds the agenda wakes the webhook, in order."""
    keys = sorted(item["sk"]["S"] for item in omgeving.items("OmcAgendaTable"))
    now = int(omgeving.klok.nu.timestamp() * 1000)
    return [round((int(key.split("#")[0]) - now) / 1000) for key in keys if key.split("#")[1] == "webhook"]


def test_everything_new_is_sent_in_order_as_a_batch_of_events(
    webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger
) -> None:
    voed(omgeving, "a", "b", "c")
    assert wek(omgeving, webhook) == 0
    [(path, media_type, batch)] = ontvanger.got
    assert (path, media_type) == ("/hook", "application/cloudevents-batch+json")
    assert ontvanger.events == ["a.1", "b.1", "c.1"]
    assert {event["source"] for event in batch} == {"urn:nld:oin:00000099000000009000:systeem:ond"}
    voed(omgeving, "d")
    wek(omgeving, webhook)
    wek(omgeving, webhook)
    assert ontvanger.events == ["a.1", "b.1", "c.1", "d.1"]


def test_a_long_feed_is_sent_in_several_requests_in_order(
    webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger
) -> None:
    voed(omgeving, *(str(number) for number in range(12)))
    wek(omgeving, webhook)
    assert len(ontvanger.got) == 2
    assert ontvanger.events == [f"{number}.1" for number in range(12)]


@pytest.mark.parametrize("answer", [300, 301, 302, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503])
def test_only_2xx_says_that_the_events_were_taken_and_redirects_are_not_followed(
    webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger, answer: int
) -> None:
    ontvanger.answers = [answer]
    ontvanger.headers = {"Location": "/elders"}
    voed(omgeving, "a")
    assert wek(omgeving, webhook) == 0
    assert [path for path, _, _ in ontvanger.got] == ["/hook"]
    assert (stand(omgeving).tot, stand(omgeving).mislukt) == (0, 1)
    assert later(omgeving) == [15]


@pytest.mark.parametrize("answer", [302, 304])
def test_a_redirect_to_nowhere_is_not_taken_either(
    webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger, answer: int
) -> None:
    ontvanger.answers = [answer]
    voed(omgeving, "a")
    wek(omgeving, webhook)
    assert stand(omgeving).tot == 0


@pytest.mark.parametrize("answer", [200, 201, 202, 204])
def test_any_2xx_will_do(webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger, answer: int) -> None:
    ontvanger.answers = [answer]
    voed(omgeving, "a")
    wek(omgeving, webhook)
    assert stand(omgeving) == Webhookstand(tot=1)


def test_after_every_failure_it_waits_longer_and_loses_nothing(
    webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger
) -> None:
    ontvanger.answers = [503] * 4
    voed(omgeving, "a")
    waits = []
    for _ in range(4):
        wek(omgeving, webhook)
        waits.append(later(omgeving)[-1])
        # Before its time it is not tried again.
        wek(omgeving, webhook)
        omgeving.klok.vooruit(seconds=waits[-1])
    assert waits == [15, 30, 60, 120]
    assert len(ontvanger.got) == 4
    voed(omgeving, "b")
    wek(omgeving, webhook)
    assert ontvanger.events[4:] == ["a.1", "b.1"]
    assert stand(omgeving) == Webhookstand(tot=2)


def test_the_wait_never_exceeds_a_day(webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger) -> None:
    standen(omgeving).neem(OIN, "x", omgeving.klok.nu, omgeving.klok.nu)
    standen(omgeving).leg_neer(OIN, "x", Webhookstand(mislukt=500), klaar=True)
    ontvanger.answers = [503]
    voed(omgeving, "a")
    wek(omgeving, webhook)
    assert later(omgeving) == [86_400]


def test_a_receiver_that_is_not_there_is_tried_again(webhook: ModuleType, omgeving: Omgeving) -> None:
    omgeving.register.zet(dienstverlener(webhook="http://127.0.0.1:9/hook"))
    voed(omgeving, "a")
    assert wek(omgeving, webhook) == 0
    assert later(omgeving) == [15]


def test_without_time_nothing_is_sent_and_it_is_tried_again(
    webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger
) -> None:
    voed(omgeving, "a")
    assert wek(omgeving, webhook, Context(milliseconds=1_500)) == 0
    assert ontvanger.got == []
    # Nothing failed, so nothing is counted; the agenda has another go on at once.
    assert stand(omgeving) == Webhookstand()
    assert later(omgeving) == [0]
    assert wek(omgeving, webhook) == 0
    assert ontvanger.events == ["a.1"]


def test_without_time_a_retry_after_a_failure_is_not_lost(
    webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger
) -> None:
    ontvanger.answers = [503]
    voed(omgeving, "a")
    wek(omgeving, webhook)
    omgeving.klok.vooruit(seconds=15)
    assert wek(omgeving, webhook, Context(milliseconds=1_500)) == 0
    assert stand(omgeving).mislukt == 1
    assert later(omgeving) == [0]
    assert wek(omgeving, webhook) == 0
    assert ontvanger.events == ["a.1", "a.1"]


class Aflopend(Context):
    """A context whose time passes: a second between any two questions about it."""

    def get_remaining_time_in_millis(self) -> int:
        self.milliseconds -= 1_000
        return self.milliseconds


def test_a_long_feed_goes_on_in_the_next_invocation(
    webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger
) -> None:
    voed(omgeving, *(str(number) for number in range(32)))
    runs = 0
    while len(ontvanger.events) < 32:
        before = len(later(omgeving))
        assert wek(omgeving, webhook, Aflopend(milliseconds=6_500)) == 0
        runs += 1
        assert len(ontvanger.events) == 32 or len(later(omgeving)) == before + 1
        omgeving.klok.vooruit(seconds=1)
    assert ontvanger.events == [f"{number}.1" for number in range(32)]
    assert stand(omgeving) == Webhookstand(tot=32)
    assert runs > 1


@pytest.mark.parametrize("aansluiting", [None, dienstverlener()])
def test_without_webhook_nothing_is_done(omgeving: Omgeving, aansluiting: Any) -> None:
    module = omgeving.functie("Webhook")
    if aansluiting:
        omgeving.register.zet(aansluiting)
    voed(omgeving, "a")
    assert wek(omgeving, module) == 0
    assert later(omgeving) == []


def test_who_finds_the_turn_taken_leaves_it(webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger) -> None:
    voed(omgeving, "a")
    nu = omgeving.klok.nu
    assert standen(omgeving).neem(OIN, "ander", nu, nu + timedelta(seconds=30)) is not None
    assert wek(omgeving, webhook) == 0
    assert ontvanger.got == []
    # The other died; when its time is over, the turn is free.
    omgeving.klok.vooruit(seconds=31)
    wek(omgeving, webhook)
    assert ontvanger.events == ["a.1"]
    assert not standen(omgeving).leg_neer(OIN, "ander", Webhookstand(tot=99), klaar=True)
    assert stand(omgeving).tot == 1


def test_what_came_while_sending_is_sent_in_the_same_turn(
    webhook: ModuleType, omgeving: Omgeving, ontvanger: Ontvanger, monkeypatch: pytest.MonkeyPatch
) -> None:
    voed(omgeving, "a")
    original = Webhookstanden.leg_neer
    news = iter([lambda: voed(omgeving, "b")])

    def just_before(self: Webhookstanden, *args: Any, klaar: bool) -> bool:
        if klaar:
            next(news, lambda: None)()
        return original(self, *args, klaar=klaar)

    monkeypatch.setattr(Webhookstanden, "leg_neer", just_before)
    wek(omgeving, webhook)
    assert ontvanger.events == ["a.1", "b.1"]


def test_the_demo_receiver_takes_what_is_sent(omgeving: Omgeving, world: World) -> None:
    naam = next(_namen)
    omgeving.register.zet(dienstverlener(webhook=f"{world.base_url}/ontvanger/{naam}"))
    one = omgeving.neem_aan("a")
    feed(omgeving).voeg_toe(OIN, [verder(omgeving, one, 0)], omgeving.klok.nu)
    wek(omgeving, omgeving.functie("Webhook"))
    assert [event["sequence"] for event in world.receiver.events(naam)] == ["1", "2"]
