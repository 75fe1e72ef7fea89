"""Batches in with partial failures, batches out."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from io import StringIO
from typing import Any

import pytest
from moto.sqs.models import sqs_backends

from ond.berichten import NotificatieGewijzigd, StuurWijzigingen
from ond.queues import Delivery, Outgoing, Uitgesteld, consume, send

OIN, ANDERE_OIN = "00000099000000001000", "00000099000000002000"
VISIBILITY = 180


class Straat:
    """A queue in, a queue out, and a function between them."""

    def __init__(self, sqs: Any) -> None:
        self.sqs = sqs
        attributes = {"VisibilityTimeout": str(VISIBILITY)}
        self.url_in = sqs.create_queue(QueueName="in", Attributes=attributes)["QueueUrl"]
        self.url_uit = sqs.create_queue(QueueName="uit", Attributes=attributes)["QueueUrl"]

    def breng(self, *bodies: str) -> None:
        """Put bodies on the queue; a bare word is a good message about that notification."""
        for body in bodies:
            good = NotificatieGewijzigd(notificatie_id=body, oin=OIN).model_dump_json() if body.isalnum() else body
            self.sqs.send_message(QueueUrl=self.url_in, MessageBody=good, MessageGroupId="g")

    def batch(self) -> dict[str, Any]:
        """What is visible now, as a Lambda event."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url_in, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:in",
                }
                for message in answer.get("Messages", [])
            ]
        }

    def werk(
        self,
        handle: Callable[[Delivery[NotificatieGewijzigd]], Iterable[Outgoing]],
        *,
        prepare: Callable[[Sequence[NotificatieGewijzigd]], Any] = lambda _messages: None,
        event: dict[str, Any] | None = None,
    ) -> set[str]:
        """Work through what is visible; the bodies of what failed. What did not fail is deleted, as Lambda does."""
        batch = self.batch() if event is None else event
        answer = consume(
            batch, self.sqs, NotificatieGewijzigd, prepare=prepare, handle=lambda delivery, _: handle(delivery)
        )
        failed = {entry["itemIdentifier"] for entry in answer["batchItemFailures"]}
        assert len(failed) == len(answer["batchItemFailures"])
        for record in batch["Records"]:
            if record["messageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.url_in, ReceiptHandle=record["receiptHandle"])
        return {_name(record["body"]) for record in batch["Records"] if record["messageId"] in failed}

    def terug_over(self) -> dict[str, int]:
        """In how many whole seconds each message that is still there becomes visible again."""
        queue = sqs_backends["123456789012"]["eu-west-1"].queues["in"]
        now = time.time() * 1000
        return {_name(message.body): round((message.visible_at - now) / 1000) for message in queue._messages}

    def uit(self) -> list[str]:
        """What is on the queue out."""
        answer = self.sqs.receive_message(QueueUrl=self.url_uit, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    def bericht(self, oin: str = OIN) -> Outgoing:
        """Something to send."""
        return Outgoing(self.url_uit, StuurWijzigingen(oin=oin), oin)


def _name(body: str) -> str:
    return NotificatieGewijzigd.model_validate_json(body).notificatie_id if '"notificatie_id"' in body else body


@pytest.fixture
def straat(aws: Any) -> Straat:
    return Straat(aws("sqs"))


def niets(_delivery: Delivery[NotificatieGewijzigd]) -> Iterable[Outgoing]:
    return ()


def test_a_good_batch_is_done_and_what_it_led_to_is_sent(straat: Straat) -> None:
    straat.breng("a", "b")
    assert straat.werk(lambda _: [straat.bericht()]) == set()
    assert straat.terug_over() == {}
    assert straat.uit() == [StuurWijzigingen(oin=OIN).model_dump_json()]


@pytest.mark.parametrize("poison", ["{", "{}", "[]", '{"oin": "x"}', "\u00e9 geen json"])
def test_poison_comes_back_at_once_and_its_mates_succeed(straat: Straat, poison: str) -> None:
    straat.breng("a", poison, "b")
    seen: list[str] = []

    def note(delivery: Delivery[NotificatieGewijzigd]) -> Iterable[Outgoing]:
        seen.append(delivery.body.notificatie_id)
        return ()

    assert straat.werk(note) == {poison}
    assert sorted(seen) == ["a", "b"]
    assert [record["body"] for record in straat.batch()["Records"]] == [poison]


def test_a_batch_of_poison_only_needs_no_preparation(straat: Straat) -> None:
    straat.breng("{", "[")

    def never(_messages: object) -> None:
        pytest.fail("prepared for nothing")

    assert straat.werk(niets, prepare=never) == {"{", "["}


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, 0), (-5, 0), (42, 42), (901, 901), (39_000, 39_000), (40_000, 39_600)]
)
def test_a_postponed_message_comes_back_when_it_said(straat: Straat, seconds: float, expected: int) -> None:
    straat.breng("a")

    def later(_: object) -> Iterable[Outgoing]:
        raise Uitgesteld(seconds)

    assert straat.werk(later) == {"a"}
    assert straat.terug_over()["a"] == pytest.approx(expected, abs=3)


