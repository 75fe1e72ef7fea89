"""The zips that `sam build` makes on the way to AWS, made here in a fraction of a second for the local engine."""

import compileall
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from local.template import ROOT

#: Beside the project even for a root elsewhere: what is installed here depends on the requirements only.
BUILD = ROOT / ".build"

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
#: Zips begin in 1980; one fixed time makes equal content an equal zip, and so an equal key.
TIME = (1980, 1, 1, 0, 0, 0)
NOT_CODE = {"__pycache__", "requirements.txt"}

Step = Callable[[str], None]


class ArtifactError(RuntimeError):
    """The sources cannot be packed; the message says what to do."""


class Artifact(NamedTuple):
    """A zip and the key it is stored under: by another key CloudFormation sees that the content is another."""

    content: bytes

    @property
    def key(self) -> str:
        """Where the zip is kept in the bucket: the hash of its content."""
        return f"{hashlib.sha256(self.content).hexdigest()}.zip"


def build(source: str, *, root: Path, on_step: Step) -> Artifact:
    """The artifact of one source folder of the template (CodeUri or ContentUri).

    Raises:
        ArtifactError: this project packs no such folder, it does not exist, or its packages cannot be installed.
    """
    name = source.rstrip("/")
    if name not in BUILDERS:
        raise ArtifactError(f"local/artifacts.py does not know how to pack {source}")
    folder = root / name
    if not folder.is_dir():
        raise ArtifactError(f"{folder} does not exist")
    return Artifact(_zip(BUILDERS[name](folder, on_step)))


def _code(folder: Path, _on_step: Step) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and NOT_CODE.isdisjoint(inside.parts):
            yield inside.as_posix(), path.read_bytes()


def _own_layer(folder: Path, on_step: Step) -> Iterator[tuple[str, bytes]]:
    return ((f"python/{name}", content) for name, content in _code(folder, on_step))


def _dependencies_layer(folder: Path, on_step: Step) -> Iterator[tuple[str, bytes]]:
    """A layer that holds only a pointer to the installed packages.

    The engine unpacks every layer for every function process; with the packages themselves (some 5,000 files) that took
    1.4 seconds and 125 MB per process. On AWS the layer holds the packages.
    """
    packages = _installed(folder / "requirements.txt", on_step)
    yield f"python/lib/{PYTHON}/site-packages/dependencies.pth", f"{packages}\n".encode()


def _installed(requirements: Path, on_step: Step) -> Path:
    """The folder with exactly the hash-pinned packages, installed at most once per content of the requirements."""
    content = requirements.read_bytes()
    folder = BUILD / "layers" / hashlib.sha256(content + sys.version.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    on_step("installing the functions' packages (once; about ten seconds)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Installed aside and then renamed, so that an interrupted or a simultaneous run never leaves half a folder.
    aside = Path(tempfile.mkdtemp(prefix="installing-", dir=folder.parent))
    try:
        _pip_install(requirements, aside)
        # Function processes come and go: compiled once here, or by each of them.
        compileall.compile_dir(aside, quiet=2, workers=os.cpu_count() or 1)
        _rename(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _pip_install(requirements: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--no-compile", "--require-hashes", "--target", str(target), "-r", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own pip and paths
    if done.returncode:
        raise ArtifactError(f"installing {requirements} failed:\n{done.stderr.strip()}")


def _rename(aside: Path, folder: Path) -> None:
    aside.chmod(0o755)
    try:
        aside.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another run was first, with the same content
            raise


def _zip(files: Iterator[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name, TIME), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


BUILDERS: dict[str, Callable[[Path, Step], Iterator[tuple[str, bytes]]]] = {
    "functions": _code,
    "layers/gedeeld": _own_layer,
    "layers/dependencies": _dependencies_layer,
}
