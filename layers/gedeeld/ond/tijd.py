"""Moments: always UTC, in milliseconds, written with a Z (NL API Design Rules, date-time)."""

from datetime import UTC, datetime


def nu() -> datetime:
    """Now, in UTC, cut to whole milliseconds, so that what is stored reads back as the same moment."""
    return van_ms(naar_ms(datetime.now(UTC)))


def naar_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def van_ms(milliseconds: int) -> datetime:
    """The moment that many milliseconds since 1970, in UTC."""
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def tekst(moment: datetime) -> str:
    """RFC 3339 in UTC, for example ``2026-11-23T19:25:01.123Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
