"""What the emulator does not check: protection of data, queues, alarms, permissions and words of the gateway."""

import json
from typing import Any

import pytest

from cashback.adapters.dynamo.totals import GUARDED_FOR
from cashback.adapters.faults import LAST_TRY_AFTER, backoff
from cashback.adapters.webhook_sender import DEADLINE
from cashback.domain.domain_events import KINDS, SOURCE
from cashback.edge import patient_batch
from cashback.edge.sweeper import ENOUGH_TIME
from cashback.services.post_shares import PATIENCE
from cashback.services.run_group_job import WORKER_TIMEOUT
from dev.project import ROOT
from dev.template import as_written, resources, translated

PROBLEM_FIELDS = {"type", "title", "status", "code", "detail", "errors", "request_id"}
PRIVATE_WORDS = ("secret", "password", "token", "whsec_", "cbk_")
# Names of things, not what is in them.
HARMLESS_VARIABLES = {"SECRETS_KEY_ID", "ACCOUNTS_KEY_ID", "KEYS_PARAMETER"}


def properties(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource["Properties"] for name, resource in resources(kind)}


def functions() -> dict[str, dict[str, Any]]:
    return properties("AWS::Lambda::Function")


def folders() -> dict[str, str]:
    """The folder of each function, by its logical id."""
    return {
        name: resource["Properties"]["CodeUri"].removeprefix("functions/")
        for name, resource in as_written()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def alarms_on(metric: str) -> list[dict[str, Any]]:
    return [alarm for alarm in properties("AWS::CloudWatch::Alarm").values() if alarm["MetricName"] == metric]


def admin_paths() -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = properties("AWS::ApiGateway::RestApi")["AdminApi"]["Body"]["paths"]
    return paths


# ---- data


@pytest.mark.parametrize("table", ["Ledger", "State"])
@pytest.mark.row("S13")
def test_tables_can_be_restored_followed_and_not_deleted_in_production(table: str) -> None:
    definition = properties("AWS::DynamoDB::Table")[table]
    assert definition["BillingMode"] == "PAY_PER_REQUEST"
    assert definition["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert definition["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert definition["DeletionProtectionEnabled"] == {"Fn::If": ["IsProduction", True, False]}
    assert translated()["Resources"][table]["UpdateReplacePolicy"] == "Retain"


def test_history_is_a_local_index_and_lists_hold_keys_and_what_is_counted_off_them_only() -> None:
    tables = properties("AWS::DynamoDB::Table")
    (posted,) = tables["Ledger"]["LocalSecondaryIndexes"]
    assert (posted["IndexName"], posted["Projection"]) == ("posted", {"ProjectionType": "ALL"})
    assert "GlobalSecondaryIndexes" not in tables["Ledger"]
    lists = {index["IndexName"]: index["Projection"] for index in tables["State"]["GlobalSecondaryIndexes"]}
    assert lists == {
        "listing": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["outcome", "credit", "queued_at", "moved"]},
        "by_customer": {"ProjectionType": "KEYS_ONLY"},
        "due": {"ProjectionType": "KEYS_ONLY"},
    }


@pytest.mark.parametrize("key", ["SecretsKey", "AccountsKey"])
def test_keys_rotate(key: str) -> None:
    assert properties("AWS::KMS::Key")[key]["EnableKeyRotation"] is True


# ---- queues


def dead_letter_queues() -> list[str]:
    return [name for name in properties("AWS::SQS::Queue") if name.endswith("Dlq")]


@pytest.mark.parametrize("queue", properties("AWS::SQS::Queue"))
@pytest.mark.row("S34")
def test_queues_are_encrypted_and_every_one_has_a_dead_letter_queue(queue: str) -> None:
    definition = properties("AWS::SQS::Queue")[queue]
    assert definition["SqsManagedSseEnabled"] is True
    if queue in dead_letter_queues():
        assert definition["MessageRetentionPeriod"] == 14 * 24 * 3600
    else:
        target = {"Fn::GetAtt": [f"{queue}Dlq", "Arn"]}
        assert definition["RedrivePolicy"] == {"deadLetterTargetArn": target, "maxReceiveCount": 20}


@pytest.mark.parametrize("queue", dead_letter_queues())
def test_the_first_dead_letter_raises_an_alarm(queue: str) -> None:
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]: alarm
        for alarm in alarms_on("ApproximateNumberOfMessagesVisible")
    }
    assert watched[queue]["Threshold"] == 1


