"""Events as AWS services hand them to a function."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

_SQS_ATTRIBUTES = {"StringValue": "stringValue", "BinaryValue": "binaryValue", "DataType": "dataType"}


def sqs(messages: Iterable[Mapping[str, Any]], *, arn: str, region: str) -> dict[str, Any]:
    """A batch of received messages (boto3's form)."""
    return {"Records": [_sqs_record(message, arn, region) for message in messages]}


def _sqs_record(message: Mapping[str, Any], arn: str, region: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message["Attributes"]),
        "messageAttributes": {
            name: {
                "stringListValues": [],
                "binaryListValues": [],
                **{_SQS_ATTRIBUTES[key]: part for key, part in value.items()},
            }
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }


def scheduled(*, rule_arn: str, event_id: str, now: datetime, account: str, region: str) -> dict[str, Any]:
    """What an EventBridge rule with a schedule sends."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [rule_arn],
        "detail": {},
    }
