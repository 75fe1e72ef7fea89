"""The agenda: what must be looked at later is one small item under the minute in which it is due.

Minutes are spread over shards, so that a busy minute is not one hot partition. A run works everything that is due,
however late it starts, and only then removes it: an item that a crash leaves behind is worked again.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ond.dynamodb import pack, unpack
from ond.log import fault, logger
from ond.tijd import naar_ms, van_ms

SHARDS = 4
#: Nobody takes longer than this between choosing a minute and writing the item (functions stop after two minutes), so a
#: minute this far back is complete and need not be looked at again.
MARGE = timedelta(minutes=3)
#: Items go by themselves, long after a run that never came should have been noticed.
_BEWAARD = timedelta(days=30)

# The item that says which minute was the last to be empty for good.
_WIJZER = {"pk": "wijzer", "sk": "wijzer"}


@dataclass(frozen=True)
class Moment:
    """Something to do: ``soort`` says what, ``over`` about what, ``extra`` a number that goes with it."""

    soort: str
    over: str
    op: datetime
    extra: int = 0

    @property
    def key(self) -> dict[str, str]:
        """For example ``{"pk": "29402365#2", "sk": "1764141930000#routering#6f96...#2"}``: the same moment has the
        same key, so noting it twice is noting it once.
        """
        shard = zlib.crc32(self.over.encode()) % SHARDS
        return {
            "pk": f"{_minute(self.op)}#{shard}",
            "sk": f"{naar_ms(self.op):015d}#{self.soort}#{self.over}#{self.extra}",
        }


class Agenda:
    """One service's agenda table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def noteer(self, moment: Moment, nu: datetime) -> None:
        """Note a moment; one in the past is noted for now, because earlier minutes may already be closed."""
        if moment.op < nu:
            moment = replace(moment, op=nu)
        self._client.put_item(
            TableName=self._table, Item=pack({**moment.key, "ttl": int((moment.op + _BEWAARD).timestamp())})
        )

    def werk_af(self, nu: datetime, werk: Callable[[Moment], None], *, genoeg_tijd: Callable[[], bool]) -> int:
        """Work everything that is due at ``nu``, oldest first, until done or until ``genoeg_tijd`` says to stop.

        A moment whose ``werk`` raises is noted again for a minute later, so that it holds up neither the others nor
        the closing of its minute. How far it came is written down, so that the next run goes on from there. Gives how
        many were worked.
        """
        done = 0
        start = self._wijzer(nu)
        closed = start
        for minute in range(start, _minute(nu) + 1):
            for shard in range(SHARDS):
                for moment in self._due(f"{minute}#{shard}", nu) if genoeg_tijd() else ():
                    done += self._werk_een(moment, nu, werk)
                    if not genoeg_tijd():
                        break
            if not genoeg_tijd():
                break
            closed = min(minute + 1, _minute(nu - MARGE))
        if closed > start:
            self._client.put_item(TableName=self._table, Item=pack({**_WIJZER, "minuut": closed}))
        return done

    def _werk_een(self, moment: Moment, nu: datetime, werk: Callable[[Moment], None]) -> int:
        """Work one moment and take it off the agenda; gives 1 where it succeeded."""
        succeeded = 1
        try:
            werk(moment)
        except Exception as error:  # noqa: BLE001 - one moment's fault must not stop the others
            logger.error("agenda moment failed", soort=moment.soort, over=moment.over, **fault(error))
            self.noteer(replace(moment, op=nu + timedelta(minutes=1)), nu)
            succeeded = 0
        self._client.delete_item(TableName=self._table, Key=pack(moment.key))
        return succeeded

    def _wijzer(self, nu: datetime) -> int:
        answer = self._client.get_item(TableName=self._table, Key=pack(_WIJZER), ConsistentRead=True)
        if "Item" in answer:
            return int(unpack(answer["Item"])["minuut"])
        # The first run ever: nothing can have been noted before the table was made.
        made: datetime = self._client.describe_table(TableName=self._table)["Table"]["CreationDateTime"]
        return min(_minute(made), _minute(nu - MARGE))

    def _due(self, pk: str, nu: datetime) -> Iterator[Moment]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk < :tot",
            ExpressionAttributeValues=pack({":pk": pk, ":tot": f"{naar_ms(nu) + 1:015d}"}),
        )
        for page in pages:
            for item in page["Items"]:
                op, soort, over, extra = unpack(item)["sk"].split("#")
                yield Moment(soort, over, van_ms(int(op)), int(extra))


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60
