"""The front page: what there is in this world and where."""

from flask import Flask, render_template

from local.world.pages import new_app


def front_page() -> Flask:
    """The application at `/`, linking to the parts."""
    app = new_app("voorpagina")
    app.add_url_rule("/", "front", _front)
    return app


def _front() -> str:
    return render_template("voorpagina.html")
