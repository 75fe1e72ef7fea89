"""YAML files that people write: read strictly, with errors that name file, place and fault."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

M = TypeVar("M", bound=BaseModel)


class BestandFout(ValueError):
    """A file is not what it should be; the message names the file, the place in it and what is wrong."""


def lees(path: Path, model: type[M]) -> list[M]:
    """The entries of a file: a list of them, or one alone.

    Raises:
        BestandFout: it cannot be read, is no YAML, or an entry does not fit; then every fault is named.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BestandFout(f"{path}: cannot be read ({type(error).__name__})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise BestandFout(f"{path}: no valid YAML at {where}") from error
    entries = content if isinstance(content, list) else [content]
    try:
        return TypeAdapter(list[model]).validate_python(entries)  # type: ignore[valid-type]  # the caller's type
    except ValidationError as error:
        faults = [f"{path}: {_place(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_url=False)]
        raise BestandFout("\n".join(faults)) from error


def _place(location: tuple[int | str, ...]) -> str:
    """For example ``entry 2, doelen.besluiten.velden``."""
    number, *rest = location
    entry = f"entry {int(number) + 1}"
    return f"{entry}, {'.'.join(map(str, rest))}" if rest else entry
