"""The agenda: everything that is due is worked, however late, and nothing else."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ond.agenda import Agenda, Moment
from ond.tijd import nu
from tests.gedeeld.conftest import make_table
from tests.gedeeld.eigenschap import eigenschap

MINUUT, UUR = timedelta(minutes=1), timedelta(hours=1)


class Proef:
    """An agenda, a clock, and what was worked."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self.agenda = Agenda(dynamodb, table)
        self.dynamodb, self.table = dynamodb, table
        self.nu = nu()
        self.gedaan: list[str] = []
        self.kapot: set[str] = set()

    def noteer(self, over: str, na: timedelta, *, extra: int = 0) -> Moment:
        moment = Moment("soort", over, self.nu + na, extra)
        self.agenda.noteer(moment, self.nu)
        return moment

    def werk(self, moment: Moment) -> None:
        if moment.over in self.kapot:
            raise RuntimeError(moment.over)
        self.gedaan.append(moment.over)

    def draai(self, na: timedelta = timedelta(), *, genoeg_tijd: Callable[[], bool] = lambda: True) -> list[str]:
        """Move the clock and run; what this run worked."""
        self.nu += na
        before = len(self.gedaan)
        done = self.agenda.werk_af(self.nu, self.werk, genoeg_tijd=genoeg_tijd)
        assert done == len(self.gedaan) - before
        return self.gedaan[before:]

    def items(self) -> int:
        """How many moments are in the table."""
        return sum(item["pk"]["S"] != "wijzer" for item in self.dynamodb.scan(TableName=self.table)["Items"])


@pytest.fixture
def proef(aws: Any, agenda_table: str) -> Proef:
    return Proef(aws("dynamodb"), agenda_table)


def test_a_moment_is_worked_once_when_it_is_due_and_not_before(proef: Proef) -> None:
    proef.noteer("a", 5 * MINUUT)
    assert proef.draai(5 * MINUUT - timedelta(milliseconds=1)) == []
    assert proef.draai(timedelta(milliseconds=1)) == ["a"]
    assert proef.draai(5 * MINUUT) == []
    assert proef.items() == 0


def test_a_moment_comes_back_as_it_was_noted(proef: Proef) -> None:
    noted = proef.noteer("6f9619ff-8b86-5d01-b42d-00cf4fc964ff-2", MINUUT, extra=7)
    seen: list[Moment] = []
    proef.agenda.werk_af(proef.nu + MINUUT, seen.append, genoeg_tijd=lambda: True)
    assert seen == [noted]


@pytest.mark.parametrize("earlier", [timedelta(milliseconds=1), MINUUT, 40 * 24 * UUR])
def test_a_moment_in_the_past_is_worked_in_the_next_run(proef: Proef, earlier: timedelta) -> None:
    proef.draai()
    proef.draai(10 * MINUUT)
    proef.noteer("a", -earlier)
    assert proef.draai() == ["a"]


def test_a_run_that_starts_late_works_everything_oldest_first(proef: Proef) -> None:
    proef.draai()
    for minutes in (20, 3, 11, 34):
        proef.noteer(str(minutes), minutes * MINUUT)
    assert proef.draai(0.6 * UUR) == ["3", "11", "20", "34"]


def test_a_first_run_long_after_the_first_moment_misses_nothing(proef: Proef) -> None:
    proef.noteer("a", timedelta(0))
    assert proef.draai(30 * MINUUT) == ["a"]


def test_a_failing_moment_stays_and_does_not_stop_the_others(proef: Proef) -> None:
    proef.kapot = {"b"}
    for over in "abc":
        proef.noteer(over, MINUUT)
    assert sorted(proef.draai(MINUUT)) == ["a", "c"]
    proef.kapot = set()
    assert proef.draai(10 * MINUUT) == ["b"]


def test_noting_the_same_moment_again_is_noting_it_once(proef: Proef) -> None:
    for _ in range(5):
        proef.noteer("a", MINUUT)
    proef.noteer("a", MINUUT, extra=2)
    assert proef.items() == 2
    assert proef.draai(MINUUT) == ["a", "a"]


def test_a_run_out_of_time_stops_and_the_next_goes_on(proef: Proef) -> None:
    for over in "abcde":
        proef.noteer(over, MINUUT)
    first = proef.draai(10 * MINUUT, genoeg_tijd=lambda: len(proef.gedaan) < 2)
    second = proef.draai()
    assert len(first) == 2
    assert sorted(first + second) == list("abcde")


