"""How every local command ends: in order, with nothing left behind, and with a message instead of a stack trace."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

import requests

from beheer.bestand import BestandFout
from local.artifacts import ArtifactError
from local.deploy import DeployError
from local.dropped import NotRestored
from local.engine import EngineError

_EXPECTED = (ArtifactError, BestandFout, DeployError, EngineError, NotRestored)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def guarded(action: Callable[[], int]) -> int:
    """Run ``action`` and give its exit code. Ctrl-C and a TERM signal both stop it in order."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return action()
    except KeyboardInterrupt:
        print("gestopt", file=sys.stderr)
        return 130
    except requests.RequestException as error:
        print(f"the local system does not answer: {type(error).__name__}", file=sys.stderr)
    except _EXPECTED as error:
        print(error, file=sys.stderr)
    return 1
