"""Members of a group are credited as one would write it: a message for each member, and for each message boto3's
resource with a call for each item, and everything that Powertools has. A baseline to measure against, and no example.
"""

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr
from pydantic import BaseModel

logger = Logger(service="naive")
tracer = Tracer(service="naive")
metrics = Metrics(namespace="Naive", service="naive")
processor = BatchProcessor(event_type=EventType.SQS)
table = boto3.resource("dynamodb").Table(os.environ["NAIVE_TABLE"])
seen = DynamoDBPersistenceLayer(table_name=os.environ["NAIVE_SEEN_TABLE"])
config = IdempotencyConfig(event_key_jmespath="[job_id, customer_id]")


class Credit(BaseModel):
    """A member of a group, and what they are given."""

    store_id: str
    job_id: str
    customer_id: str
    amount: Decimal


@tracer.capture_method
def handle(record: SQSRecord) -> None:
    """Credit the member of one message."""
    post(credit=parse(event=record.json_body, model=Credit))


@tracer.capture_method
@idempotent_function(  # type: ignore[untyped-decorator]  # Powertools does not say what it returns
    data_keyword_argument="credit", persistence_store=seen, config=config
)
def post(*, credit: Credit) -> None:
    """Write the member's entry, and add to their balance."""
    customer = f"STORE#{credit.store_id}#CUSTOMER#{credit.customer_id}"
    at = datetime.now(UTC).isoformat()
    table.put_item(
        Item={
            "pk": customer,
            "sk": f"ENTRY#{credit.job_id}",
            "gsi1pk": f"STORE#{credit.store_id}#ENTRIES",
            "gsi1sk": at,
            "amount": credit.amount,
            "kind": "manual",
        },
        ConditionExpression=Attr("pk").not_exists(),
    )
    table.update_item(
        Key={"pk": customer, "sk": "ACCOUNT"},
        UpdateExpression="SET gsi1pk = :customers, gsi1sk = :customer ADD balance :amount",
        ExpressionAttributeValues={
            ":customers": f"STORE#{credit.store_id}#CUSTOMERS",
            ":customer": credit.customer_id,
            ":amount": credit.amount,
        },
    )
    metrics.add_metric(name="MembersCredited", unit=MetricUnit.Count, value=1)
    logger.info("member credited", extra={"job_id": credit.job_id, "customer_id": credit.customer_id})


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Credit the members of a batch."""
    config.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
