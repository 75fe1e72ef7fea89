"""The local NotifyNL: the send, status and receipt contract of GOV.UK Notify, and an inbox to look into.

A request is checked (`submissions`), its recipient decides its fate (`outcomes`), it is kept (`postbox`) and moves on
by itself (`courier`), after which the sender is told (`receipts`). As with the real service, sending twice with one
reference sends twice.
"""

import uuid
from collections.abc import Iterable, Mapping
from functools import partial

from flask import Response, jsonify, make_response, render_template, request, url_for

from local.world.api_keys import authorise, service_id
from local.world.bounded import BoundedCounter
from local.world.courier import Courier
from local.world.outcomes import OTHERWISE, OUTCOMES, Outcome, outcome_for
from local.world.pages import new_app
from local.world.postbox import LETTER_STATUSES, Message, Postbox
from local.world.receipts import Attempt, Receipts, ReceiptsUrl
from local.world.submissions import (
    ApiError,
    Submission,
    Template,
    bad_request,
    invalid,
    is_uuid,
    read_submission,
    unexpected_properties,
)
from local.world.timestamps import timestamp

PAGE_SIZE = 250
ON_PAGE = 200
MAX_COUNTED = 20_000

REFUSALS = {
    429: partial(
        ApiError,
        429,
        ("RateLimitError", "Exceeded rate limit for key type TEAM of 3000 requests per 60 seconds"),
        headers={"Retry-After": "1"},
    ),
    500: partial(ApiError, 500, ("InternalServerError", "Internal server error")),
}

FAILURES = ("permanent-failure", "temporary-failure", "technical-failure")
STATUSES = ("created", "sending", "delivered", "failed", *FAILURES, "accepted", "received")
TYPES = ("email", "sms", "letter")
LIST_PARAMETERS = ("reference", "status", "template_type", "older_than", "include_jobs")


