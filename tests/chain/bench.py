"""``make bench``: what the chain asks of AWS for one delivered notification, counted, so the same on every machine.

Counted on the pump: the requests of our own functions, and DynamoDB's write units (1 KB each, twice in a transaction).
What event sources and schedules ask (receiving, deleting) is not in it.
"""

import logging
import math
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chain.chain import Chain
from tests.pump import Call

NUMMER = "999990019"


class Meter:
    """Counts calls and write units."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.write_units = 0

    def __call__(self, call: Call) -> None:
        if call.phase == "before":
            self.calls[call.name] += 1
            self.write_units += write_units(call.operation, call.params)


def write_units(operation: str, params: Mapping[str, Any]) -> int:
    """DynamoDB's write units of a call; an update is taken as one, since none of our items is larger than 1 KB."""
    match operation:
        case "PutItem":
            return math.ceil(size({"M": params["Item"]}) / 1024)
        case "UpdateItem" | "DeleteItem":
            return 1
        case "TransactWriteItems":
            return sum(2 * write_units("PutItem", write["Put"]) for write in params["TransactItems"])
    return 0


def size(value: Mapping[str, Any]) -> int:
    """About how many bytes DynamoDB counts for a value."""
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return len(content) // 2 + 2
        case "M":
            return 3 + sum(len(name) + 1 + size(entry) for name, entry in content.items())
        case "L":
            return 3 + sum(1 + size(entry) for entry in content)
    return 1


def measure(number: int) -> tuple[Meter, float]:
    """Send ``number`` notifications at once and follow them to delivery; seconds of CPU, moto's own included."""
    with Chain() as chain:
        warm_up = send(chain, "warm", 1)
        chain.run_until_ended(warm_up)
        meter = Meter()
        chain.pump.on_call[:] = [meter]
        before = time.process_time()
        chain.run_until_ended(send(chain, "bench", number))
        return meter, time.process_time() - before


def send(chain: Chain, name: str, number: int) -> list[str]:
    """Accept a number of notifications."""
    ids = []
    for nth in range(number):
        body = {
            "referentie": f"{name}-{nth}",
            "doelId": "besluiten",
            "ontvanger": {"identificatieType": "BSN", "identificatieNummer": NUMMER},
            "bericht": {"onderwerp": "Er is een besluit", "tekst": "Bekijk het op onze website."},
        }
        ids.append(chain.gemeente.send("/notificaties", body).json()["id"])
    return ids


def main() -> None:
    """Print the table."""
    logging.disable(logging.CRITICAL)
    console = Console()
    sizes = (1, 10, 30)
    with console.status("counting"):
        measured = {number: measure(number) for number in sizes}
    table = Table(title="requests per delivered notification (e-mail, with webhook)")
    table.add_column("request")
    for number in sizes:
        table.add_column(f"{number} at once", justify="right")
    names = sorted({name for meter, _ in measured.values() for name in meter.calls})
    for name in names:
        table.add_row(name, *(f"{measured[number][0].calls[name] / number:.2f}" for number in sizes))
    table.add_section()
    table.add_row("write units", *(f"{measured[number][0].write_units / number:.2f}" for number in sizes))
    console.print(table)


if __name__ == "__main__":
    main()
