"""NotifyNL through its official client: what goes out, and what each answer means."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local.world import World
from notificatie.kanalen import Antwoord, NietGenomen, Onzeker
from notificatie.kanalen.notifynl import STATUSSEN, NotifyNL, antwoord
from ond.berichten import Kanaal, Uitslag, Zending
from ond.geheimen import Geheim
from tests.functions.omgeving import PARAMETERS

EMAIL = "a@voorbeeld.nl"
KEY = "naam-11111111-1111-4111-8111-111111111111-22222222-2222-4222-8222-222222222222"
TEMPLATES = {
    Kanaal.EMAIL: PARAMETERS["NotifyNlTemplateEmail"],
    Kanaal.SMS: PARAMETERS["NotifyNlTemplateSms"],
    Kanaal.BRIEF: PARAMETERS["NotifyNlTemplateBrief"],
}


class Secret:
    """Secrets Manager with one secret."""

    def __init__(self, value: str) -> None:
        self.value = value

    def get_secret_value(self, **_: str) -> dict[str, str]:
        return {"SecretString": self.value}


def kanaal_naar(url: str, *, key: str = KEY, template: str = TEMPLATES[Kanaal.EMAIL], timeout: float = 5) -> NotifyNL:
    return NotifyNL(url, Geheim(Secret(key), "s"), template, timeout=timeout)


def zending(adres: str = EMAIL, tekst: str = "Tekst", onderwerp: str = "Onderwerp") -> Zending:
    return Zending(adres=adres, onderwerp=onderwerp, tekst=tekst)


# --- with the fake that speaks the real contract


@pytest.mark.parametrize(
    ("soort", "adres", "type_"),
    [
        (Kanaal.EMAIL, EMAIL, "email"),
        (Kanaal.SMS, "+31612345699", "sms"),
        (Kanaal.BRIEF, "Naam\nStraat 1\n1234 AB  Plaats", "letter"),
    ],
)
def test_a_message_goes_out_by_its_channel_with_our_reference(
    world: World, soort: Kanaal, adres: str, type_: str
) -> None:
    provider = kanaal_naar(world.base_url, key=world.notifynl.api_key, template=TEMPLATES[soort])
    id_ = f"uit-{type_}-1"
    assert provider.vraag_na(id_) is None
    assert provider.verstuur(soort, zending(adres), id_) == Antwoord(Uitslag.VERZONDEN)
    [message] = world.notifynl.messages(id_)
    assert (message.submission.type, message.submission.body) == (type_, "Tekst")
    assert message.submission.recipient == adres.split("\n", maxsplit=1)[0]
    assert message.submission.subject == (None if soort is Kanaal.SMS else "Onderwerp")
    assert provider.vraag_na(id_) == Antwoord(Uitslag.VERZONDEN)


def test_marks_in_a_text_are_not_filled_in(world: World) -> None:
    provider = kanaal_naar(world.base_url, key=world.notifynl.api_key)
    provider.verstuur(Kanaal.EMAIL, zending(tekst="((naam)) {{7*7}}"), "marks-1")
    assert world.notifynl.messages("marks-1")[0].submission.body == "((naam)) {{7*7}}"


@pytest.mark.parametrize(
    ("soort", "adres", "expected"),
    [
        (Kanaal.EMAIL, "geen adres", Antwoord(Uitslag.PERMANENT_MISLUKT, "adres-geweigerd")),
        (Kanaal.SMS, "+31201234567", Antwoord(Uitslag.PERMANENT_MISLUKT, "adres-geweigerd")),
        (Kanaal.SMS, "+4479", Antwoord(Uitslag.PERMANENT_MISLUKT, "adres-geweigerd")),
        (Kanaal.BRIEF, "Naam\nPlaats", Antwoord(Uitslag.PERMANENT_MISLUKT, "adres-geweigerd")),
        (Kanaal.BRIEF, "Naam\nStraat\nLondon", Antwoord(Uitslag.PERMANENT_MISLUKT, "adres-geweigerd")),
    ],
)
def test_a_refused_address_fails_for_good_and_without_its_text(
    world: World, soort: Kanaal, adres: str, expected: Antwoord, log: Any
) -> None:
    provider = kanaal_naar(world.base_url, key=world.notifynl.api_key, template=TEMPLATES[soort])
    assert provider.verstuur(soort, zending(adres), f"fout-{soort}-{len(adres)}") == expected
    assert adres not in log.getvalue()


@pytest.mark.parametrize(
    ("template", "tekst"),
    [("99999999-9999-4999-8999-999999999999", "x"), (TEMPLATES[Kanaal.SMS], "x"), ("geen", "x")],
)
def test_a_wrong_template_fails_technically(world: World, template: str, tekst: str) -> None:
    provider = kanaal_naar(world.base_url, key=world.notifynl.api_key, template=template)
    assert provider.verstuur(Kanaal.EMAIL, zending(tekst=tekst), "t-1") == Antwoord(
        Uitslag.TECHNISCH_MISLUKT, "geweigerd"
    )


def test_a_text_that_is_too_long_for_an_sms_fails_technically(world: World) -> None:
    provider = kanaal_naar(world.base_url, key=world.notifynl.api_key, template=TEMPLATES[Kanaal.SMS])
    answer = provider.verstuur(Kanaal.SMS, zending("+31612345699", "x" * 919), "lang-1")
    assert answer == Antwoord(Uitslag.TECHNISCH_MISLUKT, "geweigerd")


def test_a_key_that_is_not_accepted_means_not_taken(world: World) -> None:
    with pytest.raises(NietGenomen) as refused:
        kanaal_naar(world.base_url).verstuur(Kanaal.EMAIL, zending(), "sleutel-1")
    assert refused.value.seconds is None
    with pytest.raises(Onzeker):
        kanaal_naar(world.base_url).vraag_na("sleutel-1")


def test_a_rotated_key_is_used_from_then_on(world: World) -> None:
    secret = Secret(KEY)
    provider = NotifyNL(world.base_url, Geheim(secret, "s", seconds=0), TEMPLATES[Kanaal.EMAIL])
    with pytest.raises(NietGenomen):
        provider.verstuur(Kanaal.EMAIL, zending(), "rotatie-1")
    secret.value = world.notifynl.api_key
    assert provider.verstuur(Kanaal.EMAIL, zending(), "rotatie-1").uitslag is Uitslag.VERZONDEN


@pytest.mark.parametrize(
    ("wie", "error"),
    [("too-many", NietGenomen), ("server-error", Onzeker), ("times-out", Onzeker)],
)
def test_a_busy_or_broken_provider_is_told_from_one_that_may_have_taken_it(
    world: World, wie: str, error: type[Exception]
) -> None:
    provider = kanaal_naar(world.base_url, key=world.notifynl.api_key)
    with pytest.raises(error) as refused:
        provider.verstuur(Kanaal.EMAIL, zending(f"{wie}@voorbeeld.nl"), f"{wie}-1")
    if isinstance(refused.value, NietGenomen):
        assert refused.value.seconds == 1
    # What the lost answer was about is found by its reference.
    found = provider.vraag_na(f"{wie}-1")
    assert found == (Antwoord(Uitslag.VERZONDEN) if wie == "times-out" else None)


# --- with a provider that answers anything


@dataclass
class Stub:
    """A provider that gives one answer to everything."""

    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    wait: threading.Event | None = None


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if stub.wait:
                stub.wait.wait(10)
            self.send_response(stub.status)
            for name, value in {**stub.headers, "Content-Length": str(len(stub.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(stub.body)

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield stub
    if stub.wait:
        stub.wait.set()
    server.shutdown()
    server.server_close()
    thread.join()


def fout(*messages: str) -> bytes:
    return json.dumps({"errors": [{"error": "E", "message": message} for message in messages]}).encode()


TE_GROOT = Antwoord(Uitslag.TECHNISCH_MISLUKT, "te-groot")
GEWEIGERD = Antwoord(Uitslag.TECHNISCH_MISLUKT, "geweigerd")
ADRES = Antwoord(Uitslag.PERMANENT_MISLUKT, "adres-geweigerd")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, b"{}", Antwoord(Uitslag.VERZONDEN)),
        (400, fout("template_id is not a valid UUID"), GEWEIGERD),
        (400, fout("Template not found", "email_address Not a valid email address"), ADRES),
        (400, fout("phone_number Not enough digits"), ADRES),
        (400, fout("Must be a real UK postcode"), ADRES),
        (400, b"<html>", GEWEIGERD),
        (400, b"[]", GEWEIGERD),
        (400, b'{"errors": []}', GEWEIGERD),
        (413, b"", TE_GROOT),
        (401, fout("AuthError"), NietGenomen),
        (403, fout("system clock"), NietGenomen),
        (404, b"", NietGenomen),
        (429, b"", NietGenomen),
        (408, b"", Onzeker),
        (500, fout("x"), Onzeker),
        (502, b"<html>", Onzeker),
        (503, b"", Onzeker),
        (504, b"<html>", Onzeker),
        (200, b"<html>", Onzeker),
    ],
)
def test_every_answer_has_one_consequence(
    stub: Stub, status: int, body: bytes, expected: Antwoord | type[Exception]
) -> None:
    stub.status, stub.body = status, body
    if isinstance(expected, Antwoord):
        assert kanaal_naar(stub.url).verstuur(Kanaal.EMAIL, zending(), "r-1") == expected
    else:
        with pytest.raises(expected):
            kanaal_naar(stub.url).verstuur(Kanaal.EMAIL, zending(), "r-1")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0", 0), ("", None), ("-1", None), ("1.5", None), ("²", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)
def test_the_provider_may_say_when_to_come_back(stub: Stub, value: str, seconds: float | None) -> None:
    stub.status, stub.headers = 429, {"Retry-After": value}
    with pytest.raises(NietGenomen) as refused:
        kanaal_naar(stub.url).verstuur(Kanaal.EMAIL, zending(), "r-1")
    assert refused.value.seconds == seconds


@pytest.mark.parametrize("body", [b"{}", b"[]", b'"x"', b"<html>", b'{"notifications": [{}]}', b'{"notifications": 5}'])
def test_an_answer_about_an_attempt_that_makes_no_sense_is_no_answer(stub: Stub, body: bytes) -> None:
    stub.body = body
    with pytest.raises(Onzeker):
        kanaal_naar(stub.url).vraag_na("r-1")


def test_a_provider_that_does_not_answer_may_have_taken_it(stub: Stub) -> None:
    stub.wait = threading.Event()
    provider = kanaal_naar(stub.url, timeout=0.2)
    with pytest.raises(Onzeker):
        provider.verstuur(Kanaal.EMAIL, zending(), "r-1")
    with pytest.raises(Onzeker):
        provider.vraag_na("r-1")


def test_a_provider_that_is_not_there_is_not_trusted_to_have_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(Onzeker):
            kanaal_naar(url).verstuur(Kanaal.EMAIL, zending(), "r-1")
        with pytest.raises(Onzeker):
            kanaal_naar(url).vraag_na("r-1")


def test_the_clients_own_log_stays_silent(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    stub.status, stub.body = 400, fout(f"email_address {EMAIL} is wrong")
    kanaal_naar(stub.url).verstuur(Kanaal.EMAIL, zending(), "r-1")
    assert EMAIL not in caplog.text


@pytest.mark.parametrize("status", [*STATUSSEN, "iets-nieuws"])
def test_a_status_means_one_outcome_and_only_failures_carry_a_reason(status: str) -> None:
    meaning = antwoord(status)
    assert meaning.uitslag is STATUSSEN.get(status, Uitslag.VERZONDEN)
    assert (meaning.reden is None) is (meaning.uitslag in (Uitslag.VERZONDEN, Uitslag.BEZORGD))
