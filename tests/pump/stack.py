"""The template's resources in moto, and what the template says once their ids are known."""

import functools
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.resolve import Resolved, Surroundings, resolve
from local.template import EXAMPLE_PARAMETERS, Template, load, translate

#: SAM's translator warns about feature toggles and metrics of its own service.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

ClientOf = Callable[[str], Any]
Attributes = dict[str, str]


def parameters_for(source: Template, given: Mapping[str, str], variant: str) -> dict[str, str]:
    """All that is given, over the variant and the examples that this template has parameters for."""
    defaults = {**EXAMPLE_PARAMETERS, "Variant": variant}
    return {**{name: value for name, value in defaults.items() if name in source["Parameters"]}, **given}


@functools.lru_cache(maxsize=4)
def load_template(path: Path, _changed: int) -> Template:
    """The source, read once per version of the file."""
    source = load(path)
    source.setdefault("Parameters", {})
    return source


@functools.lru_cache(maxsize=16)
def translated(path: Path, changed: int, parameters: tuple[tuple[str, str], ...], region: str) -> Template:
    """As SAM deploys it, once per version of the file: translating takes longer than making a pump.

    Where code comes from stays visible: ``Code`` and ``Content`` have the source folder as their S3Key.
    """
    template = translate(
        load_template(path, changed), dict(parameters), artifact=lambda source: f"s3://sources/{source}", region=region
    )
    template.setdefault("Parameters", {})
    return template


def make(template: Template, parameters: Mapping[str, str], surroundings: Surroundings, client: ClientOf) -> Resolved:
    """Make the template's keys, secrets, tables and queues; gives the template with their real ids in it.

    Raises:
        NotImplementedError: the template has a type of resource that the pump neither makes nor may leave out.
    """
    physical: dict[str, Attributes] = {}
    resolved = resolve(template, parameters, surroundings=surroundings)
    for logical_id, resource in resolved.resources.items():
        if resource.type not in _MAKERS and not resource.type.startswith(_LEFT_OUT):
            raise NotImplementedError(f"{logical_id}: the pump knows nothing of {resource.type}")
    for type_, maker in _MAKERS.items():
        found = resolved.of_type(type_)
        # Dead-letter queues first: a queue must exist before another names it.
        for logical_id in sorted(found, key=lambda name: "RedrivePolicy" in found[name].properties):
            physical[logical_id] = maker(client, found[logical_id].properties)
        resolved = resolve(template, parameters, surroundings=surroundings, physical=physical)
    return resolved


#: What is driven by the pump itself, or changes nothing about what the functions do.
_LEFT_OUT = (
    "AWS::ApiGateway::",
    "AWS::CloudWatch::",
    "AWS::Events::Rule",
    "AWS::IAM::",
    "AWS::Lambda::",
    "AWS::Logs::",
    "AWS::SNS::",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
)


def _key(client: ClientOf, properties: Mapping[str, Any]) -> Attributes:
    made = client("kms").create_key(Description=properties.get("Description", ""))["KeyMetadata"]
    return {"Ref": made["KeyId"], "KeyId": made["KeyId"], "Arn": made["Arn"]}


def _alias(client: ClientOf, properties: Mapping[str, Any]) -> Attributes:
    client("kms").create_alias(AliasName=properties["AliasName"], TargetKeyId=properties["TargetKeyId"])
    return {"Ref": properties["AliasName"]}


def _secret(client: ClientOf, properties: Mapping[str, Any]) -> Attributes:
    value = properties.get("SecretString")
    if value is None:
        value = _generated_secret(client("secretsmanager"), properties["GenerateSecretString"])
    made = client("secretsmanager").create_secret(Name=properties["Name"], SecretString=value)
    return {"Ref": made["ARN"], "Id": made["ARN"]}


def _generated_secret(client: Any, wanted: Mapping[str, Any]) -> str:
    inside = {"SecretStringTemplate", "GenerateStringKey"}
    password = client.get_random_password(**{name: value for name, value in wanted.items() if name not in inside})
    value = str(password["RandomPassword"])
    if not inside & wanted.keys():
        return value
    return json.dumps({**json.loads(wanted["SecretStringTemplate"]), wanted["GenerateStringKey"]: value})


_TABLE_SETTINGS = {
    "TableName",
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
    "StreamSpecification",
}


def _table(client: ClientOf, properties: Mapping[str, Any]) -> Attributes:
    settings = {name: value for name, value in properties.items() if name in _TABLE_SETTINGS}
    if "StreamSpecification" in settings:
        settings["StreamSpecification"] = {"StreamEnabled": True, **settings["StreamSpecification"]}
    made = client("dynamodb").create_table(**settings)["TableDescription"]
    if "TimeToLiveSpecification" in properties:
        client("dynamodb").update_time_to_live(
            TableName=properties["TableName"], TimeToLiveSpecification=properties["TimeToLiveSpecification"]
        )
    streams = {"StreamArn": made["LatestStreamArn"]} if "LatestStreamArn" in made else {}
    return {"Ref": made["TableName"], "Arn": made["TableArn"], **streams}


#: Who a queue admits and how it is encrypted at rest changes nothing here.
_QUEUE_SETTINGS = {
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "RedrivePolicy",
    "VisibilityTimeout",
}


def _queue(client: ClientOf, properties: Mapping[str, Any]) -> Attributes:
    if properties.get("FifoQueue"):
        raise NotImplementedError(f"{properties['QueueName']}: the pump knows standard queues only")
    settings = {
        name: json.dumps(value) if isinstance(value, dict) else str(value)
        for name, value in properties.items()
        if name in _QUEUE_SETTINGS
    }
    url = client("sqs").create_queue(QueueName=properties["QueueName"], Attributes=settings)["QueueUrl"]
    return {"Ref": url, "QueueUrl": url}


#: In this order: what later ones refer to comes first.
_MAKERS: Mapping[str, Callable[[ClientOf, Mapping[str, Any]], Attributes]] = {
    "AWS::KMS::Key": _key,
    "AWS::KMS::Alias": _alias,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::DynamoDB::Table": _table,
    "AWS::SQS::Queue": _queue,
}
