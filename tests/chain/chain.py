"""The whole chain on the pump, with the outside world of the demo around it."""

from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from local import data as demo_data
from local.cases import ENDED, Cases
from local.environment import AUDIENCE, CALLBACK_TOKEN, TEMPLATES, stack_parameters
from local.world import World
from local.world.outcomes import outcome_for
from local.world.postbox import CREATED, SENDING, Message
from local.world.receipts import receipt
from tests.pump import Pump, Response

#: Between two runs of the agendas; a minute on AWS, less here because waiting times are in seconds.
STEP_SECONDS = 10


@dataclass
class Answer:
    """The pump's answer, as `local.cases` reads answers."""

    response: Response

    @property
    def status_code(self) -> int:
        return self.response.status

    def json(self) -> Any:
        return self.response.json()


class PumpProvider:
    """A service provider that calls the API on the pump; it repeats what a 5xx answered, as a client should."""

    def __init__(self, chain: "Chain", client_id: str) -> None:
        self._chain = chain
        self._client_id = client_id

    def send(self, path: str, body: Any) -> Answer:
        for _ in range(5):
            answer = Answer(self._call("POST", path, body))
            if answer.status_code < 500:
                break
        return answer

    def notificatie(self, notificatie_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", f"/notificaties/{notificatie_id}").json()
        return found

    def _call(self, method: str, path: str, body: Any = None) -> Response:
        token = self._chain.world.identity.token_for(self._client_id)
        return self._chain.pump.call(method, f"/v1{path}", body, token=token)


class Chain:
    """A context manager: the pump, the world and the demo's data.

    Receipts are brought by the test itself, one after the other, so that nothing depends on a thread's timing.
    """

    def __init__(self, variant: str = "ond") -> None:
        self.data = demo_data.read()
        self.variant = variant
        self.world = World(
            clients=[aansluiting.identity_client() for aansluiting in self.data.aansluitingen],
            audience=AUDIENCE,
            templates=TEMPLATES,
            callback_token=CALLBACK_TOKEN,
            receipt_delay=0,
        )
        self._receipted: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.world.start()
        try:
            parameters = stack_parameters(
                variant=self.variant, issuer=self.world.identity.issuer, world_url=self.world.base_url
            )
            self.pump = Pump(parameters, variant=self.variant)
            self.pump.__enter__()
        except BaseException:
            self.world.stop()
            raise
        demo_data.load(
            self.data,
            self.pump,
            world_url=self.world.base_url,
            api_key=self.world.notifynl.api_key,
            callback_token=CALLBACK_TOKEN,
        )
        providers = {
            aansluiting.client.id: PumpProvider(self, aansluiting.client.id) for aansluiting in self.data.aansluitingen
        }
        self.cases = Cases(self.data, self.variant, self.world, providers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pump.__exit__(kind, fault, trace)
        self.world.stop()

    @property
    def gemeente(self) -> PumpProvider:
        """The service provider of most cases."""
        return PumpProvider(self, "gemeente-voorbeeld")

    def settle(self) -> None:
        """Work everything that can be worked now, receipts included."""
        self.pump.drain()
        while self.bring_receipts():
            self.pump.drain()

    def bring_receipts(self) -> int:
        """Bring each receipt that was not taken yet; gives how many were."""
        taken = 0
        for message in self._final_messages():
            submission = message.submission
            if self._receipted[message.id] or submission.type == "letter":
                continue
            if outcome_for(submission.type, submission.recipient).receipt:
                headers = {"Authorization": f"Bearer {CALLBACK_TOKEN}"}
                answer = self.pump.call("POST", "/v1/ontvangst/notifynl", receipt(message), headers=headers)
                if answer.status == 204:
                    self._receipted[message.id] += 1
                    taken += 1
        return taken

    def _final_messages(self) -> list[Message]:
        """The messages at NotifyNL, when each has come to its end there, which takes no time worth speaking of."""
        for _ in range(1_000_000):
            messages = self.world.notifynl.messages()
            if not any(message.progress in (CREATED, SENDING) for message in messages):
                return list(reversed(messages))
        raise AssertionError("NotifyNL does not come to rest")

    def run_until_ended(self, notificatie_ids: list[str]) -> None:
        """Let time pass until each has ended, and its webhook has been told."""
        self.pump.run_until(lambda: self._ended(notificatie_ids), limit_seconds=3600, step=STEP_SECONDS)

    def run_until_quiet(self) -> None:
        """Let time pass until no message is left anywhere."""

        def quiet() -> bool:
            self.settle()
            return not self.pump.queue_depths()

        self.pump.run_until(quiet, limit_seconds=3600, step=STEP_SECONDS)

    def _ended(self, notificatie_ids: list[str]) -> bool:
        self.settle()
        told = {
            event["subject"]
            for name in ("gemeente-voorbeeld", "dienst-wegverkeer")
            for event in self.world.receiver.events(name)
            if event["data"]["aflevering"] in ENDED
        }
        return told >= set(notificatie_ids)
