"""Logging that cannot carry personal data: names, ids, codes and durations, never a value or the text of an error."""

import traceback
from typing import Any

from aws_lambda_powertools import Logger

logger = Logger()


def fault(error: BaseException) -> dict[str, Any]:
    """What may be logged of an error: its class and where it came from.

    Never ``str(error)``: texts of validation and provider errors quote what they are about.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}" for frame in reversed(frames[-3:]))
    return {"fout": type(error).__name__, "plaats": where}
