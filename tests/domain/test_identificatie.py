"""Identification numbers: what is let in, and what an error may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ond.identificatie import OIN, Identificatie, IdentificatieType, elfproef, fout_in_nummer
from tests.domain.bouwers import eigenschap

BSN, RSIN, KVK = IdentificatieType.BSN, IdentificatieType.RSIN, IdentificatieType.KVK

GELDIG = [
    (BSN, "999990342"),
    (BSN, "123456782"),
    (BSN, "111222333"),
    (RSIN, "002220647"),
    (KVK, "90000013"),
    (KVK, "00000000"),
]
ONGELDIG = [
    (BSN, ""),
    (BSN, "99999034"),
    (BSN, "9999903420"),
    (BSN, "000000000"),
    (RSIN, "000000000"),
    (BSN, "999990343"),
    (BSN, " 999990342"),
    (BSN, "999990342\n"),
    (BSN, "9999 90342"),
    (BSN, "9999.90.342"),
    (BSN, "-99990342"),
    (BSN, "99999034X"),
    (BSN, "\uff19\uff19\uff19\uff19\uff19\uff10\uff13\uff14\uff12"),  # full-width digits
    (BSN, "\u0669" * 9),  # Arabic-Indic digits
    (BSN, "²²²²²²²²²"),
    (KVK, "9000001"),
    (KVK, "900000130"),
    (KVK, "9000001\u0663"),
    (KVK, "9000 013"),
]


@pytest.mark.parametrize(("soort", "nummer"), GELDIG)
def test_a_good_number_is_taken(soort: IdentificatieType, nummer: str) -> None:
    assert fout_in_nummer(soort, nummer) is None
    assert Identificatie(soort=soort, nummer=nummer).nummer == nummer


@pytest.mark.parametrize(("soort", "nummer"), ONGELDIG)
def test_a_bad_number_is_refused_without_repeating_it(soort: IdentificatieType, nummer: str) -> None:
    fout = fout_in_nummer(soort, nummer)
    assert fout
    assert not nummer or nummer not in fout
    with pytest.raises(ValidationError) as refused:
        Identificatie(soort=soort, nummer=nummer)
    assert not nummer.strip() or nummer.strip() not in str(refused.value)
    assert nummer.strip() == "" or nummer.strip() not in repr(refused.value)


def _first_good(number: int) -> str:
    """The first number from here on that satisfies the eleven-test; it is never more than eleven away."""
    return next(text for text in (f"{candidate:09d}" for candidate in range(number, number + 22)) if elfproef(text))


_bsn = st.integers(1, 10**9 - 100).map(_first_good)


@eigenschap
@given(_bsn, st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(bsn: str, place: int, difference: int) -> None:
    wrong = str((int(bsn[place]) + difference) % 10)
    assert fout_in_nummer(BSN, bsn[:place] + wrong + bsn[place + 1 :])


@eigenschap
@given(_bsn, st.integers(0, 7))
def test_two_swapped_neighbours_are_always_noticed(bsn: str, place: int) -> None:
    swapped = bsn[:place] + bsn[place + 1] + bsn[place] + bsn[place + 2 :]
    assert swapped == bsn or fout_in_nummer(BSN, swapped)


@eigenschap
@given(st.sampled_from(IdentificatieType), st.text(max_size=12))
def test_no_text_raises_anything_and_only_ascii_digits_are_taken(soort: IdentificatieType, text: str) -> None:
    if fout_in_nummer(soort, text) is None:
        assert text.isascii()
        assert text.isdigit()


_oin: TypeAdapter[str] = TypeAdapter(OIN)


@pytest.mark.parametrize(
    "oin",
    [
        "00000001002220647000",  # RSIN
        "00000003900000130000",  # KVK: eight positions and four zeros
        "00000004003214345001",  # SubOIN
        "00000007AB0123456000",  # main numbers may be alphanumeric
        "00000099000000001000",  # the prefix for tests
    ],
)
def test_every_form_of_oin_is_taken(oin: str) -> None:
    assert _oin.validate_python(oin) == oin


@pytest.mark.parametrize(
    "oin",
    [
        "",
        "0000009900000000100",
        "000000990000000010000",
        "A0000099000000001000",
        "0000009900000000100A",
        "00000099ab0123456000",
        "00000099000000001000\n",
        "\uff10" * 20,
        "00000099 00000001000",
    ],
)
def test_what_is_no_oin_is_refused(oin: str) -> None:
    with pytest.raises(ValidationError):
        _oin.validate_python(oin)