@pytest.mark.parametrize(("times", "expected"), [(1, 15), (2, 30), (4, 120), (7, 900), (50, 900), (5000, 900)])
def test_a_growing_delay_doubles_with_every_delivery_up_to_a_quarter_of_an_hour(times: int, expected: int) -> None:
    delays = [Uitgesteld(15, groeit=True).delay(times) for _ in range(50)]
    assert all(0.9 * expected <= delay <= 1.1 * expected for delay in delays)
    assert len(set(delays)) > 1


def test_a_growing_delay_goes_by_how_often_the_message_came(straat: Straat) -> None:
    straat.breng("a")

    def later(delivery: Delivery[NotificatieGewijzigd]) -> Iterable[Outgoing]:
        raise Uitgesteld(100, groeit=True)

    event = straat.batch()
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "3"
    straat.werk(later, event=event)
    assert 355 <= straat.terug_over()["a"] <= 445


def test_a_defect_of_one_message_spares_the_others(straat: Straat) -> None:
    straat.breng("a", "b", "c")

    def only_b(delivery: Delivery[NotificatieGewijzigd]) -> Iterable[Outgoing]:
        yield straat.bericht(ANDERE_OIN if delivery.body.notificatie_id == "b" else OIN)
        if delivery.body.notificatie_id == "b":
            raise KeyError("b")

    assert straat.werk(only_b) == {"b"}
    # What a failed message would have led to is not sent; it comes back after the queue's own time.
    assert straat.uit() == [StuurWijzigingen(oin=OIN).model_dump_json()]
    assert straat.terug_over()["b"] == pytest.approx(VISIBILITY, abs=3)


@pytest.mark.parametrize(("error", "seconds"), [(Uitgesteld(7), 7), (RuntimeError("x"), VISIBILITY)])
def test_the_whole_batch_comes_back_where_reading_for_it_fails(straat: Straat, error: Exception, seconds: int) -> None:
    straat.breng("a", "b", "{")

    def fail(_messages: object) -> None:
        raise error

    assert straat.werk(niets, prepare=fail) == {"a", "b", "{"}
    back = straat.terug_over()
    assert back["a"] == back["b"] == pytest.approx(seconds, abs=3)
    assert back["{"] == pytest.approx(0, abs=3)


def test_a_message_is_done_only_after_all_it_led_to_was_sent(straat: Straat, aws: Any) -> None:
    straat.breng("a", "b")

    def one_to_nowhere(delivery: Delivery[NotificatieGewijzigd]) -> Iterable[Outgoing]:
        yield straat.bericht()
        if delivery.body.notificatie_id == "a":
            yield Outgoing(f"{straat.url_uit}-weg", StuurWijzigingen(oin=OIN), OIN)

    assert straat.werk(one_to_nowhere) == {"a"}


def test_identical_messages_are_sent_once_and_fail_for_all_who_asked(straat: Straat) -> None:
    straat.breng("a", "b", "c")
    straat.werk(lambda _: [straat.bericht(), straat.bericht()])
    assert len(straat.uit()) == 1
    straat.breng("a", "b")
    nowhere = Outgoing(f"{straat.url_uit}-weg", StuurWijzigingen(oin=OIN), OIN)
    assert straat.werk(lambda _: [nowhere]) == {"a", "b"}


def test_the_group_of_a_message_is_the_service_provider(straat: Straat) -> None:
    send(straat.sqs, [straat.bericht()])
    [message] = straat.sqs.receive_message(QueueUrl=straat.url_uit, MessageSystemAttributeNames=["All"])["Messages"]
    assert message["Attributes"]["MessageGroupId"] == OIN


def test_many_messages_are_sent_in_tens(straat: Straat, calls: Counter[str]) -> None:
    send(
        straat.sqs,
        [Outgoing(straat.url_uit, NotificatieGewijzigd(notificatie_id=str(n), oin=OIN), OIN) for n in range(23)],
    )
    assert calls == {"SendMessageBatch": 3}
    assert len(straat.uit() + straat.uit() + straat.uit()) == 23


def test_a_queue_that_takes_not_everything_is_an_error(straat: Straat) -> None:
    class Half:
        """Takes all but the second."""

        def send_message_batch(self, **_: object) -> dict[str, Any]:
            return {"Failed": [{"Id": "1"}]}

    messages = [straat.bericht(OIN), straat.bericht(ANDERE_OIN)]
    with pytest.raises(RuntimeError, match="did not take"):
        send(Half(), messages)
    send(Half(), [])


def test_a_message_whose_return_cannot_be_set_still_fails(straat: Straat) -> None:
    straat.breng("a")

    def later(_: object) -> Iterable[Outgoing]:
        raise Uitgesteld(5)

    event = straat.batch()
    event["Records"][0]["eventSourceARN"] = "arn:aws:sqs:eu-west-1:123456789012:weg"
    assert straat.werk(later, event=event) == {"a"}


def test_nothing_of_a_message_or_an_error_is_logged(straat: Straat, log: StringIO) -> None:
    straat.breng("a", '{"bsn": "999990342"}')

    def quote(_: object) -> Iterable[Outgoing]:
        raise ValueError("999990342")

    assert len(straat.werk(quote)) == 2
    assert "999990342" not in log.getvalue()
    assert "ValueError" in log.getvalue()
