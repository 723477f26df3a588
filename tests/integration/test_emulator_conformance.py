"""What the suites rely on from the local engine: where one of these fails, the other tests' green means nothing.

Each test states a rule of the AWS documentation. Two things no emulator does are left to fault injection: it never
answers TransactionConflict, and it accepts arithmetic in a ConditionExpression, which DynamoDB refuses.
"""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from types_boto3_dynamodb import DynamoDBClient

from dev.local_aws import LocalAws
from tests.integration.conftest import Tables

THREADS = 8
KILOBYTE = 1024

Item = dict[str, Any]


class Partition:
    """One partition of the State table, used by one test."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self.client = client
        self.table = table
        self.pk = f"S#probe#{uuid.uuid4().hex}"

    def key(self, sk: str) -> Item:
        return {"pk": {"S": self.pk}, "sk": {"S": sk}}

    def put(self, sk: str, **attributes: Any) -> Item:
        """A Put that refuses to overwrite and gives back what it found."""
        return {
            "Put": {
                "TableName": self.table,
                "Item": {**self.key(sk), **attributes},
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def add(self, sk: str, amount: int, condition: str | None = None) -> Item:
        """An Update that adds to a balance."""
        update = {
            "TableName": self.table,
            "Key": self.key(sk),
            "UpdateExpression": "ADD balance :amount",
            "ExpressionAttributeValues": {":amount": {"N": str(amount)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if condition:
            update["ConditionExpression"] = condition
        return {"Update": update}

    def write(self, *actions: Item, token: str | None = None) -> Mapping[str, Any]:
        """One transaction."""
        return self.client.transact_write_items(
            TransactItems=actions,  # type: ignore[arg-type]
            ClientRequestToken=token or uuid.uuid4().hex,
            ReturnConsumedCapacity="INDEXES",
        )

    def balance(self, sk: str) -> int | None:
        item = self.client.get_item(TableName=self.table, Key=self.key(sk), ConsistentRead=True).get("Item", {})
        return int(item["balance"]["N"]) if "balance" in item else None

    def sort_keys(self, prefix: str) -> list[str]:
        found = self.client.query(
            TableName=self.table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": self.pk}, ":prefix": {"S": prefix}},
            ConsistentRead=True,
        )
        return [item["sk"]["S"] for item in found["Items"]]


@pytest.fixture
def partition(dynamodb: DynamoDBClient, tables: Tables) -> Partition:
    return Partition(dynamodb, tables.state)


def refusal(call: Callable[[], object]) -> str:
    """The error code that a call must end with."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def reasons(call: Callable[[], object]) -> Sequence[Mapping[str, Any]]:
    """The reasons of the cancellation that a call must end with."""
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == "TransactionCanceledException"
    found: Sequence[Mapping[str, Any]] = caught.value.response["CancellationReasons"]
    return found


def in_threads(work: Callable[[int], object]) -> None:
    """Run it in all threads at once; an exception in one is the test's."""
    barrier = threading.Barrier(THREADS)

    def begin_together(number: int) -> None:
        barrier.wait()
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(begin_together, range(THREADS)):
            pass


def units(consumed: Mapping[str, Any]) -> float:
    """The capacity units of a transaction's answer, over its tables."""
    return sum(float(table["CapacityUnits"]) for table in consumed["ConsumedCapacity"])


# ---- client request tokens


def test_a_repeated_token_writes_once(partition: Partition) -> None:
    token = uuid.uuid4().hex
    for _ in range(3):
        partition.write(partition.put("ENTRY"), partition.add("ACCOUNT", 1), token=token)
    assert partition.balance("ACCOUNT") == 1


def test_one_token_in_many_threads_writes_once(partition: Partition) -> None:
    token = uuid.uuid4().hex
    in_threads(lambda _: partition.write(partition.add("ACCOUNT", 1), token=token))
    assert partition.balance("ACCOUNT") == 1


