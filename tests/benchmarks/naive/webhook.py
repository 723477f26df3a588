"""A paid order becomes cashback as one would write it: one function behind the gateway, boto3's resource with a call
for each item, and everything that Powertools has. A baseline to measure against, and no example: it posts in steps."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.serialization.pydantic import PydanticSerializer
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr
from pydantic import BaseModel

logger = Logger(service="naive")
tracer = Tracer(service="naive")
metrics = Metrics(namespace="Naive", service="naive")
app = APIGatewayHttpResolver(enable_validation=True)
table = boto3.resource("dynamodb").Table(os.environ["NAIVE_TABLE"])
seen = DynamoDBPersistenceLayer(table_name=os.environ["NAIVE_SEEN_TABLE"])
config = IdempotencyConfig(event_key_jmespath="id")


class Person(BaseModel):
    """Who bought."""

    id: int
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    tags: str = ""


class Line(BaseModel):
    """What was bought."""

    id: int
    quantity: int
    price: Decimal
    total_discount: Decimal = Decimal(0)
    title: str = ""
    sku: str | None = None
    vendor: str | None = None
    product_id: int | None = None
    variant_id: int | None = None


class Order(BaseModel):
    """The order as the shop tells it."""

    id: int
    name: str
    currency: str
    created_at: datetime
    updated_at: datetime
    financial_status: str
    total_price: Decimal
    subtotal_price: Decimal
    total_discounts: Decimal
    total_tax: Decimal
    customer: Person
    line_items: list[Line]
    tags: str = ""


class Credited(BaseModel):
    """What the order earned."""

    order_id: int
    cashback: Decimal


@app.post("/webhooks/<store_id>/<source>")
@tracer.capture_method
def receive(store_id: str, source: str, order: Order) -> Response[Credited]:
    """Credit an order that is paid."""
    logger.info("order received", extra={"store_id": store_id, "source": source, "order_id": order.id})
    return Response(200, body=credit(store_id=store_id, order=order))


@tracer.capture_method
@idempotent_function(  # type: ignore[untyped-decorator]  # Powertools does not say what it returns
    data_keyword_argument="order",
    persistence_store=seen,
    config=config,
    output_serializer=PydanticSerializer(model=Credited),
)
def credit(*, store_id: str, order: Order) -> Credited:
    """Write the order and its entry, and add to the balance."""
    settings = table.get_item(Key={"pk": f"STORE#{store_id}", "sk": "SETTINGS"})["Item"]
    customer = f"STORE#{store_id}#CUSTOMER#{order.customer.id}"
    at = datetime.now(UTC).isoformat()
    amount = (order.subtotal_price * Decimal(str(settings["rate"])) / 100).quantize(Decimal("0.01"))
    table.put_item(
        Item={
            "pk": customer,
            "sk": f"ORDER#{order.id}",
            "gsi1pk": f"STORE#{store_id}#ORDERS",
            "gsi1sk": at,
            "order": order.model_dump_json(),
        }
    )
    table.put_item(
        Item={
            "pk": customer,
            "sk": f"ENTRY#{order.id}",
            "gsi1pk": f"STORE#{store_id}#ENTRIES",
            "gsi1sk": at,
            "amount": amount,
            "kind": "order",
        },
        ConditionExpression=Attr("pk").not_exists(),
    )
    table.update_item(
        Key={"pk": customer, "sk": "ACCOUNT"},
        UpdateExpression="SET gsi1pk = :customers, gsi1sk = :customer ADD balance :amount",
        ExpressionAttributeValues={
            ":customers": f"STORE#{store_id}#CUSTOMERS",
            ":customer": str(order.customer.id),
            ":amount": amount,
        },
    )
    metrics.add_metric(name="OrdersCredited", unit=MetricUnit.Count, value=1)
    logger.info("order credited", extra={"order_id": order.id, "cashback": str(amount)})
    return Credited(order_id=order.id, cashback=amount)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one webhook."""
    config.register_lambda_context(context)
    return app.resolve(event, context)
