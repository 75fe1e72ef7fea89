"""One running copy of a function, in a module world of its own."""

import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """A function as the template has it."""

    logical_id: str
    name: str
    arn: str
    handler: str  # module.attribute
    environment: Mapping[str, str]
    timeout: int  # seconds
    memory: int  # MB
    code: tuple[Path, ...]  # what is on its path: its own folder and those of its layers


@dataclass(frozen=True, kw_only=True)
class Context:
    """What Lambda tells a function about this invocation."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    deadline: datetime
    now: Callable[[], datetime]
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is stopped."""
        return max(0, round((self.deadline - self.now()).total_seconds() * 1000))


class FunctionInstance:
    """A function after its cold start: modules, caches, clients and loggers are its own, shared with no other instance.

    Raises (when made): whatever importing the handler raises.
    """

    def __init__(self, spec: FunctionSpec, environment: Mapping[str, str]) -> None:
        self.spec = spec
        self._environment = environment
        self._names = {name for folder in spec.code for name in _packages(folder)}
        # Loggers outlive modules, and keep the output stream and the context that they were made with.
        self._logger_names = self._names | {environment.get("POWERTOOLS_SERVICE_NAME", "")}
        self._modules: dict[str, Any] = {}
        self._loggers: dict[str, Any] = {}
        module, _, attribute = spec.handler.replace("/", ".").rpartition(".")
        with self._own_world():
            importlib.invalidate_caches()
            self._handler = getattr(importlib.import_module(module), attribute)

    def run(self, event: Any, context: Context) -> Any:
        """One event; in and out pass through JSON, as between processes."""
        with self._own_world():
            return json.loads(json.dumps(self._handler(json.loads(json.dumps(event)), context)))

    @contextmanager
    def _own_world(self) -> Iterator[None]:
        """Only this instance's modules, environment and path. Worlds nest: a function may invoke another."""
        loggers = logging.root.manager.loggerDict
        others_modules, others_loggers = _take(sys.modules, self._names), _take(loggers, self._logger_names)
        environment, path = dict(os.environ), list(sys.path)
        sys.modules.update(self._modules)
        loggers.update(self._loggers)
        _set_environment(self._environment)
        sys.path[:0] = [str(folder) for folder in self.spec.code]
        try:
            yield
        finally:
            sys.path[:] = path
            _set_environment(environment)
            self._modules, self._loggers = _take(sys.modules, self._names), _take(loggers, self._logger_names)
            sys.modules.update(others_modules)
            loggers.update(others_loggers)


def _take(registry: MutableMapping[str, Any], top_names: Set[str]) -> dict[str, Any]:
    """Take out of a registry by dotted names what is under one of ``top_names``."""
    return {name: registry.pop(name) for name in list(registry) if name.partition(".")[0] in top_names}


def _packages(folder: Path) -> Iterator[str]:
    """The top-level packages and modules in a folder of code."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.suffix == ".py" or (entry.is_dir() and entry.name.isidentifier() and entry.name != "__pycache__"):
            yield entry.stem


def _set_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def lambda_environment(
    spec: FunctionSpec, *, region: str, inherited: Sequence[str] = ("PATH", "LANG")
) -> dict[str, str]:
    """All that a function finds in its environment: its own variables and Lambda's, and nothing of the test's."""
    return {
        **{name: os.environ[name] for name in inherited if name in os.environ},
        "TZ": "UTC",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "pump",
        "_HANDLER": spec.handler,
        **spec.environment,
    }
