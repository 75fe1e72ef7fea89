"""Every file in events/, through its function: on moto, in an order in which one leads to the next."""

import importlib
import json
import os
from collections.abc import Iterator, Mapping
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws

from local import data as demo_data
from local.deploy import Deployment
from local.engine import REGION
from local.environment import AUDIENCE, CALLBACK_TOKEN, TEMPLATES, stack_parameters
from local.resolve import resolve
from local.template import ROOT, load, translate
from local.world import World
from ond.aws import client
from tests.template.test_guards import EVENTS, function_of
from toegang.authorizer import Unauthorized

PLACEHOLDER = "Bearer VERVANG-DIT-DOOR-EEN-TOKEN"
GEMEENTE = "gemeente-voorbeeld"
DONE: dict[str, Any] = {"batchItemFailures": []}

#: In this order; for an API event the status code, else the answer.
EXPECTED: dict[str, Any] = {
    "aanname.verstuur": 202,
    "aanname.verstuur-met-kanalen": 202,
    "aanname.ongeldig": 400,
    "aanname.doel-niet-geregistreerd": 403,
    "aanname.scope-ontbreekt": 403,
    "aanname-op-adres.verstuur": 202,
    "profiel-register.zoek": 200,
    "profiel-register.onbekend": 200,
    "routering.batch": DONE,
    "bezorging-email.intrekken": DONE,
    "bezorging-sms.intrekken": DONE,
    "bezorging-brief.intrekken": DONE,
    "ontvangst.bezorgd": 204,
    "ontvangst.permanent-mislukt": 204,
    "ontvangst.verkeerd-token": 401,
    "afleverstatus.bezorgd": DONE,
    "notificatie-agenda.elke-minuut": {"afgewerkt": 0},
    "status.verzonden": DONE,
    "status.bezorgd": DONE,
    "status.permanent-mislukt": DONE,
    "omc-agenda.elke-minuut": mock.ANY,  # how much is due depends on the day on which this runs
    "terugkoppeling.batch": DONE,
    "webhook.stuur": DONE,
    "aanname.toon": 200,
    "aanname.zoek": 200,
}


class Stack:
    """What the template makes, as far as moto has it, and its functions."""

    def __init__(self, world: World) -> None:
        self.parameters = stack_parameters(
            variant="centraal-register", issuer=world.identity.issuer, world_url=world.base_url
        )
        self.template = translate(load(), self.parameters)
        self.physical = self._made()
        resolved = resolve(self.template, self.parameters, physical=self.physical)
        self.functions = {
            name: function.properties for name, function in resolved.of_type("AWS::Lambda::Function").items()
        }
        self.queues = {name: queue.ref for name, queue in resolved.of_type("AWS::SQS::Queue").items()}

    def _made(self) -> dict[str, Mapping[str, str]]:
        """Make it; gives the physical ids, by logical id."""
        wanted = resolve(self.template, self.parameters)
        made: dict[str, Mapping[str, str]] = {}
        for table in wanted.of_type("AWS::DynamoDB::Table").values():
            names = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema")
            client("dynamodb").create_table(**{name: table.properties[name] for name in names})
        for queue in wanted.of_type("AWS::SQS::Queue").values():
            client("sqs").create_queue(QueueName=queue.properties["QueueName"])
        for name in wanted.of_type("AWS::KMS::Key"):
            key = client("kms").create_key()["KeyMetadata"]
            made[name] = {"Ref": key["KeyId"], "Arn": key["Arn"]}
        for name, secret in wanted.of_type("AWS::SecretsManager::Secret").items():
            found = client("secretsmanager").create_secret(Name=secret.properties["Name"], SecretString="a-secret")
            made[name] = {"Ref": found["ARN"], "Id": found["ARN"]}
        return made

    def load(self, data: demo_data.DemoData, world: World) -> None:
        """Put the demo's data in it."""
        resources = resolve(self.template, self.parameters, physical=self.physical).resources
        ids = {name: resource.attributes.get("Ref", "") for name, resource in resources.items()}
        deployment = SimpleNamespace(client=client, tables=ids, keys=ids, secrets=ids)
        demo_data.load(
            data,
            cast(Deployment, deployment),
            world_url=world.base_url,
            api_key=world.notifynl.api_key,
            callback_token=CALLBACK_TOKEN,
        )

    def run(self, function: str, event: dict[str, Any]) -> Any:
        """What the function answers, in its own environment."""
        module = importlib.import_module(self.functions[function]["Handler"].rpartition(".")[0])
        context = SimpleNamespace(aws_request_id="one-invocation", get_remaining_time_in_millis=lambda: 20_000)
        module.dependencies.cache_clear()
        try:
            with mock.patch.dict(os.environ, self.functions[function]["Environment"]["Variables"]):
                return module.handler(event, context)
        finally:
            module.dependencies.cache_clear()

    def messages(self, queue: str) -> int:
        """How many wait in a queue."""
        name = "ApproximateNumberOfMessages"
        found = client("sqs").get_queue_attributes(QueueUrl=self.queues[queue], AttributeNames=[name])
        return int(found["Attributes"][name])


