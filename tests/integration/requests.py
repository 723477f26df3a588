"""Random requests to DynamoDB, drawn from a seed, for comparing two engines.

They stay inside what ministack 1.5.33 answers as DynamoDB does. Left out, because it is laxer there (the stand-in
follows DynamoDB, `tests/simulation/test_dynamo.py` holds it to that): arithmetic in conditions, `=` of two missing
attributes, operands of types their operator does not take, overlapping paths, chained arithmetic, REMOVE below a
missing map, more than 28 digits in sums, filters on key attributes, incomplete keys inside transactions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

LEDGER, STATE = "DiffLedger", "DiffState"
_NUMBERS, _TEXTS = ("n1", "n2", "n3"), ("s1", "s2")
_WORDS = ("a", "ab", "abc", "b", "é", "Z")
_SORT_KEYS = ("A", "B", "Ba", "C")


@dataclass(slots=True)
class Expression:
    """Text under construction, with the placeholders it has used."""

    values: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    taken: int = 0

    def value(self, literal: dict[str, Any]) -> str:
        name = f":v{self.taken}"
        self.taken += 1
        self.values[name] = literal
        return name

    def request(self) -> dict[str, Any]:
        """The parameters that go with the text; empty maps are left out, as DynamoDB wants."""
        parts = {"ExpressionAttributeValues": self.values, "ExpressionAttributeNames": self.names}
        return {name: part for name, part in parts.items() if part}


@dataclass(slots=True)
class Requests:
    """One seed's stream of `(method, keyword arguments)`, all inside the partitions of that seed.

    `run` keeps the tokens of two runs against one engine apart; nothing else depends on it.
    """

    seed: int
    run: str = ""
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def partitions(self) -> list[str]:
        return [f"S#{self.seed}#C#{number}" for number in range(3)]

    def next(self) -> tuple[str, dict[str, Any]]:
        kinds = {
            self.transact_write: 8,
            self.put: 4,
            self.update: 4,
            self.delete: 1,
            self.query: 4,
            self.get: 2,
            self.batch_get: 1,
            self.batch_write: 1,
            self.transact_get: 1,
            self.mistaken: 2,
        }
        return self.random.choices(list(kinds), list(kinds.values()))[0]()

    def key(self) -> dict[str, Any]:
        return {"pk": {"S": self.random.choice(self.partitions())}, "sk": {"S": self.random.choice(_SORT_KEYS)}}

    def table(self) -> str:
        return self.random.choice((LEDGER, STATE))

    def number(self) -> dict[str, Any]:
        texts = ("0", "1", "-1", "7", "10", "12.5", "1e3", "0012.50", "999999999999", "-0.25", "100000000000000000000")
        return {"N": self.random.choice(texts)}

    def text(self) -> dict[str, Any]:
        return {"S": self.random.choice(_WORDS)}

    def tags(self) -> dict[str, Any]:
        return {"SS": self.random.sample(_WORDS, self.random.randint(1, 3))}

    def item(self, table: str) -> dict[str, Any]:
        chance = self.random.random
        item: dict[str, Any] = self.key()
        item |= {name: self.number() for name in _NUMBERS if chance() < 0.6}
        item |= {name: self.text() for name in _TEXTS if chance() < 0.6}
        if chance() < 0.5:
            item["tags"] = self.tags()
        if chance() < 0.5:
            item["doc"] = {"M": {"x": self.number(), "l": {"L": [self.number(), self.text()]}}}
        if chance() < 0.3:
            item |= {"flag": {"BOOL": chance() < 0.5}, "raw_bytes": {"B": b"\x00\xff"}, "nothing": {"NULL": True}}
        index = ("posted_at_cause",) if table == LEDGER else ("listing_pk", "listing_sk")
        if chance() < 0.7:
            item |= {name: {"S": f"S#{self.seed}"} for name in index}
            # Unique, because the order of equal index keys is not defined (DynamoDB Local's changes when reversed).
            item[index[-1]] = {"S": f"{self.random.choice(_WORDS)}#{item['pk']['S']}#{item['sk']['S']}"}
        return item

    def condition(self, expression: Expression, depth: int = 2) -> str:
        choice = self.random.random()
        if depth and choice < 0.35:
            left, right = self.condition(expression, depth - 1), self.condition(expression, depth - 1)
            joined = f"{left} {self.random.choice(('AND', 'OR'))} {right}"
            return f"({joined}) AND attribute_exists(pk)" if self.random.random() < 0.3 else joined
        if depth and choice < 0.45:
            return f"NOT {self.atom(expression)}"
        return self.atom(expression)

    def atom(self, expression: Expression) -> str:
        value, pick = expression.value, self.random.choice
        number, text = self.path(expression, pick(_NUMBERS)), pick(_TEXTS)
        match self.random.randrange(13):
            case 0:
                return f"attribute_not_exists({pick(('pk', 'n1', 's1', 'doc.x', 'doc.l[1]'))})"
            case 1:
                return f"attribute_exists({pick(('pk', 'n2', 'tags', 'doc'))})"
            case 2 | 3:
                return f"{number} {pick(('=', '<>', '<', '<=', '>', '>='))} {value(self.number())}"
            case 4:
                return f"{text} {pick(('=', '<>', '<', '>='))} {value(self.text())}"
            case 5:
                return f"n1 {pick(('<', '>='))} n2"
            case 6:
                return f"{number} {pick(('=', '<', '<>'))} {value(self.text())}"
            case 7:
                return f"{number} BETWEEN {value({'N': '-1'})} AND {value({'N': '10'})}"
            case 8:
                return f"{number} IN ({value(self.number())}, {value(self.number())})"
            case 9:
                return f"begins_with({text}, {value(self.text())})"
            case 10:
                return f"contains({pick((text, 'tags', 'doc.l'))}, {value(self.text())})"
            case 11:
                return f"size({pick((text, 'tags', 'doc'))}) {pick(('>', '<='))} {value({'N': '1'})}"
            case _:
                return f"doc.x = {value(self.number())}"

    def path(self, expression: Expression, name: str) -> str:
        """Sometimes by an alias."""
        if self.random.random() < 0.7:
            return name
        expression.names[f"#{name}"] = name
        return f"#{name}"

    def assignments(self, expression: Expression) -> str:
        """Clauses over distinct attributes, each in a random form."""
        clauses: dict[str, list[str]] = {}
        value = expression.value
        for name in self.random.sample((*_NUMBERS, *_TEXTS, "tags", "doc.x", "fresh"), self.random.randint(1, 3)):
            path = name if "." in name else self.path(expression, name)
            forms: tuple[tuple[str, str], ...]
            if name in _NUMBERS:
                forms = (
                    ("SET", f"{path} = {path} {self.random.choice('+-')} {value(self.number())}"),
                    ("SET", f"{path} = {value(self.number())}"),
                    ("SET", f"{path} = if_not_exists({path}, {value({'N': '0'})}) + {value(self.number())}"),
                    ("ADD", f"{path} {value(self.number())}"),
                    ("REMOVE", path),
                )
            elif name == "tags":
                forms = (("ADD", f"tags {value(self.tags())}"), ("DELETE", f"tags {value(self.tags())}"))
            elif name == "fresh":
                forms = (("SET", "fresh = s1"), ("SET", f"fresh = list_append(doc.l, {value({'L': [self.text()]})})"))
            else:
                forms = (("SET", f"{path} = {value(self.text() if name in _TEXTS else self.number())}"),)
            clause, form = self.random.choice(forms)
            clauses.setdefault(clause, []).append(form)
        text = " ".join(f"{clause} {', '.join(forms)}" for clause, forms in clauses.items())
        self.forget_unused(expression, text)
        return text

    def forget_unused(self, expression: Expression, *texts: str) -> None:
        words = set(" ".join(texts).replace("(", " ").replace(")", " ").replace(",", " ").split())
        expression.values = {name: literal for name, literal in expression.values.items() if name in words}
        expression.names = {name: path for name, path in expression.names.items() if name in words}

    def guarded(self, request: dict[str, Any], expression: Expression) -> dict[str, Any]:
        if self.random.random() < 0.5:
            request["ConditionExpression"] = self.condition(expression)
        if self.random.random() < 0.7:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return request | expression.request()

    def put(self) -> tuple[str, dict[str, Any]]:
        table = self.table()
        request = self.guarded({"TableName": table, "Item": self.item(table)}, Expression())
        return "put_item", request | {"ReturnValues": self.random.choice(("NONE", "ALL_OLD"))}

    def update(self) -> tuple[str, dict[str, Any]]:
        expression = Expression()
        request = {"TableName": self.table(), "Key": self.key(), "UpdateExpression": self.assignments(expression)}
        wanted = ("NONE", "ALL_OLD", "ALL_NEW", *(() if "doc" in request["UpdateExpression"] else ("UPDATED_NEW",)))
        return "update_item", self.guarded(request, expression) | {"ReturnValues": self.random.choice(wanted)}

    def delete(self) -> tuple[str, dict[str, Any]]:
        request = self.guarded({"TableName": self.table(), "Key": self.key()}, Expression())
        return "delete_item", request | {"ReturnValues": "ALL_OLD"}

    def member(self) -> dict[str, Any]:
        expression, table = Expression(), self.table()
        match self.random.randrange(5):
            case 0 | 1:
                return {"Put": self.guarded({"TableName": table, "Item": self.item(table)}, expression)}
            case 2 | 3:
                request = {"TableName": table, "Key": self.key(), "UpdateExpression": self.assignments(expression)}
                return {"Update": self.guarded(request, expression)}
        request = {"TableName": table, "Key": self.key(), "ConditionExpression": self.condition(expression)}
        request |= expression.request()
        if self.random.random() < 0.5:
            return {"ConditionCheck": request}
        return {"Delete": request | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}

    def transact_write(self) -> tuple[str, dict[str, Any]]:
        many = self.random.choice((1, 1, 2, 2, 3, 4))
        request: dict[str, Any] = {"TransactItems": [self.member() for _ in range(many)]}
        if self.random.random() < 0.5:
            request["ClientRequestToken"] = f"token{self.run}-{self.seed}-{self.random.randrange(3)}"
        return "transact_write_items", request

    def query(self) -> tuple[str, dict[str, Any]]:
        expression = Expression()
        kind = self.random.choice(("primary", "primary", "posted", "listing"))
        table, hash_key, range_key = {
            "primary": (self.table(), "pk", "sk"),
            "posted": (LEDGER, "pk", "posted_at_cause"),
            "listing": (STATE, "listing_pk", "listing_sk"),
        }[kind]
        part = f"S#{self.seed}" if kind == "listing" else self.random.choice(self.partitions())
        condition = f"{hash_key} = {expression.value({'S': part})}"
        low, high = sorted(self.random.sample((*_WORDS, *_SORT_KEYS), 2))
        match self.random.randrange(5):
            case 0:
                condition += f" AND begins_with({range_key}, {expression.value({'S': low})})"
            case 1:
                condition += (
                    f" AND {range_key} BETWEEN {expression.value({'S': low})} AND {expression.value({'S': high})}"
                )
            case 2:
                comparator = self.random.choice(("=", "<", "<=", ">", ">="))
                condition += f" AND {range_key} {comparator} {expression.value({'S': low})}"
        request: dict[str, Any] = {"TableName": table, "KeyConditionExpression": condition}
        request |= {} if kind == "primary" else {"IndexName": kind}
        if kind != "listing":
            request["ConsistentRead"] = True
            if self.random.random() < 0.4:
                request["FilterExpression"] = f"n1 >= {expression.value(self.number())} OR attribute_not_exists(s1)"
            if self.random.random() < 0.3:
                request["ProjectionExpression"] = "sk, n1, doc.x, doc.l[1]"
        if self.random.random() < 0.5:
            request["Limit"] = self.random.randint(1, 3)
        if self.random.random() < 0.5:
            request["ScanIndexForward"] = False
        return "query", request | expression.request()

    def get(self) -> tuple[str, dict[str, Any]]:
        request: dict[str, Any] = {"TableName": self.table(), "Key": self.key(), "ConsistentRead": True}
        if self.random.random() < 0.4:
            request |= {"ProjectionExpression": "#n1, doc.l[0], tags", "ExpressionAttributeNames": {"#n1": "n1"}}
        return "get_item", request

    def batch_get(self) -> tuple[str, dict[str, Any]]:
        keys = [self.key() for _ in range(self.random.randint(1, 3))]
        return "batch_get_item", {"RequestItems": {self.table(): {"Keys": keys, "ConsistentRead": True}}}

    def batch_write(self) -> tuple[str, dict[str, Any]]:
        table = self.table()
        wanted: list[dict[str, Any]] = [
            {"PutRequest": {"Item": self.item(table)}}
            if self.random.random() < 0.6
            else {"DeleteRequest": {"Key": self.key()}}
            for _ in range(self.random.randint(1, 3))
        ]
        return "batch_write_item", {"RequestItems": {table: wanted}}

    def transact_get(self) -> tuple[str, dict[str, Any]]:
        gets = [{"Get": {"TableName": self.table(), "Key": self.key()}} for _ in range(self.random.randint(1, 3))]
        return "transact_get_items", {"TransactItems": gets}

    def mistaken(self) -> tuple[str, dict[str, Any]]:
        """A request that DynamoDB refuses before it looks at any item."""
        key = self.key()
        state: dict[str, Any] = {"TableName": STATE, "Key": key}
        one = {":v": {"N": "1"}}
        return self.random.choice(
            [
                ("update_item", {**state, "UpdateExpression": "SET status = :v", "ExpressionAttributeValues": one}),
                ("update_item", {**state, "UpdateExpression": "SET n1 = :w", "ExpressionAttributeValues": one}),
                ("update_item", {**state, "UpdateExpression": "SET pk = :v", "ExpressionAttributeValues": one}),
                ("update_item", {**state, "UpdateExpression": "SET listing_pk = :v", "ExpressionAttributeValues": one}),
                ("delete_item", {**state, "ConditionExpression": "#a = :v", "ExpressionAttributeValues": one}),
                ("delete_item", {**state, "ConditionExpression": "((attribute_exists(pk)))"}),
                ("delete_item", {**state, "ConditionExpression": ""}),
                ("put_item", {"TableName": STATE, "Item": {**key, "n1": {"N": "1" * 39}}}),
                ("put_item", {"TableName": STATE, "Item": {**key, "n1": {"N": "1e126"}}}),
                ("put_item", {"TableName": STATE, "Item": {"pk": {"S": f"S#{self.seed}"}}}),
                ("put_item", {"TableName": STATE, "Item": {**key, "listing_sk": {"S": ""}}}),
                ("put_item", {"TableName": STATE, "Item": {**key, "tags": {"SS": ["a", "a"]}}}),
                ("get_item", {"TableName": "Nowhere", "Key": key}),
                ("get_item", {"TableName": STATE, "Key": {"pk": {"S": "x"}}}),
                ("transact_write_items", {"TransactItems": [{"Put": {"TableName": STATE, "Item": self.key()}}] * 101}),
                (
                    "query",
                    {
                        "TableName": STATE,
                        "IndexName": "listing",
                        "KeyConditionExpression": "listing_pk = :v",
                        "ExpressionAttributeValues": {":v": {"S": "x"}},
                        "ConsistentRead": True,
                    },
                ),
            ]
        )
