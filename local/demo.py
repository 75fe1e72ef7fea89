"""``make demo``: send notifications through the whole chain and check what comes of each.

Exit code 0 only if every outcome is the expected one.
"""

import argparse
import json
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local.cases import ENDED, Cases, Run
from local.environment import Environment
from local.guarded import guarded
from local.provider import ServiceProvider

_MARKS = {"bezorgd": "✓", "verzonden": "…"}


def cases_of(environment: Environment) -> Cases:
    """The cases, sent over HTTP by service providers with tokens of their own."""
    token_url = f"{environment.world.identity.issuer}/token"
    providers = {
        aansluiting.client.id: ServiceProvider(aansluiting, token_url, environment.api_url)
        for aansluiting in environment.data.aansluitingen
    }
    return Cases(environment.data, environment.variant, environment.world, providers)


def line(run: Run) -> str:
    """One case in one line: reference, what it shows, attempts by channel, status, OK/NOK, reason, seconds."""
    if run.notificatie_id is None:
        outcome, word = f"geweigerd: {run.probleem}", f"HTTP {run.http}"
    else:
        outcome, word = str(run.state.get("status")), str(run.state.get("aflevering"))
    attempts = " → ".join(f"{_MARKS.get(text.split()[1], '✗')} {text.split()[0]}" for text in run.attempts) or "-"
    mark = "[red]FOUT[/]" if run.faults else "[green]goed[/]"
    reason = run.state.get("reden") or ""
    text = (
        f"{mark}  {run.geval.referentie:<23}{run.geval.toont:<58}{attempts:<22}"
        f"{outcome:<36}{word:<9}{reason:<22}{run.seconds:5.1f} s"
    )
    return text + "".join(f"\n      [red]{fault}[/]" for fault in run.faults)


def direct_lookup(demo: Cases) -> list[str]:
    """Variant centraal-register: a service provider looks somebody up. Gives what differs from what was expected."""
    provider = demo.providers["gemeente-voorbeeld"]
    ontvanger = {"identificatieType": "BSN", "identificatieNummer": "999990020"}
    faults = []
    for doel, fields in (("besluiten", {"email", "telefoonnummer"}), ("nieuwsbrieven", {"email"})):
        answer = provider.send("/partijen/_zoek", {**ontvanger, "doelId": doel})
        given = {name for name in ("email", "telefoonnummer", "postadres") if name in answer.json()}
        if answer.status_code != 200 or given != fields:
            faults.append(f"lookup for {doel}: HTTP {answer.status_code}, fields {sorted(given)}")
    return faults


def wait_for_events(environment: Environment, demo: Cases, seconds: float = 45) -> tuple[list[Any], list[str]]:
    """The events of the demo's webhooks, when each notification's last change has come, and what is missing."""
    expected = {run.notificatie_id for run in demo.runs if run.notificatie_id}
    deadline = time.monotonic() + seconds
    while True:
        names = ("gemeente-voorbeeld", "dienst-wegverkeer")
        events = [event for name in names for event in environment.world.receiver.events(name)]
        ended = {event["subject"] for event in events if event["data"]["aflevering"] in ENDED}
        if expected <= ended or time.monotonic() > deadline:
            return events, [f"no event of the end of {missing}" for missing in sorted(expected - ended)]
        time.sleep(0.2)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--variant", choices=["ond", "centraal-register"], default="ond")
    options = parser.parse_args(arguments)
    console = Console(width=200 if not sys.stdout.isatty() else None, highlight=False, soft_wrap=True)
    with Environment(variant=options.variant, on_step=lambda step: console.print(f"[dim]· {step}[/]")) as environment:
        return show(environment, console)


def show(environment: Environment, console: Console) -> int:
    """Run the cases, printing as they end; gives the exit code."""
    demo = cases_of(environment)
    console.print(f"\n[bold]OND, variant {environment.variant}: {len(demo.all)} gevallen[/]\n")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("notificaties", total=len(demo.all))
        for run in demo.run():
            console.print(line(run))
            progress.advance(task)
        progress.update(task, description="webhook")
        events, faults = wait_for_events(environment, demo)
    if environment.variant == "centraal-register":
        lookup_faults = direct_lookup(demo)
        faults += lookup_faults
        verdict = "[red]FOUT[/]" if lookup_faults else "[green]goed[/]"
        console.print(f"{verdict}  direct opzoeken door een organisatie geeft alleen de velden van het doel")
    show_events(events, console)
    faults += [fault for run in demo.runs for fault in run.faults]
    for left_out in environment.deployment.left_out:
        console.print(f"[dim]· not tried here, because the local engine does not know it: {left_out}[/]")
    console.print(
        "\nVerder kijken: [bold]make run[/] houdt alles aan en toont waar: de inbox van NotifyNL, wat de webhooks "
        "ontvingen, en een curl om zelf te proberen."
    )
    for fault in faults:
        console.print(f"[red]{fault}[/]")
    verdict = "[red]NIET zoals verwacht[/]" if faults else "[green]alles zoals verwacht[/]"
    console.print(f"\n{len(demo.runs)} gevallen, {len(events)} CloudEvents: {verdict}")
    return 1 if faults else 0


def show_events(events: list[Any], console: Console) -> None:
    """What the service providers' webhooks received: one whole, the others in a line each."""
    console.print("\n[bold]CloudEvents die de webhooks ontvingen[/]")
    for event in events:
        data = event["data"]
        console.print(
            f"  {event['time']}  {data['referentie']:<23}{event['sequence']:>2}  {data.get('van', '-'):<16}→ "
            f"{data['naar']:<20}{data['aflevering']:<16}{data.get('reden', '')}"
        )
    if events:
        console.print("\nDe eerste, geheel:")
        console.print_json(json.dumps(events[0]))


if __name__ == "__main__":
    sys.exit(guarded(main))