def sources(kind: str) -> dict[str, dict[str, Any]]:
    """The mappings of queues, or of the streams of tables."""
    found = properties("AWS::Lambda::EventSourceMapping")
    return {name: one for name, one in found.items() if one["EventSourceArn"]["Fn::GetAtt"][1] == kind}


@pytest.mark.parametrize("mapping", sources("StreamArn"))
@pytest.mark.row("F30")
def test_a_stream_has_one_reader_that_no_record_stops_for_ever_and_none_is_lost_unseen(mapping: str) -> None:
    definition = sources("StreamArn")[mapping]
    assert definition["FunctionName"] == {"Ref": "Projector"}
    assert definition["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert definition["BisectBatchOnFunctionError"] is False
    assert definition["MaximumRecordAgeInSeconds"] < 86_400
    assert definition["MaximumRetryAttempts"] == {"Ref": "ProjectorRetries"}
    assert definition["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["ProjectorDlq", "Arn"]}}}
    assert definition["StartingPosition"] == "TRIM_HORIZON"
    assert GUARDED_FOR > 2 * 86_400, "what is redriven within a stream's day is still known to be counted"


def test_the_streams_of_both_tables_are_read_and_nothing_that_their_reader_writes() -> None:
    read = {definition["EventSourceArn"]["Fn::GetAtt"][0]: definition for definition in sources("StreamArn").values()}
    assert read.keys() == {"Ledger", "State"}
    (pattern,) = (json.loads(one["Pattern"]) for one in read["State"]["FilterCriteria"]["Filters"])
    assert pattern["dynamodb"]["Keys"]["sk"]["S"] == ["ORDER", "TASK", "JOB", "PROMO", "REQUEST", "PAYOUT"]


def most_workers(mapping: dict[str, Any]) -> int:
    """How many batches of a queue are handled at once, unless a deployment says otherwise."""
    most: Any = mapping["ScalingConfig"]["MaximumConcurrency"]
    return int(as_written()["Parameters"][most["Ref"]]["Default"] if isinstance(most, dict) else most)


@pytest.mark.parametrize("mapping", sources("Arn"))
def test_batches_fail_by_message_and_are_not_waited_for(mapping: str) -> None:
    definition = properties("AWS::Lambda::EventSourceMapping")[mapping]
    assert definition["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert most_workers(definition) >= 2
    assert "MaximumBatchingWindowInSeconds" not in definition
    queue = definition["EventSourceArn"]["Fn::GetAtt"][0]
    visibility = as_written()["Parameters"][properties("AWS::SQS::Queue")[queue]["VisibilityTimeout"]["Ref"]]["Default"]
    assert visibility >= 6 * functions()[definition["FunctionName"]["Ref"]]["Timeout"]


def test_a_batch_of_chunks_ends_in_time_where_each_waits_for_capacity_as_long_as_it_may() -> None:
    batch = properties("AWS::Lambda::EventSourceMapping")["GroupJobWorkerSource"]["BatchSize"]
    assert batch * (PATIENCE + LAST_TRY_AFTER) <= functions()["GroupJobWorker"]["Timeout"]


def test_an_undo_waits_for_as_long_as_a_worker_of_the_undone_job_may_last() -> None:
    assert functions()["GroupJobWorker"]["Timeout"] == WORKER_TIMEOUT


@pytest.mark.parametrize("worker", ["ActionWorker", "CreditWorker"])
def test_a_batch_of_tasks_ends_in_time_where_it_waits_for_capacity_as_long_as_it_may(worker: str) -> None:
    batch = properties("AWS::Lambda::EventSourceMapping")[f"{worker}Source"]["BatchSize"]
    # As long as a posting may pause by itself, for each message.
    pauses = batch * sum(backoff(20, lambda: 1.0))
    assert patient_batch.PATIENCE + pauses <= functions()[worker]["Timeout"]


@pytest.mark.parametrize("table", properties("AWS::DynamoDB::Table"))
def test_a_table_is_warm_from_the_first_only_where_a_deployment_asks_for_it(table: str) -> None:
    warm = {"WriteUnitsPerSecond": {"Ref": "WarmWriteUnits"}}
    definition = properties("AWS::DynamoDB::Table")[table]
    assert definition["WarmThroughput"] == {"Fn::If": ["IsWarm", warm, {"Ref": "AWS::NoValue"}]}
    assert as_written()["Parameters"]["WarmWriteUnits"]["Default"] == 0


@pytest.mark.row("F26")
def test_no_queue_is_first_in_first_out_so_that_no_message_waits_for_another() -> None:
    for definition in properties("AWS::SQS::Queue").values():
        assert "FifoQueue" not in definition
        assert not str(definition.get("QueueName", "")).endswith(".fifo")


def test_the_rule_passes_on_every_kind_that_is_told_and_keeps_what_it_cannot_deliver() -> None:
    (rule,) = properties("AWS::Events::Rule").values()
    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert rule["EventPattern"] == {"source": [SOURCE], "detail-type": list(KINDS)}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["Notifications", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["NotificationsDlq", "Arn"]}}


def test_a_batch_of_webhooks_that_all_wait_ends_in_time() -> None:
    batch = properties("AWS::Lambda::EventSourceMapping")["NotifierSource"]["BatchSize"]
    assert 2 * batch * DEADLINE < functions()["Notifier"]["Timeout"]


# ---- schedules


def test_schedules_are_named_for_the_stack_and_keep_what_they_cannot_start() -> None:
    """SAM would leave the stack's name out, and two stacks of one account would share a schedule."""
    for definition in properties("AWS::Scheduler::Schedule").values():
        assert definition["Name"]["Fn::Sub"].startswith("${AWS::StackName}-")
        assert definition["FlexibleTimeWindow"] == {"Mode": "OFF"}
        function = definition["Target"]["Arn"]["Fn::GetAtt"][0]
        assert definition["Target"]["RoleArn"] == {"Fn::GetAtt": [f"{function}ScheduleRole", "Arn"]}
        assert definition["Target"]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [f"{function}Dlq", "Arn"]}}


