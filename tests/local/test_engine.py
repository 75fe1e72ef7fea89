"""The local engine, tried with the real template and stand-ins for the functions."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local import dropped
from local.deploy import DeployError, Deployment, deploy, update_code
from local.engine import HOST, Engine, function_processes, process_group
from local.template import EXAMPLE_PARAMETERS, ROOT, Template, load
from local.ticker import Ticker

FUNCTION = """
import json

def handler(event, context):
    print("received", json.dumps(event))
    if "refuse" in json.dumps(event):
        raise RuntimeError("refused")
    return {"statusCode": 200, "body": context.function_name}
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def deployment(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return deploy(engine.endpoint_url, EXAMPLE_PARAMETERS, root=a_project(tmp_path_factory.mktemp("project"), load()))


def a_project(root: Path, template: Template) -> Path:
    """A copy of this project in which every function is the same stand-in, without packages."""
    (root / "template.yaml").write_text(json.dumps(template))
    (root / "layers/gedeeld/ond").mkdir(parents=True)
    (root / "layers/gedeeld/ond/__init__.py").touch()
    (root / "layers/dependencies").mkdir(parents=True)
    (root / "layers/dependencies/requirements.txt").touch()
    for resource in load()["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            module = root / "functions" / Path(*resource["Properties"]["Handler"].split(".")[:-1]).with_suffix(".py")
            module.parent.mkdir(parents=True, exist_ok=True)
            module.write_text(FUNCTION)
    return root


def call(deployment: Deployment, method: str, path: str) -> tuple[int, str, str]:
    """Status, content type and body."""
    request = urllib.request.Request(deployment.api_url + path, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as problem:
        answer = problem
    return answer.status, answer.headers["Content-Type"], answer.read().decode()


def eventually(holds: Callable[[], object], *, within: float = 10) -> bool:
    end = time.monotonic() + within
    while not (held := bool(holds())) and time.monotonic() < end:
        time.sleep(0.05)
    return held


def log_of(deployment: Deployment, function: str, word: str) -> list[str]:
    logs = deployment.client("logs")
    try:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{deployment.functions[function]}")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in events if word in event["message"]]


def depth(deployment: Deployment, queue: str) -> tuple[int, int]:
    """How many messages wait, and how many are in work or wait for another attempt."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = deployment.queues[queue]
    found = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


# ---------------------------------------------------------------- what is deployed answers


def test_an_api_call_reaches_its_function(deployment: Deployment) -> None:
    assert call(deployment, "POST", "/v1/ontvangst/notifynl")[::2] == (200, "ond-notificatie-ontvangst")


@pytest.mark.parametrize(("path", "status"), [("/v1/bestaat-niet", 404), ("/v1/notificaties", 401)])
def test_errors_of_the_gateway_itself_are_problems(deployment: Deployment, path: str, status: int) -> None:
    found, content_type, body = call(deployment, "GET", path)
    assert (found, content_type, json.loads(body)["status"]) == (status, "application/problem+json", status)


def test_a_message_reaches_its_function_and_leaves_the_queue(deployment: Deployment) -> None:
    deployment.client("sqs").send_message(QueueUrl=deployment.queues["StatusQueue"], MessageBody="a-message")
    assert eventually(lambda: log_of(deployment, "Status", "a-message"))
    assert eventually(lambda: depth(deployment, "StatusQueue") == (0, 0))


def test_a_message_that_its_function_refuses_stays_in_the_queue(deployment: Deployment) -> None:
    deployment.client("sqs").send_message(QueueUrl=deployment.queues["ReceiptsQueue"], MessageBody="refuse")
    assert eventually(lambda: log_of(deployment, "Afleverstatus", "RuntimeError: refused"))
    assert depth(deployment, "ReceiptsQueue") == (0, 1)


def test_an_error_in_a_function_is_told_to_who_invoked_it(deployment: Deployment) -> None:
    answer = deployment.client("lambda").invoke(FunctionName=deployment.functions["Status"], Payload=b'"refuse"')
    assert answer["FunctionError"] == "Unhandled"


def test_functions_see_the_packages_of_their_layers_only(deployment: Deployment) -> None:
    module = deployment.root / "functions/profiel/opvragen.py"
    module.write_text("import ministack\n" + FUNCTION)
    answer = update_code(deployment).client("lambda").invoke(FunctionName=deployment.functions["ProfielOpvragen"])
    assert "No module named 'ministack'" in answer["Payload"].read().decode()


def test_changed_code_answers_after_an_update(deployment: Deployment) -> None:
    module = deployment.root / "functions/notificatie/ontvangst.py"
    module.write_text(FUNCTION.replace("context.function_name", "'changed'"))
    assert call(update_code(deployment), "POST", "/v1/ontvangst/notifynl")[2] == "changed"


# ---------------------------------------------------------------- what the engine drops


def test_tables_delete_expired_items_and_can_be_restored(deployment: Deployment) -> None:
    dynamodb = deployment.client("dynamodb")
    for table in deployment.tables.values():
        assert dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["AttributeName"] == "ttl"
        backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_boundaries_and_reserved_concurrency_are_set(engine: Engine, tmp_path: Path) -> None:
    template = load()
    nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}
    template["Resources"]["Grens"] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": nothing}}
    template["Resources"]["Status"]["Properties"] |= {
        "ReservedConcurrentExecutions": 7,
        "PermissionsBoundary": {"Ref": "Grens"},
    }
    found = deploy(engine.endpoint_url, EXAMPLE_PARAMETERS, stack_name="begrensd", root=a_project(tmp_path, template))
    concurrency = found.client("lambda").get_function_concurrency(FunctionName=found.functions["Status"])
    assert concurrency["ReservedConcurrentExecutions"] == 7
    function = found.client("lambda").get_function_configuration(FunctionName=found.functions["Status"])
    role = found.client("iam").get_role(RoleName=function["Role"].rpartition("/")[2])["Role"]
    assert ":policy/begrensd" in role["PermissionsBoundary"]["PermissionsBoundaryArn"]
    assert found.outputs.keys() == template["Outputs"].keys()


def test_what_cannot_be_set_is_named() -> None:
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {"TimeToLiveSpecification": {"AttributeName": "ttl"}}}
    with pytest.raises(dropped.NotRestored, match="Tafel TimeToLiveSpecification"):
        dropped.restore(_deaf, {"Resources": {"Tafel": table}}, {"Tafel": "ond-tafel"}, {})


class _Deaf:
    """Accepts any call and keeps nothing."""

    def update_time_to_live(self, **_: Any) -> None: ...

    def describe_time_to_live(self, **_: Any) -> dict[str, Any]:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}


def _deaf(_service: str) -> _Deaf:
    return _Deaf()


def test_what_the_engine_refuses_is_left_out_and_listed() -> None:
    guard = {"Type": "AWS::Lambda::ResourcePolicy", "Properties": {}}
    condition = {"ArnEquals": {"lambda:SourceFunctionArn": "x"}}
    role = {
        "Type": "AWS::IAM::Role",
        "DependsOn": "Wacht",
        "Properties": {"Policies": [{"PolicyDocument": {"Statement": [{"Effect": "Allow", "Condition": condition}]}}]},
    }
    template, left_out = dropped.supported({"Resources": {"Wacht": guard, "Rol": role}}, {})
    assert list(template["Resources"]) == ["Rol"]
    assert template["Resources"]["Rol"]["DependsOn"] == []
    assert "Condition" not in json.dumps(template)
    assert [line.split(":")[0] for line in left_out] == ["AWS", "condition lambda"]


def test_a_stack_that_fails_says_why_and_can_be_deployed_again_once_mended(engine: Engine, tmp_path: Path) -> None:
    template = load()
    root = a_project(tmp_path, template)
    queue = template["Resources"]["StatusQueue"]["Properties"]
    mended = queue | {"VisibilityTimeout": 30}
    queue["VisibilityTimeout"] = 999_999
    (root / "template.yaml").write_text(json.dumps(template))
    with pytest.raises(DeployError, match=r"StatusQueue: .*VisibilityTimeout"):
        deploy(engine.endpoint_url, EXAMPLE_PARAMETERS, stack_name="kapot", root=root)
    queue |= mended
    (root / "template.yaml").write_text(json.dumps(template))
    assert "StatusQueue" in deploy(engine.endpoint_url, EXAMPLE_PARAMETERS, stack_name="kapot", root=root).queues


# ---------------------------------------------------------------- the schedule


def test_the_ticker_keeps_scheduled_functions_running_when_their_processes_are_killed(
    engine: Engine, deployment: Deployment
) -> None:
    with Ticker(deployment, interval=0.05) as ticker:
        assert eventually(lambda: log_of(deployment, "OmcAgenda", "Scheduled Event"))
        for process in function_processes(engine):
            if process.function_name == deployment.functions["OmcAgenda"]:
                os.kill(process.pid, signal.SIGKILL)
        ticks = ticker.ticks
        assert eventually(lambda: ticker.ticks > ticks + 4)


def test_the_ticker_counts_failures_and_goes_on(deployment: Deployment) -> None:
    nowhere = dataclasses.replace(deployment, functions=dict.fromkeys(deployment.functions, "does-not-exist"))
    with Ticker(nowhere, interval=0.05) as ticker:
        assert eventually(lambda: ticker.failures > 3)


# ---------------------------------------------------------------- start and stop


def test_stopping_leaves_no_process_no_port_and_no_folder(tmp_path: Path) -> None:
    with Engine() as engine:
        deployment = deploy(engine.endpoint_url, EXAMPLE_PARAMETERS, root=a_project(tmp_path, load()))
        call(deployment, "POST", "/v1/ontvangst/notifynl")
        group = engine.pid
        assert len(list(process_group(group))) == 2  # the engine and one function
        port = int(engine.endpoint_url.rpartition(":")[2])
    assert not list(process_group(group))
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0
    assert not engine.private_directory.exists()


def test_the_engine_ends_with_a_parent_that_is_killed() -> None:
    code = (
        "import time; from local.engine import Engine; engine = Engine(); engine.start();"
        "print(engine.pid, engine.private_directory, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid, folder = parent.stdout.readline().split()
    parent.kill()
    parent.communicate()
    assert eventually(lambda: not list(process_group(int(pid))) and not Path(folder).exists())


def test_a_port_in_use_gives_way_to_a_free_one_and_is_said() -> None:
    said: list[str] = []
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with Engine(port, on_step=said.append) as engine:
            assert not engine.endpoint_url.endswith(f":{port}")
    assert str(port) in said[0]
