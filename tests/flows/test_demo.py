"""What `make demo` shows, as a test."""

import pytest

from local.demo import cases_of, direct_lookup, wait_for_events
from local.environment import Environment
from tests.flows.events import assert_gap_free

# One engine at a time: two at once on two cores would only measure each other.
pytestmark = [pytest.mark.xdist_group("engine"), pytest.mark.timeout(240)]


def test_every_case_of_the_demo_ends_as_expected_and_is_told_to_the_webhook(environment: Environment) -> None:
    demo = cases_of(environment)
    faults = {run.geval.toont: run.faults for run in demo.run() if run.faults}
    assert faults == {}
    assert len(demo.runs) >= 21
    events, missing = wait_for_events(environment, demo)
    assert missing == []
    assert_gap_free(environment)
    assert {event["data"]["naar"] for event in events} >= {"aangenomen", "in-verzending", "verzonden", "bezorgd"}
    if environment.variant == "centraal-register":
        assert direct_lookup(demo) == []
