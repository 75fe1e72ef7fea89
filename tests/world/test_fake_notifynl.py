"""The local NotifyNL keeps the contract of the real one, as the official client uses it."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
import requests
from notifications_python_client.errors import HTTP503Error, HTTPError
from notifications_python_client.notifications import NotificationsAPIClient

from local.world import Template, World

# The official client carries no annotations.
OfficialClient: Any = NotificationsAPIClient

ADDRESS = {"address_line_1": "A. Voorbeeld", "address_line_2": "Dorpsstraat 1", "address_line_3": "1234 AB Ergens"}


def eventually(holds: Callable[[], Any], *, within: float = 5.0) -> Any:
    """The first truthy answer, or the last answer when time is up."""
    deadline = time.monotonic() + within
    while not (answer := holds()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return answer


def new_reference() -> str:
    # Not a bare UUID: the client takes the first UUID in the link to the next page for the id to go on from.
    return f"zaak-{uuid.uuid4().hex}"


def refusal(error: HTTPError) -> Any:
    """The answer behind the client's exception."""
    assert error.response is not None
    return error.response


class Sender:
    """Sends with valid values, so that a test shows only what matters."""

    def __init__(self, client: Any, template_ids: Any) -> None:
        self.client = client
        self.template_ids = template_ids

    def email(self, to: str = "burger@example.nl", **changes: Any) -> Any:
        personalisation = {"onderwerp": "Uw aanvraag", "naam": "A.", "tekst": "Er is nieuws."}
        arguments = {"template_id": self.template_ids.email, "personalisation": personalisation, **changes}
        return self.client.send_email_notification(to, **arguments)

    def sms(self, to: str = "+31612345678", **changes: Any) -> Any:
        arguments = {"template_id": self.template_ids.sms, "personalisation": {"tekst": "Er is nieuws."}, **changes}
        return self.client.send_sms_notification(to, **arguments)

    def letter(self, **changes: Any) -> Any:
        personalisation = {**ADDRESS, "onderwerp": "Uw aanvraag", "tekst": "Er is nieuws."}
        arguments = {"template_id": self.template_ids.letter, "personalisation": personalisation, **changes}
        return self.client.send_letter_notification(**arguments)


@pytest.fixture
def send(client: Any, template_ids: Any) -> Sender:
    return Sender(client, template_ids)


