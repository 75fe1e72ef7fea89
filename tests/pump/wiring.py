"""What feeds what, read from the resolved template."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.resolve import Resolved
from tests.pump.instance import FunctionSpec
from tests.pump.outcome import Outcome

_EVENT_SOURCE_SETTINGS = {
    "BatchSize",
    "Enabled",
    "EventSourceArn",
    "FunctionName",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "ScalingConfig",
    "Tags",
}


@dataclass(frozen=True, kw_only=True)
class EventSource:
    """A queue that feeds a function (logical ids)."""

    queue: str
    function: str
    batch_size: int
    partial: bool  # the function reports which messages failed

    def failed(self, outcome: Outcome, ids: tuple[str, ...]) -> frozenset[str]:
        """Which messages stay in the queue: those that a partial batch response names.

        All of them where the function failed, or where the response is not one or names what is not in the batch.
        """
        if outcome.error is not None:
            return frozenset(ids)
        if not self.partial or not outcome.value:
            return frozenset()
        try:
            named = frozenset(failure["itemIdentifier"] for failure in outcome.value["batchItemFailures"] or [])
        except (KeyError, TypeError):
            return frozenset(ids)
        return named if named <= set(ids) else frozenset(ids)


@dataclass(frozen=True)
class Schedule:
    """A schedule that is switched on."""

    function: str  # logical id
    arn: str


def functions(resolved: Resolved, root: Path) -> dict[str, FunctionSpec]:
    """The functions, by logical id."""
    layers = {
        layer.ref: root / layer.properties["Content"]["S3Key"]
        for layer in resolved.of_type("AWS::Lambda::LayerVersion").values()
    }
    return {
        logical_id: FunctionSpec(
            logical_id=logical_id,
            name=function.properties["FunctionName"],
            arn=function.arn,
            handler=function.properties["Handler"],
            environment={
                name: _text(value)
                for name, value in function.properties.get("Environment", {}).get("Variables", {}).items()
            },
            timeout=int(function.properties.get("Timeout", 3)),
            memory=int(function.properties.get("MemorySize", 128)),
            code=(
                root / function.properties["Code"]["S3Key"],
                *(layers[layer] for layer in function.properties.get("Layers", [])),
            ),
        )
        for logical_id, function in resolved.of_type("AWS::Lambda::Function").items()
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def event_sources(resolved: Resolved) -> dict[str, EventSource]:
    """The event sources that are switched on, by queue."""
    mappings = resolved.of_type("AWS::Lambda::EventSourceMapping").values()
    enabled = [mapping for mapping in mappings if str(mapping.properties.get("Enabled", True)).lower() == "true"]
    sources = [_event_source(mapping.properties, resolved) for mapping in enabled]
    return {source.queue: source for source in sources}


def _event_source(properties: Mapping[str, Any], resolved: Resolved) -> EventSource:
    if unknown := properties.keys() - _EVENT_SOURCE_SETTINGS:
        raise NotImplementedError(f"the pump knows nothing of {', '.join(sorted(unknown))} of an event source")
    queues = {resource.arn: name for name, resource in resolved.of_type("AWS::SQS::Queue").items()}
    if properties["EventSourceArn"] not in queues:
        raise NotImplementedError(f"{properties['EventSourceArn']} is not one of the template's queues")
    functions_ = resolved.of_type("AWS::Lambda::Function").items()
    return EventSource(
        queue=queues[properties["EventSourceArn"]],
        function=next(
            name for name, function in functions_ if properties["FunctionName"] in (function.ref, function.arn)
        ),
        batch_size=int(properties.get("BatchSize", 10)),
        partial="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
    )


def schedules(resolved: Resolved) -> list[Schedule]:
    """The schedules that are switched on."""
    rules = resolved.of_type("AWS::Events::Rule").values()
    targets = [
        (target["Arn"], rule)
        for rule in rules
        if "ScheduleExpression" in rule.properties
        for target in rule.properties["Targets"]
    ]
    targets += [
        (schedule.properties["Target"]["Arn"], schedule)
        for schedule in resolved.of_type("AWS::Scheduler::Schedule").values()
    ]
    by_arn = {function.arn: name for name, function in resolved.of_type("AWS::Lambda::Function").items()}
    return [Schedule(by_arn[arn], rule.arn) for arn, rule in targets if rule.properties.get("State") != "DISABLED"]


def dead_letter_queues(resolved: Resolved) -> list[str]:
    """The queues that others give their failed messages to."""
    queues = resolved.of_type("AWS::SQS::Queue")
    policies = [queue.properties.get("RedrivePolicy", {}) for queue in queues.values()]
    targets = {policy.get("deadLetterTargetArn") for policy in policies}
    return [name for name, queue in queues.items() if queue.arn in targets]
