"""The pump's clock: it stands still until told otherwise, also for a function that sleeps."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from unittest import mock

import time_machine

_real_sleep, _real_monotonic = time.sleep, time.monotonic


class Clock:
    """Frozen time for the whole process.

    Inside functions ``time.monotonic`` follows it, so that caches age, and ``time.sleep`` moves it. Threads that play
    the outside world sleep really: their servers must keep answering.
    """

    def __init__(self, start: datetime) -> None:
        self._travel = time_machine.travel(start, tick=False)
        self._traveller: time_machine.Traveller | None = None
        self._start = start
        self._owner = threading.get_ident()

    def start(self) -> None:
        """Freeze time."""
        self._traveller = self._travel.start()

    def stop(self) -> None:
        """Back to the real time."""
        self._travel.stop()

    def check_thread(self) -> None:
        """The functions' world (modules, environment, time) is this process's, so only one thread may run them.

        Raises:
            RuntimeError: called from another thread than the one that made the pump.
        """
        if threading.get_ident() != self._owner:
            raise RuntimeError("only the thread that made the pump may run functions")

    def now(self) -> datetime:
        """The moment at which time stands still."""
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Move forward."""
        if seconds < 0:
            raise ValueError("time does not go back")
        assert self._traveller is not None, "the clock was not started"
        self._traveller.shift(float(seconds))

    @contextmanager
    def felt_by_functions(self, on_sleep: Callable[[float], None]) -> Iterator[None]:
        """While a function runs: it ages by this clock, and its sleeping goes to ``on_sleep``."""

        def sleep(seconds: float) -> None:
            (on_sleep if threading.get_ident() == self._owner else _real_sleep)(seconds)

        def monotonic() -> float:
            if threading.get_ident() != self._owner:
                return _real_monotonic()
            return 1_000_000.0 + (self.now() - self._start).total_seconds()

        with mock.patch.object(time, "sleep", sleep), mock.patch.object(time, "monotonic", monotonic):
            yield
