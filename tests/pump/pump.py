"""The pump itself: makes the stack, and moves it one step at a time."""

import itertools
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest import mock

import boto3
import botocore.loaders
import botocore.session
from boto3.dynamodb.types import Binary, TypeDeserializer
from moto import mock_aws

from local.resolve import Resolved, Surroundings
from local.template import ROOT
from tests.pump import events, stack, wiring
from tests.pump.calls import Call
from tests.pump.chance import repeatable
from tests.pump.clock import Clock
from tests.pump.functions import Failure, Functions
from tests.pump.gateway import Gateway, Request, Response, query_of
from tests.pump.outcome import Outcome
from tests.pump.queues import Message, Queue, visible_on_time

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

#: AWS's descriptions of its services, read from disk once for all pumps.
_LOADER = botocore.loaders.create_loader()


class NotAtRest(AssertionError):
    """The queues were still moving after as many steps as were allowed."""


class NotReached(AssertionError):
    """What was waited for did not come about in time."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """Who goes first. As the template and the queue have it, unless told otherwise."""

    #: Which of these queues (logical ids) delivers next.
    queue: Callable[[Sequence[str]], str] = lambda queues: queues[0]
    #: Puts a queue's messages, a list, in the order in which they are received.
    messages: Callable[[list[Any]], None] = lambda _messages: None
    #: How many messages, at most the batch size, one delivery takes.
    size: Callable[[int], int] = lambda batch_size: batch_size

    @classmethod
    def by_chance(cls, chance: random.Random) -> Self:
        """Any queue, any order, any batch size; the same seed gives the same run."""
        return cls(queue=chance.choice, messages=chance.shuffle, size=lambda most: chance.randint(1, most))


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One batch, as it went. Without messages nothing was received (at most moved to the dead-letter queue)."""

    queue: str
    function: str
    messages: tuple[str, ...] = ()  # ids
    failed: frozenset[str] = frozenset()  # left in the queue because the function said so, or failed
    outcome: Outcome | None = None


