"""The chain from end to end in one process: what the demo shows, and a crash at every outgoing call."""

import itertools
import os
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chain.chain import Chain
from tests.pump import Call, Crash

#: Every how many moments a function is killed: each way starts at another one. `make crash-sweep` leaves none out.
STEP = int(os.environ.get("OND_CRASH_STEP", "15"))

pytestmark = pytest.mark.timeout(170 if STEP > 1 else 1800)


@pytest.mark.parametrize("variant", ["ond", "centraal-register"])
def test_every_case_of_the_demo_ends_as_expected(variant: str) -> None:
    with Chain(variant) as chain:
        chain.cases.send_all()
        accepted = {run.notificatie_id for run in chain.cases.runs if run.notificatie_id}
        chain.run_until_ended(sorted(accepted))
        for run in chain.cases.runs:
            assert chain.cases.ended(run)
        assert {run.geval.toont: faults for run in chain.cases.runs if (faults := list(chain.cases.faults(run)))} == {}
        assert len(chain.cases.runs) >= 21
        assert chain.pump.dead_letters() == {}
        assert chain.pump.failures == []
        assert_told_once_and_in_order(chain)


def assert_told_once_and_in_order(chain: Chain) -> None:
    """The feed has every change once and in order, and so have the webhooks."""
    for name in ("gemeente-voorbeeld", "dienst-wegverkeer"):
        versies = defaultdict(list)
        for event in chain.world.receiver.events(name):
            versies[event["subject"]].append(int(event["sequence"]))
        assert all(told == list(range(1, len(told) + 1)) for told in versies.values())
    in_feed = defaultdict(list)
    pages = [item for item in chain.pump.scan("WijzigingenTable") if "wijzigingen" in item]
    for page in sorted(pages, key=lambda page: (page["pk"], page["positie"])):
        for regel in page["wijzigingen"]:
            in_feed[regel["i"]].append(regel["v"])
    stored = {item["pk"]: item for item in chain.pump.scan("NotificatiesTable") if item["sk"] == "toestand"}
    for notificatie_id, item in stored.items():
        assert in_feed[notificatie_id] == list(range(1, len(item["wijzigingen"]) + 1))


class CrashAt:
    """Kills the function at work at the n-th moment: before a call, or after it took effect but before its answer."""

    def __init__(self, nth: int) -> None:
        self.nth = nth
        self.moments = 0
        self.where: str | None = None

    def __call__(self, call: Call) -> None:
        self.moments += 1
        if self.moments == self.nth:
            self.where = f"{call.phase} {call.function} {call.name}"
            raise Crash(self.where)


#: A person for each way through the chain, and what their attempts must be in the end.
WAYS = {
    "999990019": ["email bezorgd"],
    "999990032": ["brief bezorgd"],
    "999990081": ["email permanent-mislukt", "sms bezorgd"],
    "999990123": ["email bezorgd"],
    "999990056": [],
}


def opdracht(referentie: str, nummer: str) -> dict[str, Any]:
    return {
        "referentie": referentie,
        "doelId": "besluiten",
        "ontvanger": {"identificatieType": "BSN", "identificatieNummer": nummer},
        "bericht": {"onderwerp": "Er is een besluit", "tekst": "Bekijk het op onze website."},
    }


def crashes(chain: Chain, nummer: str, first: int) -> Iterator[tuple[CrashAt, str]]:
    """One notification for every moment at which a function can be killed on this way, until there are no more."""
    for nth in itertools.count(first, STEP):
        crash = CrashAt(nth)
        chain.pump.on_call[:] = [crash]
        answer = chain.gemeente.send("/notificaties", opdracht(f"{nummer}-{nth}", nummer))
        assert answer.status_code == 202
        notificatie_id = answer.json()["id"]
        chain.run_until_ended([notificatie_id])
        chain.pump.on_call.clear()
        if crash.where is None:
            return
        yield crash, notificatie_id


@pytest.mark.parametrize("nummer", WAYS)
def test_a_crash_at_any_outgoing_call_loses_nothing_and_sends_nothing_twice(nummer: str) -> None:
    with Chain() as chain:
        killed = []
        first = 1 + list(WAYS).index(nummer) % STEP
        for crash, notificatie_id in crashes(chain, nummer, first):
            killed.append(crash.where)
            state = chain.gemeente.notificatie(notificatie_id)
            sent = [poging for poging in state["pogingen"] if poging["uitslag"] != "teruggegeven"]
            assert [f"{poging['kanaal']} {poging['uitslag']}" for poging in sent] == WAYS[nummer], crash.where
            for poging in sent:
                assert chain.world.notifynl.accepted_count(f"{notificatie_id}-{poging['nummer']}") == 1, crash.where
            assert chain.pump.dead_letters() == {}, crash.where
        chain.run_until_quiet()
        assert_told_once_and_in_order(chain)
        assert len(killed) > 30 / STEP
        print(f"{nummer}: killed at {len(killed)} moments")
