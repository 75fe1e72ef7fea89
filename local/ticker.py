"""The schedule, faster: AWS and the local engine run it once per minute, while the demo waits seconds."""

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from local.deploy import Deployment
from local.engine import REGION
from local.template import Template

ACCOUNT = "000000000000"


class Ticker:
    """Invokes every function that the template puts on a schedule, each ``interval`` seconds after its previous answer.

    Each function has a thread of its own, so that a slow one does not hold up another. A failure is counted and the
    next tick comes as usual, as on AWS.
    """

    def __init__(self, deployment: Deployment, interval: float = 1.0) -> None:
        self._deployment = deployment
        self._interval = interval
        self._ended = threading.Event()
        self._counting = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(rule, deployment.functions[function]), daemon=True)
            for rule, function in scheduled(deployment.template)
        ]
        self.ticks = 0
        self.failures = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """No tick starts after this; one that is under way is waited for."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, rule: str, function: str) -> None:
        while not self._ended.is_set():
            succeeded = self._tick(rule, function)
            with self._counting:
                self.ticks += 1
                self.failures += not succeeded
            self._ended.wait(self._interval)

    def _tick(self, rule: str, function: str) -> bool:
        payload = json.dumps(scheduled_event(rule))
        try:
            answer = self._deployment.client("lambda").invoke(FunctionName=function, Payload=payload)
        except (BotoCoreError, ClientError):
            return False
        return "FunctionError" not in answer


def scheduled(template: Template) -> Iterator[tuple[str, str]]:
    """Logical ids of each schedule rule and the function that it invokes, from a translated template."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Events::Rule" and "ScheduleExpression" in properties:
            for target in properties["Targets"]:
                yield name, target["Arn"]["Fn::GetAtt"][0]


def scheduled_event(rule: str) -> dict[str, Any]:
    """What EventBridge sends when a schedule rule fires ("Events from AWS services", Amazon EventBridge user guide)."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }
