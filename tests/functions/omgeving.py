"""The template's tables, queues, keys and secrets, made when a function's environment asks for them, and builders."""

import importlib
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from types import ModuleType
from typing import Any, TypeVar

import boto3
import pytest
from moto.sqs.models import sqs_backends
from pydantic import BaseModel

from local.template import EXAMPLE_PARAMETERS, load
from omc.notificatie import Notificatie, Status
from omc.notificaties import Inhoud, Notificaties
from ond.aansluitregister import Aansluitregister, Dienstverlener, Doel, Veld
from ond.berichten import poging_id
from ond.geheimen import Geheim
from ond.identificatie import Identificatie, IdentificatieType
from ond.tijd import nu as echte_nu
from ond.verzegeling import Verzegeling
from profiel.partij import Contactgegeven, GegevenType, Partij, Voorkeurskanaal
from profiel.partijen import Partijen

OIN, ANDERE_OIN = "00000099000000001000", "00000099000000002000"
BSN, ANDER_BSN = "999990342", "123456782"
ACCOUNT, REGION = "123456789012", "eu-west-1"

M = TypeVar("M", bound=BaseModel)


def nieuwe_poging_id() -> str:
    """The id of the first attempt of a notification that nobody has."""
    return poging_id(str(uuid.uuid4()), 1)


template = cache(load)


