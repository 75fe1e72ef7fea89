"""The pump does what SQS, Lambda, EventBridge and API Gateway do, on a small template of its own."""

import http.server
import json
import logging
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.pump import Call, Crash, NotAtRest, NotReached, Order, Pump, TimedOut

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.13, CodeUri: code/, Timeout: 10, Layers: [!Ref Shared]}
Resources:
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {LayerName: shared, ContentUri: layer}
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub ${AWS::StackName}-things
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Lock: {Type: AWS::KMS::Key, Properties: {Description: none}}
  Word:
    Type: AWS::SecretsManager::Secret
    Properties: {Name: word, GenerateSecretString: {PasswordLength: 20}}
  First:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: first
      VisibilityTimeout: 30
      RedrivePolicy: {deadLetterTargetArn: !GetAtt FirstDead.Arn, maxReceiveCount: 3}
  FirstDead: {Type: AWS::SQS::Queue, Properties: {QueueName: first-dead}}
  Second:
    Type: AWS::SQS::Queue
    Properties: {QueueName: second, VisibilityTimeout: 60}
  Mover:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: mover
      Handler: chain.move.handler
      Environment: {Variables: {NEXT: !GetAtt Second.QueueUrl, OWN: !Ref First, LOCK: !GetAtt Lock.Arn}}
      Events:
        Work:
          Type: SQS
          Properties: {Queue: !GetAtt First.Arn, BatchSize: 5, FunctionResponseTypes: [ReportBatchItemFailures]}
  StorerA:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: storer-a
      Handler: chain.store.handler
      Environment: {Variables: {LABEL: a, TABLE: !Ref Things}}
      Events: {Work: {Type: SQS, Properties: {Queue: !GetAtt Second.Arn, BatchSize: 2}}}
  StorerB:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: storer-b
      Handler: chain.store.handler
      Environment: {Variables: {LABEL: b, TABLE: !Ref Things}}
  Asker:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: asker
      Handler: chain.ask.handler
  Odd:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: odd
      Handler: chain.odd.handler
      Environment: {Variables: {TABLE: !Ref Things}}
      Events: {Minute: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}}
  Authorizer:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: authorizer, Handler: chain.authorize.handler}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: api
      OpenApiVersion: 3.0.1
      Auth:
        DefaultAuthorizer: Who
        Authorizers:
          Who:
            FunctionArn: !GetAtt Authorizer.Arn
            FunctionPayloadType: REQUEST
            Identity: {Headers: [Authorization], ReauthorizeEvery: 60}
      GatewayResponses:
        UNAUTHORIZED:
          ResponseParameters: {Headers: {X-Own: "'yes'"}}
          ResponseTemplates: {application/problem+json: '{"status": 401}'}
  Door:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: door
      Handler: chain.door.handler
      Events:
        One: {Type: Api, Properties: {RestApiId: !Ref Api, Path: "/things/{id}", Method: get}}
        Own: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /things/own, Method: get}}
        Add: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /things, Method: post}}
        Free: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /free, Method: post, Auth: {Authorizer: NONE}}}
"""

CODE = {
    "layer/shared.py": """
import functools, os, boto3

@functools.cache
def label():
    return os.environ["LABEL"]

@functools.cache
def client(service):
    return boto3.client(service)
""",
    "code/chain/__init__.py": "",
    "code/chain/move.py": """
import json, os
import botocore.session

sqs = botocore.session.get_session().create_client("sqs")

def handler(event, context):
    failed = []
    for record in event["Records"]:
        order = json.loads(record["body"])
        if order.get("raise"):
            raise ValueError("as told")
        if "again_after" in order and record["attributes"]["ApproximateReceiveCount"] == "1":
            sqs.change_message_visibility(
                QueueUrl=os.environ["OWN"],
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=order["again_after"],
            )
            failed.append(record["messageId"])
        elif order.get("fail"):
            failed.append(record["messageId"])
        else:
            sqs.send_message(QueueUrl=os.environ["NEXT"], MessageBody=record["body"], MessageGroupId="group")
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
""",
    "code/chain/store.py": """
import json, os
from shared import client, label