def test_a_sweep_starts_every_five_minutes_and_ends_before_the_next_one() -> None:
    assert properties("AWS::Scheduler::Schedule")["SweeperSchedule"]["ScheduleExpression"] == "rate(5 minutes)"
    timeout = functions()["Sweeper"]["Timeout"]
    assert 3 * ENOUGH_TIME <= timeout * 1_000 < 5 * 60_000


def test_birthdays_are_looked_for_every_hour_and_an_hour_ends_before_the_next_one() -> None:
    assert properties("AWS::Scheduler::Schedule")["DailySchedule"]["ScheduleExpression"] == "rate(1 hour)"
    assert functions()["Daily"]["Timeout"] < 3600


@pytest.mark.parametrize("function", ["Sweeper", "Daily"])
def test_a_run_that_fails_is_kept_and_not_repeated(function: str) -> None:
    definition = properties("AWS::Lambda::EventInvokeConfig")[f"{function}Invocations"]
    assert definition["FunctionName"] == {"Ref": function}
    assert definition["Qualifier"] == "$LATEST"
    assert definition["MaximumRetryAttempts"] == 0
    assert definition["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": [f"{function}Dlq", "Arn"]}}}


def test_the_alarms_of_tasks_have_a_group_of_their_own_named_for_the_stack() -> None:
    assert properties("AWS::Scheduler::ScheduleGroup") == {
        "AlarmClockGroup": {"Name": {"Fn::Sub": "${AWS::StackName}-tasks"}}
    }


def test_the_alarm_clock_finds_its_queue_its_role_and_its_dead_letters() -> None:
    variables = functions()["ActionWorker"]["Environment"]["Variables"]
    assert {name: variables[name] for name in variables if name.startswith(("ALARM_", "SCENARIO_", "STACK_"))} == {
        "SCENARIO_ACTIONS_QUEUE_URL": {"Ref": "ScenarioActions"},
        "SCENARIO_ACTIONS_QUEUE_ARN": {"Fn::GetAtt": ["ScenarioActions", "Arn"]},
        "SCENARIO_ACTIONS_DLQ_URL": {"Ref": "ScenarioActionsDlq"},
        "ALARM_GROUP": {"Ref": "AlarmClockGroup"},
        "ALARM_ROLE_ARN": {"Fn::GetAtt": ["AlarmClockRole", "Arn"]},
        "ALARM_DLQ_ARN": {"Fn::GetAtt": ["AlarmClockDlq", "Arn"]},
        "STACK_NAME": {"Ref": "AWS::StackName"},
    }