@cache
def shared_client(service: str) -> Any:
    """Making a client takes longer than most tests, so they share one per service."""
    return _new_client(service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


_new_client = boto3.client


@dataclass
class Context:
    """Lambda's context."""

    aws_request_id: str = "aanroep-1"
    milliseconds: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        """Until the time-out."""
        return self.milliseconds


class Klok:
    """What the functions take for now; it starts at the real time and a test moves it on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.nu = echte_nu()

    def verzet(self, module: ModuleType) -> None:
        """Give a module this clock."""
        if getattr(module, "nu", None) is echte_nu:
            self._monkeypatch.setattr(module, "nu", lambda: self.nu)

    def vooruit(self, **duur: float) -> None:
        """Let time pass."""
        self.nu += timedelta(**duur)


@dataclass
class Omgeving:
    """One deployment, filled as it is asked for."""

    monkeypatch: pytest.MonkeyPatch
    parameters: dict[str, str]
    klok: Klok
    made: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    # --- the template

    def functie(self, logical_id: str, **settings: str) -> ModuleType:
        """The module of a function, with its environment set as the template says and with an empty cache."""
        resource = template()["Resources"][logical_id]["Properties"]
        variables = {
            name: self.resolve(value) for name, value in resource["Environment"]["Variables"].items()
        } | settings
        for name, value in variables.items():
            self.monkeypatch.setenv(name, str(value))
        module = importlib.import_module(resource["Handler"].rpartition(".")[0])
        module.dependencies.cache_clear()
        for name, loaded in list(sys.modules.items()):
            if name.split(".")[0] in ("omc", "profiel", "notificatie", "toegang"):
                self.klok.verzet(loaded)
        return module

    def resolve(self, value: Any) -> str:
        """A value of the template: a text, ``Ref`` or ``Fn::GetAtt``."""
        if not isinstance(value, Mapping):
            return str(value)
        [(kind, target)] = value.items()
        name = target if kind == "Ref" else (target[0] if isinstance(target, list) else target.split(".")[0])
        declared = template()["Parameters"].get(name)
        if declared is not None:
            return str(self.parameters.get(name, declared.get("Default")))
        return self[name]

    def __getitem__(self, logical_id: str) -> str:
        """The name, URL or ARN of a resource."""
        if logical_id not in self.made:
            resource = template()["Resources"][logical_id]
            self.made[logical_id] = _MAKERS[resource["Type"]](logical_id, resource.get("Properties", {}))
        return self.made[logical_id]

    def client(self, service: str) -> Any:
        """A client."""
        return shared_client(service)

    # --- queues

    def stuur(self, queue: str, *messages: BaseModel | str) -> None:
        """Put messages on a queue."""
        for message in messages:
            body = message if isinstance(message, str) else message.model_dump_json(exclude_none=True)
            self.client("sqs").send_message(QueueUrl=self[queue], MessageBody=body, MessageGroupId="g")

    def levering(self, queue: str) -> dict[str, Any]:
        """What is visible on a queue, as a Lambda event."""
        answer = self.client("sqs").receive_message(
            QueueUrl=self[queue], MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
                }
                for message in answer.get("Messages", [])
            ]
        }

    def werk(self, module: ModuleType, queue: str, *messages: BaseModel | str, context: Context | None = None) -> int:
        """Send messages, let the function work what is visible, delete what is done; how many failed."""
        self.stuur(queue, *messages)
        event = self.levering(queue)
        if not event["Records"]:
            return 0
        answer = module.handler(event, context or Context())
        failed = {entry["itemIdentifier"] for entry in answer["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] not in failed:
                self.client("sqs").delete_message(QueueUrl=self[queue], ReceiptHandle=record["receiptHandle"])
        return len(failed)

    def _messages(self, queue: str) -> list[Any]:
        assert self[queue]
        return list(sqs_backends[ACCOUNT][REGION].queues[queue]._messages)

    def terug_over(self, queue: str) -> list[int]:
        """In how many seconds each message on a queue becomes visible."""
        return [round(message.visible_at / 1000 - time.time()) for message in self._messages(queue)]

    def weer_zichtbaar(self, queue: str) -> None:
        """The time of every message on a queue has come."""
        for message in self._messages(queue):
            message.change_visibility(0)

    def leeg(self, queue: str, model: type[M]) -> list[M]:
        """Everything on a queue, taken off it."""
        taken: list[M] = []
        while records := self.levering(queue)["Records"]:
            for record in records:
                taken.append(model.model_validate_json(record["body"]))
                self.client("sqs").delete_message(QueueUrl=self[queue], ReceiptHandle=record["receiptHandle"])
        return taken

    # --- tables and secrets

    def items(self, table: str) -> list[dict[str, Any]]:
        """Every item, in DynamoDB's own form."""
        return list(self.client("dynamodb").scan(TableName=self[table])["Items"])

    def bevat(self, table: str, *texts: str) -> bool:
        """Whether any of these texts can be read somewhere in a table."""
        raw = repr(self.items(table)).encode() + b"".join(_binaries(self.items(table)))
        return any(text.encode() in raw for text in texts)

    def zet_geheim(self, secret: str, value: str) -> None:
        """Change a secret's value."""
        self.client("secretsmanager").put_secret_value(SecretId=self[secret], SecretString=value)

    @property
    def register(self) -> Aansluitregister:
        """The aansluitregister."""
        return Aansluitregister(self.client("dynamodb"), self["AansluitregisterTable"])

    @property
    def partijen(self) -> Partijen:
        """The address book."""
        return Partijen(
            self.client("dynamodb"),
            self["ProfielenTable"],
            self.client("kms"),
            self["ProfielKey"],
            Geheim(self.client("secretsmanager"), self["PeperSecret"]),
        )

    @property
    def notificaties(self) -> Notificaties:
        """The notifications."""
        return Notificaties(self.client("dynamodb"), self["NotificatiesTable"])

    def neem_aan(
        self, referentie: str = "zaak-1", *, oin: str = OIN, bsn: str = BSN, inhoud: Inhoud | None = None
    ) -> Notificatie:
        """An accepted notification, as stored."""
        new = Notificatie.aangenomen(
            oin=oin,
            referentie=referentie,
            doel_id="besluiten",
            dienst=None,
            kanalen=("email", "sms", "brief"),  # type: ignore[arg-type]  # as enum values
            inhoud_hash="h",
            nu=self.klok.nu,
        )
        body = inhoud or Inhoud(
            identificatie=Identificatie(soort=IdentificatieType.BSN, nummer=bsn), onderwerp="Besluit", tekst="Tekst"
        )
        self.notificaties.neem_aan(new, body, Verzegeling(self.client("kms"), self["InhoudKey"]))
        return self.lees(new.id)

    def lees(self, notificatie_id: str) -> Notificatie:
        """A notification that exists."""
        found = self.notificaties.lees(notificatie_id)
        assert found is not None
        return found

    def bewaar(self, notificatie: Notificatie, *stappen: Callable[[Notificatie], Notificatie]) -> Notificatie:
        """Store a notification after these steps."""
        for stap in stappen:
            notificatie = stap(notificatie)
        return self.notificaties.bewaar(notificatie)

    def status(self, notificatie: Notificatie) -> Status:
        """Its status now."""
        return self.lees(notificatie.id).status


def _binaries(items: Iterable[dict[str, Any]]) -> Iterable[bytes]:
    for item in items:
        for value in item.values():
            if "B" in value:
                yield bytes(value["B"])


def _table(logical_id: str, properties: Mapping[str, Any]) -> str:
    shared_client("dynamodb").create_table(
        TableName=logical_id,
        **{name: properties[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")},
    )
    return logical_id


def _queue(logical_id: str, _properties: object) -> str:
    attributes = {"VisibilityTimeout": "180"}
    return str(shared_client("sqs").create_queue(QueueName=logical_id, Attributes=attributes)["QueueUrl"])


def _secret(logical_id: str, _properties: object) -> str:
    return str(shared_client("secretsmanager").create_secret(Name=logical_id, SecretString=f"{logical_id}!")["ARN"])


def _key(_logical_id: str, _properties: object) -> str:
    return str(shared_client("kms").create_key()["KeyMetadata"]["Arn"])


def _function(logical_id: str, _properties: object) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{logical_id}"


_MAKERS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "AWS::DynamoDB::Table": _table,
    "AWS::SQS::Queue": _queue,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::KMS::Key": _key,
    "AWS::Serverless::Function": _function,
}
PARAMETERS = dict(EXAMPLE_PARAMETERS)


# --- builders


def doel(*velden: Veld, geschorst: bool = False) -> Doel:
    """A purpose; every field unless told otherwise."""
    return Doel(
        naam="Besluiten",
        grondslag="Awb",
        velden=frozenset(velden or Veld),
        verwerkingsactiviteit="https://register.example/1",
        geschorst=geschorst,
    )


def dienstverlener(oin: str = OIN, **overig: Any) -> Dienstverlener:
    """A connected service provider with one purpose."""
    return Dienstverlener(
        **{"oin": oin, "naam": "Gemeente", "doelen": {"besluiten": doel()}, "diensten": {"parkeren": "P"}, **overig}
    )


def partij(
    *identificaties: tuple[str, str], id_: str = "p1", kanalen: tuple[str, ...] = ("email",), **adressen: str
) -> Partij:
    """A person with verified contact details, each with a default value."""
    values = adressen or {"email": "a@voorbeeld.nl", "telefoonnummer": "+31612345699"}
    return Partij(
        id=id_,
        identificaties=tuple(
            Identificatie(soort=IdentificatieType(soort), nummer=nummer)
            for soort, nummer in identificaties or (("BSN", BSN),)
        ),
        contactgegevens=tuple(
            Contactgegeven(
                id=soort, type=GegevenType(soort), waarde=waarde, geverifieerd_op=datetime(2026, 1, 1, tzinfo=UTC)
            )
            for soort, waarde in values.items()
        ),
        voorkeurskanalen=(Voorkeurskanaal(kanalen=kanalen),),
    )


@dataclass(frozen=True)
class Antwoord:
    """An answer of an API function."""

    status: int
    headers: dict[str, str]
    body: Any
    text: str


def roep(
    module: ModuleType,
    path: str,
    body: Any = None,
    *,
    method: str = "POST",
    oin: str = OIN,
    scope: str = "notificaties:schrijven notificaties:lezen partijen:zoeken",
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Antwoord:
    """Call an API function as API Gateway does; a text body is sent as it is."""
    event = {
        "httpMethod": method,
        "path": path,
        "queryStringParameters": query,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "body": body if isinstance(body, str) or body is None else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {"path": f"/api{path}", "authorizer": {"oin": oin, "scope": scope}},
    }
    answer = module.handler(event, Context())
    text = str(answer["body"] or "")
    return Antwoord(
        answer["statusCode"],
        {name: values[0] for name, values in answer["multiValueHeaders"].items()},
        json.loads(text) if text else None,
        text,
    )
