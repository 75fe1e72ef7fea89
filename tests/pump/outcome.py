"""What came of one invocation."""

from dataclasses import dataclass
from typing import Any

from tests.pump.calls import Crash, TimedOut


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the function gave, or why it gave nothing."""

    request_id: str
    value: Any = None
    error: BaseException | None = None

    @property
    def crashed(self) -> bool:
        """The process is gone, rather than that the function raised."""
        return isinstance(self.error, Crash | SystemExit)

    def as_json(self) -> Any:
        """What the invoker gets to see."""
        match self.error:
            case None:
                return self.value
            case TimedOut():
                return {
                    "errorType": "Sandbox.Timedout",
                    "errorMessage": f"RequestId: {self.request_id} Error: Timed out",
                }
            case Crash() | SystemExit():
                text = f"RequestId: {self.request_id} Error: Runtime exited"
                return {"errorType": "Runtime.ExitError", "errorMessage": text}
        return {
            "errorType": type(self.error).__name__,
            "errorMessage": str(self.error),
            "requestId": self.request_id,
            "stackTrace": [],
        }
