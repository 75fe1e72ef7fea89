"""Queues in and out: batches in with partial failures, batches out, and what to do with a message that fails."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from ond.log import fault, logger

M = TypeVar("M", bound=BaseModel)
C = TypeVar("C")


class Uitgesteld(Exception):
    """Not now: the message comes back after ``seconds``, twice as long with every delivery if it ``groeit``.

    Nothing is wrong with the message.
    """

    #: Grown delays stop here.
    HOOGSTENS = 900

    def __init__(self, seconds: float, *, groeit: bool = False) -> None:
        super().__init__(f"again after {seconds:.0f} s")
        self.seconds = seconds
        self.groeit = groeit

    def delay(self, receive_count: int) -> float:
        """How long, at this delivery; a tenth of jitter keeps messages from coming back all at once."""
        if not self.groeit:
            return self.seconds
        grown = min(self.seconds * 2 ** min(receive_count - 1, 20), self.HOOGSTENS)
        return float(grown * random.uniform(0.9, 1.1))  # noqa: S311 - not a secret


@dataclass(frozen=True)
class Delivery(Generic[M]):
    """One received message, and how often it has been received."""

    body: M
    receive_count: int


@dataclass(frozen=True)
class Outgoing:
    """A message to send; ``group`` is the service provider, so that fair queues keep one from starving another."""

    queue_url: str
    body: BaseModel
    group: str


def consume(
    event: dict[str, Any],
    sqs: Any,
    model: type[M],
    *,
    prepare: Callable[[Sequence[M]], C],
    handle: Callable[[Delivery[M], C], Iterable[Outgoing]],
) -> dict[str, Any]:
    """Work through a batch from a queue and report which messages failed (partial batch response).

    ``prepare`` reads for the whole batch at once; ``handle`` works one message and gives what must be sent. A message
    counts as done only after all it led to was sent. What fails comes back by itself: a message that says
    ``Uitgesteld`` after that time, a poison message at once (so that it soon ends in the dead-letter queue), any
    other after the queue's visibility timeout.
    """
    failed: list[str] = []
    outbox: list[tuple[str, Outgoing]] = []
    deliveries: list[tuple[dict[str, Any], Delivery[M]]] = []

    def give_back(record: dict[str, Any], error: Exception) -> None:
        failed.append(record["messageId"])
        _give_back(sqs, record, error)

    for record in event["Records"]:
        try:
            deliveries.append((record, Delivery(model.model_validate_json(record["body"]), _receive_count(record))))
        except ValidationError as error:
            give_back(record, error)
    try:
        context = prepare([delivery.body for _, delivery in deliveries]) if deliveries else None
    except Exception as error:  # noqa: BLE001 - whatever it was, the whole batch comes back
        for record, _ in deliveries:
            give_back(record, error)
        deliveries = []
    for record, delivery in deliveries:
        try:
            outbox += [(record["messageId"], outgoing) for outgoing in handle(delivery, cast("C", context))]
        except Exception as error:  # noqa: BLE001 - one message's defect must not take its batch mates along
            give_back(record, error)
    failed += _flush(sqs, outbox)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in dict.fromkeys(failed)]}


def send(sqs: Any, messages: Iterable[Outgoing]) -> None:
    """Send everything, in batches of ten.

    Raises:
        RuntimeError: the queue did not take all of it; sending all again is safe, since consumers drop repeats.
    """
    if _flush(sqs, [("", outgoing) for outgoing in messages]):
        raise RuntimeError("the queue did not take every message")


def _flush(sqs: Any, outbox: Sequence[tuple[str, Outgoing]]) -> list[str]:
    """Send, the same message to the same queue only once; gives the sources whose messages were not taken."""
    failed: list[str] = []
    by_queue: dict[str, dict[tuple[str, str], list[str]]] = {}
    for source, outgoing in outbox:
        body = outgoing.body.model_dump_json(exclude_none=True)
        by_queue.setdefault(outgoing.queue_url, {}).setdefault((body, outgoing.group), []).append(source)
    for queue_url, messages in by_queue.items():
        entries = list(messages.items())
        for start in range(0, len(entries), 10):
            chunk = entries[start : start + 10]
            for position in _send_batch(sqs, queue_url, [message for message, _ in chunk]):
                failed += chunk[position][1]
    return failed


def _send_batch(sqs: Any, queue_url: str, messages: Sequence[tuple[str, str]]) -> list[int]:
    """Send up to ten (body, group); gives the positions of those that were not taken."""
    try:
        answer = sqs.send_message_batch(
            QueueUrl=queue_url,
            Entries=[
                {"Id": str(position), "MessageBody": body, "MessageGroupId": group}
                for position, (body, group) in enumerate(messages)
            ],
        )
    except Exception as error:  # noqa: BLE001 - whatever it was, the sources are tried again
        logger.error("send failed", queue=queue_url.rsplit("/", 1)[-1], **fault(error))
        return list(range(len(messages)))
    return [int(entry["Id"]) for entry in answer.get("Failed", [])]


def _give_back(sqs: Any, record: dict[str, Any], error: Exception) -> None:
    """Say when a failed message may come back; without a word it does after the queue's visibility timeout."""
    _, _, _, _, account, name = record["eventSourceARN"].split(":")
    if isinstance(error, Uitgesteld):
        seconds = error.delay(_receive_count(record))
    else:
        logger.error("message failed", queue=name, message_id=record["messageId"], **fault(error))
        if not isinstance(error, ValidationError):
            return
        seconds = 0
    try:
        sqs.change_message_visibility(
            QueueUrl=f"{sqs.meta.endpoint_url}/{account}/{name}",
            ReceiptHandle=record["receiptHandle"],
            # SQS holds a message for twelve hours in all, counted from its receipt.
            VisibilityTimeout=max(0, min(round(seconds), 11 * 3600)),
        )
    except Exception as refusal:  # noqa: BLE001 - only the moment of return is lost
        logger.warning("visibility not changed", queue=name, message_id=record["messageId"], **fault(refusal))


def _receive_count(record: dict[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])