class _Body(BytesIO):
    """A response as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def answer_lookups(stack: Stack) -> None:
    """moto runs functions in Docker only; the one direct call between two functions is answered by the function."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        found = stack.run("ProfielOpvragen", json.loads(request.body))
        return AWSResponse(request.url, 200, {}, _Body(json.dumps(found).encode()))

    client("lambda").meta.events.register_first("before-send.lambda.Invoke", answer)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(
        clients=[aansluiting.identity_client() for aansluiting in demo_data.read().aansluitingen],
        audience=AUDIENCE,
        templates=TEMPLATES,
        callback_token=CALLBACK_TOKEN,
    ) as world:
        yield world


@pytest.fixture(scope="module")
def stack(world: World) -> Iterator[Stack]:
    with mock_aws(), mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        client.cache_clear()
        stack = Stack(world)
        stack.load(demo_data.read(), world)
        answer_lookups(stack)
        yield stack
        client.cache_clear()


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return found


@pytest.fixture(scope="module")
def answers(stack: Stack) -> dict[str, Any]:
    functions = {path.stem: function_of(path) for path in EVENTS}
    return {name: stack.run(functions[name], event(name)) for name in EXPECTED}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_event_is_answered_as_expected(name: str, answers: dict[str, Any]) -> None:
    answer = answers[name]
    assert answer.get("statusCode", answer) == EXPECTED[name], answer


def test_the_events_lead_from_acceptance_to_a_delivered_notification(answers: dict[str, Any]) -> None:
    shown = json.loads(answers["aanname.toon"]["body"])
    assert (shown["status"], shown["aflevering"]) in [("bezorgd", "OK"), ("definitief-bezorgd", "OK")]
    assert answers["aanname.zoek"]["body"] == answers["aanname.toon"]["body"]
    assert answers["aanname.verstuur"]["multiValueHeaders"]["Location"] == [f"/api/v1/notificaties/{shown['id']}"]


def test_the_events_lead_to_messages_for_the_next_functions(answers: dict[str, Any], stack: Stack) -> None:
    assert stack.messages("BezorgingEmailQueue") == 2
    assert stack.messages("ReceiptsQueue") == 2


def test_the_webhook_event_tells_the_service_provider(answers: dict[str, Any], world: World) -> None:
    told = [found["data"]["naar"] for found in world.receiver.events(GEMEENTE)]
    assert told[:4] == ["aangenomen", "in-verzending", "verzonden", "bezorgd"]


def test_an_invalid_request_is_told_every_fault_and_none_of_its_values(answers: dict[str, Any]) -> None:
    problem = json.loads(answers["aanname.ongeldig"]["body"])
    faults = {fault["veld"] for fault in problem["fouten"]}
    assert faults == {"doelId", "bericht.onderwerp", "ontvanger.identificatieNummer", "spoed"}
    assert "999990018" not in json.dumps(answers["aanname.ongeldig"])


def test_the_lookup_event_shows_every_outcome_but_an_empty_profile(stack: Stack) -> None:
    answer = stack.run("ProfielOpvragen", event("profiel-opvragen.batch"))
    outcomes = [antwoord["uitkomst"] for antwoord in answer["antwoorden"]]
    assert outcomes == ["gevonden", "gevonden", "gevonden", "afgemeld", "onbekend", "geweigerd"]
    assert all(bool(antwoord["adressen"]) == (antwoord["uitkomst"] == "gevonden") for antwoord in answer["antwoorden"])


def test_the_authorizer_event_is_refused_until_it_holds_a_token(stack: Stack, world: World) -> None:
    asking = event("authorizer.toegang")
    with pytest.raises(Unauthorized):
        stack.run("Authorizer", asking)
    with_token = json.loads(json.dumps(asking).replace(PLACEHOLDER, f"Bearer {world.identity.token_for(GEMEENTE)}"))
    answer = stack.run("Authorizer", with_token)
    [statement] = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], answer["context"]["oin"]) == ("Allow", asking_oin())


def asking_oin() -> str:
    [gemeente] = (found for found in demo_data.read().aansluitingen if found.client.id == GEMEENTE)
    return gemeente.oin


def test_no_event_is_left_out() -> None:
    assert {path.stem for path in EVENTS} - EXPECTED.keys() == {"authorizer.toegang", "profiel-opvragen.batch"}