def test_every_function_that_is_invoked_asynchronously_says_what_becomes_of_a_failure() -> None:
    scheduled = {s["Target"]["Arn"]["Fn::GetAtt"][0] for s in properties("AWS::Scheduler::Schedule").values()}
    said = {config["FunctionName"]["Ref"] for config in properties("AWS::Lambda::EventInvokeConfig").values()}
    assert scheduled == said


# ---- functions


@pytest.mark.parametrize("function", functions())
def test_every_function_logs_json_to_a_group_of_its_own_that_forgets(function: str) -> None:
    logging = functions()[function]["LoggingConfig"]
    assert (logging["LogFormat"], logging["LogGroup"]) == ("JSON", {"Ref": f"{function}Logs"})
    assert "RetentionInDays" in properties("AWS::Logs::LogGroup")[f"{function}Logs"]


# The authorizer refuses by raising, so its errors say nothing; its crashes are 5xx of the API, which has an alarm.
@pytest.mark.parametrize(("metric", "unwatched"), [("Errors", {"Authorizer"}), ("Throttles", set())])
def test_every_function_has_its_alarms(metric: str, unwatched: set[str]) -> None:
    watched = [alarm["Dimensions"][0]["Value"]["Ref"] for alarm in alarms_on(metric)]
    assert sorted(watched) == sorted(set(functions()) - unwatched)


def test_every_alarm_goes_to_the_one_topic_and_is_no_alarm_of_silence() -> None:
    assert list(properties("AWS::SNS::Topic")) == ["AlarmTopic"]
    for alarm in properties("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmDescription"]


def test_an_address_is_subscribed_to_the_alarms_where_one_is_given() -> None:
    subscription = translated()["Resources"]["AlarmEmailSubscription"]
    assert subscription["Condition"] == "HasAlarmEmail"
    assert subscription["Properties"] == {
        "TopicArn": {"Ref": "AlarmTopic"},
        "Protocol": "email",
        "Endpoint": {"Ref": "AlarmEmail"},
    }


@pytest.mark.parametrize(
    ("metric", "service"),
    [
        ("LedgerDrift", "daily"),
        ("Overdue", "daily"),
        ("ReviewsLate", "daily"),
        ("DayFailed", "daily"),
        ("TotalsDrift", "daily"),
        ("RecountsBehind", "daily"),
        ("DailyCutShort", "daily"),
        ("OrdersFailed", "event_worker"),
        ("RedactRequests", "event_worker"),
    ],
)
def test_what_a_person_must_see_to_has_an_alarm_and_is_emitted_by_that_name(metric: str, service: str) -> None:
    (alarm,) = alarms_on(metric)
    assert (alarm["Namespace"], alarm["Threshold"]) == ("Cashback", 1)
    assert alarm["Dimensions"] == [{"Name": "service", "Value": service}]
    module = {"daily": "daily", "event_worker": "worker"}[service]
    code = (ROOT / "layers/shared/cashback/edge" / f"{module}.py").read_text()
    assert f'metric("{metric}"' in code or f'counted="{metric}")' in code  # by nothing but the service


@pytest.mark.parametrize("metric", ["ReadThrottleEvents", "WriteThrottleEvents"])
def test_both_tables_say_when_they_are_throttled(metric: str) -> None:
    watched = {alarm["Dimensions"][0]["Value"]["Ref"] for alarm in alarms_on(metric)}
    assert watched == set(properties("AWS::DynamoDB::Table"))


@pytest.mark.row("F29")
def test_whoever_reads_a_stream_has_an_alarm_on_falling_behind() -> None:
    mappings = properties("AWS::Lambda::EventSourceMapping").values()
    readers = {m["FunctionName"]["Ref"] for m in mappings if m["EventSourceArn"]["Fn::GetAtt"][1] == "StreamArn"}
    assert {alarm["Dimensions"][0]["Value"]["Ref"] for alarm in alarms_on("IteratorAge")} == readers


# ---- what is looked at


