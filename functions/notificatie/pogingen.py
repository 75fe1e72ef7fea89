"""The pogingen table: delivery administration, without address or text.

    {"pk": "6f9619ff-...-1", "oin": ..., "kanaal": "email", "geclaimdOp": ..., "uitslag": "verzonden", ...}

The item is the idempotency record: who may put it, may call the provider.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ond.berichten import Kanaal, Uitslag, UitslagGemeld
from ond.dynamodb import Item, pack, unpack
from ond.tijd import naar_ms, van_ms

#: Proof of delivery is kept for a year.
BEWAARD = timedelta(days=365)

#: Which outcomes an outcome may replace: a final one nothing, except that an unknown one may still become known.
_VERVANGT = {
    Uitslag.VERZONDEN: (),
    Uitslag.TERUGGEGEVEN: (),
    Uitslag.ONBEKEND: (Uitslag.VERZONDEN,),
}
_VOORLOPIG = (Uitslag.VERZONDEN, Uitslag.ONBEKEND)


@dataclass(frozen=True)
class Poging:
    """One attempt. Without ``uitslag`` it is claimed, or, if ``uitgesteld``, surely not taken by the provider."""

    id: str
    oin: str
    kanaal: Kanaal
    geclaimd_op: datetime
    uitgesteld: bool = False
    uitslag: Uitslag | None = None
    uitslag_op: datetime | None = None
    reden: str | None = None

    @property
    def afgelopen(self) -> bool:
        """Whether there is nothing more to learn of it."""
        return self.uitslag is not None and self.uitslag not in _VOORLOPIG

    def melding(self) -> UitslagGemeld:
        """Its outcome as the OMC gets it; the same however often it is told.

        Raises:
            ValueError: it has no outcome.
        """
        if self.uitslag is None or self.uitslag_op is None:
            raise ValueError("no outcome yet")
        return UitslagGemeld(
            poging_id=self.id, oin=self.oin, uitslag=self.uitslag, reden=self.reden, tijdstip=self.uitslag_op
        )


class OnbekendePoging(Exception):
    """There is no attempt with this id."""


class Pogingen:
    """The table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def claim(self, poging: Poging) -> Poging:
        """Claim an attempt, new or postponed: the same object where it is ours, else the attempt as another left it."""
        return self._put(poging, "attribute_not_exists(pk) OR uitgesteld = :ja", {":ja": True})

    def claim_opnieuw(self, poging: Poging, nu: datetime) -> bool:
        """Take over an attempt, claimed at ``poging.geclaimd_op``, of which the provider knows nothing."""
        again = replace(poging, geclaimd_op=nu)
        condition = "geclaimdOp = :geclaimdOp AND attribute_not_exists(uitslag)"
        return self._put(again, condition, {":geclaimdOp": naar_ms(poging.geclaimd_op)}) is again

    def stel_uit(self, poging: Poging) -> None:
        """The provider surely did not take it: it may be claimed again at once."""
        self._update(
            poging.id,
            "SET uitgesteld = :ja",
            "geclaimdOp = :geclaimdOp AND attribute_not_exists(uitslag)",
            {":ja": True, ":geclaimdOp": naar_ms(poging.geclaimd_op)},
        )

    def geef_terug(self, poging: Poging, nu: datetime) -> Poging:
        """Close an attempt that no provider had; gives it closed, or as another left it."""
        closed = replace(poging, uitslag=Uitslag.TERUGGEGEVEN, uitslag_op=nu)
        return self._put(closed, "attribute_not_exists(pk) OR uitgesteld = :ja", {":ja": True})

    def leg_vast(self, poging_id: str, uitslag: Uitslag, reden: str | None, nu: datetime) -> Poging:
        """Record an outcome where it tells more than is known; gives the attempt as it then is.

        Repeats and outcomes in the wrong order change nothing.

        Raises:
            OnbekendePoging: there is no such attempt.
        """
        values: Item = {":uitslag": uitslag, ":op": naar_ms(nu), ":reden": reden or ""}
        replaceable = _VERVANGT.get(uitslag, _VOORLOPIG)
        names = {f":vervangt{position}": value for position, value in enumerate(replaceable)}
        condition = "attribute_not_exists(uitslag)"
        if names:
            condition = f"({condition} OR uitslag IN ({', '.join(names)}))"
        return self._update(
            poging_id,
            "SET uitslag = :uitslag, uitslagOp = :op, reden = :reden REMOVE uitgesteld",
            f"attribute_exists(pk) AND {condition}",
            {**values, **names},
        )

    def lees(self, poging_id: str) -> Poging:
        """One attempt.

        Raises:
            OnbekendePoging: there is no such attempt.
        """
        answer = self._client.get_item(TableName=self._table, Key=pack({"pk": poging_id}), ConsistentRead=True)
        if "Item" not in answer:
            raise OnbekendePoging
        return _from_item(unpack(answer["Item"]))

    def _put(self, poging: Poging, condition: str, values: Item) -> Poging:
        """The same object where the condition held, else the attempt as it is."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=pack(_to_item(poging)),
                ConditionExpression=condition,
                ExpressionAttributeValues=pack(values),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return self.lees(poging.id)
        return poging

    def _update(self, poging_id: str, update: str, condition: str, values: Item) -> Poging:
        """The attempt after the update, or as it is where the condition does not hold."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=pack({"pk": poging_id}),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=pack(values),
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return self.lees(poging_id)
        return _from_item(unpack(answer["Attributes"]))


def _to_item(poging: Poging) -> Item:
    return {
        "pk": poging.id,
        "oin": poging.oin,
        "kanaal": poging.kanaal,
        "geclaimdOp": naar_ms(poging.geclaimd_op),
        "uitslag": poging.uitslag,
        "uitslagOp": naar_ms(poging.uitslag_op) if poging.uitslag_op else None,
        "reden": poging.reden,
        "ttl": int((poging.geclaimd_op + BEWAARD).timestamp()),
    }


def _from_item(item: Item) -> Poging:
    return Poging(
        id=item["pk"],
        oin=item["oin"],
        kanaal=Kanaal(item["kanaal"]),
        geclaimd_op=van_ms(item["geclaimdOp"]),
        uitgesteld=item.get("uitgesteld", False),
        uitslag=Uitslag(item["uitslag"]) if "uitslag" in item else None,
        uitslag_op=van_ms(item["uitslagOp"]) if "uitslagOp" in item else None,
        reden=item.get("reden") or None,
    )
