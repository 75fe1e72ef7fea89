"""Which channel and address a notification goes to next, or why it does not."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omc.notificatie import POGINGEN_PER_KANAAL, Notificatie, Reden, Status
from omc.route import Beeindig, Route, Verzend, adres_voor, bepaal_route
from ond.berichten import Kanaal, Profielantwoord, Profieluitkomst, Uitslag
from tests.domain.bouwers import NU, eigenschap, notificatie, profiel

EMAIL, SMS, BRIEF = Kanaal.EMAIL, Kanaal.SMS, Kanaal.BRIEF
PERMANENT, TIJDELIJK = Uitslag.PERMANENT_MISLUKT, Uitslag.TIJDELIJK_MISLUKT
TECHNISCH, TERUG = Uitslag.TECHNISCH_MISLUKT, Uitslag.TERUGGEGEVEN
Pogingen = tuple[tuple[Kanaal, Uitslag], ...]


def geprobeerd(*pogingen: tuple[Kanaal, Uitslag], kanalen: tuple[Kanaal, ...] = tuple(Kanaal)) -> Notificatie:
    state = notificatie(kanalen=kanalen)
    for nummer, (kanaal, uitslag) in enumerate(pogingen, start=1):
        state = state.start_poging(kanaal, NU).met_uitslag(nummer, uitslag, NU, None)
    return state


def naar(kanaal: Kanaal) -> Verzend:
    return Verzend(kanaal, f"adres-{kanaal}")


GEEN = Beeindig(Status.NIET_BEZORGBAAR, Reden.GEEN_CONTACTGEGEVENS)
ONBEREIKBAAR = Beeindig(Status.NIET_BEZORGBAAR, Reden.ADRES_ONBEREIKBAAR)
STORING = Beeindig(Status.TECHNISCH_MISLUKT, Reden.TECHNISCHE_STORING)

# The person's order, the attempts so far -> the next.
GEVALLEN: list[tuple[str, tuple[Kanaal, ...], Pogingen, Route]] = [
    ("who chose nothing gets e-mail first", (), (), naar(EMAIL)),
    ("the first of the person's order goes first", (SMS, EMAIL), (), naar(SMS)),
    ("who wants only letters gets a letter", (BRIEF,), (), naar(BRIEF)),
    ("after a permanent failure the next channel", (SMS, EMAIL), ((SMS, PERMANENT),), naar(EMAIL)),
    ("after a temporary failure the same once more", (SMS,), ((SMS, TIJDELIJK),), naar(SMS)),
    ("after a technical failure the same once more", (SMS,), ((SMS, TECHNISCH),), naar(SMS)),
    ("after two that may pass the next", (SMS, EMAIL), ((SMS, TIJDELIJK), (SMS, TECHNISCH)), naar(EMAIL)),
    ("at the end a letter, also where not chosen", (EMAIL,), ((EMAIL, PERMANENT),), naar(BRIEF)),
    ("what was given back goes again", (EMAIL,), ((EMAIL, TERUG), (EMAIL, TERUG)), naar(EMAIL)),
    ("a retry that was given back goes again", (SMS, EMAIL), ((SMS, TIJDELIJK), (SMS, TERUG)), naar(SMS)),
    (
        "given back after the last retry",
        (SMS, EMAIL),
        ((SMS, TIJDELIJK), (SMS, TIJDELIJK), (EMAIL, TERUG)),
        naar(EMAIL),
    ),
    ("everything failed for good", (EMAIL,), ((EMAIL, PERMANENT), (BRIEF, PERMANENT)), ONBEREIKBAAR),
    ("everything failed technically", (BRIEF,), ((BRIEF, TECHNISCH), (BRIEF, TECHNISCH)), STORING),
    ("one failed for good, one technically", (EMAIL,), ((EMAIL, PERMANENT), (BRIEF, PERMANENT)), ONBEREIKBAAR),
]


@pytest.mark.parametrize(("voorkeur", "pogingen", "route"), [g[1:] for g in GEVALLEN], ids=[g[0] for g in GEVALLEN])
def test_the_next_attempt_follows_the_rules(voorkeur: tuple[Kanaal, ...], pogingen: Pogingen, route: Route) -> None:
    assert bepaal_route(profiel(*voorkeur), geprobeerd(*pogingen), NU) == route


@pytest.mark.parametrize(
    ("uitkomst", "reden"),
    [
        (Profieluitkomst.ONBEKEND, Reden.GEEN_CONTACTGEGEVENS),
        (Profieluitkomst.GEEN_CONTACTGEGEVENS, Reden.GEEN_CONTACTGEGEVENS),
        (Profieluitkomst.AFGEMELD, Reden.AFGEMELD),
        (Profieluitkomst.GEWEIGERD, Reden.DOEL_GEWEIGERD),
    ],
)
def test_who_may_not_be_reached_is_not_sent_to(uitkomst: Profieluitkomst, reden: Reden) -> None:
    # Also where addresses came along by mistake.
    assert bepaal_route(profiel(uitkomst=uitkomst), notificatie(), NU) == Beeindig(Status.NIET_BEZORGBAAR, reden)
    assert adres_voor(profiel(uitkomst=uitkomst), notificatie(), EMAIL) is None


@pytest.mark.parametrize(
    ("na", "verlopen"),
    [(timedelta(days=7) - timedelta(milliseconds=1), False), (timedelta(days=7), True), (timedelta(days=90), True)],
)
def test_after_seven_days_it_is_not_sent_any_more(na: timedelta, *, verlopen: bool) -> None:
    route = bepaal_route(profiel(), notificatie(), NU + na)
    assert isinstance(route, Beeindig) is verlopen
    if verlopen:
        assert route == Beeindig(Status.VERLOPEN, Reden.GELDIGHEID_VERSTREKEN)


def test_only_channels_that_the_assignment_allows_are_used() -> None:
    assert bepaal_route(profiel(EMAIL, SMS), notificatie(kanalen=(SMS,)), NU) == naar(SMS)
    assert bepaal_route(profiel(EMAIL), notificatie(kanalen=(SMS,)), NU) == GEEN
    assert bepaal_route(profiel(EMAIL), geprobeerd((EMAIL, PERMANENT), kanalen=(EMAIL,)), NU) == ONBEREIKBAAR


def test_a_channel_without_address_is_skipped() -> None:
    assert bepaal_route(profiel(EMAIL, SMS, adressen={SMS: "adres-sms"}), notificatie(), NU) == naar(SMS)
    assert bepaal_route(profiel(EMAIL, SMS, adressen={}), notificatie(), NU) == GEEN


def test_the_retry_goes_to_the_next_channel_where_the_address_has_gone() -> None:
    assert bepaal_route(profiel(EMAIL, SMS, adressen={SMS: "adres-sms"}), geprobeerd((EMAIL, TIJDELIJK)), NU) == naar(
        SMS
    )


def test_an_attempt_that_has_begun_keeps_its_channel_only_while_the_person_can_be_reached_by_it() -> None:
    begun = notificatie().start_poging(EMAIL, NU)
    assert adres_voor(profiel(SMS, EMAIL), begun, EMAIL) == "adres-email"
    assert adres_voor(profiel(SMS), begun, EMAIL) is None
    assert adres_voor(profiel(EMAIL, adressen={SMS: "adres-sms"}), begun, EMAIL) is None


# --- properties

_kanalen = st.lists(st.sampled_from(Kanaal), unique=True, max_size=3).map(tuple)
_adressen = st.dictionaries(st.sampled_from(Kanaal), st.just("adres"), max_size=3)
_pogingen = st.lists(
    st.tuples(st.sampled_from(Kanaal), st.sampled_from((PERMANENT, TIJDELIJK, TECHNISCH, TERUG))), max_size=6
).map(tuple)


@eigenschap
@given(_kanalen, _adressen, _pogingen, _kanalen.filter(bool), st.integers(0, 8).map(lambda d: NU + timedelta(days=d)))
def test_what_is_sent_is_allowed_has_an_address_and_was_not_tried_to_its_limit(
    voorkeur: tuple[Kanaal, ...],
    adressen: dict[Kanaal, str],
    pogingen: Pogingen,
    kanalen: tuple[Kanaal, ...],
    moment: datetime,
) -> None:
    state = geprobeerd(*pogingen, kanalen=kanalen)
    route = bepaal_route(profiel(*voorkeur, adressen=adressen), state, moment)
    if isinstance(route, Beeindig):
        # Every end is one that the state allows.
        assert state.naar(route.status, moment).status is route.status
        return
    assert route.kanaal in kanalen
    assert route.adres == adressen[route.kanaal]
    assert not voorkeur or route.kanaal in {*voorkeur, BRIEF}
    real = [uitslag for kanaal, uitslag in pogingen if kanaal is route.kanaal and uitslag is not TERUG]
    assert PERMANENT not in real[-1:]
    assert sum(uitslag in (TIJDELIJK, TECHNISCH) for uitslag in real) < POGINGEN_PER_KANAAL


@eigenschap
@given(_kanalen, _adressen, st.lists(st.sampled_from((PERMANENT, TIJDELIJK, TECHNISCH)), min_size=7, max_size=7))
def test_when_every_attempt_fails_it_ends_within_two_attempts_per_channel(
    voorkeur: tuple[Kanaal, ...], adressen: dict[Kanaal, str], uitslagen: list[Uitslag]
) -> None:
    who: Profielantwoord = profiel(*voorkeur, adressen=adressen)
    tried: tuple[tuple[Kanaal, Uitslag], ...] = ()
    for uitslag in uitslagen:
        route = bepaal_route(who, geprobeerd(*tried), NU)
        if isinstance(route, Beeindig):
            return
        tried += ((route.kanaal, uitslag),)
    pytest.fail(f"still trying after {len(tried)} attempts")
