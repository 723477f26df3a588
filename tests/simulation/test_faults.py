"""The fault plan: what each fault leaves behind, and that a seed always tells the same story."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.simulation.dynamo import Clock, Crash, Fault, Faults, Rates, SimulatedDynamo, TableSpec

TABLES = (TableSpec("Ledger"), TableSpec("State"))


def key(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "x"}}


def add(pk: str = "c1") -> dict[str, Any]:
    values = {":one": {"N": "1"}}
    return {
        "TableName": "State",
        "Key": key(pk),
        "UpdateExpression": "ADD hits :one",
        "ExpressionAttributeValues": values,
    }


def post(cause: str) -> list[dict[str, Any]]:
    entry = {"TableName": "Ledger", "Item": key(cause), "ConditionExpression": "attribute_not_exists(pk)"}
    return [{"Put": entry}, {"Update": add()}]


def hits(db: SimulatedDynamo) -> int:
    item = db.item("State", "c1", "x")
    return int(item["hits"]["N"]) if item else 0


def scripted(fault: Fault, index: int = 1, **rest: Any) -> SimulatedDynamo:
    return SimulatedDynamo(TABLES, faults=Faults(script={index: fault}), **rest)


class TestEachFault:
    @pytest.mark.parametrize(
        ("fault", "seen", "committed"),
        [
            (Fault.LOST_BEFORE, ConnectionClosedError, 0),
            (Fault.LOST_AFTER, ReadTimeoutError, 1),
            (Fault.ERROR_BEFORE, ClientError, 0),
            (Fault.ERROR_AFTER, ClientError, 1),
            (Fault.CONFLICT, ClientError, 0),
            (Fault.THROTTLE, ClientError, 0),
            (Fault.CRASH_BEFORE, Crash, 0),
            (Fault.CRASH_AFTER, Crash, 1),
        ],
    )
    @pytest.mark.parametrize("transaction", [True, False])
    def test_it_shows_its_error_and_commits_all_or_nothing(
        self, fault: Fault, seen: type[BaseException], committed: int, transaction: bool
    ) -> None:
        db = scripted(fault)
        with pytest.raises(seen):
            _ = db.transact_write_items(TransactItems=post("e1")) if transaction else db.update_item(**add())
        assert hits(db) == committed
        assert len(db.items("Ledger")) == (committed if transaction else 0)
        assert db.faults.fired == {fault.name.lower(): 1}

    def test_a_conflict_of_a_transaction_is_one_reason_by_position(self) -> None:
        positions = set()
        for seed in range(20):
            db = SimulatedDynamo(TABLES, faults=Faults(seed, script={1: Fault.CONFLICT}))
            with pytest.raises(db.exceptions.TransactionCanceledException) as caught:
                db.transact_write_items(TransactItems=post("e1"))
            codes = [reason["Code"] for reason in caught.value.response["CancellationReasons"]]
            assert sorted(codes) == ["None", "TransactionConflict"]
            positions.add(codes.index("TransactionConflict"))
        assert positions == {0, 1}

    def test_a_conflict_may_come_beside_a_failed_condition_or_hide_it(self) -> None:
        stories = set()
        for seed in range(40):
            db = SimulatedDynamo(TABLES, faults=Faults(seed, script={2: Fault.CONFLICT}))
            db.transact_write_items(TransactItems=post("e1"))
            with pytest.raises(db.exceptions.TransactionCanceledException) as caught:
                db.transact_write_items(TransactItems=post("e1"))
            stories.add(tuple(reason["Code"] for reason in caught.value.response["CancellationReasons"]))
        assert stories == {
            ("None", "TransactionConflict"),
            ("TransactionConflict", "None"),
            ("ConditionalCheckFailed", "TransactionConflict"),
        }

    def test_a_conflict_of_a_single_write_has_its_own_class(self) -> None:
        db = scripted(Fault.CONFLICT)
        with pytest.raises(db.exceptions.TransactionConflictException):
            db.update_item(**add())

    def test_a_plain_read_knows_no_conflict(self) -> None:
        db = SimulatedDynamo(TABLES, faults=Faults(rates=Rates(conflict=1.0)))
        assert "Item" not in db.get_item(TableName="State", Key=key("c1"))
        assert db.faults.fired == {}

    def test_a_throttle_is_a_modelled_error_or_a_reason(self) -> None:
        codes = set()
        for seed in range(30):
            db = SimulatedDynamo(TABLES, faults=Faults(seed, rates=Rates(throttle=1.0)))
            with pytest.raises(ClientError) as caught:
                db.transact_write_items(TransactItems=post("e1"))
            codes.add(caught.value.response["Error"]["Code"])
        assert codes == {
            "ThrottlingException",
            "ProvisionedThroughputExceededException",
            "TransactionCanceledException",
        }

    def test_a_lost_answer_hides_a_refusal_too(self) -> None:
        db = scripted(Fault.LOST_AFTER, 2)
        db.transact_write_items(TransactItems=post("e1"))
        with pytest.raises(ReadTimeoutError):
            db.transact_write_items(TransactItems=post("e1"))

    def test_nothing_ordinary_catches_a_crash(self) -> None:
        assert not issubclass(Crash, Exception)

    def test_a_crash_at_each_call_is_exact(self) -> None:
        for committed in (False, True):
            for index in (1, 2, 3):
                faults = Faults()
                faults.crash_at(index, committed=committed)
                db = SimulatedDynamo(TABLES, faults=faults)
                for _ in range(index - 1):
                    db.update_item(**add())
                with pytest.raises(Crash):
                    db.update_item(**add())
                assert hits(db) == index - 1 + committed
                db.update_item(**add())

    def test_commit_then_lose_is_exact(self) -> None:
        faults = Faults()
        faults.lose_at(2)
        db = SimulatedDynamo(TABLES, faults=faults)
        db.update_item(**add())
        with pytest.raises(ReadTimeoutError):
            db.update_item(**add())
        assert hits(db) == 2

    def test_an_incomplete_batch_names_what_is_left(self) -> None:
        db = SimulatedDynamo(TABLES, faults=Faults(3, rates=Rates(partial=1.0)))
        keys = [key(f"c{number}") for number in range(6)]
        for wanted in keys:
            db.put_item(TableName="State", Item=wanted)
        left: dict[str, Any] = {"State": {"Keys": keys}}
        got: list[Any] = []
        calls = 0
        while left:
            answer = db.batch_get_item(RequestItems=left)
            got += answer["Responses"].get("State", [])
            left = answer["UnprocessedKeys"]
            calls += 1
            if calls == 5:
                db.faults.calm()
        assert sorted(item["pk"]["S"] for item in got) == [f"c{number}" for number in range(6)]
        assert calls > 1

    def test_a_batch_of_writes_names_what_is_left(self) -> None:
        db = SimulatedDynamo(TABLES, faults=Faults(3, rates=Rates(partial=1.0)))
        left: Any = {"State": [{"PutRequest": {"Item": key(f"c{number}")}} for number in range(6)]}
        left = db.batch_write_item(RequestItems=left)["UnprocessedItems"]
        assert len(db.items("State")) == 6 - len(left["State"]) < 6
        db.faults.calm()
        assert db.batch_write_item(RequestItems=left)["UnprocessedItems"] == {}
        assert len(db.items("State")) == 6

    def test_a_short_page_has_a_cursor_that_finds_the_rest(self) -> None:
        db = SimulatedDynamo(TABLES, faults=Faults(rates=Rates(short_page=1.0)))
        for number in range(7):
            db.put_item(TableName="State", Item={"pk": {"S": "c"}, "sk": {"S": str(number)}})
        condition = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "c"}}}
        pages = [page["Items"] for page in db.get_paginator("query").paginate(TableName="State", **condition)]
        assert len(pages) > 1
        assert [item["sk"]["S"] for page in pages for item in page] == list("0123456")


class TestSdkRetries:
    @pytest.mark.row("F1")
    def test_a_repeat_of_the_sdk_carries_the_token_and_posts_once(self) -> None:
        db = scripted(Fault.LOST_AFTER, sdk_retries=1)
        db.transact_write_items(TransactItems=post("e1"))
        assert (hits(db), db.faults.calls) == (1, 2)

    def test_a_repeat_of_a_single_conditional_put_meets_its_own_write(self) -> None:
        db = scripted(Fault.LOST_AFTER, sdk_retries=1)
        with pytest.raises(db.exceptions.ConditionalCheckFailedException):
            db.put_item(TableName="State", Item=key("c1"), ConditionExpression="attribute_not_exists(pk)")

    def test_a_repeat_of_a_plain_add_counts_twice(self) -> None:
        db = scripted(Fault.LOST_AFTER, sdk_retries=1)
        db.update_item(**add())
        assert hits(db) == 2

    def test_conflicts_and_cancellations_are_not_repeated(self) -> None:
        db = scripted(Fault.CONFLICT, sdk_retries=3)
        with pytest.raises(db.exceptions.TransactionCanceledException):
            db.transact_write_items(TransactItems=post("e1"))
        assert db.faults.calls == 1


class TestThePlan:
    def story(self, seed: int) -> tuple[list[str], int]:
        faults = Faults(seed, Rates.chaos(0.1), trace=[])
        db = SimulatedDynamo(TABLES, faults=faults, clock=Clock())
        for number in range(200):
            try:
                db.transact_write_items(TransactItems=post(f"e{number % 50}"))
                db.get_item(TableName="State", Key=key("c1"))
            except (ClientError, ConnectionClosedError, ReadTimeoutError, Crash):
                continue
        assert faults.trace is not None
        return faults.trace, hits(db)

    def test_a_seed_tells_the_same_story_twice_and_another_seed_another(self) -> None:
        assert self.story(1) == self.story(1)
        assert self.story(1) != self.story(2)

    def test_the_money_and_its_entries_agree_through_chaos(self) -> None:
        for seed in range(20):
            db = SimulatedDynamo(TABLES, faults=Faults(seed, Rates.chaos(0.1)))
            for number in range(100):
                try:
                    db.transact_write_items(TransactItems=post(f"e{number % 30}"))
                except (ClientError, ConnectionClosedError, ReadTimeoutError, Crash):
                    continue
            assert hits(db) == len(db.items("Ledger"))

    def test_each_fault_of_the_chaos_fires(self) -> None:
        faults = Faults(4, Rates.chaos(0.1))
        db = SimulatedDynamo(TABLES, faults=faults)
        for _ in range(500):
            try:
                db.update_item(**add())
            except (ClientError, ConnectionClosedError, ReadTimeoutError, Crash):
                continue
        assert {fault.name.lower() for fault in Fault} <= set(faults.fired)

    def test_calm_ends_the_faults_but_not_the_script(self) -> None:
        faults = Faults(rates=Rates(lost_before=1.0))
        db = SimulatedDynamo(TABLES, faults=faults)
        with pytest.raises(ConnectionClosedError):
            db.update_item(**add())
        faults.calm()
        db.update_item(**add())
        faults.crash_at(3)
        with pytest.raises(Crash):
            db.update_item(**add())

    def test_rates_above_one_are_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="more than 1"):
            Faults(rates=Rates(lost_before=0.6, lost_after=0.6))

    def test_another_worker_can_run_before_a_chosen_call(self) -> None:
        faults = Faults()
        db = SimulatedDynamo(TABLES, faults=faults)

        def interleave(index: int, operation: str) -> None:
            if index == 2:
                faults.before_call = None
                db.update_item(**add())

        faults.before_call = interleave
        db.update_item(**add())
        before = db.get_item(TableName="State", Key=key("c1"))
        assert before["Item"]["hits"] == {"N": "2"}

    def test_the_trace_can_be_read(self) -> None:
        faults = Faults(trace=[])
        db = SimulatedDynamo(TABLES, faults=faults)
        faults.lose_at(2)
        db.update_item(**add("c7"))
        with pytest.raises(ReadTimeoutError):
            db.update_item(**add("c8"))
        assert faults.trace is not None
        assert [line.split(" {")[0].split() for line in faults.trace] == [["1", "UpdateItem"], ["2", "UpdateItem"]]
        assert "c8" in faults.trace[1]
        assert faults.trace[1].endswith("ReadTimeoutError('Read timeout on endpoint URL: \"simulated\"')")
