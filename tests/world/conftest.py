"""A running world for each test module, on a free port of loopback."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from notifications_python_client.notifications import NotificationsAPIClient

from local.world import Client, Template, World

# The official client carries no annotations.
OfficialClient: Any = NotificationsAPIClient

CLIENTS = (
    Client("gemeente", "geheim&één", "00000001823288444000", "Gemeente Voorbeeld", ("notificaties", "status")),
    Client("dienst", "geheim-2", "00000004003214345001", "Dienst Voorbeeld", ("status",)),
)
TEMPLATE_IDS = SimpleNamespace(
    email="3d1f5c1e-0f2b-4b7e-8a43-5f6f0d9a1e01",
    sms="3d1f5c1e-0f2b-4b7e-8a43-5f6f0d9a1e02",
    letter="3d1f5c1e-0f2b-4b7e-8a43-5f6f0d9a1e03",
)
TEMPLATES = {
    TEMPLATE_IDS.email: Template("email", "((onderwerp))", "Beste ((naam)), ((tekst))"),
    TEMPLATE_IDS.sms: Template("sms", None, "((tekst))"),
    TEMPLATE_IDS.letter: Template("letter", "((onderwerp))", "((tekst))"),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The outside world, with short delays."""
    world = World(
        clients=CLIENTS,
        audience="https://ond.test/api",
        templates=TEMPLATES,
        callback_token="callback-token",
        receipt_delay=0.05,
    )
    with world:
        yield world


@pytest.fixture
def client(world: World) -> Any:
    """The official client, pointed at the world."""
    return OfficialClient(world.notifynl.api_key, base_url=world.base_url, timeout=5)


@pytest.fixture(scope="session")
def template_ids() -> SimpleNamespace:
    """Template identifiers by kind of message."""
    return TEMPLATE_IDS
