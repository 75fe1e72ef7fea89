"""The functions at work: instances come and go, one invokes another, and their AWS calls are watched."""

import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from botocore.response import StreamingBody

from tests.pump.calls import Calls, Crash, Invocation
from tests.pump.clock import Clock
from tests.pump.instance import Context, FunctionInstance, FunctionSpec, lambda_environment
from tests.pump.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A function that raised, timed out or crashed."""

    function: str
    error: BaseException


class Functions:
    """All functions of the template."""

    def __init__(self, *, clock: Clock, region: str, new_id: Callable[[], str]) -> None:
        self.specs: Mapping[str, FunctionSpec] = {}
        self.calls = Calls(now=clock.now, invoke=self._invoke_for_client)
        self.failures: list[Failure] = []
        self.invocations: Counter[str] = Counter()
        self.cold_starts: Counter[str] = Counter()
        self._clock = clock
        self._region = region
        self._new_id = new_id
        self._idle: dict[str, list[FunctionInstance]] = defaultdict(list)

    def invoke(self, function: str, event: Any) -> Outcome:
        """Run a function (logical id) on an event: by an idle instance, else after a cold start."""
        self._clock.check_thread()
        spec = self.specs[function]
        request_id = self._new_id()
        invocation = Invocation(function, self._clock.now() + timedelta(seconds=spec.timeout))
        self.invocations[function] += 1
        self.calls.running.append(invocation)
        try:
            with self._clock.felt_by_functions(self._sleep):
                outcome = self._run(spec, invocation, event, request_id)
        finally:
            self.calls.running.pop()
        if outcome.error is not None:
            self.failures.append(Failure(function=function, error=outcome.error))
        return outcome

    def _run(self, spec: FunctionSpec, invocation: Invocation, event: Any, request_id: str) -> Outcome:
        instance = None
        try:
            instance = self._instance(spec)
            value = instance.run(event, self._context(spec, invocation, request_id))
            outcome = Outcome(request_id=request_id, value=value)
        except (Exception, Crash, SystemExit) as error:  # noqa: BLE001 - as the Lambda runtime does
            outcome = Outcome(request_id=request_id, error=error)
        if invocation.died_of:
            # Also where the function caught what killed it: the process is gone all the same.
            outcome = Outcome(request_id=request_id, error=invocation.died_of)
        if instance and not outcome.crashed:
            self._idle[spec.logical_id].append(instance)
        return outcome

    def _instance(self, spec: FunctionSpec) -> FunctionInstance:
        if idle := self._idle[spec.logical_id]:
            return idle.pop()
        self.cold_starts[spec.logical_id] += 1
        return FunctionInstance(spec, lambda_environment(spec, region=self._region))

    def _context(self, spec: FunctionSpec, invocation: Invocation, request_id: str) -> Context:
        return Context(
            function_name=spec.name,
            invoked_function_arn=spec.arn,
            aws_request_id=request_id,
            memory_limit_in_mb=str(spec.memory),
            log_group_name=f"/aws/lambda/{spec.name}",
            log_stream_name="pump",
            deadline=invocation.deadline,
            now=self._clock.now,
        )

    def _sleep(self, seconds: float) -> None:
        invocation = self.calls.running[-1] if self.calls.running else None
        if invocation is None:
            self._clock.advance(seconds)
            return
        self._clock.advance(min(seconds, max(0.0, (invocation.deadline - self._clock.now()).total_seconds())))
        self.calls.check_deadline(invocation)

    def kill(self, function: str | None = None) -> None:
        """End a function's idle instances, or everybody's: the next invocation is a cold start."""
        for name in [function] if function else list(self._idle):
            self._idle.pop(name, None)

    def _invoke_for_client(self, client: Any, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of Lambda's Invoke: the function runs in this process, as a process of its own."""
        if params.get("InvocationType", "RequestResponse") != "RequestResponse":
            raise NotImplementedError("the pump invokes synchronously only")
        function = self.named(params["FunctionName"])
        if function is None:
            _not_found(client, params["FunctionName"])
        payload = params.get("Payload") or b"null"
        outcome = self.invoke(function, json.loads(payload.read() if hasattr(payload, "read") else payload))
        answer = json.dumps(outcome.as_json()).encode()
        return {
            "ResponseMetadata": {"HTTPStatusCode": 200, "RequestId": outcome.request_id, "RetryAttempts": 0},
            "StatusCode": 200,
            "ExecutedVersion": "$LATEST",
            "Payload": StreamingBody(io.BytesIO(answer), len(answer)),
            **({"FunctionError": "Unhandled"} if outcome.error else {}),
        }

    def named(self, name: str) -> str | None:
        """The logical id of a function by its name or ARN."""
        bare = name.removesuffix(":$LATEST")
        return next((logical_id for logical_id, spec in self.specs.items() if bare in (spec.arn, spec.name)), None)


def _not_found(client: Any, name: str) -> NoReturn:
    raise client.exceptions.ResourceNotFoundException(
        {"Error": {"Code": "ResourceNotFoundException", "Message": f"Function not found: {name}"}}, "Invoke"
    )