def put(name, **more):
    item = {"pk": {"S": name}, "label": {"S": label()}, **more}
    client("dynamodb").put_item(TableName=os.environ["TABLE"], Item=item)

def handler(event, context):
    for record in event.get("Records", []):
        try:
            name = json.loads(record["body"])["name"]
            put(name)
            put(name + "-done", count={"N": "1"}, data={"B": b"x"})
        finally:
            put("cleaned")
    return {"label": label(), "event": event}
""",
    "code/chain/ask.py": """
import json
from shared import client

def handler(event, context):
    answer = client("lambda").invoke(FunctionName=event["whom"], Payload=json.dumps(event.get("what", {})))
    return {"error": answer.get("FunctionError"), "payload": json.loads(answer["Payload"].read())}
""",
    "code/chain/odd.py": """
import logging, os, random, sys, time, uuid, boto3

state = {"calls": 0}

def sleep(event, context):
    before = time.monotonic()
    time.sleep(event["seconds"])
    return {"aged": time.monotonic() - before, "left": context.get_remaining_time_in_millis()}

def swallow(event, context):
    try:
        boto3.client("dynamodb").list_tables()
    except BaseException:
        return "alive"

DOES = {
    "chance": lambda event, context: [str(uuid.uuid4()), random.random(), os.urandom(4).hex()],
    "count": lambda event, context: state["calls"],
    "environment": lambda event, context: dict(os.environ),
    "exit": lambda event, context: sys.exit(1),
    "now": lambda event, context: time.time(),
    "object": lambda event, context: object(),
    "raise": lambda event, context: 1 / 0,
    "sleep": sleep,
    "swallow": swallow,
    "tables": lambda event, context: boto3.resource("dynamodb").Table(os.environ["TABLE"]).scan()["Count"],
}

def handler(event, context):
    state["calls"] += 1
    if event.get("source") == "aws.events":
        item = {"pk": f"tick {event['time']}", "of": event["resources"][0]}
        boto3.resource("dynamodb").Table(os.environ["TABLE"]).put_item(Item=item)
        return None
    return DOES[event["do"]](event, context)
""",
    "code/chain/authorize.py": """
asked = []

