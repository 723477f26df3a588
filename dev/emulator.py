"""Start ministack, the local AWS, with corrections. Runs in .tools/emulator, which dev/local_aws.py does for you.

    python dev/emulator.py --port 4566 --state .local/state        (ministack's own environment variables apply)

Each correction below was needed by a test and was checked against the version named here; a newer ministack fails to
start until they have been looked at again. Nothing in template.yaml or the functions knows of them.
"""

import argparse
import hashlib
import importlib
import importlib.metadata
import json
import os
import signal
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

VERSION = "1.5.33"


def main() -> None:
    """Patch ministack, then hand over to it."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", required=True)
    arguments.add_argument("--state", required=True)
    arguments.add_argument("--parent", type=int, help="end when this process has ended")
    arguments.add_argument("--journal", type=Path, help="write there, a line each, what functions ask of services")
    options = arguments.parse_args()
    os.environ["GATEWAY_PORT"] = options.port
    os.environ["STATE_DIR"] = options.state
    sys.argv = sys.argv[:1]  # ministack reads them too

    found = importlib.metadata.version("ministack")
    if found != VERSION:
        raise SystemExit(f"dev/emulator.py corrects ministack {VERSION} and this is {found}: check every correction")

    fire_schedules_on_time()
    answer_silent_handlers_at_once()
    unpack_layers_once()
    bury_a_worker_that_dies_at_its_start_alone()
    give_parameters_to_the_sam_transform()
    take_workers_of_queues_from_parameters()
    import_whole_rest_apis()
    retry_streams_as_lambda_does()
    keep_stream_positions_out_of_restarts()
    authorise_batches_of_messages_as_aws_does()
    name_devices_as_aws_does()
    authorise_emails_as_aws_does()
    price_reads_by_size()
    if options.journal:
        importlib.import_module("journal").keep(options.journal)  # which lies beside this file

    if options.parent:
        threading.Thread(target=end_with, args=(options.parent,), daemon=True).start()

    from ministack.app import main as serve

    serve()


def end_with(parent: int) -> None:
    """Stop when the process that started this one is gone: a killed test run leaves nothing behind."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def fire_schedules_on_time() -> None:
    """One-time schedules are looked at every second instead of every ten."""
    from ministack.services import eventbridge, scheduler

    scheduler._SCHEDULE_TICK_INTERVAL = 1
    eventbridge._SCHEDULER_TICK_INTERVAL = 1


def authorise_batches_of_messages_as_aws_does() -> None:
    """Whoever may send a message may send ten in one call: IAM knows no action SendMessageBatch."""
    from ministack.core import iam_actions

    action_of = iam_actions.extract_iam_action

    def extract(*request: Any) -> Any:
        action = action_of(*request)
        return "sqs:SendMessage" if action == "sqs:SendMessageBatch" else action

    iam_actions.extract_iam_action = extract


def authorise_emails_as_aws_does() -> None:
    """Whoever sends an e-mail needs a right on the identity that it comes from, not on everything."""
    from ministack.core import iam_actions

    resource_of = iam_actions._ses_v2_resource_arn

    def resource(method: str, path: str, body: bytes, region: str, account_id: str) -> Any:
        if path.rstrip("/") != "/v2/email/outbound-emails":
            return resource_of(method, path, body, region, account_id)
        sender = iam_actions._safe_json_field(body, "FromEmailAddress")
        return f"arn:aws:ses:{region}:{account_id}:identity/{sender}"

    iam_actions._ses_v2_resource_arn = resource


def name_devices_as_aws_does() -> None:
    """The ARN of a device for push messages says endpoint, as roles name it, where that of its application says app."""
    from ministack.services import sns

    create = sns._create_platform_endpoint

    def create_and_name(params: Any) -> tuple[int, Any, bytes]:
        status, headers, body = create(params)
        if status != 200:
            return status, headers, body
        for arn, endpoint in list(sns._platform_endpoints.items()):
            name = arn.replace(":app/", ":endpoint/", 1)
            sns._platform_endpoints[name] = {**sns._platform_endpoints.pop(arn, endpoint), "arn": name}
        return status, headers, body.replace(b":app/", b":endpoint/", 1)

    sns._create_platform_endpoint = create_and_name


def answer_silent_handlers_at_once() -> None:
    """A handler that logs nothing costs 5 ms instead of 50: the wait for a first line of its log."""
    from ministack.core.lambda_runtime import Worker

    drain = Worker._drain_stderr_bounded
    Worker._drain_stderr_bounded = lambda worker: drain(worker, first_line_wait=0.005)