class Pump:
    """The template, running. A context manager; one at a time, and all calls from the thread that made it.

    ``root`` holds template.yaml and the code; ``parameters`` come over the variant and the examples. ``secrets`` are
    values by logical id, for what would otherwise be generated.
    """

    def __init__(
        self,
        parameters: Mapping[str, str] | None = None,
        *,
        variant: str = "ond",
        root: Path = ROOT,
        template: Path | None = None,
        secrets: Mapping[str, str] | None = None,
        start: datetime = START,
        order: Order | None = None,
        seed: int = 0,
    ) -> None:
        path = template or root / "template.yaml"
        changed = path.stat().st_mtime_ns
        self.surroundings = Surroundings()
        self._source = stack.load_template(path, changed)
        self._parameters = stack.parameters_for(self._source, parameters or {}, variant)
        translated = stack.translated(path, changed, tuple(sorted(self._parameters.items())), self.surroundings.region)
        self._translated = translated
        self._root = root
        self._given_secrets = dict(secrets or {})
        self._seed = seed
        self._numbers = itertools.count(1)
        self._exit = ExitStack()
        self._clients: dict[str, Any] = {}
        self.clock = Clock(start)
        self.order = order or Order()
        self._functions = Functions(clock=self.clock, region=self.surroundings.region, new_id=self._new_id)
        #: What sees every AWS call of a function; may raise ``Crash`` or an error of its own.
        self.on_call: list[Callable[[Call], None]] = self._functions.calls.hooks
        #: Queues (logical ids) that ``step`` leaves alone.
        self.paused: set[str] = set()
        #: Every function that raised, timed out or crashed, in order.
        self.failures: list[Failure] = self._functions.failures
        #: Invocations and cold starts per function.
        self.invocations: Counter[str] = self._functions.invocations
        self.cold_starts: Counter[str] = self._functions.cold_starts

    # ------------------------------------------------------------ start and stop

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self._start(starting)
            self._exit = starting.pop_all()
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        self._clients.clear()
        self._exit.close()

    def _start(self, starting: ExitStack) -> None:
        region = self.surroundings.region
        starting.enter_context(
            mock.patch.dict(
                os.environ,
                {
                    "AWS_DEFAULT_REGION": region,
                    "AWS_REGION": region,
                    "AWS_CONFIG_FILE": os.devnull,
                    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                },
            )
        )
        os.environ.pop("AWS_PROFILE", None)
        starting.enter_context(repeatable(self._seed))
        self.clock.start()
        starting.callback(self.clock.stop)
        starting.enter_context(mock_aws())
        boto3.setup_default_session(botocore_session=_session())
        starting.enter_context(visible_on_time())
        self._wire(stack.make(self._translated, self._parameters, self.surroundings, self.client))
        for logical_id, value in self._given_secrets.items():
            self.set_secret(logical_id, value)
        starting.enter_context(self._functions.calls.intercepted())

    def _wire(self, resolved: Resolved) -> None:
        """Connect what the resolved template connects, in the order of its source."""
        place = {name: index for index, name in enumerate(self._source["Resources"])}

        def ids(type_: str) -> dict[str, str]:
            return {
                name: resolved.resources[name].ref for name in sorted(resolved.of_type(type_), key=place.__getitem__)
            }

        self.resolved = resolved
        #: Physical ids by logical id, in the template's order: names, URLs (queues), ids (keys) and ARNs (secrets).
        self.functions: Mapping[str, str] = ids("AWS::Lambda::Function")
        self.queues: Mapping[str, str] = ids("AWS::SQS::Queue")
        self.tables: Mapping[str, str] = ids("AWS::DynamoDB::Table")
        self.keys: Mapping[str, str] = ids("AWS::KMS::Key")
        self.secrets: Mapping[str, str] = ids("AWS::SecretsManager::Secret")
        self._functions.specs = wiring.functions(resolved, self._root)
        account, region = self.surroundings.account, self.surroundings.region
        self._queues = {
            name: Queue(account, region, resolved.resources[name].attributes["QueueName"]) for name in self.queues
        }
        sources = wiring.event_sources(resolved)
        self._sources = {name: sources[name] for name in self._queues if name in sources}
        self._dead_letter_queues = wiring.dead_letter_queues(resolved)
        self._schedules = sorted(wiring.schedules(resolved), key=lambda schedule: place[schedule.function])
        self._gateway = None
        if resolved.of_type("AWS::ApiGateway::RestApi"):
            self._gateway = Gateway(resolved, self.surroundings, invoke=self._invoke_arn, now=self.clock.now)

    def _invoke_arn(self, arn: str, event: Any) -> Outcome:
        function = self._functions.named(arn)
        assert function, f"the template has no function {arn}"
        return self.invoke(function, event)

    # ------------------------------------------------------------ time

    @property
    def now(self) -> datetime:
        """The pump's time, in UTC."""
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Let time pass; nothing runs by itself."""
        self.clock.advance(seconds)

    # ------------------------------------------------------------ functions

    def function_environment(self, function: str) -> dict[str, str]:
        """The environment variables that the template gives a function."""
        return dict(self._functions.specs[function].environment)

    def invoke(self, function: str, event: Any) -> Outcome:
        """Run a function (logical id) on an event: by an idle instance, else after a cold start."""
        return self._functions.invoke(function, event)

    def kill(self, function: str | None = None) -> None:
        """End a function's idle instances, or everybody's: the next invocation is a cold start."""
        self._functions.kill(function)

    # ------------------------------------------------------------ queues

    def deliver(self, queue: str, *, size: int | None = None, keep: bool = False) -> Delivery:
        """One batch from a queue (logical id) to its function, as the event source mapping does.

        What succeeded is deleted, unless ``keep``: then the deletion is lost and all come back after the visibility
        timeout, as SQS allows. What failed stays, until the visibility timeout or as the function has set it.
        """
        source = self._sources[queue]
        self._queues[queue].arrange(self.order.messages)
        received = self._receive(queue, min(size or self.order.size(source.batch_size), source.batch_size))
        if not received:
            return Delivery(queue=queue, function=source.function)
        arn = self.resolved.resources[queue].arn
        outcome = self.invoke(source.function, events.sqs(received, arn=arn, region=self.surroundings.region))
        ids = tuple(message["MessageId"] for message in received)
        failed = source.failed(outcome, ids)
        if not keep:
            self._delete(queue, [message for message in received if message["MessageId"] not in failed])
        return Delivery(queue=queue, function=source.function, messages=ids, failed=failed, outcome=outcome)

    def _receive(self, queue: str, size: int) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = []
        while len(received) < size:
            answer = self.client("sqs").receive_message(
                QueueUrl=self.queues[queue],
                MaxNumberOfMessages=min(10, size - len(received)),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=0,
            )
            if not answer.get("Messages"):
                break
            received += answer["Messages"]
        return received

    def _delete(self, queue: str, messages: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(messages), 10):
            entries = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                for index, message in enumerate(messages[start : start + 10])
            ]
            self.client("sqs").delete_message_batch(QueueUrl=self.queues[queue], Entries=entries)

    def step(self) -> Delivery | None:
        """Deliver one batch from a queue that has something to deliver; None where all is at rest for now."""
        ready = [name for name in self._sources if name not in self.paused and self._queues[name].receivable()]
        return self.deliver(self.order.queue(ready)) if ready else None

    def drain(self, *, max_steps: int = 1000) -> int:
        """Step until nothing can be received at this moment; gives the number of steps.

        Raises:
            NotAtRest: it goes on and on.
        """
        for steps in range(max_steps):
            if self.step() is None:
                return steps
        raise NotAtRest(f"still moving after {max_steps} steps: {self.queue_depths()}")

    def tick(self) -> None:
        """Run every schedule once, in the template's order. What a function raises stands in ``failures``."""
        for schedule in self._schedules:
            event = events.scheduled(
                rule_arn=schedule.arn,
                event_id=self._new_id(),
                now=self.now,
                account=self.surroundings.account,
                region=self.surroundings.region,
            )
            self.invoke(schedule.function, event)

    def run_until(self, predicate: Callable[[], object], *, limit_seconds: float, step: float = 60) -> None:
        """Let the system run until ``predicate`` holds: work what is due, else go to the next moment at which
        something is due. Schedules run at once and then every ``step`` seconds.

        Raises:
            NotReached: it did not hold within ``limit_seconds`` of the pump's time.
            NotAtRest: the queues do not come to rest.
        """
        end = self.now + timedelta(seconds=limit_seconds)
        next_tick = self.now
        while True:
            self.drain()
            if predicate():
                return
            if self.now >= next_tick:
                self.tick()
                next_tick = self.now + timedelta(seconds=step)
                continue
            moment = min([next_tick, *self._due_later()])
            if moment > end:
                raise NotReached(f"not within {limit_seconds} s; in the queues: {self.queue_depths()}")
            self.advance((moment - self.now).total_seconds())

    def _due_later(self) -> list[datetime]:
        """When messages that are held back now can be received, in queues that somebody reads."""
        return [
            message.receivable_from
            for name in self._sources
            if name not in self.paused
            for message in self._queues[name].messages()
            if message.receivable_from > self.now
        ]

    def queue_depths(self) -> dict[str, int]:
        """How many messages are in each queue that is not empty, dead-letter queues included."""
        depths = {name: len(queue.messages()) for name, queue in self._queues.items()}
        return {name: depth for name, depth in depths.items() if depth}

    def messages(self, queue: str) -> list[Message]:
        """All in a queue, without receiving them."""
        return self._queues[queue].messages()

    def dead_letters(self) -> dict[str, list[Message]]:
        """What ended in dead-letter queues; empty when all is well."""
        return {name: found for name in self._dead_letter_queues if (found := self._queues[name].messages())}

    def send(self, queue: str, body: Any, *, group: str | None = None, delay: int = 0) -> str:
        """Put a message in a queue; what is not text becomes JSON. Gives its id."""
        text = body if isinstance(body, str) else json.dumps(body)
        grouped = {"MessageGroupId": group} if group else {}
        sent = self.client("sqs").send_message(
            QueueUrl=self.queues[queue], MessageBody=text, DelaySeconds=delay, **grouped
        )
        return str(sent["MessageId"])

    def delay_message(self, queue: str, message_id: str, seconds: float) -> None:
        """Keep a message back from now on."""
        self._queues[queue].delay(message_id, seconds)

    def repeat_message(self, queue: str, message_id: str) -> None:
        """Have SQS deliver a message once more than needed (at-least-once)."""
        self._queues[queue].repeat(message_id)

    # ------------------------------------------------------------ the API

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        query: Mapping[str, str | Sequence[str]] | None = None,
    ) -> Response:
        """One request to the API, ``path`` without the stage. A body that is not text goes as JSON."""
        assert self._gateway is not None, "the template has no API"
        bare, values = query_of(path, query)
        as_json = body is not None and not isinstance(body, str)
        request = Request(
            method=method,
            path=bare,
            query=values,
            headers={
                **({"Content-Type": "application/json"} if as_json else {}),
                **({"Authorization": f"Bearer {token}"} if token is not None else {}),
                **(headers or {}),
            },
            body=json.dumps(body) if as_json else body,
            request_id=self._new_id(),
        )
        return self._gateway.handle(request)

    # ------------------------------------------------------------ what is stored

    def client(self, service: str) -> Any:
        """A boto3 client of the test's own; its calls are nobody's."""
        if service not in self._clients:
            self._clients[service] = boto3.client(service, region_name=self.surroundings.region)
        return self._clients[service]

    def scan(self, table: str) -> list[dict[str, Any]]:
        """All items of a table (logical id) as plain values."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.tables[table])
        deserializer = TypeDeserializer()
        return [
            {name: _plain(deserializer.deserialize(value)) for name, value in item.items()}
            for page in pages
            for item in page["Items"]
        ]

    def secret(self, secret: str) -> str:
        """The value of a secret (logical id)."""
        return str(self.client("secretsmanager").get_secret_value(SecretId=self.secrets[secret])["SecretString"])

    def set_secret(self, secret: str, value: str) -> None:
        """Give a secret another value; functions may remember the old one for a while."""
        self.client("secretsmanager").put_secret_value(SecretId=self.secrets[secret], SecretString=value)

    def _new_id(self) -> str:
        """Looks random, but is the same in every run."""
        return f"00000000-0000-4000-8000-{next(self._numbers):012x}"


def _session() -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", _LOADER)
    return session


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Binary():
            return bytes(value.value)
        case list():
            return [_plain(entry) for entry in value]
        case dict():
            return {name: _plain(entry) for name, entry in value.items()}
    return value