def dashboard() -> list[dict[str, Any]]:
    """The widgets that draw metrics; names of the stack stand in them as ``${Name}``."""
    ((_, resource),) = resources("AWS::CloudWatch::Dashboard")
    widgets: list[dict[str, Any]] = json.loads(resource["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    return [widget["properties"] for widget in widgets if widget["type"] == "metric"]


def drawn(metric: str) -> set[str]:
    """The last dimension of each line that draws a metric, wherever it is drawn."""
    found = set()
    for widget in dashboard():
        name = ""
        for line in widget["metrics"]:
            name = line[1] if len(line) > 2 else name
            if name == metric:
                found.add(next(part for part in reversed(line) if isinstance(part, str)))
    return found


@pytest.mark.parametrize("metric", ["Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"])
def test_the_dashboard_draws_every_function(metric: str) -> None:
    assert drawn(metric) == {f"${{{name}}}" for name in functions()}


def test_the_dashboard_draws_every_queue_and_how_long_its_messages_wait() -> None:
    queues = set(properties("AWS::SQS::Queue"))
    names = {name: f"${{{name}.QueueName}}" for name in queues}
    assert drawn("ApproximateNumberOfMessagesVisible") == set(names.values())
    assert drawn("ApproximateAgeOfOldestMessage") == {names[name] for name in queues - set(dead_letter_queues())}


def test_the_dashboard_draws_how_far_behind_the_streams_their_reader_is() -> None:
    assert drawn("IteratorAge") == {"${Projector}"}


def test_the_dashboard_draws_both_apis_and_both_tables() -> None:
    for metric in ("Count", "4XXError", "5XXError", "4xx", "5xx", "Latency"):
        assert drawn(metric) == {"live"}
    for metric in (
        "ConsumedReadCapacityUnits",
        "ConsumedWriteCapacityUnits",
        "ReadThrottleEvents",
        "WriteThrottleEvents",
    ):
        assert drawn(metric) == {"${Ledger}", "${State}"}


def test_the_dashboard_draws_every_figure_of_the_business_that_an_alarm_does_not_silence() -> None:
    text = json.dumps(dashboard())
    for metric in (
        "OrdersRecorded",
        "EventsIgnored",
        "WebhooksRefused",
        "ActionsDone",
        "ScenarioCredits",
        "DueSettled",
        "EventsTold",
        "WebhooksAttempted",
        "EndpointsDisabled",
    ):
        assert f'MetricName=\\"{metric}\\"' in text
    watched = [a["MetricName"] for a in properties("AWS::CloudWatch::Alarm").values() if a["Namespace"] == "Cashback"]
    for metric in watched:
        assert drawn(metric) in ({"daily"}, {"event_worker"}, {"projector"})


def test_the_runbook_names_every_dead_letter_queue_every_alarm_of_our_own_and_every_parameter() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    own = {a["MetricName"] for a in properties("AWS::CloudWatch::Alarm").values() if a["Namespace"] == "Cashback"}
    parameters = {name for name in as_written()["Parameters"] if not name.endswith("VisibilitySeconds")}
    named = {*dead_letter_queues(), *parameters, *(own - {"DayFailed"})}
    assert [name for name in sorted(named) if f"`{name}`" not in text] == []


def test_widgets_of_the_dashboard_do_not_overlap() -> None:
    ((_, resource),) = resources("AWS::CloudWatch::Dashboard")
    taken: set[tuple[int, int]] = set()
    for widget in json.loads(resource["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]:
        columns = range(widget["x"], widget["x"] + widget["width"])
        rows = range(widget["y"], widget["y"] + widget["height"])
        cells = {(x, y) for x in columns for y in rows}
        assert not cells & taken
        assert max(columns) < 24
        taken |= cells


@pytest.mark.parametrize("function", functions())
def test_calls_are_traced_by_lambda_itself_where_that_is_chosen(function: str) -> None:
    assert functions()[function]["TracingConfig"] == {"Mode": {"Ref": "Tracing"}}
    chosen = as_written()["Parameters"]["Tracing"]
    assert (chosen["Default"], chosen["AllowedValues"]) == ("PassThrough", ["PassThrough", "Active"])
    assert as_written()["Conditions"]["IsTraced"] == {"Fn::Equals": [{"Ref": "Tracing"}, "Active"]}
    (stage,) = properties("AWS::ApiGateway::Stage").values()
    assert stage["TracingEnabled"] == {"Fn::If": ["IsTraced", True, False]}


def test_both_apis_and_the_queues_are_watched() -> None:
    assert alarms_on("5XXError")
    assert alarms_on("5xx")
    waiting = {alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0] for alarm in alarms_on("ApproximateAgeOfOldestMessage")}
    assert waiting == {name for name in properties("AWS::SQS::Queue") if not name.endswith("Dlq")}


def test_every_folder_is_a_function_and_every_function_a_folder() -> None:
    on_disk = {path.name for path in (ROOT / "functions").iterdir() if path.name != "__pycache__"}
    assert on_disk == set(folders().values())
    for folder in on_disk:
        assert {path.name for path in (ROOT / "functions" / folder).iterdir()} - {"__pycache__"} == {"app.py"}


@pytest.mark.parametrize("folder", folders().values())
def test_every_function_has_a_realistic_event(folder: str) -> None:
    found = sorted((ROOT / "events").glob(f"{folder}*.json"))
    assert found, f"events/{folder}.json is missing"
    for event in found:
        assert json.loads(event.read_text())


@pytest.mark.parametrize("function", functions())
@pytest.mark.row("S31")
def test_no_secret_is_in_the_environment(function: str) -> None:
    for name, value in functions()[function]["Environment"]["Variables"].items():
        if name not in HARMLESS_VARIABLES:
            assert not any(word in f"{name}={value}".lower() for word in PRIVATE_WORDS)


@pytest.mark.row("S31")
def test_no_parameter_of_the_deploy_is_a_secret() -> None:
    assert not any("NoEcho" in parameter for parameter in as_written()["Parameters"].values())


@pytest.mark.parametrize("function", functions())
def test_every_function_finds_what_it_needs_by_name(function: str) -> None:
    variables = functions()[function]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == folders()[function]
    assert variables.keys() >= {
        "LEDGER_TABLE",
        "STATE_TABLE",
        "STORE_EVENTS_QUEUE_URL",
        "STORE_EVENTS_DLQ_URL",
        "GROUP_JOBS_QUEUE_URL",
        "GROUP_JOBS_DLQ_URL",
        "SCENARIO_ACTIONS_QUEUE_URL",
        "SCENARIO_ACTIONS_QUEUE_ARN",
        "SCENARIO_ACTIONS_DLQ_URL",
        "CREDITS_QUEUE_URL",
        "CREDITS_DLQ_URL",
        "NOTIFICATIONS_QUEUE_URL",
        "NOTIFICATIONS_DLQ_URL",
        "ALARM_GROUP",
        "ALARM_ROLE_ARN",
        "ALARM_DLQ_ARN",
        "STACK_NAME",
        "EVENT_BUS_NAME",
        "EMAIL_SENDER",
        "SECRETS_KEY_ID",
        "ACCOUNTS_KEY_ID",
        "KEYS_PARAMETER",
        "POWERTOOLS_METRICS_NAMESPACE",
    }


# ---- the two APIs


PAGES = {"/v1/docs", "/v1/openapi.json"}
"""What is the same for everyone, and says nothing of any store."""


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, operation) for path, item in admin_paths().items() for method, operation in item.items()]


@pytest.mark.parametrize(("method", "path", "operation"), operations())
@pytest.mark.row("S8", "S10b")
def test_every_admin_route_is_authorised(method: str, path: str, operation: dict[str, Any]) -> None:
    expected = "AWS_IAM" if path.startswith("/platform") else "NONE" if path in PAGES else "ApiKey"
    assert operation["security"] == [{expected: []}]
    assert expected != "NONE" or method == "get"
    assert method in {"get", "post", "patch", "delete", "put"}
    assert path.startswith(("/v1/", "/platform/"))


@pytest.mark.row("S8")
def test_the_webhook_is_the_only_route_without_authorisation_that_a_store_is_behind() -> None:
    (route,) = properties("AWS::ApiGatewayV2::Route").values()
    assert (route["RouteKey"], route["AuthorizationType"]) == ("POST /webhooks/{store_id}/{source}", "NONE")


def test_api_gateway_may_invoke_each_function_for_its_own_routes_only() -> None:
    permissions = list(properties("AWS::Lambda::Permission").values())
    assert {permission["Principal"] for permission in permissions} == {"apigateway.amazonaws.com"}
    assert all("SourceArn" in permission for permission in permissions)
    invoked = {
        permission["FunctionName"].get("Ref") or permission["FunctionName"]["Fn::GetAtt"][0]
        for permission in permissions
    }
    workers = {
        "EventWorker",
        "GroupJobWorker",
        "ActionWorker",
        "CreditWorker",
        "Daily",
        "Sweeper",
        "Projector",
        "Notifier",
    }
    assert invoked == set(functions()) - workers
    webhook = properties("AWS::Lambda::Permission")["WebhookIngestPermission"]["SourceArn"]["Fn::Sub"]
    assert webhook.endswith(":${WebhookApi}/*/POST/webhooks/{store_id}/{source}")


@pytest.mark.row("S10")
def test_keys_are_checked_by_the_authorizer_with_the_deploy_s_cache_time() -> None:
    schemes = properties("AWS::ApiGateway::RestApi")["AdminApi"]["Body"]["components"]["securitySchemes"]
    authorizer = schemes["ApiKey"]["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "token"
    assert authorizer["authorizerResultTtlInSeconds"] == 60
    assert schemes["ApiKey"]["name"] == "Authorization"


def gateway_responses() -> dict[str, dict[str, Any]]:
    body = properties("AWS::ApiGateway::RestApi")["AdminApi"]["Body"]
    responses: dict[str, dict[str, Any]] = body["x-amazon-apigateway-gateway-responses"]
    return responses


@pytest.mark.parametrize("kind", gateway_responses())
def test_the_gateway_s_own_answers_are_problems(kind: str) -> None:
    response = gateway_responses()[kind]
    problem = json.loads(response["responseTemplates"]["application/json"])
    assert problem.keys() == PROBLEM_FIELDS
    assert (problem["type"], problem["errors"]) == ("about:blank", [])
    assert problem["request_id"] == "$context.requestId"
    if not kind.startswith("DEFAULT_"):
        assert problem["status"] == int(response["statusCode"])
    headers = response["responseParameters"]
    assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    assert ("gatewayresponse.header.Retry-After" in headers) == (problem["status"] == 429)


@pytest.mark.row("103", "S7")
def test_more_calls_than_the_apis_take_are_told_to_come_again() -> None:
    """The emulator limits nothing, so that a limit that is reached is seen on AWS only."""
    (steady,) = properties("AWS::ApiGateway::Stage")["AdminApiliveStage"]["MethodSettings"]
    assert (steady["ResourcePath"], steady["HttpMethod"]) == ("/*", "*")
    assert steady["ThrottlingRateLimit"] == steady["ThrottlingBurstLimit"] == {"Ref": "ApiRequestsPerSecond"}
    (webhooks,) = properties("AWS::ApiGatewayV2::Stage").values()
    assert webhooks["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "WebhookRequestsPerSecond"}
    refused = gateway_responses()["THROTTLED"]
    assert refused["statusCode"] in {429, "429"}
    assert "gatewayresponse.header.Retry-After" in refused["responseParameters"]


@pytest.mark.row("S29")
def test_no_page_of_another_origin_may_call_either_api() -> None:
    assert "CorsConfiguration" not in next(iter(properties("AWS::ApiGatewayV2::Api").values()))
    assert not [path for path, item in admin_paths().items() if "options" in item]
    headers = [name for response in gateway_responses().values() for name in response["responseParameters"]]
    assert not [name for name in headers if "access-control" in name.lower()]


def test_every_kind_of_gateway_answer_has_words() -> None:
    assert gateway_responses().keys() >= {
        "ACCESS_DENIED",
        "AUTHORIZER_CONFIGURATION_ERROR",
        "AUTHORIZER_FAILURE",
        "BAD_REQUEST_BODY",
        "BAD_REQUEST_PARAMETERS",
        "DEFAULT_4XX",
        "DEFAULT_5XX",
        "EXPIRED_TOKEN",
        "INTEGRATION_FAILURE",
        "INTEGRATION_TIMEOUT",
        "INVALID_SIGNATURE",
        "MISSING_AUTHENTICATION_TOKEN",
        "QUOTA_EXCEEDED",
        "REQUEST_TOO_LARGE",
        "RESOURCE_NOT_FOUND",
        "THROTTLED",
        "UNAUTHORIZED",
        "UNSUPPORTED_MEDIA_TYPE",
        "WAF_FILTERED",
    }
