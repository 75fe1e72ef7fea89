"""The whole system on this machine: engine, deployed template, outside world and demo data."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from local import data as demo_data
from local.deploy import deploy
from local.engine import Engine
from local.ticker import Ticker
from local.world import Template, World

AUDIENCE = "https://ond.overheid.example/api"
CALLBACK_TOKEN = "callback-token-voor-deze-machine"  # noqa: S105 - for the fake provider on loopback only

TEMPLATES = {
    "3d1f5c1e-0f2b-4b7e-8a43-5f6f0d9a1e01": Template("email", "((onderwerp))", "((tekst))"),
    "3d1f5c1e-0f2b-4b7e-8a43-5f6f0d9a1e02": Template("sms", None, "((tekst))"),
    "3d1f5c1e-0f2b-4b7e-8a43-5f6f0d9a1e03": Template("letter", "((onderwerp))", "((tekst))"),
}

#: Waiting times in seconds instead of hours, so that a person can watch. Function time-outs are short too, and with
#: them the time after which the work of a killed process is taken up by another. Few instances, since a machine with
#: two cores starts them one after the other anyway.
FAST = {
    "HerhalingNa": "3",
    "NavraagNa": "4,6,8,10,15,20,30,45,60,90",
    "ClaimWachttijd": "2",
    "UitstelBasis": "1",
    "BewakingNa": "10",
    "DefinitiefNa": "5",
    "FunctionTimeout": "8",
    "VisibilityTimeout": "48",
    "MaximumConcurrency": "2",
}


def stack_parameters(*, variant: str, issuer: str, world_url: str) -> dict[str, str]:
    """The template's parameters on this machine; ``world_url`` is where the functions find the outside world."""
    templates = dict(zip(("Email", "Sms", "Brief"), TEMPLATES, strict=True))
    return {
        "Variant": variant,
        "TokenIssuer": issuer,
        "TokenJwksUrl": f"{world_url}/idp/jwks.json",
        "TokenAudience": AUDIENCE,
        "NotifyNlUrl": world_url,
        **{f"NotifyNlTemplate{kanaal}": template_id for kanaal, template_id in templates.items()},
        **FAST,
    }


@dataclass
class Environment:
    """Starts everything as a context manager, and stops it in the opposite order whatever happens.

    ``port`` is asked for the engine; one that is taken is replaced by a free one, and ``on_step`` says so. The outside
    world listens on ``world_port``, or on any free port.
    """

    variant: str = "ond"
    port: int | None = None
    world_port: int = 0
    on_step: Callable[[str], None] = print

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.data = demo_data.read()
        self.world = World(
            clients=[aansluiting.identity_client() for aansluiting in self.data.aansluitingen],
            audience=AUDIENCE,
            templates=TEMPLATES,
            callback_token=CALLBACK_TOKEN,
            receipts_url=lambda: f"{self.api_url}/ontvangst/notifynl",
        )
        self._stack.callback(self.world.stop)
        self.world.start(self.world_port)
        self.on_step("starting the local engine")
        self.engine = self._stack.enter_context(Engine(self.port, on_step=self.on_step))
        parameters = stack_parameters(
            variant=self.variant, issuer=self.world.identity.issuer, world_url=self.world.base_url
        )
        self.deployment = deploy(self.engine.endpoint_url, parameters, on_step=self.on_step)
        self.on_step("loading the demo data")
        demo_data.load(
            self.data,
            self.deployment,
            world_url=self.world.base_url,
            api_key=self.world.notifynl.api_key,
            callback_token=CALLBACK_TOKEN,
        )
        self.ticker = self._stack.enter_context(Ticker(self.deployment))

    @property
    def api_url(self) -> str:
        """The API's base, with its major version."""
        return f"{self.deployment.api_url}/v1"
