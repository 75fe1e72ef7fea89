"""The demo's data, as YAML, and how it gets into the system."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from beheer.bestand import lees
from local.world import Client
from ond.aansluitregister import Aansluitregister, Dienstverlener, Doel
from ond.geheimen import Geheim
from ond.identificatie import Identificatie
from profiel.partij import Afmelding, Contactgegeven, GegevenType, Partij, Scope, Voorkeurskanaal
from profiel.partijen import Partijen

FOLDER = Path(__file__).parent

#: What the demo's service providers may ask of the identity provider.
SCOPES = ("notificaties:schrijven", "notificaties:lezen", "partijen:zoeken")

# Long ago enough for every case.
_SINDS = datetime(2026, 1, 1, tzinfo=UTC)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Credentials(_Entry):
    """How a service provider gets its tokens."""

    id: str
    secret: str


class Aansluiting(_Entry):
    """One service provider; ``webhook`` is a path at the local receiver."""

    client: Credentials
    oin: str
    naam: str
    geblokkeerd: bool = False
    diensten: dict[str, str] = {}
    doelen: dict[str, Doel]
    webhook: str | None = None

    def dienstverlener(self, world_url: str) -> Dienstverlener:
        """As the register has it."""
        return Dienstverlener(
            oin=self.oin,
            naam=self.naam,
            geblokkeerd=self.geblokkeerd,
            diensten=self.diensten,
            doelen=self.doelen,
            webhook=f"{world_url}/{self.webhook}" if self.webhook else None,
        )

    def identity_client(self) -> Client:
        """As the identity provider has it."""
        return Client(self.client.id, self.client.secret, self.oin, self.naam, SCOPES)


class Gegeven(_Entry):
    """One contact detail."""

    type: GegevenType
    waarde: str
    geverifieerd: bool = False
    standaard: bool = False
    scopes: tuple[Scope, ...] = ()


class Opt(_Entry):
    """One opt-out."""

    oin: str | None = None
    dienst: str | None = None
    doel_id: str | None = None


class Persoon(_Entry):
    """One partij."""

    naam: str
    identificaties: tuple[Identificatie, ...]
    contactgegevens: tuple[Gegeven, ...] = ()
    voorkeurskanalen: tuple[Voorkeurskanaal, ...] = ()
    afmeldingen: tuple[Opt, ...] = ()

    def partij(self) -> Partij:
        """As the address book has it."""
        return Partij(
            id=str(uuid.uuid4()),
            identificaties=self.identificaties,
            contactgegevens=tuple(
                Contactgegeven(
                    id=str(uuid.uuid4()),
                    type=gegeven.type,
                    waarde=gegeven.waarde,
                    geverifieerd_op=_SINDS if gegeven.geverifieerd else None,
                    standaard=gegeven.standaard,
                    scopes=gegeven.scopes,
                )
                for gegeven in self.contactgegevens
            ),
            voorkeurskanalen=self.voorkeurskanalen,
            afmeldingen=tuple(Afmelding(**opt.model_dump(), sinds=_SINDS) for opt in self.afmeldingen),
        )


class Verwacht(_Entry):
    """What must come of a case: an outcome, or the answer to the request itself."""

    http: int = 202
    probleem: str | None = None
    zelfde_als: str | None = None
    aflevering: str | None = None
    reden: str | None = None
    pogingen: tuple[str, ...] = ()
    ontvangen_op: str | None = None


class Geval(_Entry):
    """One case of the demo."""

    referentie: str
    toont: str
    aan: str | dict[str, str]
    afzender: str = "gemeente-voorbeeld"
    doelId: str = "besluiten"  # noqa: N815 - as in the API
    dienst: str | None = None
    tekst: str = "Er is een besluit voor u. Bekijk het op de website van de gemeente."
    variant: str | None = None
    verwacht: Verwacht


@dataclass(frozen=True)
class DemoData:
    """All of it."""

    aansluitingen: list[Aansluiting]
    personen: list[Persoon]
    gevallen: list[Geval]

    def ontvanger(self, geval: Geval) -> dict[str, Any]:
        """The ``ontvanger`` of a request for this case."""
        if isinstance(geval.aan, dict):
            return geval.aan
        [persoon] = [persoon for persoon in self.personen if persoon.naam == geval.aan]
        identificatie = persoon.identificaties[0]
        return {"identificatieType": identificatie.soort.value, "identificatieNummer": identificatie.nummer}


def read(folder: Path = FOLDER) -> DemoData:
    """The demo's data.

    Raises:
        BestandFout: a file does not hold what it should.
    """
    return DemoData(
        aansluitingen=lees(folder / "aansluitingen.yaml", Aansluiting),
        personen=lees(folder / "partijen.yaml", Persoon),
        gevallen=lees(folder / "notificaties.yaml", Geval),
    )


class Deployed(Protocol):
    """Where the data go: physical names by logical id, and clients of an operator."""

    @property
    def tables(self) -> Mapping[str, str]:
        """Names of tables."""
        ...

    @property
    def keys(self) -> Mapping[str, str]:
        """Ids of KMS keys."""
        ...

    @property
    def secrets(self) -> Mapping[str, str]:
        """Names or ARNs of secrets."""
        ...

    def client(self, service: str) -> Any:
        """A boto3 client."""
        ...


def load(data: DemoData, deployment: Deployed, *, world_url: str, api_key: str, callback_token: str) -> None:
    """Put the data where an operator, and the people themselves, would put it."""
    secrets = deployment.client("secretsmanager")
    secrets.put_secret_value(SecretId=deployment.secrets["NotifyNlApiKeySecret"], SecretString=api_key)
    secrets.put_secret_value(SecretId=deployment.secrets["NotifyNlCallbackSecret"], SecretString=callback_token)
    dynamodb = deployment.client("dynamodb")
    register = Aansluitregister(dynamodb, deployment.tables["AansluitregisterTable"])
    for aansluiting in data.aansluitingen:
        register.zet(aansluiting.dienstverlener(world_url))
    partijen = Partijen(
        dynamodb,
        deployment.tables["ProfielenTable"],
        deployment.client("kms"),
        deployment.keys["ProfielKey"],
        Geheim(secrets, deployment.secrets["PeperSecret"]),
    )
    for persoon in data.personen:
        partijen.voeg_toe(persoon.partij())
