"""Guards between template and code, in both variants: what one of the two names, the other has."""

import functools
import hashlib
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from local import artifacts, sam
from local.environment import FAST
from local.resolve import Resolved, resolve
from local.template import EXAMPLE_PARAMETERS, ROOT, Template, load, translate
from notificatie.ontvangst import NotifyNlReceipt
from omc.opdracht import Adresopdracht, Notificatieopdracht
from ond.api import HEADERS
from ond.berichten import (
    BezorgPoging,
    NotificatieGewijzigd,
    Profielvragen,
    ReceiptOntvangen,
    RouteerNotificatie,
    StuurWijzigingen,
    UitslagGemeld,
)
from ond.settings import Settings
from profiel.register import Zoekvraag

VARIANTS = ("ond", "centraal-register")
WIDEST = "centraal-register"
FOURTEEN_DAYS = 14 * 24 * 60 * 60
EVENTS = sorted((ROOT / "events").glob("*.json"))
#: For Powertools itself, which reads them by itself.
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}
#: What SAM gives every role: to write logs, and to read the queue that feeds the function.
MANAGED = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole",
}

both_variants = pytest.mark.parametrize("variant", VARIANTS)


@functools.cache
def translated(variant: str) -> Template:
    return translate(load(), {**EXAMPLE_PARAMETERS, "Variant": variant})


@functools.cache
def stack(variant: str, *, fast: bool = False) -> Resolved:
    parameters = {**EXAMPLE_PARAMETERS, "Variant": variant, **(FAST if fast else {})}
    return resolve(translated(variant), parameters)


def properties(variant: str, kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource.properties for name, resource in stack(variant).of_type(kind).items()}


def functions(variant: str) -> dict[str, dict[str, Any]]:
    return properties(variant, "AWS::Lambda::Function")


def module_of(variant: str, function: str) -> ModuleType:
    return importlib.import_module(functions(variant)[function]["Handler"].rpartition(".")[0])


def every_function() -> list[tuple[str, str]]:
    return [(variant, function) for variant in VARIANTS for function in functions(variant)]


each_function = pytest.mark.parametrize(("variant", "function"), every_function())


# ---------------------------------------------------------------- functions


@each_function
def test_every_handler_exists(variant: str, function: str) -> None:
    attribute = functions(variant)[function]["Handler"].rpartition(".")[2]
    assert callable(getattr(module_of(variant, function), attribute))


def settings_of(module: ModuleType) -> type[Settings]:
    """The settings that the module's ``dependencies`` reads, wherever that is defined."""
    where = sys.modules[inspect.unwrap(module.dependencies).__module__]
    [settings] = (
        value
        for value in vars(where).values()
        if inspect.isclass(value) and issubclass(value, Settings) and value.__module__ == where.__name__
    )
    return settings


@each_function
def test_a_function_has_the_variables_that_it_reads_and_no_others(variant: str, function: str) -> None:
    given = functions(variant)[function]["Environment"]["Variables"].keys()
    assert given - POWERTOOLS == {name.upper() for name in settings_of(module_of(variant, function)).model_fields}


@each_function
def test_the_values_in_the_template_are_acceptable_to_the_function(variant: str, function: str) -> None:
    given = functions(variant)[function]["Environment"]["Variables"]
    settings_of(module_of(variant, function)).model_validate({name.lower(): value for name, value in given.items()})


def test_sam_local_gives_every_function_the_variables_of_the_template() -> None:
    content = json.loads(sam.PATH.read_text())
    assert content.keys() == functions(WIDEST).keys()
    for name, function in functions(WIDEST).items():
        of_the_shell = {variable for variable in content[name] if variable.startswith("AWS_")}
        assert content[name].keys() - of_the_shell == function["Environment"]["Variables"].keys()


def test_the_file_for_sam_local_is_up_to_date() -> None:
    assert sam.PATH.read_text() == sam.as_text(sam.content()), "renew it: python -m local.sam --write"


@both_variants
def test_every_function_runs_python_3_13_on_arm64(variant: str) -> None:
    found = {(function["Runtime"], *function["Architectures"]) for function in functions(variant).values()}
    assert found == {("python3.13", "arm64")}


