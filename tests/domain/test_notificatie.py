"""The states of a notification and what an outcome leads to."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omc.notificatie import (
    Aflevering,
    Notificatie,
    OngeldigeOvergang,
    Reden,
    Status,
    Vervolg,
    aflevering,
    notificatie_id,
    vervolg,
)
from omc.route import Beeindig, bepaal_route
from ond.berichten import Kanaal, Profieluitkomst, Uitslag
from tests.domain.bouwers import ANDERE_OIN, NU, OIN, UUR, eigenschap, in_toestand, notificatie, onderweg, profiel

# The table of the design, section 5, word for word.
ONTWERP = {
    "aangenomen": "in-verzending verlopen geannuleerd niet-bezorgbaar",
    "in-verzending": "verzonden technisch-mislukt verlopen niet-bezorgbaar",
    "verzonden": "verzonden bezorgd niet-bezorgbaar technisch-mislukt bezorgstatus-onbekend verlopen",
    "bezorgd": "definitief-bezorgd verzonden niet-bezorgbaar verlopen",
    "bezorgstatus-onbekend": "bezorgd niet-bezorgbaar",
    "definitief-bezorgd": "",
    "niet-bezorgbaar": "",
    "technisch-mislukt": "",
    "verlopen": "",
    "geannuleerd": "",
}
TOEGESTAAN = {(van, naar) for van, ends in ONTWERP.items() for naar in ends.split()}
AFLEVERING = {
    "aangenomen": "IN_BEHANDELING",
    "in-verzending": "IN_BEHANDELING",
    "verzonden": "IN_BEHANDELING",
    "bezorgd": "OK",
    "definitief-bezorgd": "OK",
    "niet-bezorgbaar": "NOK",
    "technisch-mislukt": "NOK",
    "verlopen": "NOK",
    "geannuleerd": "NOK",
    "bezorgstatus-onbekend": "ONBEKEND",
}
EINDE = set(ONTWERP) - {"aangenomen", "in-verzending", "verzonden"}

V, B, O = Uitslag.VERZONDEN, Uitslag.BEZORGD, Uitslag.ONBEKEND  # noqa: E741
PERMANENT, TIJDELIJK = Uitslag.PERMANENT_MISLUKT, Uitslag.TIJDELIJK_MISLUKT
TECHNISCH, TERUG = Uitslag.TECHNISCH_MISLUKT, Uitslag.TERUGGEGEVEN
MISLUKT = (PERMANENT, TIJDELIJK, TECHNISCH, TERUG)


@pytest.mark.parametrize(("van", "naar"), list(product(Status, Status)), ids=str)
def test_a_change_of_status_is_allowed_exactly_where_the_design_allows_it(van: Status, naar: Status) -> None:
    begin = in_toestand(van)
    if (van.value, naar.value) in TOEGESTAAN:
        after = begin.naar(naar, NU + UUR, reden="reden")
        last = after.wijzigingen[-1]
        assert (after.status, after.versie) == (naar, begin.versie + 1)
        assert (last.van, last.tijdstip, last.reden) == (van, NU + UUR, "reden")
    else:
        with pytest.raises(OngeldigeOvergang):
            begin.naar(naar, NU)


def test_the_design_names_every_status() -> None:
    assert set(ONTWERP) == {status.value for status in Status} == set(AFLEVERING)


@pytest.mark.parametrize("status", Status, ids=str)
def test_a_status_means_one_word_to_the_service_provider(status: Status) -> None:
    assert aflevering(status) is Aflevering(AFLEVERING[status.value])


def test_an_accepted_notification_has_one_change_and_no_attempt() -> None:
    new = notificatie()
    assert (new.status, new.versie, new.pogingen, new.wacht_op_uitslag) == (Status.AANGENOMEN, 1, (), False)
    assert new.verloopt_op == NU + timedelta(days=7)


def test_the_id_follows_from_service_provider_and_reference() -> None:
    assert notificatie_id(OIN, "a") == notificatie_id(OIN, "a")
    assert len({notificatie_id(oin, ref) for oin in (OIN, ANDERE_OIN) for ref in ("a", "b", "a\nb")}) == 6


def test_the_first_attempt_puts_it_in_verzending_and_a_later_one_does_not_change_the_status() -> None:
    first = notificatie().start_poging(Kanaal.SMS, NU)
    assert (first.status, first.versie, first.pogingen[-1].nummer) == (Status.IN_VERZENDING, 2, 1)
    second = first.met_uitslag(1, TIJDELIJK, NU, None).start_poging(Kanaal.SMS, NU)
    assert (second.status, second.versie, second.pogingen[-1].nummer) == (Status.IN_VERZENDING, 2, 2)


# Outcomes of the first attempt in the order they come in -> the status after, and how many changes there were.
REEKSEN: list[tuple[tuple[Uitslag, ...], Status, int]] = [
    ((V,), Status.VERZONDEN, 3),
    ((V, V), Status.VERZONDEN, 3),
    ((V, B), Status.BEZORGD, 4),
    ((B,), Status.BEZORGD, 4),
    ((B, V), Status.BEZORGD, 4),
    ((B, B), Status.BEZORGD, 4),
    ((B, O), Status.BEZORGD, 4),
    ((V, O), Status.BEZORGSTATUS_ONBEKEND, 4),
    ((O,), Status.BEZORGSTATUS_ONBEKEND, 4),
    ((O, V), Status.BEZORGSTATUS_ONBEKEND, 4),
    ((V, O, B), Status.BEZORGD, 5),
    ((O, B, V), Status.BEZORGD, 5),
    ((V, O, PERMANENT), Status.NIET_BEZORGBAAR, 5),
    ((V, PERMANENT), Status.VERZONDEN, 3),
    ((PERMANENT,), Status.IN_VERZENDING, 2),
    ((PERMANENT, V), Status.IN_VERZENDING, 2),
    ((TERUG, V), Status.IN_VERZENDING, 2),
]


@pytest.mark.parametrize(("uitslagen", "status", "versie"), REEKSEN, ids=str)
def test_outcomes_come_twice_late_and_out_of_order(uitslagen: tuple[Uitslag, ...], status: Status, versie: int) -> None:
    after = onderweg(*uitslagen)
    assert (after.status, after.versie) == (status, versie)
    assert [change.versie for change in after.wijzigingen] == list(range(1, versie + 1))


def test_a_repeated_outcome_gives_the_same_object() -> None:
    known = onderweg(V)
    assert known.met_uitslag(1, V, NU + UUR, "later") is known


def test_the_history_shows_that_it_was_sent_also_where_only_the_receipt_arrived() -> None:
    assert [change.naar for change in onderweg(B).wijzigingen][2:] == [Status.VERZONDEN, Status.BEZORGD]


def test_without_a_receipt_the_reason_says_so() -> None:
    assert onderweg(V, O).wijzigingen[-1].reden == Reden.GEEN_ONTVANGSTMELDING


@pytest.mark.parametrize("nummer", [1, 3])
@pytest.mark.parametrize("uitslag", Uitslag, ids=str)
def test_an_outcome_of_another_than_the_latest_attempt_changes_nothing(nummer: int, uitslag: Uitslag) -> None:
    second = onderweg(V, PERMANENT).start_poging(Kanaal.SMS, NU)
    assert second.met_uitslag(nummer, uitslag, NU, None) is second


@pytest.mark.parametrize("uitslag", Uitslag, ids=str)
def test_an_outcome_before_any_attempt_changes_nothing(uitslag: Uitslag) -> None:
    new = notificatie()
    assert new.met_uitslag(1, uitslag, NU, None) is new


# Outcomes per attempt (channel and outcome) -> the next attempt and when, or nothing.
VERVOLGEN: list[tuple[list[tuple[Kanaal, Uitslag | None]], Vervolg | None]] = [
    ([], None),
    ([(Kanaal.EMAIL, None)], None),
    ([(Kanaal.EMAIL, V)], None),
    ([(Kanaal.EMAIL, PERMANENT)], Vervolg(2, NU)),
    ([(Kanaal.EMAIL, TERUG)], Vervolg(2, NU)),
    ([(Kanaal.EMAIL, TIJDELIJK)], Vervolg(2, NU + UUR)),
    ([(Kanaal.EMAIL, TECHNISCH)], Vervolg(2, NU + UUR)),
    ([(Kanaal.EMAIL, TIJDELIJK), (Kanaal.EMAIL, TIJDELIJK)], Vervolg(3, NU)),
    ([(Kanaal.EMAIL, TECHNISCH), (Kanaal.EMAIL, TIJDELIJK)], Vervolg(3, NU)),
    ([(Kanaal.EMAIL, TIJDELIJK), (Kanaal.SMS, TIJDELIJK)], Vervolg(3, NU + UUR)),
]


@pytest.mark.parametrize(("pogingen", "expected"), VERVOLGEN, ids=str)
def test_what_follows_is_a_function_of_the_state(
    pogingen: list[tuple[Kanaal, Uitslag | None]], expected: Vervolg | None
) -> None:
    state = in_toestand(Status.VERZONDEN, *pogingen)
    assert vervolg(state, UUR) == vervolg(state, UUR) == expected


@pytest.mark.parametrize("status", sorted(EINDE))
def test_what_has_ended_asks_for_no_attempt(status: str) -> None:
    assert vervolg(in_toestand(Status(status), (Kanaal.EMAIL, PERMANENT)), UUR) is None


# --- properties

_gebeurtenis = st.one_of(
    st.tuples(st.just("uitslag"), st.integers(1, 4), st.sampled_from(Uitslag)),
    st.tuples(st.just("poging"), st.just(0), st.sampled_from(Kanaal)),
    st.tuples(st.just("route"), st.integers(0, 9), st.sampled_from(Profieluitkomst)),
    st.tuples(st.just("definitief"), st.just(0), st.none()),
)


def _gebeur(state: Notificatie, soort: str, getal: int, wat: object) -> Notificatie:
    """One event, under the conditions that the functions keep to."""
    if soort == "uitslag":
        assert isinstance(wat, Uitslag)
        return state.met_uitslag(getal, wat, NU, None)
    if soort == "definitief":
        return state.naar(Status.DEFINITIEF_BEZORGD, NU) if state.status is Status.BEZORGD else state
    if state.status.value in EINDE or state.wacht_op_uitslag:
        return state
    if soort == "poging":
        assert isinstance(wat, Kanaal)
        return state.start_poging(wat, NU)
    assert isinstance(wat, Profieluitkomst)
    route = bepaal_route(profiel(uitkomst=wat), state, NU + timedelta(days=getal))
    if isinstance(route, Beeindig):
        return state.naar(route.status, NU, reden=route.reden)
    return state.start_poging(route.kanaal, NU)


@eigenschap
@given(st.lists(_gebeurtenis, max_size=25))
def test_no_sequence_of_events_leaves_the_table(gebeurtenissen: list[tuple[str, int, object]]) -> None:
    state = notificatie()
    for event in gebeurtenissen:
        before, state = state, _gebeur(state, *event)
        new = state.wijzigingen[len(before.wijzigingen) :]
        assert state.wijzigingen[: len(before.wijzigingen)] == before.wijzigingen
        assert all((str(change.van), change.naar.value) in TOEGESTAAN for change in new)
        assert [change.versie for change in state.wijzigingen] == list(range(1, state.versie + 1))
        if before.status.value in EINDE - {"bezorgd", "bezorgstatus-onbekend"}:
            assert state.wijzigingen == before.wijzigingen
        assert vervolg(state, UUR) == vervolg(state, UUR)


@eigenschap
@given(
    final=st.sampled_from((B, *MISLUKT)),
    others=st.lists(st.just(V), max_size=3),
    repeats=st.integers(1, 3),
    data=st.data(),
)
def test_order_and_repeats_of_the_outcomes_of_an_attempt_do_not_matter(
    final: Uitslag, others: list[Uitslag], repeats: int, data: st.DataObject
) -> None:
    reeks = data.draw(st.permutations([*others, *[final] * repeats]))
    one, other = onderweg(*reeks), onderweg(final)
    assert one.poging == other.poging
    assert aflevering(one.status) is aflevering(other.status)
    assert vervolg(one, UUR) == vervolg(other, UUR)
    if final is B:
        assert one.status is other.status


@eigenschap
@given(st.permutations([V, V, O, B, B]))
def test_delivered_wins_from_unknown_in_any_order(reeks: list[Uitslag]) -> None:
    assert onderweg(*reeks).status is Status.BEZORGD
