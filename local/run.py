"""``make run``: the whole system on this machine, kept up, and deployed anew when its code changes."""

import argparse
import sys
import threading
from pathlib import Path

from rich.console import Console
from watchfiles import watch

from local.deploy import DeployError, update_code
from local.environment import Environment
from local.guarded import guarded
from local.provider import ServiceProvider
from local.template import ROOT

WATCHED = ("functions", "layers/gedeeld", "template.yaml")


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--variant", choices=["ond", "centraal-register"], default="ond")
    parser.add_argument(
        "--port", type=int, default=4566, help="of the local engine; another is taken if this is in use"
    )
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    with Environment(
        variant=options.variant, port=options.port, on_step=lambda step: console.print(f"[dim]· {step}[/]")
    ) as environment:
        show_addresses(environment, console)
        reload_on_change(environment, console)
    return 0


def show_addresses(environment: Environment, console: Console) -> None:
    """Where everything is, and a request to try."""
    aansluiting = environment.data.aansluitingen[0]
    token_url = f"{environment.world.identity.issuer}/token"
    provider = ServiceProvider(aansluiting, token_url, environment.api_url)
    body = (
        '{"referentie": "mijn-eerste", "doelId": "besluiten", '
        '"ontvanger": {"identificatieType": "BSN", "identificatieNummer": "999990019"}, '
        '"bericht": {"onderwerp": "Er is een besluit voor u", "tekst": "Bekijk het op onze website."}}'
    )
    console.print(f"""
[bold]OND draait, variant {environment.variant}[/]

  API                 {environment.api_url}
  inbox van NotifyNL  {environment.world.base_url}/notifynl/?ververs=2
  webhooks            {environment.world.base_url}/ontvanger/
  AWS (nagebootst)    {environment.engine.endpoint_url}   (sleutel test / test)

[bold]Een token van {aansluiting.naam}[/] (een uur geldig)

TOKEN={provider.token()}

[bold]Verstuur een notificatie, en vraag hoe het ermee staat[/]

curl -s -X POST {environment.api_url}/notificaties \\
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -d '{body}'
curl -s "{environment.api_url}/notificaties?referentie=mijn-eerste" -H "Authorization: Bearer $TOKEN"

Wijzig code onder functions/ of layers/gedeeld/ en het wordt meteen opnieuw uitgerold. Stoppen: Ctrl-C.
""")


def reload_on_change(environment: Environment, console: Console, stop: threading.Event | None = None) -> None:
    """Deploy again after each change, until interrupted; a change that cannot be deployed is shown and waited out."""
    for changes in watch(*(ROOT / path for path in WATCHED), stop_event=stop, raise_interrupt=True):
        names = sorted({str(Path(path).relative_to(ROOT)) for _, path in changes if "__pycache__" not in path})
        if not names:
            continue
        console.print(f"[dim]· gewijzigd: {', '.join(names)}[/]")
        before = environment.api_url
        try:
            environment.deployment = update_code(environment.deployment)
        except DeployError as error:
            console.print(f"[red]niet uitgerold: {error}[/]")
            continue
        console.print("[dim]· opnieuw uitgerold[/]")
        if environment.api_url != before:
            console.print(f"[bold]Let op: de API heeft nu een ander adres: {environment.api_url}[/]")


if __name__ == "__main__":
    sys.exit(guarded(main))
