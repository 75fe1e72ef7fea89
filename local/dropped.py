"""What the local engine refuses or silently drops: left out by name, or set afterwards and read back.

The lists are measurements of one version of ministack, not knowledge of AWS. Whatever is not restored here is reported,
so that nobody believes that it was tried.
"""

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from local.template import Template

#: One of these refuses the whole stack.
UNKNOWN_TYPES = {"AWS::Lambda::ResourcePolicy", "AWS::CloudWatch::CompositeAlarm"}
#: Never supplied by the engine, so an Allow that depends on one would never hold.
UNKNOWN_CONDITION_KEYS = {"lambda:SourceFunctionArn"}
#: Accepted, but without effect, and no API call gives it effect.
WITHOUT_EFFECT = (
    ("AWS::CloudWatch::Alarm", "AlarmActions"),
    ("AWS::DynamoDB::Table", "ResourcePolicy"),
    ("AWS::DynamoDB::Table", "SSESpecification"),
    ("AWS::Lambda::EventSourceMapping", "MaximumBatchingWindowInSeconds"),
    ("AWS::Lambda::Function", "Architectures"),
    ("AWS::Lambda::Function", "LoggingConfig"),
    ("AWS::Lambda::Function", "Runtime"),
    ("AWS::Lambda::Function", "TracingConfig"),
    ("AWS::Lambda::Permission", "SourceArn"),
    ("AWS::S3::Bucket", "BucketEncryption"),
    ("AWS::S3::Bucket", "LifecycleConfiguration"),
    ("AWS::SQS::Queue", "KmsMasterKeyId"),
)

GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"

Client = Callable[[str], Any]


class NotRestored(RuntimeError):
    """The engine does not hold what the template says; the message names each resource and property."""


def supported(template: Template, parameters: Mapping[str, str]) -> tuple[Template, list[str]]:
    """The part of a translated template that the engine accepts, and one line for each thing it will not do."""
    template = copy.deepcopy(template)
    _fill_in_concurrency(template, parameters)
    left_out = [*_leave_out_resources(template), *_leave_out_conditions(template), *_without_effect(template)]
    return template, left_out


def _fill_in_concurrency(template: Template, parameters: Mapping[str, str]) -> None:
    """The engine hands a parameter on as text, and its pollers stop at a concurrency that is no number."""
    for resource in template["Resources"].values():
        maximum = resource.get("Properties", {}).get("ScalingConfig", {}).get("MaximumConcurrency")
        if isinstance(maximum, dict):
            resource["Properties"]["ScalingConfig"] = {"MaximumConcurrency": int(parameters[maximum["Ref"]])}


def _leave_out_resources(template: Template) -> Iterator[str]:
    resources = template["Resources"]
    unknown = {name: resource["Type"] for name, resource in resources.items() if _is_unknown(resource)}
    for name, kind in sorted(unknown.items()):
        del resources[name]
        yield f"{kind} {name}: unknown to the engine, left out"
    for resource in resources.values():
        if after := resource.get("DependsOn"):
            after = [after] if isinstance(after, str) else after
            resource["DependsOn"] = [name for name in after if name not in unknown]


def _is_unknown(resource: Mapping[str, Any]) -> bool:
    metric_math = resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    return metric_math or resource["Type"] in UNKNOWN_TYPES


def _leave_out_conditions(template: Template) -> Iterator[str]:
    for name, resource in template["Resources"].items():
        found = {key for statement in _statements(resource) for key in _take_unknown_conditions(statement)}
        for key in sorted(found):
            yield f"condition {key} in {name}: never supplied by the engine, left out"


def _statements(node: Any) -> Iterator[dict[str, Any]]:
    """Every policy statement anywhere inside a resource."""
    if isinstance(node, dict):
        if "Effect" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _statements(child)


def _take_unknown_conditions(statement: dict[str, Any]) -> Iterator[str]:
    conditions = statement.get("Condition", {})
    for operator, keys in list(conditions.items()):
        for key in UNKNOWN_CONDITION_KEYS & keys.keys():
            del keys[key]
            yield key
        if not keys:
            del conditions[operator]
    if not conditions:
        statement.pop("Condition", None)


def _without_effect(template: Template) -> Iterator[str]:
    count = Counter(
        (kind, name)
        for resource in template["Resources"].values()
        for kind, name in WITHOUT_EFFECT
        if resource["Type"] == kind and name in resource.get("Properties", {})
    )
    for (kind, name), times in sorted(count.items()):
        yield f"{kind} {name} ({times}x): accepted without effect"


# ---------------------------------------------------------------- set afterwards


class Restoration(NamedTuple):
    """A property that CloudFormation in the engine drops, and the calls that set and read it there.

    ``read`` gives the value in the form of the template, so that the two can be compared.
    """

    resource_type: str
    path: tuple[str, ...]
    write: Callable[[Client, str, Any], object]
    read: Callable[[Client, str, Any], Any]

    def value(self, resource: Mapping[str, Any]) -> Any:
        """What the template says, or None when it says nothing."""
        node: Any = resource.get("Properties", {})
        for step in self.path:
            node = node.get(step) if isinstance(node, dict) else None
        return node


def _write_concurrency(client: Client, function: str, value: Any) -> None:
    client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=int(value))


def _read_concurrency(client: Client, function: str, value: Any) -> Any:
    found = client("lambda").get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions")
    return value if found == int(value) else found


def _write_boundary(client: Client, role: str, value: Any) -> None:
    client("iam").put_role_permissions_boundary(RoleName=role, PermissionsBoundary=value)