def test_a_token_with_another_body_is_refused(partition: Partition) -> None:
    token = uuid.uuid4().hex
    partition.write(partition.add("ACCOUNT", 1), token=token)
    code = refusal(lambda: partition.write(partition.add("ACCOUNT", 2), token=token))
    assert code == "IdempotentParameterMismatchException"
    assert partition.balance("ACCOUNT") == 1


def test_a_repeated_token_is_answered_in_read_units(partition: Partition) -> None:
    token = uuid.uuid4().hex
    partition.write(partition.add("ACCOUNT", 1), token=token)
    again = partition.write(partition.add("ACCOUNT", 1), token=token)
    assert "WriteCapacityUnits" not in again["ConsumedCapacity"][0]


# ---- cancellation reasons


def test_reasons_come_by_position_with_what_was_found(partition: Partition) -> None:
    partition.write(partition.put("SECOND", mark={"S": "old"}))
    first, second, third = reasons(
        lambda: partition.write(partition.put("S1"), partition.put("SECOND"), partition.put("S3"))
    )
    assert (first["Code"], third["Code"]) == ("None", "None")
    assert second["Code"] == "ConditionalCheckFailed"
    assert second["Item"] == {**partition.key("SECOND"), "mark": {"S": "old"}}
    assert partition.sort_keys("S") == ["SECOND"]


def test_all_failed_conditions_are_reported_together(partition: Partition) -> None:
    partition.write(partition.put("ENTRY"), partition.add("ACCOUNT", 5))
    entry, account = reasons(
        lambda: partition.write(partition.put("ENTRY"), partition.add("ACCOUNT", -5, "balance < :amount"))
    )
    assert (entry["Code"], account["Code"]) == ("ConditionalCheckFailed", "ConditionalCheckFailed")
    assert account["Item"]["balance"] == {"N": "5"}


def test_a_failed_condition_on_a_missing_item_brings_no_item(partition: Partition) -> None:
    (account,) = reasons(lambda: partition.write(partition.add("ACCOUNT", 1, "attribute_exists(pk)")))
    assert account["Code"] == "ConditionalCheckFailed"
    assert "Item" not in account


def test_a_single_refused_write_brings_what_was_found(partition: Partition) -> None:
    partition.write(partition.add("ACCOUNT", 5))
    with pytest.raises(ClientError) as caught:
        partition.client.update_item(**partition.add("ACCOUNT", 1, "balance < :amount")["Update"])
    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert caught.value.response["Item"]["balance"] == {"N": "5"}  # type: ignore[typeddict-item]


# ---- isolation


def test_concurrent_postings_on_one_account_all_count(partition: Partition) -> None:
    def post(thread: int) -> None:
        for number in range(25):
            partition.write(partition.put(f"ENTRY#{thread}-{number}"), partition.add("ACCOUNT", 1))

    in_threads(post)
    assert partition.balance("ACCOUNT") == THREADS * 25
    assert len(partition.sort_keys("ENTRY#")) == THREADS * 25


def test_one_of_many_concurrent_puts_of_an_entry_wins(partition: Partition) -> None:
    lost = []

    def post(_: int) -> None:
        try:
            partition.write(partition.put("ENTRY"), partition.add("ACCOUNT", 1))
        except ClientError:
            lost.append(1)

    in_threads(post)
    assert (partition.balance("ACCOUNT"), len(lost)) == (1, THREADS - 1)


def test_cancelled_transactions_leak_nothing_and_take_nothing_back(partition: Partition) -> None:
    partition.write(partition.put("DUPLICATE"))

    def work(thread: int) -> None:
        for _ in range(25):
            if thread % 2:
                reasons(lambda: partition.write(partition.add("LEAK", 1), partition.put("DUPLICATE")))
            else:
                partition.client.update_item(**partition.add("DUPLICATE", 1)["Update"])

    in_threads(work)
    assert partition.balance("DUPLICATE") == THREADS // 2 * 25
    assert partition.balance("LEAK") is None


