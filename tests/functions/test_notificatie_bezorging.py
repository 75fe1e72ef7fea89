"""Delivering: claim, call, record. However often a message comes, its attempt reaches the provider once."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from local.world import World
from notificatie.kanalen import NietGenomen
from notificatie.kanalen.notifynl import NotifyNL
from notificatie.pogingen import Poging, Pogingen
from ond.berichten import BezorgPoging, Kanaal, Uitslag, UitslagGemeld, Zending
from ond.geheimen import Geheim
from ond.verzegeling import Verzegeling
from tests.functions.omgeving import OIN, Omgeving, nieuwe_poging_id

QUEUE = "BezorgingEmailQueue"
ADRES, TEKST = "geheim@voorbeeld.nl", "Geheime tekst"


@dataclass
class Postbode:
    """The delivery function of e-mail, its queue and its provider."""

    omgeving: Omgeving
    world: World
    module: ModuleType
    poging_id: str

    def opdracht(self, adres: str | None = ADRES, *, verzegeld: str | None = None) -> BezorgPoging:
        """An assignment of which the address was looked up now; without address a withdrawal."""
        if adres is not None:
            sealing = Verzegeling(self.omgeving.client("kms"), self.omgeving["BezorgingKey"])
            body = Zending(adres=adres, onderwerp="O", tekst=TEKST).model_dump_json().encode()
            verzegeld = base64.b64encode(sealing.seal(body, self.poging_id)).decode()
        return BezorgPoging(
            poging_id=self.poging_id,
            oin=OIN,
            kanaal=Kanaal.EMAIL,
            opgezocht_op=self.omgeving.klok.nu,
            verzegeld=verzegeld,
        )

    def bezorg(self, *opdrachten: BezorgPoging) -> list[Uitslag]:
        """Let the function work; the outcomes that it reported."""
        self.mislukt = self.omgeving.werk(self.module, QUEUE, *opdrachten)
        return self.gemeld()

    def opnieuw(self, **later: float) -> list[Uitslag]:
        """Let time pass and have everything that is still on the queue delivered again."""
        self.omgeving.klok.vooruit(**later)
        self.omgeving.weer_zichtbaar(QUEUE)
        return self.bezorg()

    def gemeld(self) -> list[Uitslag]:
        messages = self.omgeving.leeg("StatusQueue", UitslagGemeld)
        assert {message.poging_id for message in messages} <= {self.poging_id}
        return [message.uitslag for message in messages]

    def claim(self, **overig: Any) -> Poging:
        """An attempt that somebody claimed now, without outcome."""
        poging = Poging(self.poging_id, OIN, Kanaal.EMAIL, self.omgeving.klok.nu, **overig)
        assert self.pogingen.claim(poging) is poging
        return poging

    def bied_aan(self) -> None:
        """Offer the attempt to the provider, as a process does that then crashes."""
        provider = NotifyNL(
            self.world.base_url,
            Geheim(self.omgeving.client("secretsmanager"), self.omgeving["NotifyNlApiKeySecret"]),
            self.omgeving.parameters["NotifyNlTemplateEmail"],
        )
        provider.verstuur(Kanaal.EMAIL, Zending(adres=ADRES, onderwerp="O", tekst=TEKST), self.poging_id)

    @property
    def pogingen(self) -> Pogingen:
        return Pogingen(self.omgeving.client("dynamodb"), self.omgeving["PogingenTable"])

    @property
    def aangenomen(self) -> int:
        """How often the provider took this attempt."""
        return self.world.notifynl.accepted_count(self.poging_id)


@pytest.fixture
def postbode(omgeving: Omgeving, world: World) -> Postbode:
    omgeving.parameters["NotifyNlUrl"] = world.base_url
    omgeving.zet_geheim("NotifyNlApiKeySecret", world.notifynl.api_key)
    return Postbode(omgeving, world, omgeving.functie("BezorgingEmail"), nieuwe_poging_id())


def test_an_attempt_is_claimed_sent_recorded_and_reported(postbode: Postbode) -> None:
    assert postbode.bezorg(postbode.opdracht()) == [Uitslag.VERZONDEN]
    assert (postbode.mislukt, postbode.aangenomen) == (0, 1)
    assert postbode.pogingen.lees(postbode.poging_id).uitslag is Uitslag.VERZONDEN
    [moment] = postbode.omgeving.items("NotificatieAgendaTable")
    assert f"#navraag#{postbode.poging_id}#0" in moment["sk"]["S"]


def test_what_cannot_be_asked_about_later_is_not_claimed_either(
    postbode: Postbode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(postbode.module.dependencies().agenda, "noteer", down)
        assert postbode.bezorg(postbode.opdracht()) == []
    assert (postbode.mislukt, postbode.aangenomen) == (1, 0)
    assert postbode.omgeving.items("PogingenTable") == []
    assert postbode.opnieuw() == [Uitslag.VERZONDEN]
    assert len(postbode.omgeving.items("NotificatieAgendaTable")) == 1


def test_nothing_that_is_stored_queued_or_logged_shows_address_or_text(postbode: Postbode, log: Any) -> None:
    postbode.omgeving.stuur(QUEUE, postbode.opdracht())
    [record] = postbode.omgeving.levering(QUEUE)["Records"]
    assert ADRES not in record["body"]
    postbode.opnieuw()
    for table in ("PogingenTable", "NotificatieAgendaTable"):
        assert not postbode.omgeving.bevat(table, ADRES, TEKST)
    assert ADRES not in log.getvalue()


def test_a_repeat_of_a_known_outcome_repeats_the_report_only(postbode: Postbode) -> None:
    opdracht = postbode.opdracht()
    postbode.bezorg(opdracht)
    first = postbode.pogingen.lees(postbode.poging_id)
    assert postbode.bezorg(opdracht, opdracht) == [Uitslag.VERZONDEN]
    postbode.omgeving.klok.vooruit(hours=2)
    assert postbode.bezorg(opdracht) == [Uitslag.VERZONDEN]
    assert postbode.aangenomen == 1
    assert postbode.pogingen.lees(postbode.poging_id) == first


def test_the_same_message_twice_in_one_batch_is_sent_once(postbode: Postbode) -> None:
    assert postbode.bezorg(postbode.opdracht(), postbode.opdracht()) == [Uitslag.VERZONDEN]
    assert (postbode.mislukt, postbode.aangenomen) == (0, 1)


@pytest.mark.parametrize("ooit_aangeboden", [True, False])
def test_a_young_claim_of_somebody_else_is_not_asked_about_yet(postbode: Postbode, *, ooit_aangeboden: bool) -> None:
    postbode.claim()
    if ooit_aangeboden:
        postbode.bied_aan()
    postbode.omgeving.klok.vooruit(seconds=100)
    assert postbode.bezorg(postbode.opdracht()) == []
    assert postbode.mislukt == 1
    assert postbode.omgeving.terug_over(QUEUE)[0] == pytest.approx(201, abs=3)
    assert postbode.aangenomen == int(ooit_aangeboden)
    # And when that time has come it is settled: adopted, or sent.
    assert postbode.opnieuw(seconds=201) == [Uitslag.VERZONDEN]
    assert postbode.aangenomen == 1


def test_an_answer_that_was_lost_is_found_at_the_provider_and_adopted(postbode: Postbode) -> None:
    assert postbode.bezorg(postbode.opdracht("times-out@voorbeeld.nl")) == []
    assert postbode.omgeving.terug_over(QUEUE)[0] == pytest.approx(301, abs=3)
    assert postbode.opnieuw(seconds=10) == []
    assert postbode.opnieuw(seconds=300) == [Uitslag.VERZONDEN]
    assert postbode.aangenomen == 1


def test_a_broken_provider_is_asked_and_then_offered_it_again(postbode: Postbode) -> None:
    assert postbode.bezorg(postbode.opdracht("server-error@voorbeeld.nl")) == []
    assert postbode.opnieuw(seconds=301) == []
    assert postbode.aangenomen == 0
    assert postbode.opnieuw(seconds=301) == [Uitslag.VERZONDEN]
    assert postbode.aangenomen == 1


def test_a_provider_that_cannot_tell_is_not_sent_to_by_guessing(
    postbode: Postbode, monkeypatch: pytest.MonkeyPatch
) -> None:
    postbode.claim()
    with monkeypatch.context() as down:
        down.setenv("NOTIFYNL_URL", "http://127.0.0.1:9")
        postbode.module.dependencies.cache_clear()
        postbode.omgeving.klok.vooruit(seconds=301)
        assert postbode.bezorg(postbode.opdracht()) == []
        assert 12 <= postbode.omgeving.terug_over(QUEUE)[0] <= 18
        assert postbode.aangenomen == 0
    postbode.module.dependencies.cache_clear()
    assert postbode.opnieuw(seconds=15) == [Uitslag.VERZONDEN]
    assert postbode.aangenomen == 1


def test_a_busy_provider_is_offered_it_again_without_being_asked(
    postbode: Postbode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        pytest.fail("what was surely not taken need not be asked about")

    monkeypatch.setattr(postbode.module.dependencies().provider, "vraag_na", never)
    assert postbode.bezorg(postbode.opdracht("too-many@voorbeeld.nl")) == []
    # The provider said one second.
    assert postbode.omgeving.terug_over(QUEUE)[0] <= 2
    assert postbode.pogingen.lees(postbode.poging_id).uitgesteld
    assert postbode.opnieuw(seconds=1) == []
    assert postbode.opnieuw(seconds=1) == [Uitslag.VERZONDEN]
    assert postbode.aangenomen == 1


def test_a_provider_that_says_no_time_is_left_alone_longer_each_time(
    postbode: Postbode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise NietGenomen

    monkeypatch.setattr(postbode.module.dependencies().provider, "verstuur", busy)
    postbode.bezorg(postbode.opdracht())
    waits = [postbode.omgeving.terug_over(QUEUE)[0]]
    for _ in range(3):
        postbode.opnieuw(seconds=10)
        waits += postbode.omgeving.terug_over(QUEUE)
    assert waits == pytest.approx([15, 30, 60, 120], rel=0.2)


Situatie = Callable[[Postbode], object]
NOOIT: Situatie = lambda postbode: None  # noqa: E731
UITGESTELD: Situatie = lambda postbode: postbode.pogingen.stel_uit(postbode.claim())  # noqa: E731


@pytest.mark.parametrize("situatie", [NOOIT, UITGESTELD], ids=["never tried", "postponed"])
@pytest.mark.parametrize("verouderd", [True, False], ids=["address too old", "withdrawn"])
def test_what_no_provider_had_is_given_back(postbode: Postbode, situatie: Situatie, *, verouderd: bool) -> None:
    situatie(postbode)
    opdracht = postbode.opdracht(ADRES if verouderd else None)
    postbode.omgeving.klok.vooruit(seconds=3601 if verouderd else 0)
    assert postbode.bezorg(opdracht) == [Uitslag.TERUGGEGEVEN]
    # Given back is given back, also to a late message with a fresh address.
    assert postbode.bezorg(postbode.opdracht()) == [Uitslag.TERUGGEGEVEN]
    assert postbode.aangenomen == 0


def test_an_address_of_exactly_an_hour_ago_is_still_used(postbode: Postbode) -> None:
    opdracht = postbode.opdracht()
    postbode.omgeving.klok.vooruit(seconds=3600)
    assert postbode.bezorg(opdracht) == [Uitslag.VERZONDEN]


def test_withdrawing_what_was_sent_reports_that_it_was_sent(postbode: Postbode) -> None:
    postbode.bezorg(postbode.opdracht())
    assert postbode.bezorg(postbode.opdracht(None)) == [Uitslag.VERZONDEN]


@pytest.mark.parametrize(("aangeboden", "uitslag"), [(True, Uitslag.VERZONDEN), (False, Uitslag.TERUGGEGEVEN)])
def test_withdrawing_a_claimed_attempt_waits_asks_and_then_decides(
    postbode: Postbode, *, aangeboden: bool, uitslag: Uitslag
) -> None:
    postbode.claim()
    if aangeboden:
        postbode.bied_aan()
    assert postbode.bezorg(postbode.opdracht(None)) == []
    assert postbode.mislukt == 1
    assert postbode.opnieuw(seconds=301) == [uitslag]
    assert postbode.aangenomen == int(aangeboden)


def test_of_two_who_settle_the_same_claim_one_sends(postbode: Postbode) -> None:
    stale = postbode.claim()
    postbode.omgeving.klok.vooruit(seconds=301)
    assert postbode.pogingen.claim_opnieuw(stale, postbode.omgeving.klok.nu)
    assert not postbode.pogingen.claim_opnieuw(stale, postbode.omgeving.klok.nu + timedelta(seconds=1))
    assert postbode.bezorg(postbode.opdracht()) == []
    assert postbode.aangenomen == 0


@pytest.mark.parametrize("adres", ["geen adres", "a@@voorbeeld.nl"])
def test_an_address_that_the_provider_refuses_fails_for_good(postbode: Postbode, adres: str) -> None:
    assert postbode.bezorg(postbode.opdracht(adres)) == [Uitslag.PERMANENT_MISLUKT]
    assert postbode.pogingen.lees(postbode.poging_id).reden == "adres-geweigerd"


@pytest.mark.parametrize("zegel", ["", "AAAA", "geen base64 \u00e9", base64.b64encode(b"\x01" * 80).decode()])
def test_a_seal_that_does_not_open_reaches_no_provider(postbode: Postbode, zegel: str) -> None:
    assert postbode.bezorg(postbode.opdracht(None, verzegeld=zegel)) == []
    assert (postbode.mislukt, postbode.aangenomen) == (1, 0)


def test_a_seal_of_another_attempt_does_not_open(postbode: Postbode) -> None:
    other = Postbode(postbode.omgeving, postbode.world, postbode.module, f"{postbode.poging_id}1")
    moved = postbode.opdracht().model_copy(update={"verzegeld": other.opdracht().verzegeld})
    assert postbode.bezorg(moved) == []
    assert postbode.aangenomen == 0


def test_a_report_that_could_not_be_sent_is_sent_when_the_message_returns(
    postbode: Postbode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(postbode.omgeving.client("sqs"), "send_message_batch", down)
        assert postbode.bezorg(postbode.opdracht()) == []
    assert (postbode.mislukt, postbode.aangenomen) == (1, 1)
    assert postbode.opnieuw() == [Uitslag.VERZONDEN]
    assert postbode.aangenomen == 1


@pytest.mark.parametrize("functie", ["BezorgingEmail", "BezorgingSms", "BezorgingBrief"])
def test_the_function_of_every_channel_finds_its_settings(omgeving: Omgeving, functie: str) -> None:
    assert omgeving.functie(functie).dependencies().settings.notifynl_template_id
