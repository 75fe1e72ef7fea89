"""The flows run on the deployed template, in the local engine."""

from collections.abc import Iterator

import pytest

from local.environment import Environment


# Per module, not per session: its threads must be gone before another module freezes time for its pump.
@pytest.fixture(scope="module", params=["ond", "centraal-register"])
def environment(request: pytest.FixtureRequest) -> Iterator[Environment]:
    """The whole system on this machine, with the demo's data."""
    with Environment(variant=request.param, on_step=lambda _step: None) as running:
        yield running
