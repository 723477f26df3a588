"""The stand-in answers as DynamoDB does: each test names one rule that the ledger leans on."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from tests.simulation.dynamo import Clock, IndexSpec, Rates, SimulatedDynamo, TableSpec, Write

LEDGER = TableSpec("Ledger", indexes=(IndexSpec("by_time", "pk", "at", is_global=False),))
STATE = TableSpec(
    "State",
    indexes=(IndexSpec("listing", "lpk", "lsk", projected=frozenset({"total"})), IndexSpec("due", "dpk", "dsk")),
    types={"dsk": "N"},
)


@pytest.fixture
def db() -> SimulatedDynamo:
    return SimulatedDynamo([LEDGER, STATE])


def s(text: str) -> dict[str, str]:
    return {"S": text}


def n(number: object) -> dict[str, str]:
    return {"N": str(number)}


def key(pk: str, sk: str = "ACCOUNT") -> dict[str, Any]:
    return {"pk": s(pk), "sk": s(sk)}


def store(db: SimulatedDynamo, pk: str, sk: str = "ACCOUNT", **attributes: Any) -> None:
    db.put_item(TableName="State", Item={**key(pk, sk), **attributes})


def entry(cause: str = "ord:1:earn", amount: int = 5, pk: str = "c1") -> dict[str, Any]:
    return {
        "Put": {
            "TableName": "Ledger",
            "Item": {**key(pk, cause), "amount": n(amount), "at": s(f"2026#{cause}")},
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def debit(amount: int = 5, pk: str = "c1") -> dict[str, Any]:
    return {
        "Update": {
            "TableName": "State",
            "Key": key(pk),
            "UpdateExpression": "SET available = available - :amount ADD version :one",
            "ConditionExpression": "attribute_exists(pk) AND available >= :amount",
            "ExpressionAttributeValues": {":amount": n(amount), ":one": n(1)},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def refused(code: str, call: Any, **request: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["Error"]["Code"] == code
    return caught.value


def condition(db: SimulatedDynamo, text: str, values: Any = None, names: Any = None) -> bool:
    """Whether a condition holds on the item c1, which the check leaves alone."""
    request = {"ConditionExpression": text, "TableName": "State", "Key": key("c1")}
    request |= {"ExpressionAttributeValues": values} if values else {}
    request |= {"ExpressionAttributeNames": names} if names else {}
    try:
        db.transact_write_items(TransactItems=[{"ConditionCheck": request}])
    except db.exceptions.TransactionCanceledException:
        return False
    return True


def updated(db: SimulatedDynamo, text: str, values: Any = None, **rest: Any) -> dict[str, Any]:
    request = {"TableName": "State", "Key": key("c1"), "UpdateExpression": text, "ReturnValues": "ALL_NEW", **rest}
    request |= {"ExpressionAttributeValues": values} if values else {}
    answer: dict[str, Any] = db.update_item(**request).get("Attributes", {})
    return {name: value for name, value in answer.items() if name not in ("pk", "sk")}


class TestTransactions:
    def test_a_posting_commits_all_its_items(self, db: SimulatedDynamo) -> None:
        store(db, "c1", available=n(10), version=n(0))
        db.transact_write_items(TransactItems=[entry(), debit(4)])
        assert db.item("State", "c1", "ACCOUNT") == {**key("c1"), "available": n(6), "version": n(1)}
        assert len(db.items("Ledger")) == 1

    def test_a_cancelled_posting_leaves_nothing_behind(self, db: SimulatedDynamo) -> None:
        store(db, "c1", available=n(3), version=n(0))
        before = db.items("State")
        refused("TransactionCanceledException", db.transact_write_items, TransactItems=[entry(), debit(4)])
        assert db.items("State") == before
        assert db.items("Ledger") == []

    def test_reasons_stand_by_position_with_the_old_item_where_it_was_asked_for(self, db: SimulatedDynamo) -> None:
        store(db, "c1", available=n(3), version=n(0))
        db.transact_write_items(TransactItems=[entry(amount=9)])
        check = {
            "ConditionCheck": {"TableName": "State", "Key": key("c9"), "ConditionExpression": "attribute_exists(pk)"}
        }
        free = {"Put": {"TableName": "State", "Item": key("c2")}}
        request = [entry(amount=1), free, debit(4), check]
        error = refused("TransactionCanceledException", db.transact_write_items, TransactItems=request)
        failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
        assert error.response["CancellationReasons"] == [
            {**failed, "Item": {**key("c1", "ord:1:earn"), "amount": n(9), "at": s("2026#ord:1:earn")}},
            {"Code": "None"},
            {**failed, "Item": {**key("c1"), "available": n(3), "version": n(0)}},
            failed,
        ]
        assert isinstance(error, db.exceptions.TransactionCanceledException)
        assert "[ConditionalCheckFailed, None, ConditionalCheckFailed, ConditionalCheckFailed]" in str(error)

    def test_an_old_item_is_shown_to_those_who_asked_only(self, db: SimulatedDynamo) -> None:
        store(db, "c1", available=n(3))
        action = debit(4)
        del action["Update"]["ReturnValuesOnConditionCheckFailure"]
        error = refused("TransactionCanceledException", db.transact_write_items, TransactItems=[action])
        assert "Item" not in error.response["CancellationReasons"][0]

    def test_an_empty_index_key_refuses_the_request_and_one_of_the_wrong_type_cancels_it(
        self, db: SimulatedDynamo
    ) -> None:
        for wrong, code in ((s(""), "ValidationException"), (n(1), "TransactionCanceledException")):
            put = {"Put": {"TableName": "State", "Item": {**key("c1"), "lpk": wrong}}}
            refused(code, db.transact_write_items, TransactItems=[put])

    def test_conditions_see_the_state_before_the_transaction(self, db: SimulatedDynamo) -> None:
        store(db, "c1", available=n(5), version=n(0))
        absent = {"Put": {**entry()["Put"], "ConditionExpression": "attribute_not_exists(pk)"}}
        db.transact_write_items(TransactItems=[absent, debit(5)])
        assert condition(db, "available = :z", {":z": n(0)})

    def test_two_actions_on_one_item_are_refused(self, db: SimulatedDynamo) -> None:
        error = refused("ValidationException", db.transact_write_items, TransactItems=[entry(), entry(amount=7)])
        assert "multiple operations on one item" in str(error)

    def test_the_same_key_in_two_tables_is_two_items(self, db: SimulatedDynamo) -> None:
        store(db, "c1", available=n(5))
        db.transact_write_items(TransactItems=[entry("ACCOUNT"), debit(5)])
        assert len(db.items("Ledger")) == 1

    def test_a_hundred_actions_pass_and_one_more_is_refused(self, db: SimulatedDynamo) -> None:
        puts = [{"Put": {"TableName": "State", "Item": key(f"c{i}")}} for i in range(101)]
        refused("ValidationException", db.transact_write_items, TransactItems=puts)
        db.transact_write_items(TransactItems=puts[:100])
        assert len(db.items("State")) == 100

    def test_a_token_makes_a_repeat_harmless_for_ten_minutes_only(self) -> None:
        clock = Clock()
        db = SimulatedDynamo([LEDGER, STATE], clock=clock)
        store(db, "c1", available=n(10), version=n(0))
        for minutes, balance in ((0, 6), (9, 6), (2, 2)):
            clock.advance(60 * minutes)
            db.transact_write_items(TransactItems=[debit(4)], ClientRequestToken="t")
            assert condition(db, "available = :b", {":b": n(balance)})

    def test_a_token_with_another_payload_is_a_mismatch(self, db: SimulatedDynamo) -> None:
        store(db, "c1", available=n(10), version=n(0))
        db.transact_write_items(TransactItems=[debit(4)], ClientRequestToken="t")
        call = {"TransactItems": [debit(3)], "ClientRequestToken": "t"}
        refused("IdempotentParameterMismatchException", db.transact_write_items, **call)

    def test_a_cancelled_request_does_not_use_up_its_token(self, db: SimulatedDynamo) -> None:
        refused(
            "TransactionCanceledException", db.transact_write_items, TransactItems=[debit()], ClientRequestToken="t"
        )
        store(db, "c1", available=n(10), version=n(0))
        db.transact_write_items(TransactItems=[debit()], ClientRequestToken="t")
        assert condition(db, "available = :b", {":b": n(5)})

    def test_an_update_of_the_wrong_type_cancels_with_a_validation_error(self, db: SimulatedDynamo) -> None:
        store(db, "c1", available=s("text"))
        action = debit()
        del action["Update"]["ConditionExpression"]
        error = refused("TransactionCanceledException", db.transact_write_items, TransactItems=[entry(), action])
        assert [reason["Code"] for reason in error.response["CancellationReasons"]] == ["None", "ValidationError"]
        assert db.items("Ledger") == []

    def test_unknown_and_missing_members_never_leave_boto3(self, db: SimulatedDynamo) -> None:
        wrong = {"Put": {"TableName": "State", "Item": key("c1"), "ConditionalExpression": "attribute_exists(pk)"}}
        requests: list[dict[str, Any]] = [
            {"TransactItems": [wrong]},
            {"TransactItems": []},
            {"TransactItem": [entry()]},
        ]
        for request in requests:
            with pytest.raises(ParamValidationError):
                db.transact_write_items(**request)

    def test_a_read_transaction_keeps_positions_and_gaps(self, db: SimulatedDynamo) -> None:
        store(db, "c1", available=n(1))
        gets = [{"Get": {"TableName": "State", "Key": key(pk)}} for pk in ("c0", "c1")]
        answer = db.transact_get_items(TransactItems=gets)
        assert answer["Responses"] == [{}, {"Item": {**key("c1"), "available": n(1)}}]


class TestConditions:
    @pytest.fixture(autouse=True)
    def item(self, db: SimulatedDynamo) -> None:
        nested = {"M": {"deep": {"L": [n(1), s("two")]}}}
        store(
            db,
            "c1",
            five=n("5.0"),
            word=s("abc"),
            tags={"SS": ["b", "a"]},
            yes={"BOOL": True},
            doc=nested,
            raw_bytes={"B": b"xyz"},
        )

    @pytest.mark.parametrize(
        ("text", "values", "holds"),
        [
            ("five = :v", {":v": n(5)}, True),
            ("five <> :v", {":v": n(5)}, False),
            ("five > :v", {":v": n("4.99")}, True),
            ("five < :v", {":v": n(10)}, True),
            ("five <= :v AND five >= :v", {":v": n(5)}, True),
            ("five = :v", {":v": s("5")}, False),
            ("five < :v", {":v": s("9")}, False),
            ("word < :v", {":v": s("abd")}, True),
            ("word > :v", {":v": s("Z")}, True),
            ("absent = :v", {":v": n(5)}, False),
            ("absent <> :v", {":v": n(5)}, True),
            ("absent < :v", {":v": n(5)}, False),
            ("NOT absent < :v", {":v": n(5)}, True),
            ("absent = nowhere", None, False),
            ("absent <> nowhere", None, True),
            ("five BETWEEN :a AND :b", {":a": n(5), ":b": n(6)}, True),
            ("five BETWEEN :a AND :b", {":a": n(6), ":b": n(7)}, False),
            ("five IN (:a, :b)", {":a": n(4), ":b": n(5)}, True),
            ("five IN (:a)", {":a": n(4)}, False),
            ("attribute_exists(five) AND attribute_not_exists(absent)", None, True),
            ("attribute_exists(doc.deep[1])", None, True),
            ("attribute_exists(doc.deep[2])", None, False),
            ("doc.deep[1] = :v", {":v": s("two")}, True),
            ("begins_with(word, :v)", {":v": s("ab")}, True),
            ("begins_with(word, :v)", {":v": s("b")}, False),
            ("contains(word, :v)", {":v": s("bc")}, True),
            ("contains(tags, :v)", {":v": s("a")}, True),
            ("contains(tags, :v)", {":v": s("c")}, False),
            ("contains(doc.deep, :v)", {":v": n("1.0")}, True),
            ("size(word) = :v", {":v": n(3)}, True),
            ("size(five) = :v", {":v": n(3)}, False),
            ("size(tags) > :v", {":v": n(1)}, True),
            ("attribute_type(five, :v)", {":v": s("N")}, True),
            ("tags = :v", {":v": {"SS": ["a", "b"]}}, True),
            ("yes = :v", {":v": {"BOOL": True}}, True),
            ("raw_bytes = :v", {":v": {"B": bytearray(b"xyz")}}, True),
            ("five = :v OR absent = :v AND absent = :v", {":v": n(5)}, True),
            ("(five = :v OR absent = :v) AND absent = :v", {":v": n(5)}, False),
            ("not five = :v", {":v": n(5)}, False),
        ],
    )
    def test_a_condition_answers_as_on_aws(self, db: SimulatedDynamo, text: str, values: Any, holds: bool) -> None:
        assert condition(db, text, values) is holds

    @pytest.mark.parametrize(
        ("text", "values", "names", "complaint"),
        [
            ("five >= five - :v", {":v": n(1)}, None, 'Syntax error; token: "-"'),
            ("five + :v = :v", {":v": n(1)}, None, 'Syntax error; token: "+"'),
            ("((five = :v))", {":v": n(1)}, None, "redundant parentheses"),
            ("status = :v", {":v": n(1)}, None, "reserved keyword: status"),
            ("five = :v", None, None, "value: :v"),
            ("five = :v", {":v": n(1), ":w": n(1)}, None, "unused in expressions: keys: {:w}"),
            ("#f = :v", {":v": n(1)}, None, "attribute name: #f"),
            ("five = :v", {":v": n(1)}, {"#f": "five"}, "unused in expressions: keys: {#f}"),
            ("five < :v", {":v": {"BOOL": True}}, None, "operand type: BOOL"),
            ("begins_with(word, :v)", {":v": n(1)}, None, "operand type: N"),
            ("five BETWEEN :a AND :b", {":a": n(6), ":b": n(5)}, None, "upper bound"),
            ("attribute_exists(:v)", {":v": n(1)}, None, "requires a document path"),
            ("exists(five)", None, None, "Invalid function name"),
            ("five", None, None, "Syntax error"),
            ("five = :v AND", {":v": n(1)}, None, "Syntax error"),
            ("five == :v", {":v": n(1)}, None, "Syntax error"),
            ("size(five)", None, None, "not allowed to be used this way"),
            (" ", None, None, "can not be empty"),
        ],
    )
    def test_what_aws_refuses_is_refused_even_where_emulators_are_not_strict(
        self, db: SimulatedDynamo, text: str, values: Any, names: Any, complaint: str
    ) -> None:
        error = refused("ValidationException", condition, db=db, text=text, values=values, names=names)
        assert complaint in str(error)

    def test_a_failed_single_write_carries_the_item_only_when_asked(self, db: SimulatedDynamo) -> None:
        request: dict[str, Any] = {
            "TableName": "State",
            "Item": key("c1"),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        error = refused("ConditionalCheckFailedException", db.put_item, **request)
        assert "Item" not in error.response
        assert isinstance(error, db.exceptions.ConditionalCheckFailedException)
        told = refused(
            "ConditionalCheckFailedException", db.put_item, **request, ReturnValuesOnConditionCheckFailure="ALL_OLD"
        )
        assert dict(told.response)["Item"] == db.item("State", "c1", "ACCOUNT")


class TestUpdates:
    @pytest.fixture(autouse=True)
    def item(self, db: SimulatedDynamo) -> None:
        store(
            db,
            "c1",
            five=n(5),
            word=s("abc"),
            tags={"SS": ["a", "b"]},
            doc={"M": {"x": n(1), "l": {"L": [n(1), n(2)]}}},
        )

    @pytest.mark.parametrize(
        ("text", "values", "attribute", "expected"),
        [
            ("SET five = five - :v", {":v": n(7)}, "five", n(-2)),
            ("SET five = five + :v", {":v": n("0.50")}, "five", n("5.5")),
            ("SET seen = if_not_exists(seen, :v) + :v", {":v": n(2)}, "seen", n(4)),
            ("SET seen = if_not_exists(five, :v)", {":v": n(2)}, "seen", n(5)),
            ("ADD five :v", {":v": n(-5)}, "five", n(0)),
            ("ADD fresh :v", {":v": n(3)}, "fresh", n(3)),
            ("ADD tags :v", {":v": {"SS": ["c", "a"]}}, "tags", {"SS": ["a", "b", "c"]}),
            ("DELETE tags :v", {":v": {"SS": ["a"]}}, "tags", {"SS": ["b"]}),
            ("DELETE tags :v", {":v": {"SS": ["a", "b"]}}, "tags", None),
            ("REMOVE five, absent", None, "five", None),
            ("SET doc.x = :v", {":v": n(9)}, "doc", {"M": {"x": n(9), "l": {"L": [n(1), n(2)]}}}),
            ("REMOVE doc.l[0], doc.l[1]", None, "doc", {"M": {"x": n(1), "l": {"L": []}}}),
            ("REMOVE doc.l[0]", None, "doc", {"M": {"x": n(1), "l": {"L": [n(2)]}}}),
            (
                "SET doc.l = list_append(doc.l, :v)",
                {":v": {"L": [n(3)]}},
                "doc",
                {"M": {"x": n(1), "l": {"L": [n(1), n(2), n(3)]}}},
            ),
            ("SET word = five, five = :v", {":v": n(1)}, "word", n(5)),
            ("ADD five :v", {":v": n(10**30)}, "five", n(10**30 + 5)),
            ("ADD five :v", {":v": n("9" * 37 + "5")}, "five", n(10**38)),
        ],
    )
    def test_an_update_stores_what_aws_stores(
        self, db: SimulatedDynamo, text: str, values: Any, attribute: str, expected: Any
    ) -> None:
        assert updated(db, text, values).get(attribute) == expected
        assert (db.item("State", "c1", "ACCOUNT") or {}).get(attribute) == expected

    @pytest.mark.parametrize(
        ("text", "values", "complaint"),
        [
            ("SET absent = absent + :v", {":v": n(1)}, "does not exist in the item"),
            ("SET five = word + :v", {":v": n(1)}, "incorrect data type"),
            ("ADD word :v", {":v": n(1)}, "incorrect data type"),
            ("ADD five :v", {":v": s("1")}, "operand type: STRING"),
            ("SET five = :v, five = :v", {":v": n(1)}, "overlap"),
            ("SET doc = :v REMOVE doc.x", {":v": n(1)}, "overlap"),
            ("SET five = :v SET word = :v", {":v": n(1)}, "only be used once"),
            ("SET five = five + :v - :v", {":v": n(1)}, "Syntax error"),
            ("SET pk = :v", {":v": s("z")}, "part of the key"),
            ("SET lpk = :v", {":v": n(1)}, "Type mismatch for Index Key"),
            ("SET lpk = :v", {":v": s("")}, "empty string"),
            ("SET absent.x = :v", {":v": n(1)}, "document path"),
            ("SET timestamp = :v", {":v": n(1)}, "reserved keyword"),
            ("ADD five :v", {":v": n("9" * 38)}, "38 significant digits"),
            ("ADD five :v", {":v": n("0." + "1" * 38)}, "38 significant digits"),
            ("SET five = :v", {":v": n("1" * 39)}, "38 significant digits"),
            ("SET five = :v", {":v": n("1e126")}, "overflow"),
            ("SET five = :v", {":v": n("1_000")}, "numeric value"),
            ("SET five = :v", {":v": n("١٢")}, "numeric value"),
            ("SET five = :v", {":v": {"SS": ["a", "a"]}}, "duplicates"),
        ],
    )
    def test_what_aws_refuses_changes_nothing(
        self, db: SimulatedDynamo, text: str, values: Any, complaint: str
    ) -> None:
        before = db.items("State")
        error = refused("ValidationException", updated, db=db, text=text, values=values)
        assert complaint in str(error)
        assert db.items("State") == before

    def test_an_update_of_nobody_creates_an_item(self, db: SimulatedDynamo) -> None:
        db.update_item(
            TableName="State", Key=key("new"), UpdateExpression="ADD hits :v", ExpressionAttributeValues={":v": n(1)}
        )
        assert db.item("State", "new", "ACCOUNT") == {**key("new"), "hits": n(1)}

    def test_a_refused_condition_wins_over_an_impossible_update(self, db: SimulatedDynamo) -> None:
        request = {"ConditionExpression": "attribute_exists(absent)"}
        refused("ConditionalCheckFailedException", updated, db=db, text="ADD word :v", values={":v": n(1)}, **request)

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [("NONE", None), ("UPDATED_NEW", {"five": n(6)}), ("UPDATED_OLD", {"five": n(5)})],
    )
    def test_return_values_show_the_touched_paths(self, db: SimulatedDynamo, wanted: str, expected: Any) -> None:
        request = {"TableName": "State", "Key": key("c1"), "UpdateExpression": "ADD five :v", "ReturnValues": wanted}
        answer = db.update_item(**request, ExpressionAttributeValues={":v": n(1)})
        assert answer.get("Attributes") == expected

    def test_all_old_is_the_image_before(self, db: SimulatedDynamo) -> None:
        old = db.item("State", "c1", "ACCOUNT")
        assert db.put_item(TableName="State", Item=key("c1"), ReturnValues="ALL_OLD")["Attributes"] == old
        assert db.delete_item(TableName="State", Key=key("c1"), ReturnValues="ALL_OLD")["Attributes"] == key("c1")
        assert "Attributes" not in db.delete_item(TableName="State", Key=key("c1"), ReturnValues="ALL_OLD")

    def test_a_refused_return_value_writes_nothing(self, db: SimulatedDynamo) -> None:
        refused("ValidationException", db.put_item, TableName="State", Item=key("c7"), ReturnValues="ALL_NEW")
        assert db.item("State", "c7", "ACCOUNT") is None


class TestImages:
    def test_numbers_come_back_in_one_spelling(self, db: SimulatedDynamo) -> None:
        for number, (given, kept) in enumerate(
            {"1e3": "1000", "0012.50": "12.5", "-0": "0", "1E-5": "0.00001"}.items()
        ):
            store(db, str(number), v=n(given))
            assert (db.item("State", str(number), "ACCOUNT") or {})["v"] == n(kept)

    def test_nobody_holds_the_stored_image(self, db: SimulatedDynamo) -> None:
        mine: dict[str, Any] = {**key("c1"), "tags": {"L": [n(1)]}}
        db.put_item(TableName="State", Item=mine)
        mine["tags"]["L"].append(n(2))
        theirs = db.get_item(TableName="State", Key=key("c1"))["Item"]
        theirs["tags"]["L"].clear()
        shown = db.query(TableName="State", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": s("c1")})
        shown["Items"][0]["tags"]["L"].clear()
        assert (db.item("State", "c1", "ACCOUNT") or {})["tags"] == {"L": [n(1)]}

    def test_a_values_python_type_is_checked_as_boto3_checks_it(self, db: SimulatedDynamo) -> None:
        for wrong in ({"N": 5}, {"S": 5}, {"Q": "x"}, {"BOOL": "true"}, "text"):
            with pytest.raises(ParamValidationError):
                store(db, "c1", v=wrong)

    def test_an_item_over_400_kilobytes_is_refused(self, db: SimulatedDynamo) -> None:
        store(db, "c1", v=s("a" * 409_000))
        refused("ValidationException", store, db=db, pk="c1", v=s("a" * 409_600))
        refused("ValidationException", store, db=db, pk="c1", v=s("é" * 205_000))

    @pytest.mark.parametrize(
        "wrong", [{"pk": s("c1")}, {**key("c1"), "x": s("y")}, {"pk": s("c1"), "sk": n(1)}, key("")]
    )
    def test_a_key_must_fit_the_schema(self, db: SimulatedDynamo, wrong: Any) -> None:
        refused("ValidationException", db.get_item, TableName="State", Key=wrong)

    def test_an_unknown_table_is_not_found(self, db: SimulatedDynamo) -> None:
        error = refused("ResourceNotFoundException", db.get_item, TableName="Other", Key=key("c1"))
        assert isinstance(error, db.exceptions.ResourceNotFoundException)

    def test_observers_see_each_committed_write_once(self, db: SimulatedDynamo) -> None:
        store(db, "c2")
        writes: list[Write] = []
        db.observers.append(writes.append)
        store(db, "c1", available=n(9))
        check = {"TableName": "State", "Key": key("c2"), "ConditionExpression": "attribute_exists(pk)"}
        db.transact_write_items(TransactItems=[entry(), {"ConditionCheck": check}, debit(4)])
        refused("TransactionCanceledException", db.transact_write_items, TransactItems=[entry(), debit(4)])
        db.delete_item(TableName="State", Key=key("c1"))
        assert [(write.call, write.table, write.old is None, write.new is None) for write in writes] == [
            (2, "State", True, False),
            (3, "Ledger", True, False),
            (3, "State", False, False),
            (5, "State", False, True),
        ]


class TestQueries:
    @pytest.fixture(autouse=True)
    def entries(self, db: SimulatedDynamo) -> None:
        for position in range(5):
            db.transact_write_items(TransactItems=[entry(f"e{position}", position)])
        db.put_item(TableName="Ledger", Item={**key("c1", "e9"), "amount": n(9)})
        db.transact_write_items(TransactItems=[entry("e0", pk="c2")])

    def causes(self, db: SimulatedDynamo, condition: str = "pk = :p", **request: Any) -> list[str]:
        values = {":p": s("c1"), **request.pop("values", {})}
        answer = db.query(
            TableName="Ledger", KeyConditionExpression=condition, ExpressionAttributeValues=values, **request
        )
        return [item["sk"]["S"] for item in answer["Items"]]

    def test_a_partition_comes_in_order_and_backwards(self, db: SimulatedDynamo) -> None:
        assert self.causes(db) == ["e0", "e1", "e2", "e3", "e4", "e9"]
        assert self.causes(db, ScanIndexForward=False, Limit=2) == ["e9", "e4"]

    @pytest.mark.parametrize(
        ("condition", "values", "expected"),
        [
            ("pk = :p AND sk > :s", {":s": s("e2")}, ["e3", "e4", "e9"]),
            ("sk <= :s AND pk = :p", {":s": s("e1")}, ["e0", "e1"]),
            ("pk = :p AND sk BETWEEN :s AND :t", {":s": s("e1"), ":t": s("e3")}, ["e1", "e2", "e3"]),
            ("pk = :p AND begins_with(sk, :s)", {":s": s("e9")}, ["e9"]),
            ("pk = :p AND sk = :s", {":s": s("e3")}, ["e3"]),
        ],
    )
    def test_a_key_condition_selects_a_range(
        self, db: SimulatedDynamo, condition: str, values: Any, expected: Any
    ) -> None:
        assert self.causes(db, condition, values=values) == expected

    @pytest.mark.parametrize(
        ("condition", "values"),
        [
            ("pk > :p", {}),
            ("sk = :p", {}),
            ("pk = :p OR sk = :p", {}),
            ("pk = :p AND amount = :s", {":s": n(1)}),
            ("pk = :p AND sk <> :s", {":s": s("e1")}),
            ("pk = :p AND sk = :s", {":s": n(1)}),
            ("pk = :p AND sk > :s AND sk < :t", {":s": s("e1"), ":t": s("e3")}),
            ("pk = :p AND sk = :s", {":s": s("e1"), ":t": s("e3")}),
        ],
    )
    def test_other_key_conditions_are_refused(self, db: SimulatedDynamo, condition: str, values: Any) -> None:
        refused("ValidationException", self.causes, db=db, condition=condition, values=values)

    def test_pages_are_disjoint_complete_and_end(self, db: SimulatedDynamo) -> None:
        pages = db.get_paginator("query").paginate(
            TableName="Ledger", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": s("c1")}, Limit=2
        )
        seen = [[item["sk"]["S"] for item in page["Items"]] for page in pages]
        assert seen == [["e0", "e1"], ["e2", "e3"], ["e4", "e9"], []]

    def test_a_limit_counts_before_the_filter(self, db: SimulatedDynamo) -> None:
        answer = db.query(
            TableName="Ledger",
            KeyConditionExpression="pk = :p",
            FilterExpression="amount > :a",
            ExpressionAttributeValues={":p": s("c1"), ":a": n(3)},
            Limit=3,
        )
        assert (answer["Count"], answer["ScannedCount"], answer["Items"]) == (0, 3, [])
        assert answer["LastEvaluatedKey"] == key("c1", "e2")

    def test_a_filter_on_a_key_is_refused(self, db: SimulatedDynamo) -> None:
        refused("ValidationException", self.causes, db=db, FilterExpression="sk > :s", values={":s": s("a")})

    def test_a_cursor_of_another_partition_is_refused_and_a_made_up_one_accepted(self, db: SimulatedDynamo) -> None:
        refused("ValidationException", self.causes, db=db, ExclusiveStartKey=key("c2", "e1"))
        refused("ValidationException", self.causes, db=db, ExclusiveStartKey={"pk": s("c1")})
        out_of_range = {"condition": "pk = :p AND sk > :s", "values": {":s": s("e2")}}
        refused("ValidationException", self.causes, db=db, ExclusiveStartKey=key("c1", "e1"), **out_of_range)
        assert self.causes(db, ExclusiveStartKey=key("c1", "e33")) == ["e4", "e9"]

    def test_a_local_index_holds_only_items_with_its_key_and_reads_consistently(self, db: SimulatedDynamo) -> None:
        assert self.causes(db, IndexName="by_time", ConsistentRead=True) == ["e0", "e1", "e2", "e3", "e4"]
        start = {**key("c1", "e1"), "at": s("2026#e1")}
        assert self.causes(db, IndexName="by_time", ExclusiveStartKey=start, ScanIndexForward=False) == ["e0"]
        bounds = {":s": s("2026#e2"), ":t": s("2026#e3")}
        assert self.causes(
            db,
            "pk = :p AND #at BETWEEN :s AND :t",
            values=bounds,
            IndexName="by_time",
            ExpressionAttributeNames={"#at": "at"},
        ) == ["e2", "e3"]

    def test_a_page_ends_after_a_mebibyte(self, db: SimulatedDynamo) -> None:
        for number in range(4):
            store(db, "big", str(number), v=s("a" * 400_000))
        pages = db.get_paginator("query").paginate(
            TableName="State", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": s("big")}
        )
        assert [page["Count"] for page in pages] == [3, 1]

    def test_a_projection_shows_only_what_it_names(self, db: SimulatedDynamo) -> None:
        store(db, "c1", doc={"M": {"x": n(1), "y": n(2)}}, five=n(5))
        request = {"TableName": "State", "Key": key("c1"), "ProjectionExpression": "doc.x, #f, absent"}
        answer = db.get_item(**request, ExpressionAttributeNames={"#f": "five"})
        assert answer["Item"] == {"doc": {"M": {"x": n(1)}}, "five": n(5)}

    def test_a_batch_get_returns_what_is_there_and_refuses_duplicates(self, db: SimulatedDynamo) -> None:
        keys = [key("c1", "e1"), key("c1", "none"), key("c2", "e0")]
        answer = db.batch_get_item(RequestItems={"Ledger": {"Keys": keys, "ConsistentRead": True}})
        assert [item["pk"]["S"] for item in answer["Responses"]["Ledger"]] == ["c1", "c2"]
        assert answer["UnprocessedKeys"] == {}
        refused("ValidationException", db.batch_get_item, RequestItems={"Ledger": {"Keys": [keys[0], keys[0]]}})

    def test_a_batch_write_puts_and_deletes_and_refuses_as_a_whole(self, db: SimulatedDynamo) -> None:
        store(db, "c1")
        puts = [{"PutRequest": {"Item": key(f"c{number}")}} for number in range(2, 28)]
        gone = {"DeleteRequest": {"Key": key("c1")}}
        for wanted in (puts, [puts[0], puts[0]], [puts[0], {"DeleteRequest": {"Key": {"pk": s("c1")}}}]):
            refused("ValidationException", db.batch_write_item, RequestItems={"State": wanted})
        assert [item["pk"]["S"] for item in db.items("State")] == ["c1"]
        answer = db.batch_write_item(RequestItems={"State": [*puts[:2], gone, {"DeleteRequest": {"Key": key("none")}}]})
        assert answer["UnprocessedItems"] == {}
        assert sorted(item["pk"]["S"] for item in db.items("State")) == ["c2", "c3"]


class TestGlobalIndexes:
    def listed(self, db: SimulatedDynamo, **request: Any) -> list[dict[str, Any]]:
        values = {":p": s("open")}
        condition = "lpk = :p"
        shown: list[dict[str, Any]] = db.query(
            TableName="State",
            IndexName="listing",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            **request,
        )["Items"]
        return shown

    def test_an_index_follows_its_items_in_and_out(self, db: SimulatedDynamo) -> None:
        store(db, "o1", lpk=s("open"), lsk=s("2"), total=n(1), secret=s("x"))
        store(db, "o2", lpk=s("open"), lsk=s("1"))
        store(db, "o3", lpk=s("open"))
        assert [item["pk"]["S"] for item in self.listed(db)] == ["o2", "o1"]
        assert self.listed(db)[1] == {**key("o1"), "lpk": s("open"), "lsk": s("2"), "total": n(1)}
        store(db, "o1", lpk=s("closed"), lsk=s("2"))
        db.delete_item(TableName="State", Key=key("o2"))
        assert self.listed(db) == []

    def test_a_consistent_read_of_it_is_refused(self, db: SimulatedDynamo) -> None:
        refused("ValidationException", self.listed, db=db, ConsistentRead=True)
        refused("ValidationException", self.listed, db=db, ProjectionExpression="secret")

    def test_number_keys_sort_as_numbers(self, db: SimulatedDynamo) -> None:
        for due in (100, 20, 3):
            store(db, f"t{due}", dpk=s("D"), dsk=n(due))
        request = {"TableName": "State", "IndexName": "due", "KeyConditionExpression": "dpk = :p AND dsk <= :t"}
        answer = db.query(**request, ExpressionAttributeValues={":p": s("D"), ":t": n(50)})
        assert [item["dsk"]["N"] for item in answer["Items"]] == ["3", "20"]

    def test_a_stale_index_lags_and_catches_up_within_its_bound(self) -> None:
        clock = Clock()
        db = SimulatedDynamo([STATE], clock=clock)
        db.faults.set_rates(Rates(stale_index=1.0, lag=5.0))
        shown = []
        for number in range(40):
            store(db, f"o{number:02d}", lpk=s("open"), lsk=s(f"{number:02d}"))
            shown.append(len(self.listed(db)))
        assert any(count < expected for expected, count in enumerate(shown, start=1))
        clock.advance(5.1)
        assert len(self.listed(db)) == 40
        assert db.faults.fired["stale_index"] == 41

    def test_a_write_older_than_the_bound_is_always_shown(self) -> None:
        clock = Clock()
        db = SimulatedDynamo([STATE], clock=clock)
        db.faults.set_rates(Rates(stale_index=1.0, lag=5.0))
        for number in range(40):
            store(db, f"o{number:02d}", lpk=s("open"), lsk=s(f"{number:02d}"))
        clock.advance(5.1)
        assert len(self.listed(db)) == 40

    def test_a_stale_index_never_shows_an_item_going_back(self) -> None:
        db = SimulatedDynamo([STATE])
        db.faults.set_rates(Rates(stale_index=1.0))
        shown = []
        for number in range(60):
            store(db, "o1", lpk=s("open"), lsk=s("1"), total=n(number))
            shown += [int(item["total"]["N"]) for item in self.listed(db)]
        assert shown == sorted(shown)

    def test_an_eventually_consistent_query_may_miss_the_last_write(self) -> None:
        counts = set()
        for seed in range(10):
            db = SimulatedDynamo([LEDGER])
            db.faults.random.seed(seed)
            db.transact_write_items(TransactItems=[entry("e1")])
            db.faults.set_rates(Rates(stale_read=1.0))
            request: dict[str, Any] = {"TableName": "Ledger", "KeyConditionExpression": "pk = :p"}
            request["ExpressionAttributeValues"] = {":p": s("c1")}
            counts.add(db.query(**request)["Count"])
            assert db.query(**request, ConsistentRead=True)["Count"] == 1
        assert counts == {0, 1}

    def test_an_eventually_consistent_read_may_be_one_write_behind_and_a_consistent_one_never(self) -> None:
        clock = Clock()
        db = SimulatedDynamo([STATE], clock=clock)
        store(db, "c1", v=n(1))
        clock.advance(10)
        store(db, "c1", v=n(2))
        db.faults.set_rates(Rates(stale_read=1.0, lag=5.0))
        read = {"TableName": "State", "Key": key("c1")}
        assert db.get_item(**read)["Item"]["v"] == n(1)
        assert db.get_item(**read, ConsistentRead=True)["Item"]["v"] == n(2)
        clock.advance(6)
        assert db.get_item(**read)["Item"]["v"] == n(2)

    def test_a_definition_of_the_template_becomes_a_table(self) -> None:
        spec = TableSpec.from_definition(
            {
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": kind}
                    for name, kind in (("pk", "S"), ("sk", "S"), ("dpk", "S"), ("dsk", "N"), ("at", "S"))
                ],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "LocalSecondaryIndexes": [
                    {
                        "IndexName": "by_time",
                        "KeySchema": [
                            {"AttributeName": "pk", "KeyType": "HASH"},
                            {"AttributeName": "at", "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "due",
                        "KeySchema": [
                            {"AttributeName": "dpk", "KeyType": "HASH"},
                            {"AttributeName": "dsk", "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["kind"]},
                    }
                ],
            },
            name="State",
        )
        assert spec.indexes == (
            IndexSpec("by_time", "pk", "at", is_global=False),
            IndexSpec("due", "dpk", "dsk", projected=frozenset({"kind"})),
        )
        assert spec.type_of("dsk") == "N"
