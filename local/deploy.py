"""Deploy this project's template to the local engine, as `sam deploy` does to AWS."""

import contextlib
import functools
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local import artifacts, dropped
from local.engine import DEPLOYER_KEY, REGION
from local.template import ROOT, Template, load, parameter_values, translate

BUCKET = "artifacts"
DEPLOY_SECONDS = 60.0

#: SAM's translator warns about feature toggles and metrics of its own service.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

_NO_UPDATE = "No updates are to be performed"
#: A stack that failed to come into being cannot be updated, only replaced.
_TO_REPLACE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}


class DeployError(RuntimeError):
    """The stack is not what was asked for; the message carries the engine's reasons."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What stands in the engine after a deploy. Keys of the mappings are logical ids of the template."""

    engine_url: str
    stack_name: str
    root: Path
    parameters: Mapping[str, str]
    template: Template = field(repr=False)  # translated, as deployed
    api_url: str
    outputs: Mapping[str, str]
    functions: Mapping[str, str]
    queues: Mapping[str, str]  # -> URL
    tables: Mapping[str, str]
    keys: Mapping[str, str]
    secrets: Mapping[str, str]
    left_out: list[str]  # what the engine does not do, one line each

    def client(self, service: str) -> Any:
        """A boto3 client as the deployer, to whom everything is allowed."""
        return client(self.engine_url, service)


@functools.cache
def client(engine_url: str, service: str) -> Any:
    """A boto3 client of the engine as the deployer, made once: a client takes longer to make than a call takes."""
    session: Any = boto3.Session(aws_access_key_id=DEPLOYER_KEY, aws_secret_access_key=DEPLOYER_KEY, region_name=REGION)
    # A developer's proxy must not come between: the engine is on loopback. Longer than the longest function may take.
    config = Config(proxies={}, read_timeout=130, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return session.client(service, endpoint_url=engine_url, config=config)


def deploy(
    engine_url: str,
    parameters: Mapping[str, str],
    *,
    stack_name: str = "ond",
    root: Path = ROOT,
    on_step: Callable[[str], None] = lambda _step: None,
) -> Deployment:
    """Create the stack, or bring it up to date with the sources under ``root``.

    Raises:
        ArtifactError: the sources cannot be packed.
        DeployError: the engine refuses the stack.
        NotRestored: the engine dropped something that could not be set afterwards either.
    """
    of = functools.partial(client, engine_url)
    template = load(root / "template.yaml")
    on_step("packing the functions and layers")
    packed = functools.cache(lambda source: _upload(of("s3"), artifacts.build(source, root=root, on_step=on_step)))
    _ensure_bucket(of("s3"))
    values = parameter_values(template, parameters)
    translated, left_out = dropped.supported(translate(template, parameters, artifact=packed, region=REGION), values)

    on_step("deploying the stack")
    address = _upload_template(of("s3"), dropped.with_values_to_restore(translated))
    _deploy_stack(of("cloudformation"), stack_name, address, values)
    resources = _resources(of("cloudformation"), stack_name)
    outputs = _outputs(of("cloudformation"), stack_name)

    on_step("setting and checking what the engine drops")
    physical = {name: found for kind in resources.values() for name, found in kind.items()}
    dropped.restore(of, translated, physical, outputs)
    api_id, stage = _publish_api(of("apigateway"), resources)
    return Deployment(
        engine_url=engine_url,
        stack_name=stack_name,
        root=root,
        parameters=dict(parameters),
        template=translated,
        api_url=f"{engine_url}/_aws/execute-api/{api_id}/{stage}",
        outputs={name: value for name, value in outputs.items() if not name.startswith(dropped.OUTPUT_PREFIX)},
        functions=resources.get("AWS::Lambda::Function", {}),
        queues=resources.get("AWS::SQS::Queue", {}),
        tables=resources.get("AWS::DynamoDB::Table", {}),
        keys=resources.get("AWS::KMS::Key", {}),
        secrets=resources.get("AWS::SecretsManager::Secret", {}),
        left_out=left_out,
    )


def update_code(deployment: Deployment, *, on_step: Callable[[str], None] = lambda _step: None) -> Deployment:
    """Deploy the sources again after a change, with everything else as it was."""
    return deploy(
        deployment.engine_url,
        deployment.parameters,
        stack_name=deployment.stack_name,
        root=deployment.root,
        on_step=on_step,
    )


def _ensure_bucket(s3: Any) -> None:
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


def _upload(s3: Any, artifact: artifacts.Artifact) -> str:
    s3.put_object(Bucket=BUCKET, Key=artifact.key, Body=artifact.content)
    return f"s3://{BUCKET}/{artifact.key}"


def _upload_template(s3: Any, template: Template) -> str:
    """Address of the template; as part of the request it would be too large (51,200 characters)."""
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(template))
    return f"{s3.meta.endpoint_url}/{BUCKET}/template.json"


def _deploy_stack(cloudformation: Any, name: str, template_url: str, parameters: Mapping[str, str]) -> None:
    request = {
        "StackName": name,
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    status = _status(cloudformation, name)
    if status in _TO_REPLACE:
        cloudformation.delete_stack(StackName=name)
        status = _settled(cloudformation, name)
    try:
        (cloudformation.update_stack if status else cloudformation.create_stack)(**request)
    except ClientError as error:
        if _NO_UPDATE in str(error):
            return
        raise DeployError(f"the engine refuses the stack: {error}") from error
    ended = _settled(cloudformation, name)
    if ended not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeployError(f"the stack ended as {ended}: {_reasons(cloudformation, name)}")


def _status(cloudformation: Any, name: str) -> str | None:
    """None when there is no such stack."""
    try:
        status: str = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return None if status == "DELETE_COMPLETE" else status


def _settled(cloudformation: Any, name: str) -> str | None:
    end = time.monotonic() + DEPLOY_SECONDS
    while time.monotonic() < end:
        status = _status(cloudformation, name)
        if status is None or not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.05)
    raise DeployError(f"the stack is not ready after {DEPLOY_SECONDS:.0f} seconds")


def _reasons(cloudformation: Any, name: str) -> str:
    """Why the latest change of the stack failed: the reasons of its failed resources, first failure first."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    started = max(filter(None, (_start(event) for event in events)), default=None)
    failed = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in sorted(events, key=lambda event: event["Timestamp"])
        if event["ResourceStatus"].endswith("_FAILED") and (started is None or event["Timestamp"] >= started)
    ]
    return "; ".join(failed) or "no reason given"


def _start(event: Mapping[str, Any]) -> datetime | None:
    begins = event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
    own = event["LogicalResourceId"] == event["StackName"]
    return event["Timestamp"] if begins and own else None


def _resources(cloudformation: Any, stack: str) -> dict[str, dict[str, str]]:
    """Logical id -> physical id, by resource type."""
    found: dict[str, dict[str, str]] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            by_name = found.setdefault(resource["ResourceType"], {})
            by_name[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
    return found


def _outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _publish_api(apigateway: Any, resources: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """Id and stage of the API, with what was set afterwards made live.

    The id is new whenever anything in the API's definition changed: the engine replaces an API instead of updating it.
    """
    (api_id,) = resources["AWS::ApiGateway::RestApi"].values()
    (stage,) = (item["stageName"] for item in apigateway.get_stages(restApiId=api_id)["item"])
    apigateway.create_deployment(restApiId=api_id, stageName=stage)
    return api_id, stage
