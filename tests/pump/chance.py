"""Chance that repeats itself: a run that fails with some seed fails again with it."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from moto.moto_api._internal import mock_random

_real_urandom = os.urandom


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """In this thread, UUIDs, nonces, jitter and moto's ids follow from ``seed``.

    Not the order of sets of text, which Python varies per process, and not what ``secrets`` or cryptography draw.
    """
    owner, source, before = threading.get_ident(), random.Random(seed), random.getstate()

    def urandom(size: int) -> bytes:
        return source.randbytes(size) if threading.get_ident() == owner else _real_urandom(size)

    random.seed(seed)
    mock_random.seed(seed)
    try:
        with mock.patch.object(os, "urandom", urandom):
            yield
    finally:
        random.setstate(before)