def handler(event, context):
    who = event["headers"]["Authorization"].removeprefix("Bearer ")
    asked.append(who)
    if who == "nobody":
        raise Exception("Unauthorized")
    if who == "broken":
        raise ValueError("broken")
    effect = "Deny" if who == "denied" else "Allow"
    resource = event["methodArn"].split("/")[0] + "/*"
    return {
        "principalId": who,
        "policyDocument": {"Statement": [{"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}]},
        "context": {"asked": len(asked), "admin": False, "method": event["methodArn"].split(":", 5)[5]},
    }
""",
    "code/chain/door.py": """
import json

def handler(event, context):
    if event["body"] == "raise":
        raise ValueError("as told")
    if event["body"] == "malformed":
        return {"status": 200}
    return {"statusCode": 201, "headers": {"X-Door": "open"}, "body": json.dumps(event)}
""",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own, with its template."""
    root = tmp_path_factory.mktemp("project")
    for name, text in {"template.yaml": TEMPLATE, **CODE}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def pump(project: Path) -> Iterator[Pump]:
    with Pump(root=project) as pump:
        yield pump


def stored(pump: Pump) -> set[str]:
    return {item["pk"] for item in pump.scan("Things")}


def crash_at(name: str, phase: str, *, function: str | None = None) -> Any:
    """A hook that crashes once, at the first such call."""
    left = [Crash()]

    def hook(call: Call) -> None:
        if left and (call.name, call.phase) == (name, phase) and function in (None, call.function):
            raise left.pop()

    return hook


# ---------------------------------------------------------------- queues


def test_a_message_travels_through_the_chain(pump: Pump) -> None:
    for number in range(7):
        pump.send("First", {"name": f"n{number}"})
    assert pump.queue_depths() == {"First": 7}
    first = pump.step()
    assert first is not None
    assert (first.queue, first.function, len(first.messages)) == ("First", "Mover", 5)
    assert pump.queue_depths() == {"First": 2, "Second": 5}
    assert pump.drain() == 1 + 4
    assert stored(pump) == {f"n{number}{tail}" for number in range(7) for tail in ("", "-done")} | {"cleaned"}
    assert pump.queue_depths() == {}
    assert pump.failures == []
    assert pump.invocations == {"Mover": 2, "StorerA": 4}


def test_a_batch_looks_as_on_aws(pump: Pump) -> None:
    pump.client("sqs").send_message(
        QueueUrl=pump.queues["Second"],
        MessageBody='{"name": "n"}',
        MessageGroupId="group",
        MessageAttributes={"trace": {"DataType": "String", "StringValue": "1"}},
    )
    delivery = pump.deliver("Second")
    assert delivery.outcome is not None
    (record,) = delivery.outcome.value["event"]["Records"]
    milliseconds = str(int(pump.now.timestamp() * 1000))
    assert record["attributes"] | {"SenderId": ""} == {
        "ApproximateFirstReceiveTimestamp": milliseconds,
        "ApproximateReceiveCount": "1",
        "MessageGroupId": "group",
        "SenderId": "",
        "SentTimestamp": milliseconds,
    }
    assert record["messageAttributes"] == {
        "trace": {"stringValue": "1", "dataType": "String", "stringListValues": [], "binaryListValues": []}
    }
    assert record["eventSourceARN"] == "arn:aws:sqs:eu-west-1:123456789012:second"
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", "eu-west-1")
    assert (record["messageId"], len(record["md5OfBody"])) == (delivery.messages[0], 32)


def test_what_fails_comes_back_after_the_visibility_timeout_and_ends_as_dead_letter(pump: Pump) -> None:
    bad = pump.send("First", {"fail": True}, group="g")
    pump.send("First", {"name": "good"})
    for _ in range(3):
        delivery = pump.deliver("First")
        assert delivery.failed == {bad}
        pump.drain()
        pump.advance(29)
        assert not pump.deliver("First").messages
        pump.advance(1)
    assert pump.dead_letters() == {}
    pump.drain()
    ((name, (letter,)),) = pump.dead_letters().items()
    assert (name, letter.id, letter.json(), letter.receive_count, letter.group) == (
        "FirstDead",
        bad,
        {"fail": True},
        3,
        "g",
    )
    assert "good" in stored(pump)


@pytest.mark.parametrize("seconds", [0, 5, 90])
def test_a_function_may_say_when_its_message_comes_back(pump: Pump, seconds: int) -> None:
    message = pump.send("First", {"name": "n", "again_after": seconds})
    assert pump.deliver("First").failed == {message}
    if seconds:
        pump.advance(seconds - 0.001)
        assert not pump.deliver("First").messages
        pump.advance(0.001)
    assert pump.deliver("First").failed == frozenset()


def test_an_exception_leaves_the_whole_batch_and_poison_does_not_stop_the_rest(pump: Pump) -> None:
    pump.send("First", "not json")
    pump.send("First", {"name": "mate"})
    assert len(pump.deliver("First").failed) == 2
    for _ in range(3):
        pump.advance(30)
        pump.deliver("First", size=1)
        pump.drain()
    assert [letter.body for letter in pump.dead_letters()["FirstDead"]] == ["not json"]
    assert "mate" in stored(pump)
    assert {type(failure.error) for failure in pump.failures} == {json.JSONDecodeError}


@pytest.mark.parametrize(
    ("value", "failed"),
    [
        (None, 0),
        ({}, 0),
        ({"batchItemFailures": None}, 0),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 2),
        ({"batchItemFailures": [{"itemIdentifier": "another"}]}, 2),
        ({"batchItemFailures": [{"id": "1"}]}, 2),
        ("text", 2),
    ],
)
def test_a_partial_response_that_is_none_fails_the_batch(
    project: Path, tmp_path: Path, value: Any, failed: int
) -> None:
    for name, text in {"template.yaml": TEMPLATE, **CODE}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "code/chain/move.py").write_text(f"def handler(event, context): return {value!r}")
    with Pump(root=tmp_path) as pump:
        for number in range(2):
            pump.send("First", str(number))
        assert len(pump.deliver("First").failed) == failed


def test_messages_can_be_delayed_repeated_kept_and_paused(pump: Pump) -> None:
    late = pump.send("First", {"name": "late"})
    pump.delay_message("First", late, 100)
    twice = pump.send("First", {"name": "twice"})
    pump.repeat_message("First", twice)
    assert pump.deliver("First").messages == (twice, twice)
    assert pump.queue_depths() == {"First": 1, "Second": 2}
    pump.paused.add("Second")
    assert pump.drain() == 0
    pump.paused.clear()
    kept = pump.deliver("Second", keep=True)
    assert len(pump.messages("Second")) == 2
    pump.advance(60)
    assert pump.deliver("Second").messages == kept.messages
    assert {message.receivable_from - pump.now for message in pump.messages("First")} == {timedelta(seconds=40)}
    assert pump.send("First", {}, delay=5)
    assert pump.step() is None


def test_chance_is_repeatable(project: Path) -> None:
    def run(seed: int) -> list[Any]:
        with Pump(root=project, order=Order.by_chance(random.Random(seed))) as pump:
            for number in range(12):
                pump.send("First", {"name": f"n{number}"})
                pump.send("Second", {"name": f"m{number}"})
            went = [pump.step() for _ in range(20)]
            return [(delivery.queue, delivery.messages) for delivery in went if delivery]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_a_seed_repeats_what_functions_draw(project: Path) -> None:
    def draw(seed: int) -> Any:
        with Pump(root=project, seed=seed) as pump:
            sent = pump.send("First", {})
            outcome = pump.invoke("Odd", {"do": "chance"})
            return outcome.value, sent, pump.secret("Word"), outcome.request_id

    assert draw(1) == draw(1)
    assert not set(map(str, draw(1)[:3])) & set(map(str, draw(2)[:3]))


# ---------------------------------------------------------------- time


def test_run_until_goes_from_one_due_moment_to_the_next(pump: Pump) -> None:
    began = pump.now
    pump.send("First", {"name": "n", "again_after": 90})
    pump.run_until(lambda: "n-done" in stored(pump), limit_seconds=100)
    assert pump.now == began + timedelta(seconds=90)
    assert pump.invocations["Odd"] == 2
    with pytest.raises(NotReached):
        pump.run_until(lambda: False, limit_seconds=600)
    assert pump.now <= began + timedelta(seconds=90 + 600)


def test_drain_gives_up_on_what_never_rests(pump: Pump) -> None:
    def again(call: Call) -> None:
        if call.name == "sqs.SendMessage" and call.phase == "before":
            pump.send("First", {"name": "again"})

    pump.on_call.append(again)
    pump.send("First", {"name": "again"})
    with pytest.raises(NotAtRest):
        pump.drain(max_steps=20)


def test_a_function_ages_by_the_pumps_clock(pump: Pump) -> None:
    began = pump.now
    started = time.perf_counter()
    outcome = pump.invoke("Odd", {"do": "sleep", "seconds": 7})
    assert outcome.value == {"aged": 7, "left": 3000}
    assert pump.now == began + timedelta(seconds=7)
    assert pump.invoke("Odd", {"do": "now"}).value == pump.now.timestamp()
    assert time.perf_counter() - started < 5


def test_a_function_is_stopped_at_its_time_out(pump: Pump) -> None:
    assert isinstance(pump.invoke("Odd", {"do": "sleep", "seconds": 11}).error, TimedOut)
    assert pump.invoke("Odd", {"do": "count"}).value == 1

    def slow(call: Call) -> None:
        if call.phase == "before":
            pump.advance(10)

    pump.on_call.append(slow)
    assert isinstance(pump.invoke("Odd", {"do": "tables"}).error, TimedOut)


# ---------------------------------------------------------------- instances


def test_instances_of_one_module_share_nothing(pump: Pump) -> None:
    assert pump.invoke("StorerA", {}).value["label"] == "a"
    assert pump.invoke("StorerB", {}).value["label"] == "b"
    assert pump.invoke("StorerA", {}).value["label"] == "a"
    assert pump.cold_starts == {"StorerA": 1, "StorerB": 1}


def test_an_instance_lives_until_it_is_killed(pump: Pump) -> None:
    assert [pump.invoke("Odd", {"do": "count"}).value for _ in range(2)] == [1, 2]
    pump.kill("Odd")
    assert pump.invoke("Odd", {"do": "count"}).value == 1
    pump.kill()
    assert pump.invoke("Odd", {"do": "count"}).value == 1
    assert pump.cold_starts["Odd"] == 3
    pump.invoke("Odd", {"do": "raise"})
    assert pump.invoke("Odd", {"do": "count"}).value == 3
    pump.invoke("Odd", {"do": "exit"})
    assert pump.invoke("Odd", {"do": "count"}).value == 1


def test_a_function_sees_its_own_world_and_leaves_no_trace(pump: Pump, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_ONLY", "1")
    module: Any = type(sys)("shared")
    monkeypatch.setitem(sys.modules, "shared", module)
    before, path, loggers = dict(os.environ), list(sys.path), set(logging.root.manager.loggerDict)
    assert pump.invoke("StorerA", {}).value["label"] == "a"
    environment = pump.invoke("Odd", {"do": "environment"}).value
    assert "TEST_ONLY" not in environment
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "odd"
    assert environment["TABLE"] == "ond-things" == pump.function_environment("Odd")["TABLE"]
    assert (dict(os.environ), sys.path) == (before, path)
    assert sys.modules["shared"] is module
    assert not [name for name in sys.modules if name.split(".")[0] == "chain"]
    assert not [name for name in set(logging.root.manager.loggerDict) - loggers if name.startswith("chain")]


def test_what_is_no_json_is_an_error(pump: Pump) -> None:
    assert isinstance(pump.invoke("Odd", {"do": "object"}).error, TypeError)


def test_real_ids_reach_the_functions(pump: Pump) -> None:
    arn = pump.function_environment("Mover")["LOCK"]
    assert pump.client("kms").describe_key(KeyId=arn)["KeyMetadata"]["Arn"] == arn
    assert len(pump.secret("Word")) == 20
    pump.set_secret("Word", "other")
    assert pump.secret("Word") == "other"


def test_secrets_may_be_given(project: Path) -> None:
    with Pump(root=project, secrets={"Word": "given"}) as pump:
        assert pump.secret("Word") == "given"


# ---------------------------------------------------------------- faults


def test_a_crash_between_two_calls_has_the_batch_delivered_again(pump: Pump) -> None:
    pump.on_call.append(crash_at("dynamodb.PutItem", "after"))
    pump.send("Second", {"name": "n"})
    delivery = pump.deliver("Second")
    assert delivery.outcome is not None
    assert delivery.outcome.crashed
    # The first write was made; nothing after it, not even what stands in a finally clause.
    assert stored(pump) == {"n"}
    pump.advance(60)
    assert pump.deliver("Second").failed == frozenset()
    assert stored(pump) == {"n", "n-done", "cleaned"}
    assert pump.cold_starts["StorerA"] == 2
    assert [type(failure.error) for failure in pump.failures] == [Crash]


def test_a_crash_before_a_call_keeps_it_from_being_made(pump: Pump) -> None:
    pump.on_call.append(crash_at("dynamodb.PutItem", "before"))
    pump.send("Second", {"name": "n"})
    pump.deliver("Second")
    assert stored(pump) == set()


def test_a_function_cannot_survive_by_catching_everything(pump: Pump) -> None:
    pump.on_call.append(crash_at("dynamodb.ListTables", "before"))
    assert pump.invoke("Odd", {"do": "swallow"}).crashed
    assert pump.invoke("Odd", {"do": "count"}).value == 1


def test_hooks_see_every_call_and_may_fail_it(pump: Pump) -> None:
    seen: list[tuple[str, str, str, int]] = []

    def watch(call: Call) -> None:
        seen.append((call.function, call.name, call.phase, call.number))
        if call.phase == "after" and call.name == "sqs.SendMessage":
            assert call.response["MessageId"]
            assert call.params["MessageGroupId"] == "group"
        if call.name == "dynamodb.PutItem" and call.phase == "before":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "PutItem")

    pump.on_call.append(watch)
    pump.send("First", {"name": "n"})
    pump.drain()
    assert seen[:2] == [("Mover", "sqs.SendMessage", "before", 1), ("Mover", "sqs.SendMessage", "after", 1)]
    # One raised at the first write, one more in the finally clause.
    assert [name for _, name, _, _ in seen[2:]] == ["dynamodb.PutItem"] * 2
    assert pump.queue_depths() == {"Second": 1}


def test_a_hook_may_run_another_instance_in_the_middle(pump: Pump) -> None:
    pump.send("Second", {"name": "outer"})
    pump.send("Second", {"name": "inner"})
    entered: list[Any] = []

    def meanwhile(call: Call) -> None:
        if call.name == "dynamodb.PutItem" and call.phase == "after" and not entered:
            entered.append(None)
            entered.append(pump.deliver("Second"))
            entered.append(stored(pump))

    pump.on_call.append(meanwhile)
    pump.deliver("Second", size=1)
    assert entered[2] == {"outer", "inner", "inner-done", "cleaned"}
    assert pump.cold_starts["StorerA"] == 2
    assert "outer-done" in stored(pump)


# ---------------------------------------------------------------- function to function


@pytest.mark.parametrize(
    "name", ["storer-b", "arn:aws:lambda:eu-west-1:123456789012:function:storer-b", "storer-b:$LATEST"]
)
def test_a_function_invokes_another(pump: Pump, name: str) -> None:
    outcome = pump.invoke("Asker", {"whom": name, "what": {"a": 1}})
    assert outcome.value == {"error": None, "payload": {"label": "b", "event": {"a": 1}}}
    assert pump.invocations == {"Asker": 1, "StorerB": 1}


def test_the_caller_sees_how_the_other_failed(pump: Pump) -> None:
    raised = pump.invoke("Asker", {"whom": "odd", "what": {"do": "raise"}}).value
    assert (raised["error"], raised["payload"]["errorType"]) == ("Unhandled", "ZeroDivisionError")
    pump.on_call.append(crash_at("dynamodb.Scan", "before", function="Odd"))
    crashed = pump.invoke("Asker", {"whom": "odd", "what": {"do": "tables"}}).value
    assert (crashed["error"], crashed["payload"]["errorType"]) == ("Unhandled", "Runtime.ExitError")
    late = pump.invoke("Asker", {"whom": "odd", "what": {"do": "sleep", "seconds": 10}})
    # Both have ten seconds, and the caller waits for the other.
    assert isinstance(late.error, TimedOut)
    assert pump.invoke("Asker", {"whom": "odd", "what": {"do": "tables"}}).value["payload"] == 0


def test_nobody_answers_to_another_name(pump: Pump) -> None:
    error = pump.invoke("Asker", {"whom": "nobody"}).error
    assert type(error).__name__ == "ResourceNotFoundException"


# ---------------------------------------------------------------- schedules and the API


def test_a_tick_runs_every_schedule_once(pump: Pump) -> None:
    pump.tick()
    (item,) = pump.scan("Things")
    assert item["pk"] == f"tick {pump.now:%Y-%m-%dT%H:%M:%SZ}"
    assert ":rule/" in item["of"]


def test_a_request_goes_through_the_authorizer_to_the_function(pump: Pump) -> None:
    response = pump.call("GET", "/things/a%20b?x=1&x=2", token="me", query={"y": "3"})
    assert (response.status, response.headers["x-door"]) == (201, "open")
    event = response.json()
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/things/{id}", "/things/a%20b", "GET")
    assert event["pathParameters"] == {"id": "a b"}
    assert event["queryStringParameters"] == {"x": "2", "y": "3"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["3"]}
    assert event["headers"]["Authorization"] == "Bearer me"
    assert event["requestContext"]["path"] == "/api/things/a%20b"
    authorizer = event["requestContext"]["authorizer"]
    assert (authorizer["principalId"], authorizer["asked"], authorizer["admin"]) == ("me", "1", "false")
    assert authorizer["method"].endswith("/api/GET/things/a%20b")


def test_a_body_goes_as_json_or_as_it_is(pump: Pump) -> None:
    event = pump.call("POST", "/things", {"a": 1}, token="me").json()
    assert (json.loads(event["body"]), event["headers"]["Content-Type"]) == ({"a": 1}, "application/json")
    assert event["pathParameters"] is None
    event = pump.call("POST", "/free", "a=1", headers={"Content-Type": "text/plain"}).json()
    assert (event["body"], event["headers"]["Content-Type"]) == ("a=1", "text/plain")
    assert "authorizer" not in event["requestContext"]


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("nobody", 401), ("denied", 403), ("broken", 500), ("me", 201)]
)
def test_the_authorizer_decides(pump: Pump, token: str | None, status: int) -> None:
    response = pump.call("POST", "/things", {}, token=token)
    assert response.status == status
    if status == 401:
        assert (response.json(), response.headers["x-own"]) == ({"status": 401}, "yes")
    assert pump.invocations["Door"] == (status == 201)


