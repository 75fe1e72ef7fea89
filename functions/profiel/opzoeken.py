"""The lookup itself, for whoever may ask: first the purpose, then the partij, then only the fields of the purpose."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ond.aansluitregister import Aansluitregister, Doel, DoelGeweigerd, toets_doelbinding
from ond.aws import client
from ond.berichten import Profielantwoord, Profieluitkomst, Profielvraag
from ond.geheimen import Geheim
from ond.settings import Settings, Text, read
from profiel.partij import antwoord
from profiel.partijen import Partijen


class ProfielSettings(Settings):
    """Settings of the functions that look up."""

    aansluitregister_table: Text
    profielen_table: Text
    profiel_key: Text
    peper_secret: Text


@dataclass(frozen=True)
class Dependencies:
    """What looking up needs."""

    register: Aansluitregister
    partijen: Partijen


@cache
def dependencies() -> Dependencies:
    """Made at the first call."""
    settings = read(ProfielSettings)
    dynamodb = client("dynamodb")
    return Dependencies(
        register=Aansluitregister(dynamodb, settings.aansluitregister_table),
        partijen=Partijen(
            dynamodb,
            settings.profielen_table,
            client("kms"),
            settings.profiel_key,
            Geheim(client("secretsmanager"), settings.peper_secret),
        ),
    )


def zoek_op(vragen: Sequence[Profielvraag], deps: Dependencies) -> list[Profielantwoord]:
    """An answer per question, in order. For a refused purpose nothing is read at all."""
    doelen = [_doel(vraag, deps.register) for vraag in vragen]
    allowed = [vraag.identificatie for vraag, doel in zip(vragen, doelen, strict=True) if doel]
    found = dict(zip(allowed, deps.partijen.zoek(allowed), strict=True)) if allowed else {}
    antwoorden = []
    for vraag, doel in zip(vragen, doelen, strict=True):
        partij = found.get(vraag.identificatie)
        if doel is None:
            antwoorden.append(Profielantwoord(uitkomst=Profieluitkomst.GEWEIGERD))
        elif partij is None:
            antwoorden.append(Profielantwoord(uitkomst=Profieluitkomst.ONBEKEND))
        else:
            antwoorden.append(antwoord(partij, oin=vraag.oin, dienst=vraag.dienst, doel_id=vraag.doel_id, doel=doel))
    return antwoorden


def _doel(vraag: Profielvraag, register: Aansluitregister) -> Doel | None:
    try:
        return toets_doelbinding(register.dienstverlener(vraag.oin), vraag.doel_id)
    except DoelGeweigerd:
        return None
