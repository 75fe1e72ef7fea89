"""The commands themselves: they stop in order, and a port in use is not fatal."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.engine import process_group

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.xdist_group("engine"), pytest.mark.timeout(120)]


@contextmanager
def started(tmp_path: Path, *command: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A command in a process group of its own, its output in a file; ended whatever happens."""
    output = tmp_path / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        try:
            yield process, output
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(output: Path, text: str, seconds: float = 60) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if text in (found := output.read_text()):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{text!r} did not come; the output was:\n{output.read_text()}")


def processes_in(folder: Path) -> list[str]:
    """Command lines of living processes that work in a folder: the engine and its functions, started with it."""
    living = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in entry.read_bytes():
                living.append((entry.parent / "cmdline").read_text())
        except OSError:
            continue
    return living


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopping_the_demo_half_way_leaves_no_process_behind(tmp_path: Path, how: signal.Signals) -> None:
    with started(tmp_path, "local.demo") as (process, output):
        wait_for(output, "gevallen")
        time.sleep(2)
        assert processes_in(tmp_path)
        process.send_signal(how)
        assert process.wait(timeout=30) == 130
        assert output.read_text().rstrip().endswith("gestopt")
    assert list(process_group(process.pid)) == []
    assert processes_in(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["output"]


def test_run_takes_another_port_when_its_own_is_in_use_and_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(tmp_path, "local.run", "--port", str(port)) as (process, output):
            text = wait_for(output, "Stoppen: Ctrl-C")
            [used] = {int(found) for found in re.findall(r"http://127\.0\.0\.1:(\d+)/_aws", text)}
            assert used != port
            assert str(port) in text
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
    assert processes_in(tmp_path) == []