def test_the_functions_of_the_register_exist_in_its_variant_only() -> None:
    assert functions(WIDEST).keys() - functions("ond").keys() == {"AannameOpAdres", "ProfielRegister"}
    assert functions("ond").keys() <= functions(WIDEST).keys()


def test_the_code_imports_only_standard_library_layers_and_itself() -> None:
    """In a Python without packages, as Lambda would find it; and without any variable set."""
    packages = artifacts._installed(ROOT / "layers/dependencies/requirements.txt", lambda _step: None)
    folders = [str(packages), str(ROOT / "layers/gedeeld"), str(ROOT / "functions")]
    modules = sorted({function["Handler"].rpartition(".")[0] for function in functions(WIDEST).values()})
    program = f"import sys, importlib; sys.path += {folders}; [importlib.import_module(name) for name in {modules}]"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- queues


@both_variants
def test_every_queue_has_a_dead_letter_queue_of_its_own(variant: str) -> None:
    by_arn = {queue.arn: name for name, queue in stack(variant).of_type("AWS::SQS::Queue").items()}
    queues = properties(variant, "AWS::SQS::Queue")
    redriven = {
        name: by_arn[queue["RedrivePolicy"]["deadLetterTargetArn"]]
        for name, queue in queues.items()
        if "RedrivePolicy" in queue
    }
    assert redriven == {name: name.replace("Queue", "DeadLetterQueue") for name in redriven}
    assert queues.keys() - redriven.keys() == set(redriven.values())


@both_variants
def test_every_queue_keeps_its_messages_for_fourteen_days(variant: str) -> None:
    found = {queue["MessageRetentionPeriod"] for queue in properties(variant, "AWS::SQS::Queue").values()}
    assert found == {FOURTEEN_DAYS}


def consumers(resolved: Resolved) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Queue, function and mapping, by logical id."""
    queues = {queue.arn: name for name, queue in resolved.of_type("AWS::SQS::Queue").items()}
    functions = {function.ref: name for name, function in resolved.of_type("AWS::Lambda::Function").items()}
    for mapping in resolved.of_type("AWS::Lambda::EventSourceMapping").values():
        yield (
            queues[mapping.properties["EventSourceArn"]],
            functions[mapping.properties["FunctionName"]],
            mapping.properties,
        )


@both_variants
def test_every_queue_is_consumed_by_exactly_one_function(variant: str) -> None:
    consumed = sorted(queue for queue, _, _ in consumers(stack(variant)))
    assert consumed == sorted(name for name in properties(variant, "AWS::SQS::Queue") if "DeadLetter" not in name)


@both_variants
@pytest.mark.parametrize("fast", [False, True], ids=["default", "fast"])
def test_a_message_in_work_stays_hidden_for_six_times_the_function_time_out(variant: str, fast: bool) -> None:
    resolved = stack(variant, fast=fast)
    for queue, function, _ in consumers(resolved):
        hidden = int(resolved.resources[queue].properties["VisibilityTimeout"])
        assert hidden >= 6 * int(resolved.resources[function].properties["Timeout"]), (queue, function)


@both_variants
def test_every_queue_function_reports_which_messages_failed(variant: str) -> None:
    for _, function, mapping in consumers(stack(variant)):
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], function


# ---------------------------------------------------------------- tables


@both_variants
def test_every_table_is_on_demand_can_be_restored_and_forgets(variant: str) -> None:
    for name, table in properties(variant, "AWS::DynamoDB::Table").items():
        assert table["BillingMode"] == "PAY_PER_REQUEST", name
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name
        assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}, name


# ---------------------------------------------------------------- rights


def statements(document: Any) -> Iterator[dict[str, Any]]:
    for policy in document:
        yield from policy["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@both_variants
def test_every_function_has_a_role_of_its_own(variant: str) -> None:
    roles = {role.arn: name for name, role in stack(variant).of_type("AWS::IAM::Role").items()}
    assert {name: roles[function["Role"]] for name, function in functions(variant).items()} == {
        name: f"{name}Role" for name in functions(variant)
    }


@both_variants
def test_no_role_may_do_everything_or_anything_to_everything(variant: str) -> None:
    for name, role in properties(variant, "AWS::IAM::Role").items():
        assert set(role["ManagedPolicyArns"]) <= MANAGED, name
        for statement in statements(role.get("Policies", [])):
            assert {"NotAction", "NotResource"}.isdisjoint(statement), name
            assert not any("*" in action for action in listed(statement["Action"])), name
            assert "*" not in listed(statement["Resource"]), name


@both_variants
def test_only_the_routing_role_may_invoke_a_function_and_only_the_lookup(variant: str) -> None:
    grants = [
        (name, *listed(statement["Action"]), *listed(statement["Resource"]))
        for name, role in properties(variant, "AWS::IAM::Role").items()
        for statement in statements(role.get("Policies", []))
        if any(action.lower().startswith(("lambda:", "*")) for action in listed(statement["Action"]))
    ]
    lookup = stack(variant).resources["ProfielOpvragen"].arn
    assert grants == [("RouteringRole", "lambda:InvokeFunction", lookup)]


@both_variants
def test_the_grant_to_look_up_holds_for_the_routing_function_only(variant: str) -> None:
    [statement] = (
        statement
        for statement in statements(properties(variant, "AWS::IAM::Role")["RouteringRole"]["Policies"])
        if statement["Action"] == "lambda:InvokeFunction"
    )
    routing = stack(variant).resources["Routering"].arn
    assert statement["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": routing}}


@both_variants
def test_nothing_else_mentions_the_lookup(variant: str) -> None:
    """No event, permission, URL or alias: only who may ask, and the asking function's variable."""
    resolved = stack(variant)
    lookup = resolved.resources["ProfielOpvragen"].ref
    mentioning = {name for name, resource in resolved.resources.items() if lookup in json.dumps(resource.properties)}
    assert mentioning == {"ProfielOpvragen", "Routering", "RouteringRole"}
    assert lookup not in json.dumps(resolved.outputs)


