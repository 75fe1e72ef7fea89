"""One threaded web server on loopback, and the choice of an application by the first segment of the path."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Applications by first path segment; `mounted` ones do not see that segment, those `at_root` do."""

    front: "WSGIApplication"
    mounted: "dict[str, WSGIApplication]"
    at_root: "dict[str, WSGIApplication]"

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """WSGI."""
        segment, slash, rest = environ.get("PATH_INFO", "").lstrip("/").partition("/")
        if segment not in self.mounted:
            return self.at_root.get(segment, self.front)(environ, start_response)
        inner = {**environ, "SCRIPT_NAME": f"{environ.get('SCRIPT_NAME', '')}/{segment}", "PATH_INFO": slash + rest}
        return self.mounted[segment](inner, start_response)


class _SilentHandler(WSGIRequestHandler):
    """No access log: addresses of requests can hold references to people."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


class LoopbackServer:
    """A web server that other machines cannot reach."""

    def __init__(self, paths: Paths, *, port: int) -> None:
        self._server = make_server(LOOPBACK, port, paths, threaded=True, request_handler=_SilentHandler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="world", daemon=True
        )
        self.url = f"http://{LOOPBACK}:{self._server.port}"

    def start(self) -> None:
        """Begin answering; connections made since construction are already waiting."""
        self._thread.start()

    def stop(self) -> None:
        """Give the port back."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
