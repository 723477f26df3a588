"""What functions ask of services while they run on ministack, for those who count it. Loaded by ``emulator.py``."""

import json
import threading
import time
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.lambda_runtime import Worker
from ministack.services import dynamodb


class Journal:
    """A file with a line of JSON for each call of a service by a function, and for each invocation of one."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", buffering=1)
        self.lock = threading.Lock()

    def write(self, **line: Any) -> None:
        """Add a line."""
        with self.lock:
            self.file.write(json.dumps(line) + "\n")


def keep(path: Path) -> None:
    """Write down what functions ask of services, what it costs, and what it does to items. Answers are the same, but
    for the capacity that they say was consumed."""
    journal = Journal(path)

    def journalled(service: str, handle: Any) -> Any:
        async def handled(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
            caller = iam_evaluator.request_caller_arn(headers, query)
            if ":assumed-role/" not in caller:
                return await handle(method, path, headers, body, query)
            asked = headers.get("x-amz-target", "").rpartition(".")[2] or f"{method} /{path.split('/')[1]}"
            line = {"function": caller.rpartition("/")[2], "service": service, "operation": asked, "sent": len(body)}
            if service == "dynamodb":
                data = {**json.loads(body), "ReturnConsumedCapacity": "INDEXES"}
                answer = await handle(method, path, headers, json.dumps(data).encode(), query)
                line |= {"used": json.loads(answer[2]).get("ConsumedCapacity"), "items": items_touched(asked, data)}
            else:
                answer = await handle(method, path, headers, body, query)
            if asked == "PutEvents":
                line["entries"] = len(json.loads(body)["Entries"])
            journal.write(**line, status=answer[0], at=time.time())
            return answer

        return handled

    for service, handle in list(app.SERVICE_HANDLERS.items()):
        app.SERVICE_HANDLERS[service] = journalled(service, handle)

    invoke = Worker.invoke

    def invoke_and_note(worker: Any, *request: Any, **more: Any) -> Any:
        before, began = cpu_of(worker), time.perf_counter()
        result = invoke(worker, *request, **more)
        seconds, cpu = time.perf_counter() - began, cpu_of(worker) - before
        line: dict[str, Any] = {"function": worker.config["FunctionName"], "service": "lambda", "operation": "Invoke"}
        timed = {"seconds": seconds, "cpu": cpu, "cold": bool(result.get("cold_start"))}
        line["logged"] = len((result.get("log") or "").encode())
        journal.write(**line, **timed, status=200 if result.get("status") == "ok" else 500, at=time.time())
        return result

    Worker.invoke = invoke_and_note


def cpu_of(worker: Any) -> float:
    """Seconds of CPU that a function's process has used so far; none where there is no process, or no such figure."""
    if worker._proc is None:
        return 0.0
    try:
        threads = list(Path(f"/proc/{worker._proc.pid}/task").iterdir())
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except (OSError, IndexError):
        return 0.0


def items_touched(operation: str, data: dict[str, Any]) -> list[list[Any]]:
    """What a call got or wrote: the action, the table, the item's keys, and its size now; of a query the partition.
    Where a table has no sort key, it is empty."""
    single = {"GetItem": "Get", "PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete"}
    if operation == "Query":
        values = [value["S"] for value in data["ExpressionAttributeValues"].values() if "S" in value]
        return [[operation, data["TableName"], min(values, key=lambda value: not value.startswith("S#")), "", 0]]
    if operation == "BatchGetItem":
        parts = [
            ("Get", {"TableName": table, "Key": key})
            for table, of in data["RequestItems"].items()
            for key in of["Keys"]
        ]
    elif operation == "BatchWriteItem":
        parts = [
            (kind.removesuffix("Request"), {"TableName": table, **wanted})
            for table, requests in data["RequestItems"].items()
            for request in requests
            for kind, wanted in request.items()
        ]
    elif operation in {"TransactWriteItems", "TransactGetItems"}:
        parts = [next(iter(part.items())) for part in data["TransactItems"]]
    elif operation in single:
        parts = [(single[operation], data)]
    else:
        return []
    touched = []
    for action, part in parts:
        table = dynamodb._tables[part["TableName"]]
        names = [name for name in (table["pk_name"], table["sk_name"]) if name]
        key = {name: (part.get("Key") or part["Item"])[name] for name in names}
        item = dynamodb._get_item_by_key(table, key)
        size = dynamodb._item_size_bytes(item) if item else 0
        pk, sk = [*(value["S"] for value in key.values()), ""][:2]
        touched.append([action, part["TableName"], pk, sk, size])
    return touched
