"""Moments in the notation of the Notify API."""

from datetime import datetime


def timestamp(moment: datetime | None) -> str | None:
    """UTC with microseconds and a Z, such as 2025-03-01T12:00:00.000000Z; nothing stays nothing."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
