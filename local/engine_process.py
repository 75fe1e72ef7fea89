"""The engine's own process: ministack with its known gaps closed, ended together with whoever started it.

Run as a script by `local.engine`, in a private TMPDIR, with a pipe on standard input that its parent keeps open.
It imports nothing from this project, because function processes inherit its environment.
"""

import os
import shutil
import signal
import sys
import threading
import time
import venv
from pathlib import Path
from typing import Any

#: AWS authorises a batch as its single-message action; ministack invents an action that no policy can grant on AWS.
SINGLE_MESSAGE_ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}

#: How long the engine may take to end by itself when its parent is gone.
GRACE_SECONDS = 3


def close_iam_gap() -> None:
    """Authorise SQS batch calls as AWS does. Must come before ``ministack.app`` binds the function."""
    from ministack.core import iam_actions

    original = iam_actions.extract_iam_action

    def extract_iam_action(*args: Any, **kwargs: Any) -> str | None:
        action: str | None = original(*args, **kwargs)
        return action and SINGLE_MESSAGE_ACTIONS.get(action, action)

    iam_actions.extract_iam_action = extract_iam_action


def hide_own_packages(folder: Path) -> None:
    """Let function processes run on a Python without packages, so that what their layer lacks they lack.

    ministack starts them with ``sys.executable``, whose packages include ministack itself and all development tools.
    """
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    sys.executable = str(folder / "bin" / "python")


def end_with_parent(private: Path, orphaned: threading.Event) -> None:
    """Wait until the parent is gone, which closes the pipe however it ended, and then end too."""
    sys.stdin.buffer.read()
    orphaned.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    leave_nothing(private)


def leave_nothing(private: Path) -> None:
    """What the parent would have done: remove the folder and end what is left of the group, ourselves included."""
    shutil.rmtree(private, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve on GATEWAY_PORT until told to stop, or until the parent is gone."""
    private = Path(os.environ["TMPDIR"])
    orphaned = threading.Event()
    threading.Thread(target=end_with_parent, args=(private, orphaned), daemon=True).start()
    hide_own_packages(private / "function-python")
    close_iam_gap()
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    try:
        serve()
    finally:
        if orphaned.is_set():
            leave_nothing(private)


if __name__ == "__main__":
    main()
