"""What the web applications of the world have in common: templates, the stylesheet and safe headers."""

from pathlib import Path

from flask import Flask, Response

# Pages show text that others sent in: nothing may run, load from elsewhere or be framed.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

# Larger than the largest e-mail NotifyNL accepts (2 MB).
MAX_REQUEST_BYTES = 4 * 1024 * 1024


def new_app(name: str) -> Flask:
    """A Flask application with the shared templates and stylesheet, and safe headers on every answer."""
    app = Flask(name, root_path=str(Path(__file__).parent))
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    app.after_request(_with_page_headers)
    return app


def _with_page_headers(response: Response) -> Response:
    for header, value in PAGE_HEADERS.items():
        response.headers.setdefault(header, value)
    return response
