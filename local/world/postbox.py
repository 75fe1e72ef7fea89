"""The messages NotifyNL accepted, newest last, and how far each has come."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from local.world.outcomes import DELIVERED, TEMPORARY_FAILURE
from local.world.submissions import Submission

CREATED = "created"
SENDING = "sending"
MAX_MESSAGES = 5_000

# Letters have words of their own, and no temporary failure: they are printed or they are not.
LETTER_STATUSES = {
    CREATED: "accepted",
    SENDING: "accepted",
    DELIVERED: "received",
    TEMPORARY_FAILURE: "technical-failure",
}


@dataclass(frozen=True, kw_only=True)
class Message:
    """An accepted message at one moment; moving on makes a new one."""

    submission: Submission
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    progress: str = CREATED
    sent_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def status(self) -> str:
        """The status as the API names it for this kind of message."""
        if self.submission.type == "letter":
            return LETTER_STATUSES.get(self.progress, self.progress)
        return self.progress

    def sending(self) -> "Message":
        """Handed to the carrier; a message that has already ended stays as it is."""
        if self.progress != CREATED:
            return self
        return replace(self, progress=SENDING, sent_at=datetime.now(UTC))

    def ended(self, status: str) -> "Message":
        """Arrived at its final status."""
        now = datetime.now(UTC)
        return replace(self, progress=status, sent_at=self.sent_at or now, completed_at=now)


class Postbox:
    """Keeps the last MAX_MESSAGES messages. Safe to use from several threads."""

    def __init__(self) -> None:
        self._messages: OrderedDict[str, Message] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, message: Message) -> None:
        """Keep an accepted message; the oldest is forgotten when there are too many."""
        with self._lock:
            self._messages[message.id] = message
            if len(self._messages) > MAX_MESSAGES:
                self._messages.popitem(last=False)

    def get(self, message_id: str) -> Message | None:
        """The message as it now is, or None when unknown or forgotten."""
        with self._lock:
            return self._messages.get(message_id)

    def advance(self, message_id: str, step: Callable[[Message], Message]) -> Message | None:
        """Move a message on and return it, or None when it was forgotten in the meantime."""
        with self._lock:
            message = self._messages.get(message_id)
            if message is None:
                return None
            self._messages[message_id] = step(message)
            return self._messages[message_id]

    def newest_first(self) -> list[Message]:
        """All messages kept."""
        with self._lock:
            return list(reversed(self._messages.values()))
