"""``ond``: what operators do to the aansluitregister, on AWS or on any endpoint (``AWS_ENDPOINT_URL``)."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from beheer.bestand import BestandFout, lees
from ond.aansluitregister import Aansluitregister, Dienstverlener, Gewijzigd

EPILOG = """\
examples:
  ond aansluiting toon                                   who is connected
  ond aansluiting toon 00000099000000001000              one of them, as YAML that `zet` takes back
  ond aansluiting zet gemeente.yaml                      connect, or replace what was registered
  ond aansluiting blokkeer 00000099000000001000          nothing is accepted from it any more, within a minute
  ond doel schors 00000099000000001000 nieuwsbrieven     nothing is looked up or sent for this doel any more

a file for `zet` (one entry, or a list of them):
  oin: "00000099000000001000"
  naam: Gemeente Voorbeeld
  diensten: {parkeren: Parkeervergunningen}
  webhook: https://gemeente.example/notificaties
  doelen:
    besluiten:
      naam: Versturen van besluiten
      grondslag: Algemene wet bestuursrecht
      velden: [email, telefoonnummer, postadres, voorkeurskanaal]
      verwerkingsactiviteit: https://gemeente.example/register/besluiten
"""

Command = Callable[[Aansluitregister, argparse.Namespace], None]


class Fout(Exception):
    """The command cannot be carried out; the message says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; gives the exit code: 0 done, 1 not done and said why, 2 not understood."""
    options = parser().parse_args(arguments)
    table = options.tabel or f"{options.stack}-aansluitregister"
    command: Command = options.command
    try:
        command(Aansluitregister(boto3.client("dynamodb"), table), options)
    except (BestandFout, Fout) as fout:
        print(fout, file=sys.stderr)
    except Gewijzigd:
        print("somebody else changed this aansluiting just now; look at it and try again", file=sys.stderr)
    except ClientError as error:
        print(f"AWS refused: {error.response['Error']['Code']} (table {table})", file=sys.stderr)
    except BotoCoreError as error:
        print(f"AWS was not reached: {error}", file=sys.stderr)
    else:
        return 0
    return 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="ond", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--stack", default="ond", help="name of the deployed stack (default: ond)")
    result.add_argument("--tabel", help="name of the register's table (default: <stack>-aansluitregister)")
    things = result.add_subparsers(metavar="aansluiting|doel", required=True)

    aansluiting = things.add_parser("aansluiting", help="who is connected").add_subparsers(
        metavar="toon|zet|blokkeer|deblokkeer", required=True
    )
    command = aansluiting.add_parser("toon", help="show all, or one as YAML")
    command.add_argument("oin", nargs="?")
    command.set_defaults(command=toon)
    command = aansluiting.add_parser("zet", help="register from YAML files; all are checked before any is written")
    command.add_argument("bestand", nargs="+", type=Path)
    command.set_defaults(command=zet)
    for name, geblokkeerd in (("blokkeer", True), ("deblokkeer", False)):
        command = aansluiting.add_parser(name, help="works within a minute")
        command.add_argument("oin")
        command.set_defaults(command=blokkeer, geblokkeerd=geblokkeerd)

    doel = things.add_parser("doel", help="purposes of a service provider").add_subparsers(
        metavar="schors|hervat", required=True
    )
    for name, geschorst in (("schors", True), ("hervat", False)):
        command = doel.add_parser(name, help="works within a minute")
        command.add_argument("oin")
        command.add_argument("doel")
        command.set_defaults(command=schors, geschorst=geschorst)
    return result


def toon(register: Aansluitregister, options: argparse.Namespace) -> None:
    """Show who is connected."""
    if options.oin:
        shown = _aansluiting(register, options.oin).model_dump(mode="json", exclude_defaults=True)
        print(yaml.safe_dump(shown, allow_unicode=True, sort_keys=False), end="")
        return
    for dienstverlener in register.alle():
        geschorst = [doel_id for doel_id, doel in dienstverlener.doelen.items() if doel.geschorst]
        notes = ["GEBLOKKEERD"] * dienstverlener.geblokkeerd + [f"geschorst: {doel_id}" for doel_id in geschorst]
        print("  ".join([dienstverlener.oin, dienstverlener.naam, *notes]))


def zet(register: Aansluitregister, options: argparse.Namespace) -> None:
    """Register from files."""
    entries = [entry for path in options.bestand for entry in lees(path, Dienstverlener)]
    for dienstverlener in entries:
        register.zet(dienstverlener)
        print(f"registered: {dienstverlener.oin}  {dienstverlener.naam}")


def blokkeer(register: Aansluitregister, options: argparse.Namespace) -> None:
    """Block or unblock a service provider."""
    before = _aansluiting(register, options.oin)
    register.zet(before.model_copy(update={"geblokkeerd": options.geblokkeerd}), in_plaats_van=before)
    print(f"{'blocked' if options.geblokkeerd else 'unblocked'}: {before.oin}  {before.naam}")


def schors(register: Aansluitregister, options: argparse.Namespace) -> None:
    """Suspend or resume a doel."""
    before = _aansluiting(register, options.oin)
    if options.doel not in before.doelen:
        raise Fout(f"{before.naam} has no doel {options.doel!r}; it has: {', '.join(before.doelen) or 'none'}")
    doel = before.doelen[options.doel].model_copy(update={"geschorst": options.geschorst})
    after = before.model_copy(update={"doelen": {**before.doelen, options.doel: doel}})
    register.zet(after, in_plaats_van=before)
    print(f"{'suspended' if options.geschorst else 'resumed'}: {options.doel} of {before.naam}")


def _aansluiting(register: Aansluitregister, oin: str) -> Dienstverlener:
    found = register.dienstverlener(oin)
    if found is None:
        raise Fout(f"no aansluiting has OIN {oin}; `ond aansluiting toon` lists them")
    return found


if __name__ == "__main__":
    sys.exit(main())