# ---------------------------------------------------------------- API


Route = tuple[str, str]  # method and path


def routes_in_template(variant: str) -> dict[str, set[Route]]:
    """Per function, as API Gateway has them."""
    found: dict[str, set[Route]] = {}
    for path, methods in api(variant)["paths"].items():
        for method, operation in methods.items():
            arn = re.search(r"functions/(.+)/invocations", operation["x-amazon-apigateway-integration"]["uri"])
            assert arn
            [function] = (
                name
                for name, resource in stack(variant).of_type("AWS::Lambda::Function").items()
                if resource.arn == arn[1]
            )
            found.setdefault(function, set()).add((method.upper(), path))
    return found


def api(variant: str) -> dict[str, Any]:
    [rest_api] = properties(variant, "AWS::ApiGateway::RestApi").values()
    body: dict[str, Any] = rest_api["Body"]
    return body


def routes_in_code(module: ModuleType) -> set[Route]:
    """As Powertools has them, its ``<notificatie_id>`` written as the template's ``{notificatieId}``."""
    routes = [*module.app._static_routes, *module.app._dynamic_routes]
    return {
        (method, re.sub(r"<(\w+)>", lambda name: f"{{{to_camel(name[1])}}}", route.path))
        for route in routes
        for method in listed(route.method)
    }


@both_variants
def test_the_routes_of_template_and_code_are_the_same(variant: str) -> None:
    in_code = {
        name: routes_in_code(module_of(variant, name))
        for name in functions(variant)
        if hasattr(module_of(variant, name), "app")
    }
    assert in_code == routes_in_template(variant)


def test_only_receipts_come_in_without_an_access_token() -> None:
    unguarded = [
        (method.upper(), path)
        for path, methods in api(WIDEST)["paths"].items()
        for method, operation in methods.items()
        if {"Toegang": []} not in operation["security"]
    ]
    assert unguarded == [("POST", "/v1/ontvangst/notifynl")]


#: What must not end up in an address, and so in logs and histories.
PERSONAL = re.compile(r"bsn|kvk|rsin|nummer|number|mail|adres|address|telefoon|phone|token|naam|name", re.IGNORECASE)


def test_nothing_personal_and_no_token_is_asked_for_in_an_address() -> None:
    body = api(WIDEST)
    names = [name for path in body["paths"] for name in re.findall(r"{(.+?)}", path)]
    for methods in body["paths"].values():
        for operation in methods.values():
            names += [parameter["name"] for parameter in operation.get("parameters", [])]
    for path in EVENTS:
        names += (event_of(path).get("queryStringParameters") or {}).keys()
    assert sorted(set(names)) == ["notificatieId", "referentie"]
    assert not any(PERSONAL.search(name) for name in names)
    [scheme] = body["components"]["securitySchemes"].values()
    assert scheme["x-amazon-apigateway-authorizer"]["identitySource"] == "method.request.header.Authorization"