class Callback:
    """A receipt endpoint that answers a reference from its list of statuses, then 204. The world outlives a test, so
    receipts of an earlier test may still come in."""

    def __init__(self) -> None:
        self.got: list[tuple[str | None, dict[str, Any]]] = []
        self.answers: dict[str, list[int]] = {}
        callback = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                callback.got.append((self.headers["Authorization"], body))
                answers = callback.answers.get(body["reference"])
                self.send_response(answers.pop(0) if answers else 204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/receipts"

    def receipts_for(self, reference: str) -> list[dict[str, Any]]:
        return [body for _, body in self.got if body["reference"] == reference]


@pytest.fixture
def callback(world: World) -> Iterator[Callback]:
    callback = Callback()
    thread = threading.Thread(target=callback.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    world.notifynl.callback_url = callback.url
    yield callback
    world.notifynl.callback_url = None
    callback.server.shutdown()
    thread.join()
    callback.server.server_close()


def test_an_accepted_email_is_answered_as_the_real_api_does(send: Sender, template_ids: Any, world: World) -> None:
    reference = new_reference()
    answer = send.email(reference=reference)
    assert answer["reference"] == reference
    assert answer["content"]["subject"] == "Uw aanvraag"
    assert answer["content"]["body"] == "Beste A., Er is nieuws."
    assert "from_email" in answer["content"]
    assert answer["uri"] == f"{world.base_url}/v2/notifications/{answer['id']}"
    assert answer["template"]["id"] == template_ids.email
    assert answer["scheduled_for"] is None


def test_an_accepted_sms_and_letter_carry_their_own_content(send: Sender) -> None:
    assert send.sms()["content"].keys() == {"body", "from_number"}
    assert send.letter()["content"].keys() == {"body", "subject"}


@pytest.mark.parametrize(
    "number", ["+31612345678", "0031612345678", "0612345678", "+31 6 12 34 56 78", "06-12345678", "+31 (0)612345678"]
)
def test_dutch_mobile_numbers_are_accepted(send: Sender, number: str) -> None:
    assert send.sms(number)["id"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("+3161234567", "phone_number Not enough digits"),
        ("+316123456789", "phone_number Too many digits"),
        ("0612E45678", "phone_number Must not contain letters or symbols"),
        ("+31201234567", "phone_number Not a dutch mobile number"),
    ],
)
def test_other_numbers_are_refused(send: Sender, number: str, message: str) -> None:
    with pytest.raises(HTTPError) as caught:
        send.sms(number)
    assert caught.value.status_code == 400
    assert caught.value.message == [{"error": "ValidationError", "message": message}]


@pytest.mark.parametrize("address", ["", "burger", "burger@", "burger@voorbeeld", "a b@example.nl", "a..b@example.nl"])
def test_bad_email_addresses_are_refused(send: Sender, address: str) -> None:
    with pytest.raises(HTTPError) as caught:
        send.email(address)
    assert caught.value.message == [{"error": "ValidationError", "message": "email_address Not a valid email address"}]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"template_id": str(uuid.UUID(int=1))}, "BadRequestError", "Template not found"),
        ({"template_id": "geen-uuid"}, "ValidationError", "template_id is not a valid UUID"),
        ({"personalisation": {"Onderwerp": "x", "naam": "y"}}, "BadRequestError", "Missing personalisation: tekst"),
        ({"personalisation": None}, "BadRequestError", "Missing personalisation: onderwerp, naam, tekst"),
        ({"personalisation": "tekst"}, "ValidationError", "personalisation tekst is not of type object"),
        ({"reference": 42}, "ValidationError", "reference 42 is not of type string"),
    ],
)
def test_requests_that_do_not_hold_are_refused(send: Sender, changes: dict[str, Any], error: str, message: str) -> None:
    with pytest.raises(HTTPError) as caught:
        send.email(**changes)
    assert caught.value.status_code == 400
    assert caught.value.message == [{"error": error, "message": message}]


def test_a_template_of_another_kind_is_refused(send: Sender, template_ids: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        send.email(template_id=template_ids.sms)
    assert caught.value.message == [
        {"error": "BadRequestError", "message": "sms template is not suitable for email notification"}
    ]


def test_all_field_faults_are_reported_at_once(client: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        client.post("/v2/notifications/email", data={"onbekend": 1})
    assert [error["message"] for error in refusal(caught.value).json()["errors"]] == [
        "email_address is a required property",
        "template_id is a required property",
        "Additional properties are not allowed (onbekend was unexpected)",
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({"address_line_3": ""}, "Address must be at least 3 lines"),
        ({"address_line_3": "Ergens"}, "Must be a real UK postcode"),
        (
            {"address_line_2": "=1+1"},
            "Address lines must not start with any of the following characters: @ ( ) = [ ] ” \\ / , < >",
        ),
    ],
)
def test_letters_need_a_dutch_address(send: Sender, lines: dict[str, str], message: str) -> None:
    with pytest.raises(HTTPError) as caught:
        send.letter(personalisation={**ADDRESS, "onderwerp": "x", "tekst": "y", **lines})
    assert caught.value.message == [{"error": "ValidationError", "message": message}]


def signed(world: World, *, algorithm: str = "HS256", secret: str | None = None, **claims: Any) -> str:
    """A token as the client makes it, with claims replaced, and left out when None."""
    service_id, key = world.notifynl.api_key[-73:-37], world.notifynl.api_key[-36:]
    payload = {"iss": service_id, "iat": int(time.time()), **claims}
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, secret or key, algorithm=algorithm)


