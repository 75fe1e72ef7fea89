"""The local engine: ministack as a child process on loopback, started and ended without leaving a trace."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

HOST = "127.0.0.1"
REGION = "eu-west-1"
#: The engine takes this key for the account's root: what deploys and inspects, never what a function runs as.
DEPLOYER_KEY = "test"

START_SECONDS = 30.0
STOP_SECONDS = 5.0
LOG_TAIL = 30  # lines

#: Each function process runs a script of its own in a folder named after the function.
WORKER = re.compile(r"/ministack-lambda-(?P<function>[^/]+)-[^/-]{8}/_worker\.py$")


class EngineError(RuntimeError):
    """The engine does not run as it should; the message carries the end of its log."""


class FunctionProcess(NamedTuple):
    """One running copy of a function, as AWS would call an execution environment."""

    function_name: str
    pid: int


class Engine:
    """A ministack of its own, empty at the start and forgotten at the end.

    Args:
        port: where to listen; None, or a port in use, means a free one.
        on_step: told, in one line, what is worth knowing for who waits.
    """

    def __init__(self, port: int | None = None, *, on_step: Callable[[str], None] = print) -> None:
        self._wanted_port = port
        self._on_step = on_step
        self._process: subprocess.Popen[bytes] | None = None
        self._private = Path()
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """Where every AWS service of the engine listens."""
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """Process id of the engine, and process group of the engine with all its function processes."""
        if self._process is None:
            raise EngineError("the engine is not running")
        return self._process.pid

    @property
    def private_directory(self) -> Path:
        """Home and temporary folder of the engine and its functions; gone after ``stop``."""
        return self._private

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            EngineError: it ended, or does not answer within ``START_SECONDS``.
        """
        if self._process is not None:
            raise EngineError("the engine is running already")
        self._port = self._choose_port()
        # Resolved, because macOS hands out a link and process lists show where it leads.
        self._private = Path(tempfile.mkdtemp(prefix="ond-engine-")).resolve()
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and script
                # -I: neither PYTHON* variables nor the modules beside the script reach the engine.
                [sys.executable, "-I", str(Path(__file__).with_name("engine_process.py"))],
                cwd=self._private,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C reaches us first, and one signal ends it with all function processes.
                start_new_session=True,
            )
        try:
            self._wait_until_healthy(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the engine and all function processes, and remove its folder. Does nothing when it is not running."""
        if self._process is None:
            return
        process, self._process = self._process, None
        for end in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(process.pid, end)
            if _all_ended(process, within=STOP_SECONDS):
                break
        if process.stdin is not None:
            process.stdin.close()
        shutil.rmtree(self._private, ignore_errors=True)

    def log_tail(self, lines: int = LOG_TAIL) -> str:
        """The last lines that the engine wrote: its warnings and the errors of functions."""
        return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-lines:])

    @property
    def _log_path(self) -> Path:
        return self._private / "engine.log"

    def _environment(self) -> dict[str, str]:
        """Only what ministack needs: functions inherit all of it, as they would inherit anything else."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._private),
            "TMPDIR": str(self._private),
            "AUTH": "true",
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": DEPLOYER_KEY,
            "AWS_SECRET_ACCESS_KEY": DEPLOYER_KEY,
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
        }

    def _choose_port(self) -> int:
        if self._wanted_port is None:
            return _free_port()
        if _is_free(self._wanted_port):
            return self._wanted_port
        port = _free_port()
        self._on_step(f"port {self._wanted_port} is in use; the engine listens on {port}")
        return port

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if process.poll() is not None:
                raise EngineError(f"the engine ended with code {process.returncode}:\n{self.log_tail()}")
            if _answers(f"{self.endpoint_url}/_ministack/health"):
                return
            time.sleep(0.05)
        raise EngineError(f"the engine gave no answer within {START_SECONDS:.0f} seconds:\n{self.log_tail()}")


def function_processes(engine: Engine) -> list[FunctionProcess]:
    """Every function process of the engine that runs now, busy or waiting for work."""
    matches = ((pid, WORKER.search(command)) for pid, command in process_group(engine.pid))
    return [FunctionProcess(match["function"], pid) for pid, match in matches if match]


def _answers(url: str) -> bool:
    # A developer's proxy must not come between: the engine is on loopback.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT after the previous run counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _signal_group(group: int, what: signal.Signals) -> None:
    # Nothing is left; macOS says "not permitted" when only ended processes are.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, what)


def _all_ended(process: subprocess.Popen[bytes], *, within: float) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if process.poll() is not None and not any(process_group(process.pid)):
            return True
        time.sleep(0.05)
    return False


def process_group(group: int) -> Iterator[tuple[int, str]]:
    """Process id and command line of each process of the group that has not ended."""
    # Linux images without `ps` exist, and macOS has no /proc.
    table = _processes_in_proc() if Path("/proc/self/stat").exists() else _processes_by_ps()
    return ((row.pid, row.command) for row in table if row.group == group and row.state not in "ZX")


class _Process(NamedTuple):
    pid: int
    group: int
    state: str
    command: str


def _processes_in_proc() -> Iterator[_Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name before the last bracket may hold anything, brackets and spaces included.
            state, _parent, group, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text(errors="replace").rstrip("\0").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended while we looked
        yield _Process(int(folder.name), int(group), state, command)


def _processes_by_ps() -> Iterator[_Process]:
    columns = ["ps", "-A", "-ww", "-o", "pid=,pgid=,stat=,args="]
    listing = subprocess.run(columns, check=True, capture_output=True, text=True)  # noqa: S603  a fixed command
    for line in listing.stdout.splitlines():
        pid, group, state, command = line.split(None, 3)
        yield _Process(int(pid), int(group), state[0], command)