def test_the_authorizers_answer_is_remembered_for_a_while(pump: Pump) -> None:
    for _ in range(2):
        pump.call("POST", "/things", {}, token="me")
    pump.call("GET", "/things/own", token="me")
    assert pump.invocations["Authorizer"] == 1
    pump.call("POST", "/things", {}, token="you")
    pump.advance(60)
    pump.call("POST", "/things", {}, token="me")
    assert pump.invocations["Authorizer"] == 3


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/free", "raise", 502),
        ("POST", "/free", "malformed", 502),
        ("DELETE", "/free", None, 403),
        ("GET", "/nowhere", None, 403),
    ],
)
def test_the_gateway_answers_for_what_is_broken_or_not_there(
    pump: Pump, method: str, path: str, body: Any, status: int
) -> None:
    response = pump.call(method, path, body)
    assert response.status == status
    assert set(response.json()) == {"message"}


def test_a_fixed_path_goes_before_a_parameter(pump: Pump) -> None:
    assert pump.call("GET", "/things/own", token="me").json()["resource"] == "/things/own"


# ---------------------------------------------------------------- around it


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(0.01)  # really: the outside world does not stand still
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: Any) -> None:
        """Not needed."""


def test_loopback_is_left_alone(pump: Pump) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/"
        assert requests.get(url, timeout=5).text == "hello"
        began = pump.now
        pump.on_call.append(lambda _call: requests.get(url, timeout=5).raise_for_status())
        assert pump.invoke("Odd", {"do": "tables"}).value == 0
        assert pump.now == began
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_other_threads_may_not_run_functions(pump: Pump) -> None:
    raised: list[Exception] = []

    def run() -> None:
        try:
            pump.tick()
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(raised) == 1


