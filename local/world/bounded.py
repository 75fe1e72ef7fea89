"""Memory that forgets the oldest first, so that a world left running for days stays small."""

import threading
from collections import OrderedDict
from collections.abc import Hashable


class BoundedCounter:
    """Counts per key, for the `limit` keys most recently counted. Safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: OrderedDict[Hashable, int] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, key: Hashable) -> int:
        """Add one and return how often the key has now been counted."""
        with self._lock:
            self._counts[key] = self._counts.pop(key, 0) + 1
            while len(self._counts) > self._limit:
                self._counts.popitem(last=False)
            return self._counts[key]

    def __getitem__(self, key: Hashable) -> int:
        with self._lock:
            return self._counts.get(key, 0)
