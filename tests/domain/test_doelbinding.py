"""The purpose check: its refusals, in their order."""

import pytest

from ond.aansluitregister import Dienstverlener, Doel, DoelGeweigerd, Veld, Weigering, toets_doelbinding
from tests.domain.bouwers import OIN


def doel(*, geschorst: bool = False) -> Doel:
    return Doel(
        naam="Besluiten",
        grondslag="Awb",
        velden=frozenset({Veld.EMAIL}),
        verwerkingsactiviteit="https://register.example/1",
        geschorst=geschorst,
    )


def dienstverlener(*, geblokkeerd: bool = False) -> Dienstverlener:
    doelen = {"besluiten": doel(), "oud": doel(geschorst=True)}
    return Dienstverlener(oin=OIN, naam="Gemeente", geblokkeerd=geblokkeerd, doelen=doelen)


AAN, DICHT = dienstverlener(), dienstverlener(geblokkeerd=True)

# In the documented order: where two reasons hold, the earlier one is told.
WEIGERINGEN = [
    (None, None, Weigering.GEEN_DOEL),
    (DICHT, None, Weigering.GEEN_DOEL),
    (AAN, "", Weigering.GEEN_DOEL),
    (None, "besluiten", Weigering.NIET_AANGESLOTEN),
    (DICHT, "besluiten", Weigering.GEBLOKKEERD),
    (DICHT, "onbekend", Weigering.GEBLOKKEERD),
    (DICHT, "oud", Weigering.GEBLOKKEERD),
    (AAN, "onbekend", Weigering.DOEL_NIET_GEREGISTREERD),
    (AAN, "Besluiten", Weigering.DOEL_NIET_GEREGISTREERD),
    (AAN, "oud", Weigering.DOEL_GESCHORST),
]


@pytest.mark.parametrize(("wie", "doel_id", "weigering"), WEIGERINGEN)
def test_the_first_reason_to_refuse_is_told(
    wie: Dienstverlener | None, doel_id: str | None, weigering: Weigering
) -> None:
    with pytest.raises(DoelGeweigerd) as refused:
        toets_doelbinding(wie, doel_id)
    assert refused.value.weigering is weigering


def test_a_registered_doel_is_given() -> None:
    assert toets_doelbinding(AAN, "besluiten") == doel()


def test_every_reason_to_refuse_is_in_the_table() -> None:
    assert {weigering for _, _, weigering in WEIGERINGEN} == set(Weigering)
