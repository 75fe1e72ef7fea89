"""Delivery receipts: telling the service what became of an e-mail or an SMS."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import requests

from local.world.courier import Courier
from local.world.postbox import Message
from local.world.timestamps import timestamp

ReceiptsUrl = str | Callable[[], str | None] | None

TIMEOUT_SECONDS = 5.0
MAX_ATTEMPTS = 5
PAUSE_SECONDS = 0.2
LOG_SIZE = 2_000


@dataclass(frozen=True)
class Attempt:
    """One push of a receipt; `answer` is the HTTP status, or None when there was no answer."""

    message_id: str
    status: str
    answer: int | None

    @property
    def taken(self) -> bool:
        """Whether the service acknowledged it."""
        return self.answer is not None and 200 <= self.answer < 300


class Receipts:
    """Pushes receipts to one address with one bearer token, and again when that fails."""

    def __init__(self, *, courier: Courier, url: ReceiptsUrl, token: str, retry_refused: bool) -> None:
        """`retry_refused` also repeats after a 4xx; the real service repeats only after 429, 5xx and no answer."""
        self.url = url
        self.token = token
        self.retry_refused = retry_refused
        self.log: deque[Attempt] = deque(maxlen=LOG_SIZE)
        self._courier = courier

    def push(self, message: Message, nth: int = 1) -> None:
        """Send the receipt, if there is an address to send it to; a failed push comes back after a pause."""
        url = self.url() if callable(self.url) else self.url
        if not url:
            return
        attempt = Attempt(message.id, message.status, self._post(url, message))
        self.log.append(attempt)
        if nth < MAX_ATTEMPTS and self._worth_repeating(attempt):
            self._courier.after(PAUSE_SECONDS * nth, lambda: self.push(message, nth + 1))

    def _post(self, url: str, message: Message) -> int | None:
        with requests.Session() as session:
            session.trust_env = False  # a proxy from the environment has no business on loopback
            try:
                return session.post(
                    url,
                    json=receipt(message),
                    headers={"Authorization": f"Bearer {self.token}"},
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                ).status_code
            except requests.RequestException:
                return None

    def _worth_repeating(self, attempt: Attempt) -> bool:
        final_in_reality = attempt.answer is not None and attempt.answer != 429 and attempt.answer < 500
        return not attempt.taken and (self.retry_refused or not final_in_reality)


def receipt(message: Message) -> dict[str, object]:
    """The body of a receipt, as the callback documentation of the real service has it."""
    submission = message.submission
    return {
        "id": message.id,
        "reference": submission.reference,
        "to": submission.recipient,
        "status": message.status,
        "created_at": timestamp(message.created_at),
        "completed_at": timestamp(message.completed_at),
        "sent_at": timestamp(message.sent_at),
        "notification_type": submission.type,
        "template_id": submission.template_id,
        "template_version": 1,
    }
