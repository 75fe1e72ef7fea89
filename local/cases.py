"""The demo's cases: sent by their service providers, followed to their end, and compared with what was expected."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from local.data import DemoData, Geval
from local.world import World

PATIENCE_SECONDS = 150
ENDED = {"OK", "NOK", "ONBEKEND"}


class Answer(Protocol):
    """What we use of an HTTP answer."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        ...

    def json(self) -> Any:
        """The body."""
        ...


class Provider(Protocol):
    """A service provider, over HTTP or straight into the chain."""

    def send(self, path: str, body: Any) -> Answer:
        """Send a request; ``path`` without the version."""
        ...

    def notificatie(self, notificatie_id: str) -> dict[str, Any]:
        """How it stands with a notification."""
        ...


@dataclass
class Run:
    """One case under way."""

    geval: Geval
    sent_at: float
    http: int
    probleem: str | None = None
    notificatie_id: str | None = None
    state: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def attempts(self) -> list[str]:
        """For example ``["email permanent-mislukt", "sms bezorgd"]``; what was given back never went out."""
        pogingen = [poging for poging in self.state.get("pogingen", []) if poging.get("uitslag") != "teruggegeven"]
        return [f"{poging['kanaal']} {poging.get('uitslag', 'onderweg')}" for poging in pogingen]


class Cases:
    """The cases of one variant. ``providers`` are the service providers by their client id."""

    def __init__(self, data: DemoData, variant: str, world: World, providers: Mapping[str, Provider]) -> None:
        self.data = data
        self.world = world
        self.providers = providers
        self.all = [geval for geval in data.gevallen if geval.variant in (None, variant)]
        self.runs: list[Run] = []

    def run(self) -> Iterator[Run]:
        """Send everything, then give each case as it ends. A repeated reference is sent after its first."""
        self.send_all()
        waiting = list(self.runs)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while waiting:
            for run in list(waiting):
                if self.ended(run) or time.monotonic() > deadline:
                    waiting.remove(run)
                    run.faults = list(self.faults(run))
                    yield run
            time.sleep(0.5)

    def send_all(self) -> None:
        """Send every case, in order."""
        for geval in self.all:
            self.runs.append(self._send(geval))

    def _send(self, geval: Geval) -> Run:
        body = {
            "referentie": geval.referentie,
            "doelId": geval.doelId,
            "ontvanger": self.data.ontvanger(geval),
            "bericht": {"onderwerp": "Er is een besluit voor u", "tekst": geval.tekst},
            **({"dienst": geval.dienst} if geval.dienst else {}),
        }
        path = "/notificaties/_op-adres" if "adres" in body["ontvanger"] else "/notificaties"
        sent_at = time.monotonic()
        answer = self.providers[geval.afzender].send(path, body)
        content = answer.json()
        run = Run(geval, sent_at, answer.status_code, seconds=time.monotonic() - sent_at)
        if answer.status_code == 202:
            run.notificatie_id = content["id"]
        else:
            run.probleem = str(content["type"]).rsplit(":", 1)[-1]
        return run

    def ended(self, run: Run) -> bool:
        """Whether nothing more will come of it, as the API says now."""
        if run.notificatie_id is None:
            return True
        run.state = self.providers[run.geval.afzender].notificatie(run.notificatie_id)
        run.seconds = time.monotonic() - run.sent_at
        return run.state["aflevering"] in ENDED

    def faults(self, run: Run) -> Iterator[str]:
        """What differs from what was expected."""
        verwacht = run.geval.verwacht
        if run.http != verwacht.http:
            yield f"HTTP {run.http}, expected {verwacht.http}"
        if run.probleem != verwacht.probleem:
            yield f"problem {run.probleem}, expected {verwacht.probleem}"
        if verwacht.zelfde_als:
            first = next(other for other in self.runs if other.geval.referentie == verwacht.zelfde_als)
            if run.notificatie_id != first.notificatie_id:
                yield "not the same notification"
        if verwacht.aflevering:
            yield from self._outcome_faults(run)

    def _outcome_faults(self, run: Run) -> Iterator[str]:
        verwacht = run.geval.verwacht
        if run.state.get("aflevering") != verwacht.aflevering:
            yield f"aflevering {run.state.get('aflevering')}, expected {verwacht.aflevering}"
        if run.state.get("reden") != verwacht.reden:
            yield f"reden {run.state.get('reden')}, expected {verwacht.reden}"
        if run.attempts != list(verwacht.pogingen):
            yield f"attempts {run.attempts}, expected {list(verwacht.pogingen)}"
        notifynl = self.world.notifynl
        references = [
            f"{run.notificatie_id}-{poging['nummer']}"
            for poging in run.state.get("pogingen", [])
            if poging.get("uitslag") != "teruggegeven"
        ]
        for reference in references:
            if (count := notifynl.accepted_count(reference)) != 1:
                yield f"attempt {reference[-1]} reached the provider {count} times"
        if verwacht.ontvangen_op:
            recipients = {message.submission.recipient for ref in references for message in notifynl.messages(ref)}
            if recipients != {verwacht.ontvangen_op}:
                yield "delivered to another address than expected"
