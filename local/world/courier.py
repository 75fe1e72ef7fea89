"""Doing things later: a bounded number of threads, however many messages are under way."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

Job = Callable[[], object]

WORKERS = 4


class Courier:
    """Runs jobs after a delay. Jobs still waiting when it stops are dropped."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Job]] = []
        self._order = itertools.count()  # jobs themselves cannot be compared
        self._changed = threading.Condition()
        self._stopped = True
        self._clock: threading.Thread | None = None

    def start(self) -> None:
        """Begin with the jobs that are due."""
        self._stopped = False
        self._clock = threading.Thread(target=self._run, name="courier-clock", daemon=True)
        self._clock.start()

    def after(self, seconds: float, job: Job) -> None:
        """Run the job once, this many seconds from now."""
        with self._changed:
            heapq.heappush(self._waiting, (time.monotonic() + seconds, next(self._order), job))
            self._changed.notify()

    def stop(self) -> None:
        """Drop what waits and wait for what runs."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify()
        if self._clock is not None:
            self._clock.join()

    def _run(self) -> None:
        workers = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="courier")
        while (job := self._next_due()) is not None:
            workers.submit(job)
        workers.shutdown(cancel_futures=True)

    def _next_due(self) -> Job | None:
        """Wait for the first job that is due; None when stopped."""
        with self._changed:
            while not self._stopped:
                wait = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._changed.wait(wait)
        return None