NOW = int(time.time())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iat": NOW - 1000}, "Error: Your system clock must be accurate to within 30 seconds"),
        ({"iat": NOW + 1000}, "Error: Your system clock must be accurate to within 30 seconds"),
        ({"secret": str(uuid.UUID(int=2))}, "Invalid token: API key not found"),
        ({"iss": str(uuid.UUID(int=3))}, "Invalid token: service not found"),
        ({"iss": "dienst"}, "Invalid token: service id is not the right data type"),
        ({"iss": None}, "Invalid token: iss field not provided"),
        ({"algorithm": "HS512", "secret": None}, "Invalid token: algorithm used is not HS256"),
    ],
)
@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_tokens_that_do_not_hold_get_a_403(world: World, changes: dict[str, Any], message: str) -> None:
    headers = {"Authorization": f"Bearer {signed(world, **changes)}"}
    answer = requests.get(f"{world.base_url}/v2/notifications", headers=headers, timeout=5)
    assert answer.status_code == 403
    assert answer.json() == {"status_code": 403, "errors": [{"error": "AuthError", "message": message}]}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Unauthorized: authentication token must be provided"),
        ({"Authorization": "Basic abc"}, "Unauthorized: authentication bearer scheme must be used"),
    ],
)
def test_no_token_gets_a_401(world: World, headers: dict[str, str], message: str) -> None:
    answer = requests.post(f"{world.base_url}/v2/notifications/email", json={}, headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["errors"] == [{"error": "AuthError", "message": message}]


@pytest.mark.parametrize("token", ["abc", "a.b.c", ""])
def test_what_is_no_token_at_all_gets_a_403(world: World, token: str) -> None:
    headers = {"Authorization": f"Bearer x{token}"}
    answer = requests.get(f"{world.base_url}/v2/notifications", headers=headers, timeout=5)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["message"].startswith("Invalid token: make sure")


def test_a_body_that_is_not_json_is_a_bad_request(world: World) -> None:
    headers = {"Authorization": f"Bearer {signed(world)}"}
    answer = requests.post(f"{world.base_url}/v2/notifications/email", data="{", headers=headers, timeout=5)
    assert answer.json()["errors"] == [{"error": "BadRequestError", "message": "Invalid JSON supplied in POST data"}]


STATUS_BY_RECIPIENT = [
    ("email", "burger@example.nl", "delivered"),
    ("email", "permanent-failure@example.nl", "permanent-failure"),
    ("email", "Permanent-Failure+1@example.nl", "permanent-failure"),
    ("email", "temporary-failure.2@example.nl", "temporary-failure"),
    ("email", "technical-failure@example.nl", "technical-failure"),
    ("email", "no-receipt@example.nl", "delivered"),
    ("sms", "+31612345678", "delivered"),
    ("sms", "+31600000001", "permanent-failure"),
    ("sms", "+31 6 00 00 00 02", "temporary-failure"),
]


@pytest.mark.parametrize(("kind", "recipient", "status"), STATUS_BY_RECIPIENT)
def test_the_recipient_decides_the_final_status(
    send: Sender, client: Any, kind: str, recipient: str, status: str
) -> None:
    message_id = getattr(send, kind)(recipient)["id"]
    assert eventually(lambda: client.get_notification_by_id(message_id)["completed_at"])
    shown = client.get_notification_by_id(message_id)
    assert shown["status"] == status
    assert shown["type"] == kind
    assert shown["sent_at"] is not None
    assert recipient in (shown["email_address"], shown["phone_number"])


def test_a_letter_is_accepted_and_later_received(send: Sender, client: Any) -> None:
    message_id = send.letter()["id"]
    first = client.get_notification_by_id(message_id)
    assert first["status"] == "accepted"
    assert (first["line_1"], first["line_3"]) == ("A. Voorbeeld", "1234 AB Ergens")
    assert eventually(lambda: client.get_notification_by_id(message_id)["status"] == "received")


def test_an_address_can_fail_once_and_then_be_reached(send: Sender, client: Any) -> None:
    ids = [send.email("temporary-then-delivered+a@example.nl")["id"] for _ in range(3)]
    assert eventually(lambda: all(client.get_notification_by_id(id_)["completed_at"] for id_ in ids))
    statuses = [client.get_notification_by_id(id_)["status"] for id_ in ids]
    assert statuses == ["temporary-failure", "delivered", "delivered"]


@pytest.mark.parametrize(
    ("recipient", "status", "error"),
    [("too-many", 429, "RateLimitError"), ("server-error", 500, "InternalServerError")],
)
def test_two_requests_are_refused_before_one_is_accepted(
    send: Sender, world: World, recipient: str, status: int, error: str
) -> None:
    reference = new_reference()
    for _ in range(2):
        with pytest.raises(HTTPError) as caught:
            send.email(f"{recipient}@example.nl", reference=reference)
        assert caught.value.status_code == status
        assert refusal(caught.value).json()["errors"][0]["error"] == error
        assert ("Retry-After" in refusal(caught.value).headers) == (status == 429)
    assert send.email(f"{recipient}@example.nl", reference=reference)["id"]
    assert world.notifynl.accepted_count(reference) == 1


def test_a_lost_answer_hides_a_message_that_was_accepted(send: Sender, client: Any, world: World) -> None:
    reference = new_reference()
    with pytest.raises(HTTPError) as caught:
        send.email("times-out@example.nl", reference=reference)
    assert caught.value.status_code == 504
    assert caught.value.message == "Request failed"
    assert world.notifynl.accepted_count(reference) == 1
    assert len(client.get_all_notifications(reference=reference)["notifications"]) == 1


def test_sending_twice_with_one_reference_sends_twice(send: Sender, world: World) -> None:
    reference = new_reference()
    ids = {send.email(reference=reference)["id"] for _ in range(2)}
    assert len(ids) == 2
    assert world.notifynl.accepted_count(reference) == 2


def test_a_receipt_is_pushed_with_the_bearer_token(send: Sender, callback: Callback, template_ids: Any) -> None:
    reference = new_reference()
    message_id = send.email("permanent-failure@example.nl", reference=reference)["id"]
    (receipt,) = eventually(lambda: callback.receipts_for(reference))
    assert receipt["id"] == message_id
    assert receipt["to"] == "permanent-failure@example.nl"
    assert receipt["status"] == "permanent-failure"
    assert receipt["notification_type"] == "email"
    assert receipt["template_id"] == template_ids.email
    assert receipt["template_version"] == 1
    assert receipt["created_at"] <= receipt["sent_at"] <= receipt["completed_at"]
    assert callback.got[0][0] == "Bearer callback-token"


@pytest.mark.parametrize("answers", [[503, 500], [429], [404]])
def test_a_receipt_that_is_not_taken_comes_again(send: Sender, callback: Callback, answers: list[int]) -> None:
    reference = new_reference()
    callback.answers[reference] = list(answers)
    send.sms(reference=reference)
    expected = len(answers) + 1
    assert eventually(lambda: len(callback.receipts_for(reference)) == expected)


@pytest.mark.parametrize(("answer", "attempts"), [(404, 1), (429, 2), (500, 2)])
def test_as_in_reality_a_refused_receipt_can_be_final(
    template_ids: Any, callback: Callback, answer: int, attempts: int
) -> None:
    callback.answers["r"] = [answer]
    template = Template("sms", None, "tekst")
    with World(
        clients=(),
        audience="x",
        templates={template_ids.sms: template},
        callback_token="x",
        receipts_url=callback.url,
        receipt_delay=0.0,
        retry_refused_receipts=False,
    ) as world:
        client = OfficialClient(world.notifynl.api_key, base_url=world.base_url)
        client.send_sms_notification("0612345678", template_ids.sms, reference="r")
        assert eventually(lambda: len(callback.receipts_for("r")) == attempts)
        time.sleep(0.3)  # longer than the pause before a second attempt
        assert [attempt.answer for attempt in world.notifynl.receipt_attempts()] == [answer, 204][:attempts]


def test_no_receipt_is_pushed_for_letters_and_silent_addresses(send: Sender, callback: Callback, world: World) -> None:
    silent = [send.letter()["id"], send.email("no-receipt@example.nl")["id"], send.sms("+31612345004")["id"]]
    heard = send.email()["id"]
    assert eventually(lambda: heard in {body["id"] for _, body in callback.got})
    ended = {message.id for message in world.notifynl.messages() if message.completed_at}
    assert set(silent) <= ended
    assert not set(silent) & {body["id"] for _, body in callback.got}
    world.notifynl.push_receipt(silent[1])
    assert callback.got[-1][1]["status"] == "delivered"


def test_an_address_that_is_a_function_is_asked_at_each_receipt(send: Sender, callback: Callback, world: World) -> None:
    world.notifynl.callback_url = lambda: callback.url
    reference = new_reference()
    send.email(reference=reference)
    assert eventually(lambda: callback.receipts_for(reference))


def test_the_iterator_walks_through_every_page(send: Sender, client: Any, world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(world.notifynl, "_page_size", 2)
    reference = new_reference()
    ids = [send.email(reference=reference)["id"] for _ in range(5)]
    found = [message["id"] for message in client.get_all_notifications_iterator(reference=reference)]
    assert found == ids[::-1]


def test_the_iterator_stops_early_when_the_reference_is_a_uuid(
    send: Sender, client: Any, world: World, monkeypatch: Any
) -> None:
    """A flaw of the official client, kept here so that nobody comes to rely on the iterator with such references."""
    monkeypatch.setattr(world.notifynl, "_page_size", 2)
    reference = str(uuid.uuid4())
    for _ in range(5):
        send.email(reference=reference)
    assert len(list(client.get_all_notifications_iterator(reference=reference))) == 2


def test_the_list_can_be_narrowed_by_status_and_type(send: Sender, client: Any) -> None:
    reference = new_reference()
    failing = send.email("permanent-failure@example.nl", reference=reference)["id"]
    send.email(reference=reference)
    letter = send.letter(reference=reference)["id"]
    assert eventually(lambda: client.get_notification_by_id(letter)["status"] == "received")

    def ids(**narrowing: str) -> list[str]:
        found = client.get_all_notifications(reference=reference, **narrowing)
        return [message["id"] for message in found["notifications"]]

    assert ids(template_type="letter") == [letter]
    assert ids(status="failed") == ids(status="permanent-failure") == [failing]
    assert letter in ids(status="received")
    assert letter in ids(status="delivered")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("status=weg", "status weg is not one of"),
        ("template_type=fax", "template_type fax is not one of [email, sms, letter]"),
        ("older_than=x", "older_than is not a valid UUID"),
        ("naam=x", "Additional properties are not allowed (naam was unexpected)"),
    ],
)
def test_a_list_query_that_does_not_hold_is_refused(client: Any, query: str, message: str) -> None:
    with pytest.raises(HTTPError) as caught:
        client.get(f"/v2/notifications?{query}")
    assert refusal(caught.value).json()["errors"][0]["message"].startswith(message)