class NotifyNL:
    """One service of the notification provider, with one API key."""

    def __init__(
        self,
        *,
        templates: Mapping[str, Template],
        callback_token: str,
        callback_url: ReceiptsUrl = None,
        receipt_delay: float = 0.3,
        api_key: str | None = None,
        page_size: int = PAGE_SIZE,
        retry_refused_receipts: bool = True,
    ) -> None:
        """`receipt_delay` is in seconds, from acceptance to the final status. An API key is made up unless given."""
        self.api_key = api_key or f"ond_lokaal-{uuid.uuid4()}-{uuid.uuid4()}"
        self.receipt_delay = receipt_delay
        self._templates = {str(uuid.UUID(id_)): Template(*template) for id_, template in templates.items()}
        self._page_size = page_size
        self._postbox = Postbox()
        self._courier = Courier()
        self._receipts = Receipts(
            courier=self._courier, url=callback_url, token=callback_token, retry_refused=retry_refused_receipts
        )
        self._requests = BoundedCounter(MAX_COUNTED)
        self._accepted = BoundedCounter(MAX_COUNTED)
        self._sends = BoundedCounter(MAX_COUNTED)
        self.app = new_app("notifynl")
        self._route()

    def start(self) -> None:
        """Begin moving messages on."""
        self._courier.start()

    def stop(self) -> None:
        """Stop moving messages on; receipts that wait are dropped."""
        self._courier.stop()

    @property
    def callback_url(self) -> ReceiptsUrl:
        """Where receipts go: an address, a function that gives one, or None for nowhere."""
        return self._receipts.url

    @callback_url.setter
    def callback_url(self, url: ReceiptsUrl) -> None:
        self._receipts.url = url

    def accepted_count(self, reference: str) -> int:
        """How often a message with this reference was accepted: more than once is a double message to someone."""
        return self._accepted[reference]

    def messages(self, reference: str | None = None) -> list[Message]:
        """The accepted messages, newest first."""
        return [m for m in self._postbox.newest_first() if reference in (None, m.submission.reference)]

    def receipt_attempts(self) -> list[Attempt]:
        """Every push of a receipt so far, oldest first."""
        return list(self._receipts.log)

    def push_receipt(self, message_id: str) -> None:
        """Push a receipt now, also a second time or where the outcome has none. Raises KeyError when unknown."""
        message = self._postbox.get(message_id)
        if message is None:
            raise KeyError(message_id)
        self._receipts.push(message)

    def _route(self) -> None:
        rule = self.app.add_url_rule
        rule("/v2/notifications/<any(email, sms, letter):type_>", "send", self._send, methods=["POST"])
        rule("/v2/notifications", "list", self._list)
        rule("/v2/notifications/<message_id>", "show", self._show)
        rule("/", "inbox", self._inbox)
        rule("/inbox.json", "inbox_json", self._inbox_json)
        self.app.register_error_handler(ApiError, _error_answer)

    # Sending

    def _send(self, type_: str) -> Response:
        authorise(self.api_key)
        submission = read_submission(type_, _json_body(), self._templates)
        outcome = outcome_for(submission.type, submission.recipient)
        nth_request = self._requests.count((submission.type, submission.reference or submission.recipient))
        if outcome.refused_with is not None and nth_request <= outcome.refusals:
            raise REFUSALS[outcome.refused_with]()
        message = self._accept(submission, outcome)
        if outcome.first_answer_lost and nth_request == 1:
            return _gateway_timeout()
        return make_response(jsonify(self._acceptance(message)), 201)

    def _accept(self, submission: Submission, outcome: Outcome) -> Message:
        message = Message(submission=submission)
        self._postbox.add(message)
        if submission.reference is not None:
            self._accepted.count(submission.reference)
        final = outcome.status_of_send(self._sends.count((submission.type, submission.recipient.lower())))
        self._courier.after(self.receipt_delay / 2, lambda: self._postbox.advance(message.id, Message.sending))
        self._courier.after(self.receipt_delay, lambda: self._end(message.id, final, outcome))
        return message

    def _end(self, message_id: str, status: str, outcome: Outcome) -> None:
        message = self._postbox.advance(message_id, lambda message: message.ended(status))
        # The real service sends receipts for e-mail and SMS only.
        if message is not None and outcome.receipt and message.submission.type != "letter":
            self._receipts.push(message)

    def _acceptance(self, message: Message) -> dict[str, object]:
        submission = message.submission
        content = {
            "email": {"from_email": "ond@notifynl.invalid", "subject": submission.subject, "body": submission.body},
            "sms": {"from_number": "Overheid", "body": submission.body},
            "letter": {"subject": submission.subject, "body": submission.body},
        }
        return {
            "id": message.id,
            "reference": submission.reference,
            "uri": f"{request.host_url}v2/notifications/{message.id}",
            "template": self._template_link(
                submission, f"services/{service_id(self.api_key)}/templates/{submission.template_id}"
            ),
            "scheduled_for": None,
            "content": content[submission.type],
        }

    def _template_link(self, submission: Submission, path: str) -> dict[str, object]:
        return {"id": submission.template_id, "version": 1, "uri": f"{request.host_url}{path}"}

    # Asking

    def _show(self, message_id: str) -> Response:
        authorise(self.api_key)
        if not is_uuid(message_id):
            raise invalid("notification_id is not a valid UUID")
        message = self._postbox.get(str(uuid.UUID(message_id)))
        if message is None:
            raise ApiError(404, ("NoResultFound", "No result found"))
        return jsonify(self._details(message))

    def _list(self) -> Response:
        authorise(self.api_key)
        faults = list(_list_faults())
        if faults:
            raise invalid(*faults)
        page = self._page(self.messages(request.args.get("reference")))
        links = {"current": request.url}
        if page:
            arguments = {**request.args.to_dict(flat=False), "older_than": [page[-1].id]}
            links["next"] = url_for("list", _external=True, **arguments)  # type: ignore[arg-type] # lists are repeated
        return jsonify(notifications=[self._details(message) for message in page], links=links)

    def _page(self, messages: list[Message]) -> list[Message]:
        """The messages asked for, newest first, at most a page of them."""
        statuses, types = _wanted_statuses(request.args.getlist("status")), request.args.getlist("template_type")
        wanted = [
            message
            for message in _older_than(request.args.get("older_than"), messages)
            if (not statuses or message.status in statuses) and (not types or message.submission.type in types)
        ]
        return wanted[: self._page_size]

    def _details(self, message: Message) -> dict[str, object]:
        submission = message.submission
        address = submission.address
        return {
            "id": message.id,
            "reference": submission.reference,
            "email_address": submission.recipient if submission.type == "email" else None,
            "phone_number": submission.recipient if submission.type == "sms" else None,
            **{f"line_{n}": address.get(f"address_line_{n}") for n in range(1, 7)},
            "postcode": address.get("postcode"),
            "postage": "netherlands" if submission.type == "letter" else None,
            "type": submission.type,
            "status": message.status,
            "template": self._template_link(submission, f"v2/template/{submission.template_id}/version/1"),
            "body": submission.body,
            "subject": submission.subject,
            "created_at": timestamp(message.created_at),
            "created_by_name": None,
            "sent_at": timestamp(message.sent_at),
            "completed_at": timestamp(message.completed_at),
            "scheduled_for": None,
            "one_click_unsubscribe_url": None,
        }

    # Looking in

    def _inbox(self) -> str:
        return render_template(
            "inbox.html",
            messages=[self._in_inbox(message) for message in self.messages()[:ON_PAGE]],
            outcomes=[*OUTCOMES, OTHERWISE],
            ververs=_refresh_seconds(),
        )

    def _inbox_json(self) -> Response:
        return jsonify([self._in_inbox(message) for message in self.messages()])

    def _in_inbox(self, message: Message) -> dict[str, object]:
        submission = message.submission
        address = list(submission.address.values())
        return {
            "id": message.id,
            "tijd": timestamp(message.created_at),
            "kanaal": submission.type,
            "aan": ", ".join(address) if address else submission.recipient,
            "onderwerp": submission.subject,
            "tekst": submission.body,
            "status": message.status,
            "reference": submission.reference,
            "keren": self._accepted[submission.reference] if submission.reference else 1,
        }