def _read_boundary(client: Client, role: str, _value: Any) -> Any:
    found = client("iam").get_role(RoleName=role)["Role"]
    return found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")


def _write_time_to_live(client: Client, table: str, value: Any) -> None:
    client("dynamodb").update_time_to_live(TableName=table, TimeToLiveSpecification=value)


def _read_time_to_live(client: Client, table: str, _value: Any) -> Any:
    found = client("dynamodb").describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    return {
        "AttributeName": found.get("AttributeName"),
        "Enabled": found["TimeToLiveStatus"] in ("ENABLING", "ENABLED"),
    }


def _write_recovery(client: Client, table: str, value: Any) -> None:
    client("dynamodb").update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=value)


def _read_recovery(client: Client, table: str, value: Any) -> Any:
    found = client("dynamodb").describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    status = found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    return {**value, "PointInTimeRecoveryEnabled": status == "ENABLED"}


def _write_gateway_responses(client: Client, api: str, value: Any) -> None:
    for kind, response in value.items():
        wanted = _as_engine_reads_it(response)
        status = {"statusCode": wanted["statusCode"]} if "statusCode" in wanted else {}
        client("apigateway").put_gateway_response(
            restApiId=api,
            responseType=kind,
            responseParameters=wanted["responseParameters"],
            responseTemplates=wanted["responseTemplates"],
            **status,
        )


def _read_gateway_responses(client: Client, api: str, value: Any) -> Any:
    found = {item["responseType"]: item for item in client("apigateway").get_gateway_responses(restApiId=api)["items"]}
    return {
        kind: response if _same_response(response, found[kind]) else found[kind] for kind, response in value.items()
    }


def _same_response(response: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    return all(found.get(key) == wanted for key, wanted in _as_engine_reads_it(response).items())


def _as_engine_reads_it(response: Mapping[str, Any]) -> dict[str, Any]:
    """The engine only uses the template of application/json; the header then says what it really is."""
    templates = response.get("responseTemplates", {})
    type_and_body = next(iter(templates.items()), None)
    parameters = dict(response.get("responseParameters", {}))
    if type_and_body:
        parameters.setdefault("gatewayresponse.header.Content-Type", f"'{type_and_body[0]}'")
        templates = {**templates, "application/json": type_and_body[1]}
    status = {"statusCode": str(response["statusCode"])} if "statusCode" in response else {}
    return {**status, "responseParameters": parameters, "responseTemplates": templates}


RESTORATIONS = (
    Restoration("AWS::Lambda::Function", ("ReservedConcurrentExecutions",), _write_concurrency, _read_concurrency),
    Restoration("AWS::IAM::Role", ("PermissionsBoundary",), _write_boundary, _read_boundary),
    Restoration("AWS::DynamoDB::Table", ("TimeToLiveSpecification",), _write_time_to_live, _read_time_to_live),
    Restoration("AWS::DynamoDB::Table", ("PointInTimeRecoverySpecification",), _write_recovery, _read_recovery),
    Restoration(
        "AWS::ApiGateway::RestApi", ("Body", GATEWAY_RESPONSES), _write_gateway_responses, _read_gateway_responses
    ),
)


def _to_restore(template: Template) -> Iterator[tuple[str, Restoration, Any]]:
    for name, resource in template["Resources"].items():
        for restoration in RESTORATIONS:
            if resource["Type"] == restoration.resource_type and (value := restoration.value(resource)) is not None:
                yield name, restoration, value


def with_values_to_restore(template: Template) -> Template:
    """The template with an output for each function call (``!Ref``, ``!Sub``) in a property that is set afterwards.

    The engine knows the values; this way we need no second reading of CloudFormation's functions.
    """
    outputs = dict(template.get("Outputs", {}))
    for name, _restoration, value in _to_restore(template):
        condition = template["Resources"][name].get("Condition")
        for call in _calls(value):
            outputs[_output_name(call)] = {"Value": call, **({"Condition": condition} if condition else {})}
    return {**template, "Outputs": outputs}


def restore(client: Client, template: Template, physical: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Set what the engine dropped and make it live, after every deployment.

    Raises:
        NotRestored: something reads back otherwise than the template says.
    """
    wrong = []
    for name, restoration, value in _to_restore(template):
        if name not in physical:
            continue  # its condition does not hold
        wanted, subject = _resolved(value, outputs), physical[name]
        # Read first: some calls refuse to set what is set already.
        if restoration.read(client, subject, wanted) != wanted:
            restoration.write(client, subject, wanted)
        if restoration.read(client, subject, wanted) != wanted:
            wrong.append(f"{name} {'.'.join(restoration.path)}")
    if wrong:
        raise NotRestored(f"the engine does not hold what the template says: {', '.join(wrong)}")


def _is_call(node: Any) -> bool:
    return isinstance(node, dict) and len(node) == 1 and next(iter(node)).startswith(("Ref", "Fn::"))


def _calls(node: Any) -> Iterator[dict[str, Any]]:
    if _is_call(node):
        yield node
    elif isinstance(node, (dict, list)):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _calls(child)


def _resolved(node: Any, outputs: Mapping[str, str]) -> Any:
    if _is_call(node):
        return outputs[_output_name(node)]
    if isinstance(node, dict):
        return {key: _resolved(child, outputs) for key, child in node.items()}
    return [_resolved(child, outputs) for child in node] if isinstance(node, list) else node


OUTPUT_PREFIX = "ToRestore"


def _output_name(call: Mapping[str, Any]) -> str:
    return OUTPUT_PREFIX + hashlib.sha256(json.dumps(call, sort_keys=True).encode()).hexdigest()[:16]