def test_an_unknown_notification_is_not_found(client: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        client.get_notification_by_id(uuid.UUID(int=9))
    assert caught.value.status_code == 404
    assert caught.value.message == [{"error": "NoResultFound", "message": "No result found"}]


def test_the_client_reports_no_connection_as_503(client: Any, send: Sender) -> None:
    client.base_url = "http://127.0.0.1:9"
    with pytest.raises(HTTP503Error) as caught:
        send.email()
    assert caught.value.response is None
    assert isinstance(caught.value.__cause__, requests.ConnectionError)


def test_the_inbox_shows_what_was_sent_and_escapes_it(send: Sender, world: World) -> None:
    reference = new_reference()
    personalisation = {"onderwerp": "<script>alert(1)</script>", "naam": "A.", "tekst": "x < y"}
    send.email(reference=reference, personalisation=personalisation)
    page = requests.get(f"{world.base_url}/notifynl/", timeout=5)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script" not in page.text
    assert reference in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    newest = requests.get(f"{world.base_url}/notifynl/inbox.json", timeout=5).json()[0]
    assert (newest["reference"], newest["kanaal"], newest["keren"]) == (reference, "email", 1)


@pytest.mark.parametrize(
    ("query", "seconds"), [("", None), ("?ververs=2", 2), ("?ververs=0", None), ("?ververs=x", None)]
)
def test_the_inbox_refreshes_only_when_asked(world: World, query: str, seconds: int | None) -> None:
    page = requests.get(f"{world.base_url}/notifynl/{query}", timeout=5).text
    assert ('http-equiv="refresh"' in page) == (seconds is not None)
