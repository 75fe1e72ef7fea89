"""The queues of moto: looked into without receiving, and meddled with."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from moto.core.utils import unix_time_millis
from moto.sqs import models


@dataclass(frozen=True)
class Message:
    """A message in a queue, as nobody on AWS could see it without receiving it."""

    id: str
    body: str
    receive_count: int
    group: str | None
    receivable_from: datetime

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def _receivable_from_ms(message: models.Message) -> float:
    return max(message.visible_at, message.delayed_until)


@contextmanager
def visible_on_time() -> Iterator[None]:
    """moto shows a message only *after* its visibility timeout, never at that very moment.

    On a clock that stands still, a message handed back with a timeout of zero would stay hidden.
    """

    def reached(milliseconds: float) -> bool:
        # Half a millisecond: moto computes in floating point.
        return bool(unix_time_millis() >= milliseconds - 0.5)

    visible = property(lambda message: reached(message.visible_at))
    delayed = property(lambda message: not reached(message.delayed_until))
    with mock.patch.object(models.Message, "visible", visible), mock.patch.object(models.Message, "delayed", delayed):
        yield


class Queue:
    """One queue of moto."""

    def __init__(self, account: str, region: str, name: str) -> None:
        self._queue: models.Queue = models.sqs_backends[account][region].queues[name]

    def messages(self) -> list[Message]:
        """All that is in it: waiting, delayed or received and not deleted."""
        return [
            Message(
                id=message.id,
                body=message.body,
                receive_count=message.approximate_receive_count,
                group=message.group_id,
                receivable_from=datetime.fromtimestamp(_receivable_from_ms(message) / 1000, UTC),
            )
            for message in self._queue._messages
        ]

    def receivable(self) -> bool:
        """Whether a receive now would move something: out, or to the dead-letter queue."""
        return bool(self._queue.messages)

    def arrange(self, arrange: Any) -> None:
        """Put the messages in another order; ``arrange`` works on the list itself, as ``random.shuffle`` does."""
        arrange(self._queue._messages)

    def delay(self, message_id: str, seconds: float) -> None:
        """Keep a message back from now on."""
        self._found(message_id).visible_at = unix_time_millis() + seconds * 1000

    def repeat(self, message_id: str) -> None:
        """Deliver a message once more: SQS promises at least once, so a second copy with the same id may come."""
        again = copy.deepcopy(self._found(message_id))
        again.receipt_handle, again._old_receipt_handles = None, []
        again.visible_at = again.delayed_until = 0.0
        self._queue._messages.append(again)

    def _found(self, message_id: str) -> models.Message:
        return next(message for message in self._queue._messages if message.id == message_id)
