"""Identification numbers, checked in one place, wherever they enter."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator


class IdentificatieType(StrEnum):
    """Which register gave out the number."""

    BSN = "BSN"
    RSIN = "RSIN"
    KVK = "KVK"


def elfproef(nummer: str) -> bool:
    """Whether nine digits satisfy the eleven-test of BSN and RSIN: 9a + 8b + ... + 2h - i is a multiple of eleven."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(weight * int(digit) for weight, digit in zip(weights, nummer, strict=True)) % 11 == 0


# ASCII digits only: \d and str.isdigit would let full-width and other digits through.
_SHAPES = {
    IdentificatieType.BSN: re.compile(r"[0-9]{9}"),
    IdentificatieType.RSIN: re.compile(r"[0-9]{9}"),
    IdentificatieType.KVK: re.compile(r"[0-9]{8}"),
}
_ELFPROEF = {IdentificatieType.BSN, IdentificatieType.RSIN}


def fout_in_nummer(soort: IdentificatieType, nummer: str) -> str | None:
    """What is wrong with a number, in Dutch for the API; None where nothing is. The number itself is never in it."""
    if not _SHAPES[soort].fullmatch(nummer):
        return f"een {soort} heeft {8 if soort is IdentificatieType.KVK else 9} cijfers (0-9)"
    if soort in _ELFPROEF and (nummer == "000000000" or not elfproef(nummer)):
        return f"dit {soort} voldoet niet aan de elfproef"
    return None


class Identificatie(BaseModel):
    """A citizen or business, by type and number.

    Raises:
        ValidationError: the number does not have its type's form; the error does not repeat the number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    soort: IdentificatieType
    nummer: str

    @model_validator(mode="after")
    def _check(self) -> "Identificatie":
        if fout := fout_in_nummer(self.soort, self.nummer):
            raise ValueError(fout)
        return self


def _check_oin(value: str) -> str:
    # OIN-Stelsel 3.0.0, chapter 6: twenty positions, the main number may be alphanumeric.
    if not re.fullmatch(r"[0-9]{8}[0-9A-Z]{9}[0-9]{3}", value):
        raise ValueError("een OIN heeft 20 posities")
    return value


#: Organisatie-identificatienummer: who a service provider is.
OIN = Annotated[str, AfterValidator(_check_oin)]
