"""Providers that deliver, and what their answers mean to us."""

from dataclasses import dataclass

from ond.berichten import Uitslag


@dataclass(frozen=True)
class Antwoord:
    """What a provider says of an attempt; ``reden`` is the provider's own word for it, never its text."""

    uitslag: Uitslag
    reden: str | None = None


class NietGenomen(Exception):
    """The provider surely did not take the attempt; it may be offered again after ``seconds``, if it said so."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__("not taken")
        self.seconds = seconds


class Onzeker(Exception):
    """The provider may have taken the attempt. It must be asked before it is offered again."""