def test_a_transactional_read_never_sees_half_a_transfer(partition: Partition) -> None:
    partition.write(partition.add("A", 100), partition.add("B", 100))

    def total() -> int:
        read = partition.client.transact_get_items(
            TransactItems=[{"Get": {"TableName": partition.table, "Key": partition.key(sk)}} for sk in "AB"]
        )
        return sum(int(response["Item"]["balance"]["N"]) for response in read["Responses"])

    def work(thread: int) -> None:
        for _ in range(20):
            if thread % 2:
                partition.write(partition.add("A", -1), partition.add("B", 1))
            else:
                assert total() == 200

    in_threads(work)


# ---- limits


def test_a_transaction_takes_a_hundred_items_and_not_one_more(partition: Partition) -> None:
    partition.write(*(partition.put(f"A#{number}") for number in range(100)))
    code = refusal(lambda: partition.write(*(partition.put(f"B#{number}") for number in range(101))))
    assert code == "ValidationException"


def test_a_transaction_may_not_touch_an_item_twice(partition: Partition) -> None:
    assert refusal(lambda: partition.write(partition.add("A", 1), partition.add("A", 1))) == "ValidationException"


@pytest.mark.parametrize(("digits", "accepted"), [(38, True), (39, False)])
def test_numbers_have_38_digits(partition: Partition, digits: int, accepted: bool) -> None:
    action = partition.put("N", value={"N": "1" * digits})
    if accepted:
        partition.write(action)
    else:
        assert refusal(lambda: partition.write(action)) in {"ValidationException", "TransactionCanceledException"}


# ---- consumed capacity


@pytest.mark.parametrize(("size", "expected"), [(KILOBYTE, 2), (KILOBYTE + 1, 4), (3 * KILOBYTE, 6)])
def test_a_transactional_write_is_two_units_a_started_kilobyte(partition: Partition, size: int, expected: int) -> None:
    rest = size - sum(len(name) + len(value["S"]) for name, value in partition.key("ENTRY").items()) - len("fill")
    assert units(partition.write(partition.put("ENTRY", fill={"S": "x" * rest}))) == expected


def test_a_sparse_index_costs_a_unit_to_enter_and_two_to_move(partition: Partition) -> None:
    listed = {"listing_pk": {"S": f"{partition.pk}#PENDING"}, "listing_sk": {"S": "1"}}
    assert units(partition.write(partition.put("ORDER", **listed))) == 2 + 1

    def set_listing(value: str, detail: str) -> Item:
        return {
            "Update": {
                "TableName": partition.table,
                "Key": partition.key("ORDER"),
                "UpdateExpression": "SET listing_pk = :listing, detail = :detail",
                "ExpressionAttributeValues": {":listing": {"S": value}, ":detail": {"S": detail}},
            }
        }

    assert units(partition.write(set_listing(f"{partition.pk}#PENDING", "b"))) == 2
    assert units(partition.write(set_listing(f"{partition.pk}#PROCESSED", "b"))) == 2 + 2


def test_a_ledger_entry_costs_a_unit_for_its_local_index(dynamodb: DynamoDBClient, tables: Tables) -> None:
    ledger = Partition(dynamodb, tables.ledger)
    assert units(ledger.write(ledger.put("ord:1:earn", posted_at_cause={"S": "2026-01-01#ord:1:earn"}))) == 2 + 1


def test_reads_cost_by_consistency(partition: Partition) -> None:
    partition.write(partition.add("ACCOUNT", 1))

    def cost(*, consistent: bool) -> float:
        read = partition.client.get_item(
            TableName=partition.table,
            Key=partition.key("ACCOUNT"),
            ConsistentRead=consistent,
            ReturnConsumedCapacity="TOTAL",
        )
        return read["ConsumedCapacity"]["CapacityUnits"]

    assert (cost(consistent=True), cost(consistent=False)) == (1, 0.5)


# ---- queries