@pytest.mark.parametrize("kind", api(WIDEST)["x-amazon-apigateway-gateway-responses"])
def test_errors_of_the_gateway_itself_look_like_ours(kind: str) -> None:
    response = api(WIDEST)["x-amazon-apigateway-gateway-responses"][kind]
    headers = {**HEADERS, "Content-Type": "application/problem+json"}
    expected = {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()}
    assert expected.items() <= response["responseParameters"].items()
    [(media_type, text)] = response["responseTemplates"].items()
    problem = json.loads(text)
    assert media_type == "application/problem+json"
    assert {"type", "title", "detail"} <= problem.keys()
    # A general one answers for many codes, so the code that it names need not be the one that it is sent with.
    if "statusCode" in response:
        assert problem["status"] == int(response["statusCode"])


# ---------------------------------------------------------------- events

#: What the events of a queue's function hold.
QUEUE_MODELS: dict[str, type[BaseModel]] = {
    "Routering": RouteerNotificatie,
    "Status": UitslagGemeld,
    "Terugkoppeling": NotificatieGewijzigd,
    "Webhook": StuurWijzigingen,
    "BezorgingEmail": BezorgPoging,
    "BezorgingSms": BezorgPoging,
    "BezorgingBrief": BezorgPoging,
    "Afleverstatus": ReceiptOntvangen,
}
#: What a route takes.
BODY_MODELS: dict[Route, type[BaseModel]] = {
    ("POST", "/v1/notificaties"): Notificatieopdracht,
    ("POST", "/v1/notificaties/_op-adres"): Adresopdracht,
    ("POST", "/v1/partijen/_zoek"): Zoekvraag,
    ("POST", "/v1/ontvangst/notifynl"): NotifyNlReceipt,
}
#: Meant to be refused.
INVALID = {"aanname.ongeldig"}


def kebab(logical_id: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", logical_id).lower()


def function_of(path: Path) -> str:
    return {kebab(name): name for name in functions(WIDEST)}[path.name.split(".")[0]]


@functools.cache
def event_of(path: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(path.read_text())
    return event


def test_every_function_has_an_event_and_every_event_a_function() -> None:
    assert {function_of(path) for path in EVENTS} == functions(WIDEST).keys()


def events_with(key: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in EVENTS if key in event_of(path)]


@pytest.mark.parametrize("path", events_with("Records"))
def test_a_queue_event_comes_from_the_queue_of_its_function(path: Path) -> None:
    [queue] = (queue for queue, function, _ in consumers(stack(WIDEST)) if function == function_of(path))
    name = properties(WIDEST, "AWS::SQS::Queue")[queue]["QueueName"]
    for record in event_of(path)["Records"]:
        assert record["eventSourceARN"].split(":")[-1] == name
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
        QUEUE_MODELS[function_of(path)].model_validate_json(record["body"])


@pytest.mark.parametrize("path", events_with("isBase64Encoded"))
def test_an_api_event_is_of_a_route_of_its_function_with_a_body_that_it_takes(path: Path) -> None:
    event = event_of(path)
    route = (event["httpMethod"], event["resource"])
    assert route in routes_in_template(WIDEST)[function_of(path)]
    assert event["resource"].format(**event["pathParameters"] or {}) == event["path"]
    assert event["requestContext"]["path"] == f"/api{event['path']}"
    if path.stem not in INVALID and event["body"]:
        BODY_MODELS[route].model_validate_json(event["body"])


@pytest.mark.parametrize("path", events_with("detail-type"))
def test_a_scheduled_event_is_of_a_function_on_the_schedule(path: Path) -> None:
    targets = [rule["Targets"] for rule in properties(WIDEST, "AWS::Events::Rule").values()]
    assert stack(WIDEST).resources[function_of(path)].arn in [target["Arn"] for [target] in targets]


def test_the_lookup_event_is_what_routing_asks() -> None:
    Profielvragen.model_validate(event_of(ROOT / "events/profiel-opvragen.batch.json"))
