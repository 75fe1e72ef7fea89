"""Who may look up a profile, tried on the deployed template with every function's own credentials."""

import json
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from local.environment import Environment
from local.provider import ServiceProvider

pytestmark = [pytest.mark.xdist_group("engine"), pytest.mark.timeout(120)]

QUESTION = {
    "vragen": [
        {
            "identificatie": {"soort": "BSN", "nummer": "999990019"},
            "oin": "00000099000000001000",
            "doel_id": "besluiten",
        }
    ]
}


def as_function(environment: Environment, logical_id: str) -> Any:
    """A Lambda client with the credentials of a function's role."""
    functions, engine_url = environment.deployment.functions, environment.engine.endpoint_url
    role = environment.deployment.client("lambda").get_function(FunctionName=functions[logical_id])
    credentials = environment.deployment.client("sts").assume_role(
        RoleArn=role["Configuration"]["Role"], RoleSessionName=functions[logical_id]
    )["Credentials"]
    return boto3.client(
        "lambda",
        endpoint_url=engine_url,
        region_name="eu-west-1",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def may_look_up(environment: Environment, logical_id: str) -> bool:
    lookup = environment.deployment.functions["ProfielOpvragen"]
    try:
        answer = as_function(environment, logical_id).invoke(FunctionName=lookup, Payload=json.dumps(QUESTION).encode())
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return False
    assert json.loads(answer["Payload"].read())["antwoorden"][0]["uitkomst"] == "gevonden"
    return True


def test_only_the_routing_role_may_look_up_a_profile(environment: Environment) -> None:
    allowed = {name for name in environment.deployment.functions if may_look_up(environment, name)}
    assert allowed == {"Routering"}


@pytest.mark.parametrize(
    ("headers", "status", "soort"),
    [
        ({}, 401, "niet-aangemeld"),
        ({"Authorization": "Bearer geen.token"}, 401, "niet-aangemeld"),
    ],
)
def test_without_a_good_token_the_answer_is_a_problem(
    environment: Environment, headers: dict[str, str], status: int, soort: str
) -> None:
    answer = requests.post(f"{environment.api_url}/notificaties", json={}, headers=headers, timeout=30)
    assert answer.status_code == status
    assert_problem(answer, soort)


@pytest.mark.parametrize(
    ("body", "status", "soort"),
    [
        (b"{", 400, "ongeldige-invoer"),
        (b'{"referentie": 1, "naam": "x"}', 400, "ongeldige-invoer"),
        (b'{"referentie": "' + b"x" * 70_000 + b'"}', 413, "te-groot"),
    ],
)
def test_bad_input_gets_a_problem_with_every_fault(
    environment: Environment, body: bytes, status: int, soort: str
) -> None:
    answer = requests.post(
        f"{environment.api_url}/notificaties",
        data=body,
        headers={"Authorization": f"Bearer {token(environment)}", "Content-Type": "application/json"},
        timeout=30,
    )
    assert answer.status_code == status
    assert_problem(answer, soort)
    if b"naam" in body:
        assert {fault["veld"] for fault in answer.json()["fouten"]} == {
            "referentie",
            "naam",
            "doelId",
            "bericht",
            "ontvanger",
        }


def test_an_unknown_path_is_a_problem_too(environment: Environment) -> None:
    answer = requests.get(f"{environment.api_url}/bestaat-niet", timeout=30)
    assert answer.status_code == 404
    assert_problem(answer, "niet-gevonden")


def test_routes_of_centraal_register_exist_in_that_variant_only(environment: Environment) -> None:
    answer = requests.post(
        f"{environment.api_url}/partijen/_zoek",
        json={"identificatieType": "BSN", "identificatieNummer": "999990019", "doelId": "besluiten"},
        headers={"Authorization": f"Bearer {token(environment)}"},
        timeout=30,
    )
    assert answer.status_code == (200 if environment.variant == "centraal-register" else 404)


def test_a_poison_message_ends_in_its_dead_letter_queue_and_its_mates_succeed(environment: Environment) -> None:
    sqs, queues = environment.deployment.client("sqs"), environment.deployment.queues
    good = json.dumps({"poging_id": "00000000-0000-4000-8000-000000000000-1", "uitslag": "bezorgd"})
    sqs.send_message_batch(
        QueueUrl=queues["ReceiptsQueue"],
        Entries=[{"Id": "poison", "MessageBody": '{"geen": "receipt"}'}, {"Id": "good", "MessageBody": good}],
    )
    answer = sqs.receive_message(QueueUrl=queues["ReceiptsDeadLetterQueue"], WaitTimeSeconds=20, MaxNumberOfMessages=10)
    assert [message["Body"] for message in answer.get("Messages", [])] == ['{"geen": "receipt"}']
    attributes = sqs.get_queue_attributes(QueueUrl=queues["ReceiptsQueue"], AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def token(environment: Environment) -> str:
    provider = ServiceProvider(
        environment.data.aansluitingen[0], f"{environment.world.identity.issuer}/token", environment.api_url
    )
    return provider.token()


def assert_problem(answer: requests.Response, soort: str) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:ond:probleem:{soort}"
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    assert answer.headers["API-Version"] == "1.0.0"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
