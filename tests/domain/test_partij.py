"""What may be known of a partij: scopes, fields of the doel, opt-outs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ond.aansluitregister import Doel, Veld
from ond.berichten import Kanaal, Profielantwoord, Profieluitkomst
from profiel.partij import Afmelding, Contactgegeven, GegevenType, Partij, Scope, Voorkeurskanaal, antwoord, kies
from tests.domain.bouwers import ANDERE_OIN, OIN, eigenschap

TOEN = datetime(2026, 1, 1, tzinfo=UTC)
ALLE = frozenset(Veld)


def gegeven(soort: GegevenType, waarde: str, **overig: Any) -> Contactgegeven:
    return Contactgegeven(id=waarde, type=soort, waarde=waarde, **{"geverifieerd_op": TOEN, **overig})


def email(waarde: str = "a@voorbeeld.nl", **overig: Any) -> Contactgegeven:
    return gegeven(GegevenType.EMAIL, waarde, **overig)


def sms(waarde: str = "+31612345699", **overig: Any) -> Contactgegeven:
    return gegeven(GegevenType.TELEFOONNUMMER, waarde, **overig)


def brief(waarde: str = "Naam\nStraat 1\n1234 AB  Plaats", **overig: Any) -> Contactgegeven:
    return gegeven(GegevenType.POSTADRES, waarde, **overig)


def vraag(
    *gegevens: Contactgegeven,
    voorkeuren: tuple[Voorkeurskanaal, ...] = (),
    afmeldingen: tuple[Afmelding, ...] = (),
    velden: frozenset[Veld] = ALLE,
    dienst: str | None = None,
) -> Profielantwoord:
    partij = Partij(
        id="p",
        identificaties=(),
        contactgegevens=gegevens,
        voorkeurskanalen=voorkeuren,
        afmeldingen=afmeldingen,
    )
    doel = Doel(naam="n", grondslag="g", velden=velden, verwerkingsactiviteit="https://register.example/1")
    return antwoord(partij, oin=OIN, dienst=dienst, doel_id="besluiten", doel=doel)


@pytest.mark.parametrize(
    ("velden", "kanalen", "voorkeur"),
    [
        ({Veld.EMAIL, Veld.TELEFOONNUMMER, Veld.VOORKEURSKANAAL}, {Kanaal.EMAIL, Kanaal.SMS}, True),
        ({Veld.EMAIL}, {Kanaal.EMAIL}, False),
        ({Veld.TELEFOONNUMMER}, {Kanaal.SMS}, False),
        ({Veld.POSTADRES}, {Kanaal.BRIEF}, False),
        (set(Veld), set(Kanaal), True),
        ({Veld.VOORKEURSKANAAL}, set(), False),
    ],
)
def test_only_the_fields_of_the_doel_are_given(velden: set[Veld], kanalen: set[Kanaal], *, voorkeur: bool) -> None:
    chosen = Voorkeurskanaal(kanalen=(Kanaal.SMS, Kanaal.EMAIL))
    given_ = vraag(email(), sms(), brief(), voorkeuren=(chosen,), velden=frozenset(velden))
    assert given_.adressen.keys() == kanalen
    assert bool(given_.voorkeurskanalen) is voorkeur
    assert given_.uitkomst is (Profieluitkomst.GEVONDEN if kanalen else Profieluitkomst.GEEN_CONTACTGEGEVENS)


@pytest.mark.parametrize(
    "onbruikbaar",
    [
        email(geverifieerd_op=None),
        email(ongeldig_op=TOEN),
        sms(geverifieerd_op=None),
        sms(ongeldig_op=TOEN),
        brief(ongeldig_op=TOEN),
        email(geverifieerd_op=None, scopes=(Scope(oin=OIN, dienst="parkeren"),)),
    ],
)
def test_what_is_unverified_or_invalid_is_never_given(onbruikbaar: Contactgegeven) -> None:
    alone = vraag(onbruikbaar, dienst="parkeren")
    assert (alone.uitkomst, alone.adressen) == (Profieluitkomst.GEEN_CONTACTGEGEVENS, {})
    # Beside a usable one of each kind, the usable one is given.
    usable = {Kanaal.EMAIL: "b@voorbeeld.nl", Kanaal.SMS: "+31612345698", Kanaal.BRIEF: "X\nY\nZ"}
    mixed = vraag(
        onbruikbaar,
        email(usable[Kanaal.EMAIL]),
        sms(usable[Kanaal.SMS]),
        brief(usable[Kanaal.BRIEF]),
        dienst="parkeren",
    )
    assert mixed.adressen == usable


def test_a_postal_address_needs_no_verification() -> None:
    assert vraag(brief(geverifieerd_op=None)).uitkomst is Profieluitkomst.GEVONDEN


@pytest.mark.parametrize(
    ("afmelding", "dienst", "stopt"),
    [
        ({}, None, True),
        ({}, "parkeren", True),
        ({"oin": OIN}, None, True),
        ({"oin": OIN}, "parkeren", True),
        ({"oin": ANDERE_OIN}, None, False),
        ({"oin": OIN, "dienst": "parkeren"}, "parkeren", True),
        ({"oin": OIN, "dienst": "parkeren"}, "belastingen", False),
        ({"oin": OIN, "dienst": "parkeren"}, None, False),
        ({"oin": OIN, "doel_id": "besluiten"}, None, True),
        ({"oin": OIN, "doel_id": "nieuwsbrieven"}, None, False),
        ({"oin": ANDERE_OIN, "doel_id": "besluiten"}, None, False),
    ],
)
def test_an_opt_out_stops_at_its_own_level(afmelding: dict[str, str], dienst: str | None, *, stopt: bool) -> None:
    given_ = vraag(email(), afmeldingen=(Afmelding(sinds=TOEN, **afmelding),), dienst=dienst)
    assert given_.uitkomst is (Profieluitkomst.AFGEMELD if stopt else Profieluitkomst.GEVONDEN)
    assert bool(given_.adressen) is not stopt


def test_the_address_and_the_order_of_channels_are_each_the_most_specific() -> None:
    for_dienst = (Scope(oin=OIN, dienst="parkeren"),)
    given_ = vraag(
        email("algemeen@voorbeeld.nl", standaard=True),
        email("parkeren@voorbeeld.nl", scopes=for_dienst),
        email("ander@voorbeeld.nl", scopes=(Scope(oin=ANDERE_OIN),)),
        voorkeuren=(
            Voorkeurskanaal(kanalen=(Kanaal.BRIEF,), standaard=True),
            Voorkeurskanaal(kanalen=(Kanaal.EMAIL,), scopes=for_dienst),
        ),
        dienst="parkeren",
    )
    assert given_.adressen == {Kanaal.EMAIL: "parkeren@voorbeeld.nl"}
    assert given_.voorkeurskanalen == (Kanaal.EMAIL,)


# --- scopes against a naive oracle

_scope = st.builds(
    Scope, oin=st.sampled_from((OIN, ANDERE_OIN)), dienst=st.sampled_from((None, "parkeren", "belastingen"))
)
_waarde = st.builds(
    Voorkeurskanaal,
    kanalen=st.lists(st.sampled_from(Kanaal), max_size=3).map(tuple),
    standaard=st.booleans(),
    scopes=st.lists(_scope, max_size=3).map(tuple),
)


def naief(waarden: list[Voorkeurskanaal], oin: str, dienst: str | None) -> Voorkeurskanaal | None:
    """Four passes over the list, in the words of the rule."""
    exact = Scope(oin=oin, dienst=dienst) if dienst else None
    for_dienst = [w for w in waarden if exact in w.scopes]
    for_organisation = [w for w in waarden if Scope(oin=oin) in w.scopes]
    default = [w for w in waarden if not w.scopes and w.standaard]
    unscoped = [w for w in waarden if not w.scopes and not w.standaard]
    return next(iter([*for_dienst, *for_organisation, *default, *unscoped]), None)


@eigenschap
@given(
    st.lists(_waarde, max_size=6),
    st.sampled_from((OIN, ANDERE_OIN, "00000099000000009000")),
    st.sampled_from((None, "parkeren", "belastingen", "anders")),
)
def test_the_most_specific_value_wins_and_what_is_meant_for_others_never_does(
    waarden: list[Voorkeurskanaal], oin: str, dienst: str | None
) -> None:
    assert kies(waarden, oin, dienst) is naief(waarden, oin, dienst)