def _json_body() -> object:
    payload = request.get_json(force=True, silent=True)
    if payload is None:
        raise bad_request("Invalid JSON supplied in POST data")
    return payload


def _gateway_timeout() -> Response:
    """What a gateway in front of the API says, which is not JSON."""
    return Response("<html><body><h1>504 Gateway Time-out</h1></body></html>", status=504, mimetype="text/html")


def _error_answer(error: ApiError) -> Response:
    response = make_response(jsonify(error.body()), error.status)
    response.headers.update(error.headers)
    return response


def _list_faults() -> Iterable[str]:
    unexpected = [name for name in request.args if name not in LIST_PARAMETERS]
    if unexpected:
        yield unexpected_properties(unexpected)
    for name, allowed in (("status", STATUSES), ("template_type", TYPES)):
        for value in request.args.getlist(name):
            if value not in allowed:
                yield f"{name} {value} is not one of [{', '.join(allowed)}]"
    if not is_uuid(request.args.get("older_than", str(uuid.UUID(int=0)))):
        yield "older_than is not a valid UUID"


def _wanted_statuses(asked: list[str]) -> set[str]:
    """The statuses asked for; `failed` stands for every failure, and e-mail words also cover letters."""
    every = {status for word in asked for status in (FAILURES if word == "failed" else (word,))}
    return every | {LETTER_STATUSES[word] for word in every if word in LETTER_STATUSES and word not in FAILURES}


def _older_than(message_id: str | None, messages: list[Message]) -> list[Message]:
    """What comes after this message in a list that is newest first; nothing when it is not in the list."""
    if message_id is None:
        return messages
    ids = [message.id for message in messages]
    return messages[ids.index(message_id) + 1 :] if message_id in ids else []


def _refresh_seconds() -> int | None:
    """Seconds from `?ververs=`, off unless it is a number from 1 to 60."""
    seconds = request.args.get("ververs", type=int)
    return seconds if seconds is not None and 1 <= seconds <= 60 else None