def test_a_run_with_time_for_a_few_minutes_leaves_the_next_less_to_look_at(proef: Proef) -> None:
    """After a long stop there are more empty minutes than fit in one run."""
    proef.draai()
    proef.noteer("a", 5 * UUR)
    proef.nu += 6 * UUR
    runs = 0
    while not proef.gedaan:
        answers = iter([True] * 200)
        proef.draai(genoeg_tijd=lambda answers=answers: next(answers, False))  # type: ignore[misc]
        runs += 1
        assert runs < 20
    assert runs > 1


def test_a_run_without_time_looks_at_nothing_and_writes_nothing(proef: Proef, calls: Counter[str]) -> None:
    proef.draai()
    proef.noteer("a", MINUUT)
    calls.clear()
    assert proef.draai(UUR, genoeg_tijd=lambda: False) == []
    assert not calls.keys() & {"Query", "PutItem", "DeleteItem"}
    assert proef.draai() == ["a"]


def test_a_minute_that_was_not_finished_is_not_closed(proef: Proef) -> None:
    proef.draai()
    for number in range(12):
        proef.noteer(str(number), MINUUT)
    proef.nu += UUR
    while len(proef.gedaan) < 12:
        enough = len(proef.gedaan) + 1
        assert len(proef.draai(genoeg_tijd=lambda enough=enough: len(proef.gedaan) < enough)) == 1  # type: ignore[misc]
    assert proef.items() == 0


def test_a_moment_whose_run_crashed_is_worked_again(proef: Proef) -> None:
    proef.noteer("a", MINUUT)

    def crash(_moment: Moment) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        proef.agenda.werk_af(proef.nu + MINUUT, crash, genoeg_tijd=lambda: True)
    assert proef.draai(MINUUT) == ["a"]


def test_what_a_moment_notes_for_now_is_not_lost(proef: Proef) -> None:
    proef.noteer("a", MINUUT)

    def again(moment: Moment) -> None:
        proef.gedaan.append(moment.over)
        if moment.extra < 3:
            proef.agenda.noteer(Moment("soort", "a", proef.nu, moment.extra + 1), proef.nu)

    for _ in range(6):
        proef.nu += MINUUT
        proef.agenda.werk_af(proef.nu, again, genoeg_tijd=lambda: True)
    assert proef.gedaan == ["a"] * 4


def test_items_go_by_themselves_a_month_after_they_were_due(proef: Proef) -> None:
    moment = proef.noteer("a", 2 * UUR)
    [item] = proef.dynamodb.scan(TableName=proef.table)["Items"]
    assert int(item["ttl"]["N"]) == int((moment.op + timedelta(days=30)).timestamp())


_stap = st.tuples(
    st.sampled_from(["noteer", "draai", "draai krap"]),
    st.integers(-3, 6).map(lambda minutes: minutes * MINUUT),
    st.integers(0, 3),
)
_tabellen = iter(range(10**6))


@settings(eigenschap, max_examples=6)
@given(stappen=st.lists(_stap, max_size=8))
def test_any_mix_of_noting_and_running_works_what_a_plain_list_would(
    aws: Any, stappen: list[tuple[str, timedelta, int]]
) -> None:
    dynamodb = aws("dynamodb")
    proef = Proef(dynamodb, make_table(dynamodb, f"agenda-{next(_tabellen)}", "pk", "sk"))
    open_: dict[str, datetime] = {}
    for number, (soort, na, tijd) in enumerate(stappen):
        if soort == "noteer":
            open_[str(number)] = max(proef.nu, proef.noteer(str(number), na).op)
            continue
        enough = len(proef.gedaan) + (tijd if soort == "draai krap" else 100)
        worked = proef.draai(
            max(na, timedelta()),
            genoeg_tijd=lambda enough=enough: len(proef.gedaan) < enough,  # type: ignore[misc]
        )
        due = {over for over, op in open_.items() if op <= proef.nu}
        assert set(worked) <= due
        assert len(worked) == (min(tijd, len(due)) if soort == "draai krap" else len(due))
        open_ = {over: op for over, op in open_.items() if over not in worked}
    assert set(proef.draai(6 * MINUUT)) == set(open_)
    assert len(proef.gedaan) == len(set(proef.gedaan))