def test_reads_cost_by_what_was_looked_at(partition: Partition) -> None:
    """A started 4 KB is a unit; a query adds its items up, and a read of several rounds each of them."""
    client, table = partition.client, partition.table
    for sk, size in (("a", 5_000), ("b", 100)):
        client.put_item(TableName=table, Item={**partition.key(sk), "text": {"S": "x" * size}})
    one = client.get_item(TableName=table, Key=partition.key("a"), ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    both = client.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        FilterExpression="attribute_not_exists(pk)",
        ExpressionAttributeValues={":pk": {"S": partition.pk}},
        ReturnConsumedCapacity="TOTAL",
    )
    keys = [partition.key(sk) for sk in ("a", "b", "missing")]
    several = client.batch_get_item(
        RequestItems={table: {"Keys": keys, "ConsistentRead": True}}, ReturnConsumedCapacity="TOTAL"
    )
    assert one["ConsumedCapacity"]["CapacityUnits"] == 2
    assert (both["Count"], both["ConsumedCapacity"]["CapacityUnits"]) == (0, 0.5 * 2)
    assert [part["CapacityUnits"] for part in several["ConsumedCapacity"]] == [2 + 1 + 1]


def test_a_local_index_shows_a_write_at_once(dynamodb: DynamoDBClient, tables: Tables) -> None:
    ledger = Partition(dynamodb, tables.ledger)
    for number in range(20):
        ledger.write(ledger.put(f"entry-{number}", posted_at_cause={"S": f"{number:03}"}))
        newest = dynamodb.query(
            TableName=tables.ledger,
            IndexName="posted",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": ledger.pk}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        assert newest["Items"][0]["sk"] == {"S": f"entry-{number}"}


def test_a_global_index_refuses_consistent_reads(partition: Partition) -> None:
    code = refusal(
        lambda: partition.client.query(
            TableName=partition.table,
            IndexName="listing",
            KeyConditionExpression="listing_pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "x"}},
            ConsistentRead=True,
        )
    )
    assert code == "ValidationException"


def test_pages_follow_each_other_and_stay_in_their_partition(partition: Partition) -> None:
    partition.write(*(partition.put(f"{number}") for number in range(5)))

    def page(start: Item) -> list[str]:
        found = partition.client.query(
            TableName=partition.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition.pk}},
            Limit=2,
            ExclusiveStartKey=start,
        )
        return [item["sk"]["S"] for item in found["Items"]]

    assert page(partition.key("1")) == ["2", "3"]
    assert page(partition.key("1x")) == ["2", "3"]
    foreign = {**partition.key("1"), "pk": {"S": "S#other"}}
    assert refusal(lambda: page(foreign)) == "ValidationException"


# ---- queues and keys


@pytest.fixture
def queue_url(aws: LocalAws) -> str:
    made: str = aws.client("sqs").create_queue(QueueName=f"probe-{uuid.uuid4().hex}")["QueueUrl"]
    return made


def test_a_standard_queue_keeps_the_message_group(aws: LocalAws, queue_url: str) -> None:
    sqs = aws.client("sqs")
    sqs.send_message(QueueUrl=queue_url, MessageBody="x", MessageGroupId="store-1")
    received = sqs.receive_message(QueueUrl=queue_url, MessageSystemAttributeNames=["All"])["Messages"][0]
    assert received["Attributes"]["MessageGroupId"] == "store-1"
    assert received["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_queue_refuses_control_characters_and_more_than_a_mebibyte(aws: LocalAws, queue_url: str) -> None:
    sqs = aws.client("sqs")
    assert refusal(lambda: sqs.send_message(QueueUrl=queue_url, MessageBody="\x00")).endswith("InvalidMessageContents")
    too_large = "x" * (KILOBYTE * KILOBYTE + 1)
    assert "InvalidParameterValue" in refusal(lambda: sqs.send_message(QueueUrl=queue_url, MessageBody=too_large))


def test_a_ciphertext_opens_only_with_its_context(aws: LocalAws) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext={"store": "a"})["CiphertextBlob"]
    opened = kms.decrypt(KeyId=key, CiphertextBlob=sealed, EncryptionContext={"store": "a"})["Plaintext"]
    assert opened == b"secret"

    def open_with(context: dict[str, str]) -> Callable[[], object]:
        return lambda: kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)

    assert refusal(open_with({"store": "b"})) == "InvalidCiphertextException"
    assert refusal(open_with({})) == "InvalidCiphertextException"
