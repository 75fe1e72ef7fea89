"""A fresh AWS for every test, inside the process."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from io import StringIO
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ond.log import logger


@cache
def shared_client(service: str) -> Any:
    """Making a client takes longer than most tests, so they share one per service."""
    return boto3.client(service, region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def aws() -> Iterator[Any]:
    """Gives clients by service name."""
    with mock_aws():
        yield shared_client


@pytest.fixture
def calls(aws: Any) -> Iterator[Counter[str]]:
    """How often each operation was called."""
    counted: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        counted[model.name] += 1

    clients = [aws(service) for service in ("dynamodb", "kms", "sqs")]
    for client in clients:
        client.meta.events.register("before-call", count, unique_id="calls")
    yield counted
    for client in clients:
        client.meta.events.unregister("before-call", unique_id="calls")


@pytest.fixture
def agenda_table(aws: Any) -> str:
    """A table with the keys of an agenda."""
    return make_table(aws("dynamodb"), "agenda", "pk", "sk")


def make_table(dynamodb: Any, name: str, *keys: str) -> str:
    """A table with these string keys."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
    )
    return name


@pytest.fixture
def pk_table(aws: Any) -> str:
    """A table with one key."""
    return make_table(aws("dynamodb"), "items", "pk")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What is logged, as it leaves the process."""
    text = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", text)
    return text