def unpack_layers_once() -> None:
    """Every worker links to one unpacked copy of a layer, by its hash: a cold start takes 0.4 s instead of 3."""
    from ministack.core import lambda_runtime

    cache = Path(tempfile.gettempdir()) / "layers"
    lock = threading.Lock()

    class LayerArchive(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
            target = Path(path)
            if not target.name.startswith("layer_"):
                super().extractall(path, members, pwd)
                return
            with Path(str(self.filename)).open("rb") as archive:
                kept = cache / hashlib.file_digest(archive, "sha256").hexdigest()
            with lock:
                if not kept.is_dir():
                    unfinished = kept.with_suffix(".part")
                    super().extractall(unfinished, members, pwd)
                    unfinished.rename(kept)
            target.rmdir()
            target.symlink_to(kept)

    class ZipModule:
        ZipFile = LayerArchive

        def __getattr__(self, name: str) -> Any:
            return getattr(zipfile, name)

    lambda_runtime.zipfile = ZipModule()


def bury_a_worker_that_dies_at_its_start_alone() -> None:
    """A process that dies while it starts is the error of its own invocation; ministack ends all of its function, with
    their files, in the middle of what they do."""
    from ministack.core.lambda_runtime import Worker

    invoke = Worker.invoke

    def invoke_or_bury(worker: Any, *request: Any, **more: Any) -> Any:
        try:
            return invoke(worker, *request, **more)
        except (RuntimeError, OSError) as death:
            process, worker._proc = worker._proc, None
            if process is not None:
                process.kill()
                process.wait()
            return {"status": "error", "error": str(death), "cold_start": True, "log": ""}

    Worker.invoke = invoke_or_bury


def give_parameters_to_the_sam_transform() -> None:
    """`!Ref` of a parameter inside a SAM resource has the value of the deploy; ministack gives SAM the defaults."""
    from ministack.services.cloudformation import changesets, engine, handlers, stacks

    apply = engine._apply_transforms

    def apply_with_parameters(template: dict[str, Any], provided: Any = None, previous: Any = None) -> Any:
        values = engine._transform_parameters(template, provided, previous)
        declared = template.get("Parameters") or {}
        parameters = {
            name: {**declared[name], "Default": values.get(name, declared[name].get("Default"))} for name in declared
        }
        return apply({**template, "Parameters": parameters}, provided, previous)

    for module in (changesets, engine, handlers, stacks):
        if hasattr(module, "_apply_transforms"):
            module._apply_transforms = apply_with_parameters


def take_workers_of_queues_from_parameters() -> None:
    """A parameter is a text, of which CloudFormation makes the number that a mapping takes."""
    from ministack.services import lambda_svc

    allowed = lambda_svc._sqs_esm_concurrency

    def allowed_of_number(mapping: dict[str, Any], *more: Any) -> Any:
        scaling = {name: int(value) for name, value in (mapping.get("ScalingConfig") or {}).items()}
        return allowed({**mapping, "ScalingConfig": scaling}, *more)

    lambda_svc._sqs_esm_concurrency = allowed_of_number


def import_whole_rest_apis() -> None:
    """The body of a REST API is imported with its gateway responses, which ministack leaves out."""
    from ministack.services import apigateway_v1

    import_api = apigateway_v1._import_rest_api
    kept = ("statusCode", "responseParameters", "responseTemplates")

    def import_with_gateway_responses(spec: dict[str, Any], base: dict[str, Any] | None = None) -> Any:
        api = import_api(spec, base)
        for kind, response in spec.get("x-amazon-apigateway-gateway-responses", {}).items():
            answer = {name: value for name, value in response.items() if name in kept}
            apigateway_v1._put_gateway_response(api, kind, answer)
        return api

    apigateway_v1._import_rest_api = import_with_gateway_responses


def retry_streams_as_lambda_does() -> None:
    """Stream mappings: attempts and age are limited, batches bisected, partial answers count, none stalls another."""
    from ministack.services import dynamodb, lambda_svc

    def deliver(mapping: dict[str, Any], function: Any, _table: str, position: int, batch: list[Any]) -> None:
        records = lambda_svc._apply_filter_criteria(batch, mapping)
        deliver_until_resolved(mapping, function, records)
        with lambda_svc._dynamodb_stream_positions_lock:
            lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position + len(batch)

    def poll_one(mapping: dict[str, Any]) -> bool:
        source = mapping.get("EventSourceArn", "")
        uuid = mapping["UUID"]
        if not mapping.get("Enabled", True) or ":dynamodb:" not in source or lambda_svc._esm_inflight.get(uuid):
            return False
        table = source.split("/stream/")[0].split("/")[-1]
        function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
        if function is None or (dynamodb._tables.get(table) or {}).get("LatestStreamArn") != source:
            return False
        lambda_svc._init_stream_position(uuid, source, mapping.get("StartingPosition", "LATEST"))
        position = max(lambda_svc._dynamodb_stream_positions[uuid], dynamodb.stream_start_position(table))
        batch = dynamodb.stream_records_since(table, position, mapping.get("BatchSize", 100))
        if batch:
            lambda_svc._dispatch_esm_batch(uuid, deliver, mapping, function, table, position, batch)
        return bool(batch)

    def poll_all() -> bool:
        took = False
        for account, region, mapping in lambda_svc._iter_all_esms():
            account_token = lambda_svc._request_account_id.set(account)
            region_token = lambda_svc._request_region.set(region)
            try:
                took = poll_one(mapping) or took
            finally:
                lambda_svc._request_account_id.reset(account_token)
                lambda_svc._request_region.reset(region_token)
        return took

    lambda_svc._poll_dynamodb_streams = poll_all


def deliver_until_resolved(mapping: dict[str, Any], function: Any, records: list[Any]) -> None:
    """Deliver one batch until it succeeds or is discarded to the mapping's failure destination."""
    from ministack.services import lambda_svc

    attempts, age = mapping.get("MaximumRetryAttempts"), mapping.get("MaximumRecordAgeInSeconds")
    tries = 0
    while records:
        result = lambda_svc._execute_function(function, {"Records": records})
        records = unresolved(mapping, result, records)
        if not records:
            return
        tries += 1
        oldest = min(float(record["dynamodb"].get("ApproximateCreationDateTime", time.time())) for record in records)
        expired = age is not None and 0 < age < time.time() - oldest
        if expired or (attempts is not None and 0 <= attempts < tries):
            condition = "MaxRecordAgeExceeded" if expired else "RetryAttemptsExhausted"
            source = mapping["EventSourceArn"]
            lambda_svc._send_ddb_stream_failure_record(mapping, function, records, source, result, condition)
            return
        time.sleep(0.1)
        if mapping.get("BisectBatchOnFunctionError") and len(records) > 1:
            half = len(records) // 2
            deliver_until_resolved(mapping, function, records[:half])
            tries, records = 0, records[half:]


def unresolved(mapping: dict[str, Any], result: dict[str, Any], records: list[Any]) -> list[Any]:
    """What is left of a batch after an answer: all of it, or from the first failed record on."""
    if result.get("error"):
        return records
    body = result.get("body")
    partial = "ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or [])
    if not partial or not isinstance(body, dict):
        return []
    failed = [failure.get("itemIdentifier") for failure in body.get("batchItemFailures") or []]
    if not failed:
        return []
    sequence = [record["dynamodb"]["SequenceNumber"] for record in records]
    return records[min(sequence.index(name) if name in sequence else 0 for name in failed) :]


def keep_stream_positions_out_of_restarts() -> None:
    """Stream records are not saved but positions are: restored, a mapping would skip that many new records."""
    from ministack.services import lambda_svc

    restore = lambda_svc._restore_esm_positions

    def restore_queues_only(store: Any, kept: Any) -> None:
        if store is not lambda_svc._dynamodb_stream_positions:
            restore(store, kept)

    lambda_svc._restore_esm_positions = restore_queues_only


def price_reads_by_size() -> None:
    """A read costs a unit for each started 4 KB of all that was looked at, by half where it need not be consistent;
    ministack says one for anything, and nothing of BatchGetItem."""
    from ministack.services import dynamodb

    size, page_of, price, batch = (
        dynamodb._item_size_bytes,
        dynamodb._paginate_evaluated_items,
        dynamodb._add_consumed_capacity,
        dynamodb._batch_get_item,
    )
    # Requests are handled to their end one after the other, so this is the page of the one in hand.
    seen = [0]

    def blocks(bytes_: int) -> int:
        return max(1, -(-bytes_ // 4096))

    def paginate(items: Any, limit: Any, table: Any, index: Any = None) -> Any:
        page, more = page_of(items, limit, table, index)
        entries = [dynamodb._apply_index_projection(item, table, index) for item in page] if index else page
        seen[0] = sum(map(size, entries))
        return page, more

    def add(result: Any, data: Any, name: str, write: bool = False, **more: Any) -> None:
        price(result, data, name, write=write, **more)
        used = result.get("ConsumedCapacity")
        if write or not used:
            return
        key = data.get("Key")
        factor = blocks(size(dynamodb._get_item_by_key(dynamodb._tables[name], key) or {}) if key else seen[0])
        parts = [used, used.get("Table", {})]
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            parts += used.get(kind, {}).values()
        for part in parts:
            if "CapacityUnits" in part:
                part["CapacityUnits"] *= factor

    def batch_get(data: Any) -> Any:
        status, headers, body = batch(data)
        if status != 200 or data.get("ReturnConsumedCapacity", "NONE") == "NONE":
            return status, headers, body
        used = []
        for name, asked in data["RequestItems"].items():
            found = [dynamodb._get_item_by_key(dynamodb._tables[name], key) or {} for key in asked["Keys"]]
            units = sum(blocks(size(item)) for item in found) * (1.0 if asked.get("ConsistentRead") else 0.5)
            used.append({"TableName": name, "CapacityUnits": units})
        return status, headers, json.dumps({**json.loads(body), "ConsumedCapacity": used}).encode()

    dynamodb._paginate_evaluated_items = paginate
    dynamodb._add_consumed_capacity = add
    dynamodb._batch_get_item = batch_get


if __name__ == "__main__":
    main()
