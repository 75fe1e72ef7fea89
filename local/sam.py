"""``make sam-backend``: what functions in the containers of `sam local` talk to, and the values that lead them there.

Two addresses for one machine: here it is 127.0.0.1, from inside a container it is host.docker.internal.
"""

import argparse
import json
import socket
import sys
import threading

from rich.console import Console

from local.engine import DEPLOYER_KEY, HOST, REGION, EngineError
from local.environment import Environment, stack_parameters
from local.guarded import guarded
from local.resolve import Physical, Resolved, resolve
from local.template import ROOT, load, translate
from local.ticker import ACCOUNT

PATH = ROOT / "local" / "sam-env.json"
ENGINE_PORT = 4566
WORLD_PORT = 8900
FROM_CONTAINER = "host.docker.internal"
ENGINE_URL = f"http://{FROM_CONTAINER}:{ENGINE_PORT}"

Variables = dict[str, dict[str, str]]


def content() -> Variables:
    """What `sam-env.json` holds: per function (logical id) its variables, of the variant that has every function.

    `sam local` sets only variables that the template declares, and takes credentials and region from the shell.
    """
    parameters = stack_parameters(
        variant="centraal-register",
        # The tokens say that they are from here, wherever they are read.
        issuer=f"http://{HOST}:{WORLD_PORT}/idp",
        world_url=f"http://{FROM_CONTAINER}:{WORLD_PORT}",
    )
    template = translate(load(), parameters)
    resolved = resolve(template, parameters, physical=_addresses(resolve(template, parameters)))
    return {
        name: {**function.properties["Environment"]["Variables"], "AWS_ENDPOINT_URL": ENGINE_URL}
        for name, function in resolved.of_type("AWS::Lambda::Function").items()
    }


def _addresses(stack: Resolved) -> Physical:
    """How a container names what is in the engine: by names that last, since ids are new at every start."""
    keys = {key.ref: name for name, key in stack.of_type("AWS::KMS::Key").items()}
    aliases = [alias.properties for alias in stack.of_type("AWS::KMS::Alias").values()]
    return {
        **{keys[alias["TargetKeyId"]]: {"Arn": alias["AliasName"]} for alias in aliases},
        **{
            name: {"QueueUrl": f"{ENGINE_URL}/{ACCOUNT}/{queue.properties['QueueName']}"}
            for name, queue in stack.of_type("AWS::SQS::Queue").items()
        },
        **{
            name: {"Id": secret.properties["Name"]}
            for name, secret in stack.of_type("AWS::SecretsManager::Secret").items()
        },
        **{
            name: {"Arn": function.properties["FunctionName"]}
            for name, function in stack.of_type("AWS::Lambda::Function").items()
        },
    }


def as_text(variables: Variables) -> str:
    """As it is kept in the file."""
    return json.dumps(variables, indent=2) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl-C, or only write the file."""
    parser = argparse.ArgumentParser(prog="make sam-backend", description=__doc__)
    parser.add_argument("--variant", choices=["ond", "centraal-register"], default="ond")
    parser.add_argument("--write", action="store_true", help=f"only make {PATH.relative_to(ROOT)} anew")
    options = parser.parse_args(arguments)
    if options.write:
        PATH.write_text(as_text(content()))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    require_ports()
    with Environment(
        variant=options.variant,
        port=ENGINE_PORT,
        world_port=WORLD_PORT,
        on_step=lambda step: console.print(f"[dim]· {step}[/]"),
    ) as environment:
        show_commands(environment, console)
        threading.Event().wait()
    return 0


def require_ports() -> None:
    """Make sure of the two ports that are in the file.

    Raises:
        EngineError: something else listens on one of them.
    """
    for port in (ENGINE_PORT, WORLD_PORT):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                raise EngineError(f"port {port} is in use; {PATH.name} names it, so end what listens there first")


def show_commands(environment: Environment, console: Console) -> None:
    """What to type in another terminal."""
    token = environment.world.identity.token_for(environment.data.aansluitingen[0].client.id)
    console.print(f"""
[bold]Klaar voor sam local, variant {environment.variant}[/] (Docker nodig)

In een andere terminal:

  export AWS_ACCESS_KEY_ID={DEPLOYER_KEY} AWS_SECRET_ACCESS_KEY={DEPLOYER_KEY} AWS_DEFAULT_REGION={REGION}
  unset AWS_PROFILE AWS_SESSION_TOKEN
  export PATH="$PWD/.venv-sam/bin:$PATH"
  sam build

  sam local invoke Aanname -e events/aanname.verstuur.json --env-vars local/sam-env.json
  sam local invoke Aanname -e events/aanname.zoek.json --env-vars local/sam-env.json
  sam local start-api --env-vars local/sam-env.json

Een token (een uur geldig), voor start-api en voor events/authorizer.toegang.json:

TOKEN={token}

curl -s 'http://127.0.0.1:3000/v1/notificaties?referentie=email-voorkeur' -H "Authorization: Bearer $TOKEN"

Wat een functie op een queue zet, werken de functies in deze terminal verder af. Inbox van NotifyNL:
{environment.world.base_url}/notifynl/?ververs=2

Docker Desktop bereikt dit vanzelf. Op Linux zonder Docker Desktop niet; zie events/README.md. Stoppen: Ctrl-C.
""")


if __name__ == "__main__":
    sys.exit(guarded(main))
