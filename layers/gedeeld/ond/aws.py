"""Clients of AWS services, made once per process."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config


@cache
def client(service: str) -> Any:
    """A boto3 client for ``service``.

    Short time-outs with a few retries: a hanging connection costs seconds, not the function's whole time.
    """
    return boto3.client(
        service,
        config=Config(
            connect_timeout=2,
            read_timeout=15,
            retries={"mode": "standard", "total_max_attempts": 4},
            max_pool_connections=10,
        ),
    )
