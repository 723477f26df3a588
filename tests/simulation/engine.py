"""What DynamoDB does with a request that reached it: check, evaluate, commit all or nothing.

No faults in here but weak reads (stale, short, partial), which DynamoDB allows itself. Refusals are raised as
`Refusal`; the client in `dynamo` gives them boto3's shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.simulation.errors import Refusal, bad_parameter, invalid
from tests.simulation.programs import EMPTY, Program, bind, names_of, program
from tests.simulation.tables import EmptyIndexKey, Key, MismatchedKey, Part, Table, TableSpec
from tests.simulation.updates import changed_parts
from tests.simulation.values import admit_all, copy_of, too_big

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.simulation.clock import Clock
    from tests.simulation.faults import Faults
    from tests.simulation.values import Item, Values

type Request = dict[str, Any]

TOKEN_LIFETIME = 600.0
_FAILED = "The conditional request failed"
_UPDATE_ANSWERS = frozenset({"ALL_NEW", "UPDATED_NEW", "UPDATED_OLD"})
_MEMBERS = {
    "Put": frozenset({"Item"}),
    "Update": frozenset({"Key", "UpdateExpression"}),
    "Delete": frozenset({"Key"}),
    "ConditionCheck": frozenset({"Key", "ConditionExpression"}),
}
_OPTIONAL = frozenset(
    {
        "TableName",
        "ConditionExpression",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "ReturnValuesOnConditionCheckFailure",
    }
)
_ALLOWED = {kind: required | _OPTIONAL for kind, required in _MEMBERS.items()}


class Write(NamedTuple):
    """One committed change, for observers. `old` and `new` are the engine's own images: read, never change."""

    call: int
    table: str
    key: Key
    old: Item | None
    new: Item | None


@dataclass(slots=True)
class Prepared:
    """A write that was found well-formed: its image before, and how to make the one after."""

    kind: str
    table: Table
    key: Key
    attributes: Item
    program: Program
    values: Values
    old: Item | None
    wants_old: bool
    mismatch: str | None = None

    def holds(self) -> bool:
        condition = self.program.condition
        return condition is None or condition(self.old if self.old is not None else EMPTY, self.values)

    def image(self) -> Item | None:
        """The image after, or the refusal of what the update would store."""
        if self.kind == "Put":
            new = self.attributes
        elif self.kind == "Update":
            base = self.old if self.old is not None else self.attributes
            update = self.program.update
            new = dict(base) if update is None else update(base, self.values)
            if not self.program.touched.isdisjoint(self.table.key_names):
                name = min(self.program.touched & self.table.key_names)
                raise invalid(
                    f"One or more parameter values were invalid: Cannot update attribute {name}. "
                    "This attribute is part of the key"
                )
            _refuse_oversize(new, "Item size to update has exceeded the maximum allowed size")
        else:
            return None if self.kind == "Delete" else self.old
        if (mismatch := self.table.index_key_error(new)) is not None:
            raise invalid(mismatch)
        return new

    def signature(self) -> tuple[Any, ...]:
        return self.kind, self.table.name, self.key, self.attributes, self.program, self.values, self.wants_old


def _refuse_oversize(item: Item, message: str) -> None:
    if too_big(item):
        raise invalid(message)


