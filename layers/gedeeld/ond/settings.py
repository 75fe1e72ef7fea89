"""Settings of a function: its environment variables, read once and checked."""

import os
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Text = Annotated[str, Field(min_length=1)]
Seconds = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """Base of a function's settings: field ``status_queue_url`` is environment variable ``STATUS_QUEUE_URL``."""

    model_config = ConfigDict(frozen=True)


class SettingsError(Exception):
    """A setting is missing or unusable; the message names it."""


S = TypeVar("S", bound=Settings)


def read(model: type[S]) -> S:
    """The settings that ``model`` describes, from the environment.

    Raises:
        SettingsError: names every setting that is missing or wrong. Its value is not shown, since it may be a secret.
    """
    present = {name: os.environ[name.upper()] for name in model.model_fields if name.upper() in os.environ}
    try:
        return model(**present)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])).upper()} ({fault['msg']})" for fault in error.errors()]
    raise SettingsError(f"environment variable missing or unusable: {', '.join(faults)}")