def test_afterwards_all_is_as_before(project: Path) -> None:
    environment, chance = dict(os.environ), random.getstate()
    replaced = (time.sleep, time.monotonic, os.urandom)
    with Pump(root=project, start=datetime(2100, 1, 1, tzinfo=UTC)) as pump:
        pump.invoke("Odd", {"do": "sleep", "seconds": 1})
        assert datetime.now(UTC).year == 2100
    assert datetime.now(UTC).year < 2100
    assert dict(os.environ) == environment
    assert random.getstate() == chance
    assert (time.sleep, time.monotonic, os.urandom) == replaced


@pytest.mark.parametrize("variant", ["ond", "centraal-register"])
def test_the_real_template_runs(variant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Pump(variant=variant) as pump:
        assert ("ProfielRegister" in pump.functions) is (variant == "centraal-register")
        assert next(iter(pump.queues)) == "RouteringQueue"
        key = pump.function_environment("Routering")["INHOUD_KEY"]
        assert pump.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Enabled"]
        pump.tick()
        assert pump.failures == []
        assert pump.call("POST", "/v1/notificaties", {}).status == 401
        assert pump.call("GET", "/v1/nergens").status == 404
        pump.send("RouteringQueue", {"onbekend": True})
        pump.drain()
        assert len(pump.dead_letters()["RouteringDeadLetterQueue"]) == 1
    # Each instance logs to the output of its own time, not to that of the first test that made the logger.
    assert '"message failed"' in capsys.readouterr().out
