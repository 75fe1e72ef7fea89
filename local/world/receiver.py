"""The webhooks of demo service providers: they take CloudEvents, check them, and show what arrived."""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Response, jsonify, render_template, request

from local.world.pages import new_app

Event = dict[str, Any]

BATCH = "application/cloudevents-batch+json"
SINGLE = "application/cloudevents+json"

MAX_RECEIVERS = 50
MAX_EVENTS_PER_RECEIVER = 2_000


def _text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _timestamp(value: object) -> bool:
    """An RFC 3339 moment: date, time and offset."""
    if not isinstance(value, str) or "T" not in value.upper():
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


# CloudEvents 1.0.2, "Required attributes", and the optional ones with a form of their own.
REQUIRED: dict[str, Callable[[object], bool]] = {
    "specversion": lambda value: value == "1.0",
    "id": _text,
    "source": _text,
    "type": _text,
}
OPTIONAL: dict[str, Callable[[object], bool]] = {
    "subject": _text,
    "time": _timestamp,
    "datacontenttype": _text,
    "dataschema": _text,
}
# "Naming conventions": lower-case letters and digits. The two names for data are not attributes.
ATTRIBUTE_NAME = re.compile(r"[a-z0-9]+")
DATA_MEMBERS = {"data", "data_base64"}


class NotAccepted(Exception):
    """A delivery the receiver turns down."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass
class Inbox:
    """What one receiver got: each event once, in order of arrival, and how often each arrived."""

    events: OrderedDict[tuple[str, str], Event] = field(default_factory=OrderedDict)
    arrivals: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Keep the event; `source` and `id` together say whether it came before (CloudEvents, "id")."""
        key = (event["source"], event["id"])
        self.events.setdefault(key, event)
        self.arrivals[key] = self.arrivals.get(key, 0) + 1
        if len(self.events) > MAX_EVENTS_PER_RECEIVER:
            oldest, _ = self.events.popitem(last=False)
            del self.arrivals[oldest]

    @property
    def duplicates(self) -> int:
        """Arrivals of an event that had already come."""
        return sum(self.arrivals.values()) - len(self.arrivals)


class Receiver:
    """All demo receivers; one comes into being with its first delivery."""

    def __init__(self) -> None:
        self._inboxes: OrderedDict[str, Inbox] = OrderedDict()
        self._failures_left = 0
        self._lock = threading.Lock()
        self.app = new_app("ontvanger")
        self.app.add_url_rule("/", "page", self._page)
        self.app.add_url_rule("/<naam>", "list", self._list)
        self.app.add_url_rule("/<naam>", "receive", self._receive, methods=["POST"])
        self.app.register_error_handler(NotAccepted, _problem)

    def fail_next(self, count: int) -> None:
        """Answer the next `count` deliveries, to whichever receiver, with 503 and keep nothing of them."""
        with self._lock:
            self._failures_left = count

    def events(self, naam: str) -> list[Event]:
        """Each event once, in order of first arrival."""
        with self._lock:
            return list(self._inbox(naam).events.values())

    def duplicates(self, naam: str) -> int:
        """How many arrivals repeated an earlier event."""
        with self._lock:
            return self._inbox(naam).duplicates

    def arrivals(self, naam: str, *, source: str, id: str) -> int:
        """How often this one event arrived."""
        with self._lock:
            return self._inbox(naam).arrivals.get((source, id), 0)

    def _inbox(self, naam: str) -> Inbox:
        return self._inboxes.get(naam, Inbox())

    def _receive(self, naam: str) -> Response:
        if self._must_fail():
            raise NotAccepted(503, "switched to fail")
        events = _events_in_request()
        with self._lock:
            self._add(naam, events)
        return Response(status=204)

    def _must_fail(self) -> bool:
        with self._lock:
            failing = self._failures_left > 0
            self._failures_left -= failing
            return failing

    def _add(self, naam: str, events: list[Event]) -> None:
        inbox = self._inboxes.setdefault(naam, Inbox())
        for event in events:
            inbox.add(event)
        if len(self._inboxes) > MAX_RECEIVERS:
            self._inboxes.popitem(last=False)

    def _list(self, naam: str) -> Response:
        return jsonify(self.events(naam))

    def _page(self) -> str:
        with self._lock:
            receivers = [
                {"naam": naam, "dubbel": inbox.duplicates, "events": _for_page(inbox)}
                for naam, inbox in sorted(self._inboxes.items())
            ]
        return render_template("ontvanger.html", receivers=receivers)


def _for_page(inbox: Inbox) -> list[dict[str, object]]:
    return [
        {
            "event": event,
            "keren": inbox.arrivals[key],
            "data": json.dumps(event.get("data"), indent=2, ensure_ascii=False),
        }
        for key, event in reversed(inbox.events.items())
    ][:100]


def _events_in_request() -> list[Event]:
    """The events of a delivery, whole or not at all: one bad event refuses the batch."""
    if request.mimetype not in (BATCH, SINGLE):
        raise NotAccepted(415, f"send {BATCH} or {SINGLE}")
    body = _json_body()
    if request.mimetype == SINGLE:
        body = [body]
    if not isinstance(body, list):
        raise NotAccepted(400, "a batch is a JSON array")
    faults = [f"event {index}: {fault}" for index, event in enumerate(body) for fault in event_faults(event)]
    if faults:
        raise NotAccepted(400, "; ".join(faults))
    return body


def _json_body() -> Any:
    try:
        return json.loads(request.get_data())
    except ValueError:
        raise NotAccepted(400, "the body is not JSON") from None


def event_faults(event: object) -> Iterator[str]:
    """What keeps a value from being a CloudEvent in JSON; nothing when it is one."""
    if not isinstance(event, dict):
        yield "is not a JSON object"
        return
    yield from (f"{name} is missing" for name in REQUIRED if name not in event)
    yield from (f"{name} is not valid" for name, holds in REQUIRED.items() if name in event and not holds(event[name]))
    yield from (f"{name} is not valid" for name, holds in OPTIONAL.items() if name in event and not holds(event[name]))
    attributes = (name for name in event if name not in DATA_MEMBERS)
    yield from (f"{name} is not an attribute name" for name in attributes if not ATTRIBUTE_NAME.fullmatch(name))
    if event.keys() >= DATA_MEMBERS:
        yield "has both data and data_base64"


def _problem(refused: NotAccepted) -> Response:
    """The refusal as RFC 9457 problem details."""
    response = jsonify(type="about:blank", status=refused.status, detail=refused.detail)
    response.status_code = refused.status
    response.mimetype = "application/problem+json"
    return response
