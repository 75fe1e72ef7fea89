"""A fresh deployment for every test, inside the process, and one fake NotifyNL for all."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import boto3
import pytest
from moto import mock_aws

import ond.aws
from local.world import Template, World
from ond.log import logger
from tests.functions.omgeving import PARAMETERS, REGION, Klok, Omgeving, shared_client


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The fake NotifyNL; nothing it takes arrives by itself within a test."""
    templates = {
        PARAMETERS["NotifyNlTemplateEmail"]: Template("email", "((onderwerp))", "((tekst))"),
        PARAMETERS["NotifyNlTemplateSms"]: Template("sms", None, "((tekst))"),
        PARAMETERS["NotifyNlTemplateBrief"]: Template("letter", "((onderwerp))", "((tekst))"),
    }
    world = World(
        clients=(), audience="https://api.example", templates=templates, callback_token="t", receipt_delay=3600
    )
    with world:
        yield world


@pytest.fixture
def klok(monkeypatch: pytest.MonkeyPatch) -> Klok:
    """What the functions take for now."""
    return Klok(monkeypatch)


@pytest.fixture
def omgeving(monkeypatch: pytest.MonkeyPatch, klok: Klok) -> Iterator[Omgeving]:
    """The deployment."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        monkeypatch.setattr(boto3, "client", lambda service, **_: shared_client(service))
        ond.aws.client.cache_clear()
        made = Omgeving(monkeypatch, dict(PARAMETERS), klok)

        def count(model: Any, **_: object) -> None:
            made.calls[model.name] += 1

        clients = [shared_client(service) for service in ("dynamodb", "kms", "sqs")]
        for client in clients:
            client.meta.events.register("before-call", count, unique_id="omgeving")
        yield made
        for client in clients:
            client.meta.events.unregister("before-call", unique_id="omgeving")
    ond.aws.client.cache_clear()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What is logged, as it leaves the process."""
    text = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", text)
    return text