class Engine:
    """Tables in memory. Single-threaded: interleaving happens only between calls, as between DynamoDB's commits."""

    def __init__(self, specs: Iterable[TableSpec], clock: Clock, faults: Faults) -> None:
        self.clock = clock
        self.faults = faults
        self.tables = {spec.name: Table(spec, clock.monotonic) for spec in specs}
        self.observers: list[Callable[[Write], None]] = []
        self.inconsistent: set[tuple[str, Part]] = set()
        """What was read without asking for consistency where it can be had: each table with the hash key."""
        self._tokens: dict[str, tuple[float, list[tuple[Any, ...]]]] = {}

    def table(self, name: str) -> Table:
        try:
            return self.tables[name]
        except KeyError:
            raise Refusal("ResourceNotFoundException", "Requested resource not found") from None

    def prepare(self, kind: str, request: Mapping[str, Any]) -> Prepared:
        table = self.table(request["TableName"])
        condition, update = request.get("ConditionExpression"), request.get("UpdateExpression")
        names = names_of(request, expressions=condition is not None or update is not None)
        compiled = program(condition, update, names)
        values = bind(request, compiled.used_values, compiled.checks, compiled.slot)
        is_put = kind == "Put"
        attributes = admit_all(request["Item" if is_put else "Key"])
        wants_old = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        try:
            key = table.key_of(attributes, exact=not is_put)
        except MismatchedKey as mismatch:
            return Prepared(kind, table, ("", id(request)), attributes, compiled, values, None, False, str(mismatch))
        if is_put:
            _refuse_oversize(attributes, "Item size has exceeded the maximum allowed size")
        return Prepared(kind, table, key, attributes, compiled, values, table.get(key), wants_old)

    def _commit(self, prepared: Prepared, new: Item | None, call: int) -> None:
        prepared.table.write(prepared.key, prepared.old, new)
        write = Write(call, prepared.table.name, prepared.key, prepared.old, new)
        for observe in self.observers:
            observe(write)

    def write_one(self, kind: str, request: Request, call: int) -> dict[str, Any]:
        wanted = request.get("ReturnValues", "NONE")
        if wanted not in ("NONE", "ALL_OLD") and (kind != "Update" or wanted not in _UPDATE_ANSWERS):
            raise invalid("ReturnValues can only be ALL_OLD or NONE")
        prepared = self.prepare(kind, request)
        if prepared.mismatch is not None:
            raise invalid(prepared.mismatch)
        old = prepared.old
        if not prepared.holds():
            image = {"Item": copy_of(old)} if old is not None and prepared.wants_old else {}
            raise Refusal("ConditionalCheckFailedException", _FAILED, {"message": _FAILED, **image})
        new = prepared.image()
        if new is not None or old is not None:
            self._commit(prepared, new, call)
        shown = _returned(wanted, prepared, new)
        return {"Attributes": copy_of(shown)} if shown else {}

    def transact_write(self, request: Request, call: int, conflict: bool = False) -> dict[str, Any]:
        actions = [self._member(member) for member in _members(request["TransactItems"])]
        token = request.get("ClientRequestToken")
        now = self.clock.monotonic()
        signature = [action.signature() for action in actions] if token is not None else []
        if token is not None and self._replayed(token, signature, now):
            return {}
        _refuse_same_item(actions)
        images: list[Item | None] = []
        reasons: dict[int, dict[str, Any]] = {}
        for position, action in enumerate(actions):
            if action.mismatch is not None:
                reasons[position] = {"Code": "ValidationError", "Message": action.mismatch}
            elif not action.holds():
                reasons[position] = {"Code": "ConditionalCheckFailed", "Message": _FAILED}
                if action.wants_old and action.old is not None:
                    reasons[position]["Item"] = copy_of(action.old)
            else:
                try:
                    images.append(action.image())
                except EmptyIndexKey:
                    raise
                except Refusal as refusal:
                    reasons[position] = {"Code": "ValidationError", "Message": refusal.message}
        if conflict:
            self._conflict(reasons, len(actions))
        if reasons:
            raise cancelled([reasons.get(position, {"Code": "None"}) for position in range(len(actions))])
        for action, new in zip(actions, images, strict=True):
            if action.kind != "ConditionCheck" and (new is not None or action.old is not None):
                self._commit(action, new, call)
        if token is not None:
            self._tokens[token] = (now, signature)
        return {}

    def batch_write(self, request: Request, call: int) -> dict[str, Any]:
        wanted = [(name, one) for name, some in request["RequestItems"].items() for one in some]
        if not wanted or any(not some for some in request["RequestItems"].values()):
            bad_parameter("Invalid length for parameter RequestItems, value: 0, valid min length: 1")
        if len(wanted) > 25:
            raise invalid("Map value must satisfy constraint: [Member must have length less than or equal to 25]")
        actions = [self._batched(name, one) for name, one in wanted]
        for action in actions:
            if action.mismatch is not None:
                raise invalid(action.mismatch)
        if len({(action.table.name, action.key) for action in actions}) < len(actions):
            raise invalid("Provided list of item keys contains duplicates")
        images = [action.image() for action in actions]
        order = list(range(len(actions)))
        served = len(order)
        if self.faults.chance("partial"):
            self.faults.random.shuffle(order)
            served = self.faults.random.randrange(len(order))
        for position in order[:served]:
            if images[position] is not None or actions[position].old is not None:
                self._commit(actions[position], images[position], call)
        left: dict[str, Any] = {}
        for name, one in (wanted[position] for position in order[served:]):
            left.setdefault(name, []).append(one)
        return {"UnprocessedItems": left}

    def _batched(self, name: str, request: Mapping[str, Any]) -> Prepared:
        """Of a batch each part is a put or a delete, and none has a condition."""
        parts = {"PutRequest": ("Put", "Item"), "DeleteRequest": ("Delete", "Key")}
        if len(request) != 1 or not request.keys() <= parts.keys():
            bad_parameter(f"Unknown parameter in RequestItems: {sorted(request)}")
        ((spelled, wanted),) = request.items()
        kind, named = parts[spelled]
        if wanted.keys() != {named}:
            bad_parameter(f"Unknown parameter in RequestItems: {spelled} {sorted(wanted)}")
        return self.prepare(kind, {"TableName": name, **wanted})

    def _member(self, member: Mapping[str, Any]) -> Prepared:
        if len(member) != 1:
            raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
        ((kind, request),) = member.items()
        allowed = _ALLOWED.get(kind)
        if allowed is None or not request.keys() <= allowed:
            bad_parameter(f"Unknown parameter in TransactItems: {kind} {sorted(request.keys() - (allowed or set()))}")
        if not request.keys() >= _MEMBERS[kind]:
            bad_parameter(f"Missing required parameter in TransactItems.{kind}")
        return self.prepare(kind, request)

    def _replayed(self, token: str, signature: list[tuple[Any, ...]], now: float) -> bool:
        """A token is remembered for ten minutes after the request that used it; later it is a new request."""
        if not 1 <= len(token) <= 36:
            raise invalid("Value at 'clientRequestToken' failed to satisfy constraint: Member must have length 1 to 36")
        finished, earlier = self._tokens.get(token, (now - TOKEN_LIFETIME, None))
        if earlier is None or now - finished >= TOKEN_LIFETIME:
            return False
        if earlier != signature:
            raise Refusal(
                "IdempotentParameterMismatchException",
                "Request token already in use for another request with a different payload",
            )
        return True

    def _conflict(self, reasons: dict[int, dict[str, Any]], members: int) -> None:
        """One position in conflict; what the others would have answered is told only sometimes, as on AWS."""
        random = self.faults.random
        if random.random() < 0.5:
            reasons.clear()
        reasons[random.randrange(members)] = {
            "Code": "TransactionConflict",
            "Message": "Transaction is ongoing for the item",
        }


def _members(items: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if not items:
        bad_parameter("Invalid length for parameter TransactItems, value: 0, valid min length: 1")
    if len(items) > 100:
        raise invalid(
            "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
            "Member must have length less than or equal to 100"
        )
    return items


def _refuse_same_item(actions: list[Prepared]) -> None:
    if len({(action.table.name, action.key) for action in actions}) < len(actions):
        raise invalid("Transaction request cannot include multiple operations on one item")


def cancelled(reasons: list[dict[str, Any]]) -> Refusal:
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return Refusal("TransactionCanceledException", message, {"Message": message, "CancellationReasons": reasons})


def _returned(wanted: str, prepared: Prepared, new: Item | None) -> Item | None:
    if wanted == "NONE":
        return None
    if wanted == "ALL_OLD":
        return prepared.old
    if wanted == "ALL_NEW":
        return new
    image = new if wanted == "UPDATED_NEW" else prepared.old
    return changed_parts(prepared.program.actions, image or {})
