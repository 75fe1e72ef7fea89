"""Everything outside the system, in one process on loopback: who hands out tokens, who delivers, who listens.

    with World(clients=..., audience=..., templates=..., callback_token=...) as world:
        world.base_url            # http://127.0.0.1:<port>
        world.identity.issuer     # .../idp
        world.notifynl.api_key    # for the official client; its base URL is world.base_url
        world.receiver.events("gemeente-voorbeeld")

Nothing is kept on disk; what is kept in memory is bounded.
"""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from local.world.front import front_page
from local.world.identity import Client, IdentityProvider
from local.world.notifynl import NotifyNL
from local.world.receipts import ReceiptsUrl
from local.world.receiver import Receiver
from local.world.serving import LoopbackServer, Paths
from local.world.submissions import Template

__all__ = ["Client", "Template", "World"]


class World:
    """The identity provider, the notification provider and the service providers' webhooks on one address."""

    def __init__(
        self,
        *,
        clients: Iterable[Client],
        audience: str,
        templates: Mapping[str, Template],
        callback_token: str,
        receipts_url: ReceiptsUrl = None,
        receipt_delay: float = 0.3,
        retry_refused_receipts: bool = True,
        api_key: str | None = None,
    ) -> None:
        """`receipts_url` may be a function, asked at each receipt, for an address that is not known yet.

        With `retry_refused_receipts` a receipt also comes again after a 4xx, where the real service gives up.
        """
        self.identity = IdentityProvider(clients=clients, audience=audience)
        self.notifynl = NotifyNL(
            templates=templates,
            callback_token=callback_token,
            callback_url=receipts_url,
            receipt_delay=receipt_delay,
            retry_refused_receipts=retry_refused_receipts,
            api_key=api_key,
        )
        self.receiver = Receiver()
        self._server: LoopbackServer | None = None

    @property
    def base_url(self) -> str:
        """Address of the running world, without a closing slash. Raises RuntimeError when it is not running."""
        if self._server is None:
            raise RuntimeError("the world has not been started")
        return self._server.url

    def start(self, port: int = 0) -> str:
        """Serve on loopback (port 0: any free port) and return the base URL."""
        if self._server is not None:
            raise RuntimeError("the world has already been started")
        server = LoopbackServer(self._paths(), port=port)
        self.identity.issuer = f"{server.url}/idp"
        self.notifynl.start()
        server.start()
        self._server = server
        return server.url

    def stop(self) -> None:
        """Stop serving and end every thread; harmless when nothing runs."""
        if self._server is None:
            return
        self._server.stop()
        self._server = None
        self.notifynl.stop()

    def __enter__(self) -> Self:
        if self._server is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _paths(self) -> Paths:
        return Paths(
            front=front_page(),
            mounted={"idp": self.identity.app, "notifynl": self.notifynl.app, "ontvanger": self.receiver.app},
            # The official client joins "/v2/..." to its base URL, which drops any path the base URL had.
            at_root={"v2": self.notifynl.app},
        )
