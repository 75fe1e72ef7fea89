"""Killing function processes changes no outcome."""

import os
import random
import signal
import threading

import pytest

from local.demo import cases_of, wait_for_events
from local.engine import Engine, function_processes
from local.environment import Environment
from tests.flows.events import assert_gap_free

pytestmark = [pytest.mark.xdist_group("engine"), pytest.mark.timeout(300)]


class Killer(threading.Thread):
    """Kills function processes while the chain runs: each kind of function once, as soon as it is at work."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self._engine = engine
        self._ended = threading.Event()
        self.killed: dict[str, int] = {}

    def run(self) -> None:
        chance = random.Random(20261123)
        while not self._ended.wait(0.15):
            living = [
                process for process in function_processes(self._engine) if process.function_name not in self.killed
            ]
            if living:
                victim = chance.choice(living)
                self.killed[victim.function_name] = victim.pid
                try:
                    os.kill(victim.pid, signal.SIGKILL)
                except ProcessLookupError:
                    del self.killed[victim.function_name]

    def stop(self) -> None:
        self._ended.set()
        self.join()


def test_killing_every_function_process_once_changes_no_outcome() -> None:
    with Environment(on_step=lambda _step: None) as environment:
        killer = Killer(environment.engine)
        demo = cases_of(environment)
        killer.start()
        try:
            faults = {run.geval.toont: run.faults for run in demo.run() if run.faults}
            events, missing = wait_for_events(environment, demo, seconds=90)
        finally:
            killer.stop()
        assert faults == {}
        assert missing == []
        assert_gap_free(environment)
        deployed = set(environment.deployment.functions.values())
        assert set(killer.killed) == deployed - {"ond-omc-aanname-op-adres", "ond-profiel-register"}
        assert events
