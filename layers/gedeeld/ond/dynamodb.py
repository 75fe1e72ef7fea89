"""Items as plain dicts, and reading many at once."""

import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

Item = dict[str, Any]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def pack(values: Mapping[str, Any]) -> Item:
    """Plain values in DynamoDB's own form; None is left out, since an absent attribute costs nothing."""
    return {name: _serializer.serialize(value) for name, value in values.items() if value is not None}


def unpack(item: Mapping[str, Any]) -> Item:
    """DynamoDB's form as plain values: whole numbers are ``int``, binaries ``bytes``."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return int(value)
        case Binary():
            return bytes(value.value)
        case list():
            return [_plain(element) for element in value]
        case dict():
            return {key: _plain(element) for key, element in value.items()}
    return value


def batch_get(client: Any, table: str, keys: Iterable[Mapping[str, Any]]) -> list[Item]:
    """The items that exist of ``keys``, in any order, read consistently; up to 100 per request.

    Raises:
        TimeoutError: DynamoDB kept answering only in part.
    """
    found: list[Item] = []
    unique = {tuple(sorted(key.items())): pack(key) for key in keys}
    for chunk in _chunks(list(unique.values()), 100):
        wanted: Item = {table: {"Keys": chunk, "ConsistentRead": True}}
        for attempt in range(6):
            answer = client.batch_get_item(RequestItems=wanted)
            found += [unpack(item) for item in answer["Responses"].get(table, [])]
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                break
            time.sleep(0.05 * 2**attempt)
        else:
            raise TimeoutError(f"table {table} kept answering only in part")
    return found


def _chunks(values: list[Item], size: int) -> Iterable[list[Item]]:
    return (values[start : start + size] for start in range(0, len(values), size))
