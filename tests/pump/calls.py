"""Every AWS call that a function makes: seen before it is sent and after it was answered, and broken at will."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from unittest import mock

from botocore.client import BaseClient


class Crash(BaseException):
    """The function's process dies here. No ``Exception``, so that no function can catch it by accident."""


class TimedOut(Crash):
    """The function took longer than its time-out."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, at one of its two moments."""

    number: int  # of all calls that this pump has seen; the same at both moments
    function: str  # logical id
    service: str
    operation: str
    params: Mapping[str, Any]
    phase: Literal["before", "after"]
    response: Any = None
    error: Exception | None = None

    @property
    def name(self) -> str:
        """For example ``dynamodb.PutItem``."""
        return f"{self.service}.{self.operation}"


@dataclass
class Invocation:
    """A function at work."""

    function: str
    deadline: datetime
    died_of: BaseException | None = None


class Calls:
    """Stands between the functions and moto.

    Works on botocore's one method that every client call passes through, whoever made the client and when; retries
    happen below it, so an error that a hook raises is final for the function.
    """

    def __init__(self, *, now: Callable[[], datetime], invoke: Callable[[BaseClient, Mapping[str, Any]], Any]) -> None:
        self.hooks: list[Callable[[Call], None]] = []
        #: Who is at work, innermost last; None while a hook is, whose own calls are not the function's.
        self.running: list[Invocation | None] = []
        self._now = now
        self._invoke = invoke
        self._count = 0

    @contextmanager
    def intercepted(self) -> Iterator[None]:
        """From now on, calls come through here."""
        send = BaseClient._make_api_call

        def make_api_call(client: Any, operation: str, params: Mapping[str, Any]) -> Any:
            def on() -> Any:
                if (client.meta.service_model.service_name, operation) == ("lambda", "Invoke"):
                    return self._invoke(client, params)
                return send(client, operation, params)

            invocation = self.running[-1] if self.running else None
            if invocation is None:
                return on()
            return self._observed(invocation, client.meta.service_model.service_name, operation, params, on)

        with mock.patch.object(BaseClient, "_make_api_call", make_api_call):
            yield

    def _observed(
        self, invocation: Invocation, service: str, operation: str, params: Mapping[str, Any], on: Callable[[], Any]
    ) -> Any:
        if invocation.died_of:
            # Whatever a dead function still does in its finally clauses never reaches AWS.
            raise invocation.died_of
        self._count += 1
        call = Call(
            number=self._count,
            function=invocation.function,
            service=service,
            operation=operation,
            params=params,
            phase="before",
        )
        self._tell(invocation, call)
        try:
            response = on()
        except Exception as error:
            self._tell(invocation, replace(call, phase="after", error=error))
            raise
        self._tell(invocation, replace(call, phase="after", response=response))
        return response

    def _tell(self, invocation: Invocation, call: Call) -> None:
        self.running.append(None)
        try:
            for hook in list(self.hooks):
                hook(call)
        except Crash as crash:
            invocation.died_of = crash
            raise
        finally:
            self.running.pop()
        self.check_deadline(invocation)

    def check_deadline(self, invocation: Invocation) -> None:
        """Stop a function that has used up its time.

        Raises:
            TimedOut: it has.
        """
        if self._now() >= invocation.deadline:
            invocation.died_of = TimedOut(f"{invocation.function} ran until its time-out")
            raise invocation.died_of
