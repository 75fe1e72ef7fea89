"""The template with AWS's own tool, offline and without credentials: what reads it on the way to AWS."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local import sam
from local.template import ROOT

SAM_PYTHON = ROOT / ".venv-sam/bin/python"
SAM = SAM_PYTHON.with_name("sam")
#: Nothing listens there, so whoever tries the network fails.
NOWHERE = "http://127.0.0.1:9"

pytestmark = pytest.mark.skipif(not SAM.exists(), reason="no SAM CLI here; `make check` installs it in .venv-sam")

#: What `sam local invoke` would set in each function's container, by SAM CLI's own code.
IN_THE_CONTAINER = """
import json, sys
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
from samcli.local.lambdafn.env_vars import EnvironmentVariables

template, given = sys.argv[1], json.load(open(sys.argv[2]))
stacks, _ = SamLocalStackProvider.get_stacks(template, parameter_overrides={})
print(json.dumps({
    function.name: EnvironmentVariables(
        function.name, function.memory, function.timeout, function.handler,
        variables=function.environment["Variables"], override_values=given[function.name],
    ).resolve()
    for function in SamFunctionProvider(stacks).get_all()
}))
"""


def surroundings(home: Path, path: str = os.environ["PATH"]) -> dict[str, str]:
    """No credentials, no settings of the person who runs this, and no word to AWS about it."""
    return {"PATH": path, "HOME": str(home), "SAM_CLI_TELEMETRY": "0"}


def test_sam_finds_the_template_valid(tmp_path: Path) -> None:
    command: list[str | Path] = [SAM, "validate", "--lint", "-t", ROOT / "template.yaml", "--region", "eu-west-1"]
    environment = {**surroundings(tmp_path), "HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sam_local_gives_every_function_what_the_file_says(tmp_path: Path) -> None:
    """SAM only sets variables that the template declares, and says nothing of the others: a function that did not get
    AWS_ENDPOINT_URL would call AWS itself.
    """
    command: list[str | Path] = [SAM_PYTHON, "-c", IN_THE_CONTAINER, ROOT / "template.yaml", sam.PATH]
    done = subprocess.run(command, env=surroundings(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    lacking = {
        f"{function} {name}"
        for function, variables in json.loads(sam.PATH.read_text()).items()
        for name, value in variables.items()
        if got[function].get(name) != value
    }
    assert lacking == set()


def path_with_python() -> str | None:
    """A PATH on which python3.13 works; that it is found says little, since version managers put stand-ins there."""
    command = ["python3.13", "-c", "import sys; print(sys.executable)"]
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{Path(done.stdout.strip()).parent}:{os.environ['PATH']}" if done.returncode == 0 else None


@pytest.mark.skipif("SAM_BUILD" not in os.environ, reason="takes a minute and the network; SAM_BUILD=1 runs it")
def test_sam_builds_for_arm64_without_docker(tmp_path: Path) -> None:
    path = path_with_python()
    if path is None:
        pytest.skip("needs a working python3.13 on PATH")
    for_pip = {name: value for name, value in os.environ.items() if re.match(r"PIP_|SSL_|.*_proxy$", name, re.I)}
    build = tmp_path / "build"
    command: list[str | Path] = [
        SAM,
        "build",
        "-t",
        ROOT / "template.yaml",
        "--build-dir",
        build,
        "--cache-dir",
        tmp_path / "cache",
    ]
    done = subprocess.run(
        [*command, "--region", "eu-west-1"],
        cwd=tmp_path,
        env={**for_pip, **surroundings(tmp_path, path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    compiled = [file.name for file in (build / "DependenciesLayer/python").rglob("*.cpython-*.so")]
    assert compiled
    assert all("cpython-313-aarch64-linux-gnu" in name for name in compiled)
    assert (build / "GedeeldLayer/python/ond/berichten.py").exists()
    assert not (build / "Aanname/ond").exists()
    assert (build / "Aanname/omc/aanname.py").exists()
