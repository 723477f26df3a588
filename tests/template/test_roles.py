"""Least privilege, read off the template as SAM translates it. The emulator enforces roles, but not each of these."""

from collections.abc import Iterator
from typing import Any

import pytest

from dev.template import resources

READS = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem"}
APPENDS = READS | {"dynamodb:PutItem"}
KEY_FUNCTIONS = (
    "ScenariosApi",
    "PayoutsApi",
    "ActionWorker",
    "OrdersApi",
    "CustomersApi",
    "GroupsApi",
    "SettingsApi",
    "EventWorker",
    "Sweeper",
)

MOVERS_OF_TASKS = ("EventWorker", "ScenariosApi", "ActionWorker")
STARTERS_OF_TASKS = ("EventWorker", "Daily", "ActionWorker")
ANNOUNCERS = ("CustomersApi", "OrdersApi")
"""Who settles claims and registers customers, and leaves what that starts to the worker of tasks."""
STREAMS = {"dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream", "dynamodb:ListStreams"}
POLLER = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"}

Statement = dict[str, Any]


def functions() -> dict[str, dict[str, Any]]:
    return {name: resource["Properties"] for name, resource in resources("AWS::Lambda::Function")}


def role_of(function: str) -> str:
    role: str = functions()[function]["Role"]["Fn::GetAtt"][0]
    return role


def statements(function: str) -> list[Statement]:
    role = dict(resources("AWS::IAM::Role"))[role_of(function)]["Properties"]
    return [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]


def all_statements() -> Iterator[tuple[str, Statement]]:
    for function in functions():
        for statement in statements(function):
            yield f"{function}.{statement['Sid']}", statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def names(value: Any) -> set[str]:
    """The logical ids that a resource of a statement refers to."""
    if isinstance(value, list):
        return {name for part in value for name in names(part)}
    if isinstance(value, dict):
        if "Ref" in value:
            return {value["Ref"]}
        if "Fn::GetAtt" in value:
            attribute = value["Fn::GetAtt"]
            return {attribute[0] if isinstance(attribute, list) else attribute.split(".")[0]}
        if "Fn::Sub" in value:
            return {part.split("}")[0].split(".")[0] for part in value["Fn::Sub"].split("${")[1:]}
    return set()


def actions_on(function: str, logical_id: str) -> set[str]:
    return {
        action
        for statement in statements(function)
        if logical_id in names(statement.get("Resource"))
        for action in as_list(statement["Action"])
    }


def writes(function: str) -> dict[str, tuple[str, list[str]]]:
    """What a function writes to the State table: by statement, the action and the partitions."""
    return {
        statement["Sid"]: (
            statement["Action"],
            statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"],
        )
        for statement in statements(function)
        if "State" in names(statement.get("Resource")) and not set(as_list(statement["Action"])) <= READS | STREAMS
    }


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [role_of(function) for function in functions()]
    assert len(set(roles)) == len(roles)


def test_the_only_managed_policies_write_logs_and_traces() -> None:
    roles = [role["Properties"] for _, role in resources("AWS::IAM::Role")]
    managed = [policy for role in roles for policy in role.get("ManagedPolicyArns", [])]
    allowed = ("service-role/AWSLambdaBasicExecutionRole", "policy/AWSXrayWriteOnlyAccess")
    assert all(str(policy).endswith(allowed) for policy in managed)


WILDCARDS: dict[str, Statement] = {
    # What a table's streams are asks for all of them; there is one.
    "FindTheStreams": {
        "Action": "dynamodb:ListStreams",
        "Resource": [{"Fn::Sub": "${Ledger.Arn}/stream/*"}, {"Fn::Sub": "${State.Arn}/stream/*"}],
    },
    # Schedules are named for the stack. Which group they are in is no part of what the emulator asks for.
    "SetLaterAlarms": {
        "Action": "scheduler:CreateSchedule",
        "Resource": {
            "Fn::Sub": "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/*/${AWS::StackName}-*"
        },
    },
    # A phone number is no resource, so all that can be said is which ones are not meant: whatever is one of SNS.
    "SendMessagesToPhonesAndNotToTopics": {
        "Action": "sns:Publish",
        "NotResource": {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"},
    },
    "SendMessagesToDevices": {
        "Action": "sns:Publish",
        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:endpoint/*"},
    },
    "SendEmailsFromTheOneSender": {
        "Action": "ses:SendEmail",
        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*"},
        "Condition": {"StringEqualsIfExists": {"ses:FromAddress": {"Ref": "EmailSender"}}},
    },
}
"""What no resource of the stack bounds, word for word."""


@pytest.mark.parametrize(("name", "statement"), [pytest.param(*pair, id=pair[0]) for pair in all_statements()])
@pytest.mark.row("S12")
def test_every_statement_says_why_and_is_bounded(name: str, statement: Statement) -> None:
    assert statement["Effect"] == "Allow"
    assert len(statement["Sid"]) > 8
    assert all("*" not in action for action in as_list(statement["Action"]))
    if statement["Sid"] in WILDCARDS:
        assert {name: statement[name] for name in statement if name not in {"Sid", "Effect"}} == WILDCARDS[
            statement["Sid"]
        ]
        return
    for resource in as_list(statement["Resource"]):
        assert names(resource), f"{name} names no resource of this stack: {resource}"
        assert "*" not in str(resource)


@pytest.mark.parametrize("function", functions())
@pytest.mark.row("S12", "S13", "P14")
def test_no_role_can_change_or_remove_an_entry_of_the_ledger(function: str) -> None:
    assert actions_on(function, "Ledger") <= APPENDS | STREAMS


@pytest.mark.parametrize("function", functions())
@pytest.mark.row("S12")
def test_nobody_scans_and_only_the_projector_reads_streams(function: str) -> None:
    granted = {action for statement in statements(function) for action in as_list(statement["Action"])}
    assert not {action for action in granted if "Scan" in action or "PartiQL" in action}
    reads = {action for action in granted if "Stream" in action or "Shard" in action or "Records" in action}
    assert reads == (STREAMS if function == "Projector" else set())


def test_the_projector_counts_publishes_and_touches_nothing_else() -> None:
    assert writes("Projector") == {
        "CountChangesOnce": ("dynamodb:PutItem", ["S#*#STATS", "S#*#BATCH"]),
        "MarkWhatIsCounted": ("dynamodb:UpdateItem", ["S#*#BATCH"]),
        "LetPayoutsBeFound": (["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"], ["S#*#SEARCH#payout#*"]),
    }
    assert actions_on("Projector", "Ledger") == STREAMS
    assert actions_on("Projector", "EventBus") == {"events:PutEvents"}
    assert actions_on("Projector", "ProjectorDlq") == {"sqs:SendMessage"}


@pytest.mark.parametrize("function", sorted(set(functions()) - {"Projector"}))
@pytest.mark.row("F48")
def test_only_the_projector_publishes(function: str) -> None:
    assert actions_on(function, "EventBus") == set()


@pytest.mark.parametrize(
    "function",
    sorted(
        set(functions())
        - {"EventWorker", "GroupJobWorker", "OrdersApi", "CustomersApi", "PayoutsApi", "CreditWorker", "Sweeper"}
    ),
)
def test_only_those_who_post_write_to_the_ledger(function: str) -> None:
    assert "dynamodb:PutItem" not in actions_on(function, "Ledger")


@pytest.mark.row("S6")
def test_webhook_ingest_can_queue_and_read_secrets_and_nothing_else() -> None:
    assert statements("WebhookIngest") == [
        {
            "Sid": "QueueVerifiedDeliveries",
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": {"Fn::GetAtt": ["StoreEvents", "Arn"]},
        },
        {
            "Sid": "ReadWebhookSecretsAndNothingElse",
            "Effect": "Allow",
            "Action": "dynamodb:GetItem",
            "Resource": {"Fn::GetAtt": ["State", "Arn"]},
            "Condition": {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["S#*#SEC"]},
                "ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": ["S#*#*#SEC"]},
            },
        },
        {
            "Sid": "DecryptSecretsBoundToAStore",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": {"Fn::GetAtt": ["SecretsKey", "Arn"]},
            "Condition": {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["store"]}},
        },
    ]


def test_the_authorizer_can_look_up_keys_and_nothing_else() -> None:
    (statement,) = statements("Authorizer")
    assert statement["Action"] == "dynamodb:GetItem"
    assert statement["Resource"] == {"Fn::GetAtt": ["State", "Arn"]}
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["K#*"]}}


@pytest.mark.parametrize(
    "function",
    [
        "EventWorker",
        "OrdersApi",
        "CustomersApi",
        "GroupsApi",
        "GroupJobWorker",
        "ScenariosApi",
        "PayoutsApi",
        "ActionWorker",
        "CreditWorker",
        "Notifier",
    ],
)
def test_whoever_needs_no_api_keys_reaches_items_of_stores_only(function: str) -> None:
    for statement in statements(function):
        if "State" in names(statement.get("Resource")):
            leading = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            assert all(pattern.startswith("S#*") for pattern in leading), statement["Sid"]


def test_nobody_can_delete_anything_but_what_opens_or_finds_something_or_waits() -> None:
    may = {
        name: statement["Condition"]
        for name, statement in all_statements()
        if {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} & set(as_list(statement["Action"]))
    }
    waiting = ["S#*#GUEST#*", "S#*#PR#*"]
    said = ["S#*#CONTACT#*", "S#*#FIND#*", "S#*#ACC#*"]
    people = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [*said, *waiting]}}
    watches = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["S#*#C#*", "S#*#O#*"]}}
    assert may == {
        "EventWorker.ForgetContactsAndAccountsAndEndTheWaitingOfOrders": people,
        "CustomersApi.ForgetContactsAndAccountsAndEndTheWaitingOfOrders": people,
        "Sweeper.ForgetContactsAndAccountsAndEndTheWaitingOfOrders": people,
        "Sweeper.EndWhatOpensAClosedStore": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["S#*#SEC", "S#*#HOOK", "S#*#DLV", "S#*#NTF", "K#*"]},
            "ForAllValues:StringNotLike": {
                "dynamodb:LeadingKeys": ["S#*#*#SEC", "S#*#*#HOOK", "S#*#*#DLV", "S#*#*#NTF"]
            },
        },
        "OrdersApi.EndTheWaitingOfOrders": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": waiting}},
        "GroupsApi.TakeMembersOut": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["S#*#G#*#*"]}},
        "PayoutsApi.ForgetReferencesThatWereChanged": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["S#*#REF#*"]}
        },
        "Projector.LetPayoutsBeFound": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["S#*#SEARCH#payout#*"]}},
        **{f"{function}.EndTheWatchesOfTasks": watches for function in MOVERS_OF_TASKS},
        "SettingsApi.CloseWhatADeletedKeyOpened": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["K#*"]}},
    }


@pytest.mark.parametrize("function", ["SettingsApi", "PlatformApi", "ScenariosApi", "Notifier"])
def test_whoever_sets_up_stores_and_scenarios_writes_no_account_no_order_and_no_product(function: str) -> None:
    for statement in statements(function):
        if "dynamodb:PutItem" in as_list(statement["Action"]):
            never = statement["Condition"]["ForAllValues:StringNotLike"]["dynamodb:LeadingKeys"]
            assert never == ["S#*#C#*", "S#*#O#*", "S#*#PR#*"]
    assert "dynamodb:UpdateItem" not in actions_on(function, "State")


def test_groups_api_writes_groups_jobs_and_kept_answers_and_nothing_else() -> None:
    (statement,) = [s for s in statements("GroupsApi") if "dynamodb:PutItem" in as_list(s["Action"])]
    assert statement["Condition"]["ForAllValues:StringLike"] == {
        "dynamodb:LeadingKeys": ["S#*#G#*", "S#*#J#*", "S#*#REQUEST#*"]
    }
    assert actions_on("GroupsApi", "Ledger") == set()


def test_customers_api_appends_to_the_ledger_and_reads_keys_of_stores_only() -> None:
    assert actions_on("CustomersApi", "Ledger") == {"dynamodb:Query", "dynamodb:PutItem"}
    (reading,) = [s for s in statements("CustomersApi") if "dynamodb:GetItem" in as_list(s["Action"])]
    assert reading["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["S#*"]}}


def test_secrets_of_shops_and_of_endpoints_are_sealed_by_one_function_each_and_opened_by_another() -> None:
    may = {
        action: {function for function in functions() if action in actions_on(function, "SecretsKey")}
        for action in ("kms:Encrypt", "kms:Decrypt")
    }
    assert may == {"kms:Encrypt": {"PlatformApi", "SettingsApi"}, "kms:Decrypt": {"WebhookIngest", "Notifier"}}
    bound = {
        function: statement["Condition"]["ForAllValues:StringEquals"]["kms:EncryptionContextKeys"]
        for function in may["kms:Encrypt"] | may["kms:Decrypt"]
        for statement in statements(function)
        if "SecretsKey" in names(statement.get("Resource"))
    }
    assert bound == {
        "PlatformApi": ["store"],
        "WebhookIngest": ["store"],
        "SettingsApi": ["store", "webhook_endpoint"],
        "Notifier": ["store", "webhook_endpoint"],
    }


def test_payment_accounts_have_a_key_of_their_own_and_who_holds_it_holds_no_other() -> None:
    """The names of a context are held against a condition one by one, so fewer of them pass too: {store} alone is the
    context of a shop's secret."""
    may = {function: actions_on(function, "AccountsKey") for function in functions()}
    movers = {"CustomersApi", "EventWorker"}
    assert {function: actions for function, actions in may.items() if actions} == {
        "PayoutsApi": {"kms:Decrypt"},
        **{function: {"kms:Encrypt", "kms:Decrypt"} for function in movers},
    }
    for function in ("PayoutsApi", *movers):
        assert actions_on(function, "SecretsKey") == set()
        (statement,) = [s for s in statements(function) if "AccountsKey" in names(s.get("Resource"))]
        assert statement["Condition"]["ForAllValues:StringEquals"] == {
            "kms:EncryptionContextKeys": ["store", "customer", "field"]
        }


@pytest.mark.parametrize("function", functions())
def test_only_those_who_move_payment_accounts_or_reopen_jobs_check_items_they_leave_alone(function: str) -> None:
    of = {"CustomersApi": "S#*#C#*", "EventWorker": "S#*#C#*", "GroupJobWorker": "S#*#J#*"}
    checks = [s for s in statements(function) if "dynamodb:ConditionCheckItem" in as_list(s["Action"])]
    keys = [s["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] for s in checks]
    assert keys == [[of[function]] for _ in checks if function in of]
    assert len(checks) == (function in of)


def test_the_notifier_writes_deliveries_notices_and_endpoints_and_reads_no_secret_of_a_shop() -> None:
    assert writes("Notifier") == {
        "KeepDeliveriesNoticesAndTheHealthOfEndpoints": ("dynamodb:PutItem", ["S#*#HOOK", "S#*#DLV", "S#*#NTF"])
    }
    assert actions_on("Notifier", "Ledger") == set()
    assert actions_on("Notifier", "Notifications") == {*POLLER, "sqs:SendMessage"}
    assert actions_on("Notifier", "NotificationsDlq") == {"sqs:SendMessage"}
    (reading,) = [s for s in statements("Notifier") if "dynamodb:GetItem" in as_list(s["Action"])]
    patterns = reading["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert patterns == ["S#*#CFG", "S#*#C#*", "S#*#O#*", "S#*#HOOK", "S#*#DLV"]


def test_only_the_bus_and_those_who_have_somebody_told_reach_the_queue_of_notifications() -> None:
    senders = {function for function in functions() if "sqs:SendMessage" in actions_on(function, "Notifications")}
    assert senders == {"Notifier", "SettingsApi", "Sweeper", "Daily"}
    ((_, policy),) = resources("AWS::SQS::QueuePolicy")
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["NotificationsRule", "Arn"]}}}


def test_the_reader_of_the_queue_has_what_its_poller_needs() -> None:
    assert actions_on("EventWorker", "StoreEvents") == POLLER
    assert actions_on("EventWorker", "StoreEventsDlq") == {"sqs:SendMessage"}


def test_the_worker_of_group_jobs_writes_jobs_and_accounts_and_appends_entries() -> None:
    assert writes("GroupJobWorker") == {
        "MoveAccountsJobsAndGroups": ("dynamodb:UpdateItem", ["S#*#C#*", "S#*#J#*", "S#*#G#*"]),
        "KeepJobsSnapshotsResultsAndMembers": ("dynamodb:PutItem", ["S#*#J#*", "S#*#G#*"]),
    }
    assert actions_on("GroupJobWorker", "Ledger") == {"dynamodb:GetItem", "dynamodb:PutItem"}
    assert actions_on("GroupJobWorker", "GroupJobs") == {*POLLER, "sqs:SendMessage"}
    assert actions_on("GroupJobWorker", "GroupJobsDlq") == {"sqs:SendMessage"}


@pytest.mark.parametrize("function", sorted(set(functions()) - {"GroupsApi", "GroupJobWorker", "Sweeper"}))
def test_only_those_who_run_group_jobs_send_their_steps(function: str) -> None:
    assert not actions_on(function, "GroupJobs")


def test_the_sweeper_reads_what_is_due_and_of_no_store_more_than_it_settles() -> None:
    keys = {
        statement["Sid"]: (statement["Action"], statement["Condition"])
        for statement in statements("Sweeper")
        if "State" in names(statement.get("Resource")) and statement["Action"] != "dynamodb:DeleteItem"
    }
    assert keys == {
        "FindWhatIsDue": ("dynamodb:Query", {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["D#*"]}}),
        "ListCustomersAndOrdersOfAClosedStore": (
            "dynamodb:Query",
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["S#*"]}},
        ),
        "SettleOrdersAndForgetCustomers": (
            [
                "dynamodb:GetItem",
                "dynamodb:BatchGetItem",
                "dynamodb:Query",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
            ],
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["DUE", "S#*"]}},
        ),
    }
    (index,) = [s["Resource"] for s in statements("Sweeper") if s["Sid"] == "FindWhatIsDue"]
    assert index == {"Fn::Sub": "${State.Arn}/index/due"}
    assert actions_on("Sweeper", "SweeperDlq") == {"sqs:SendMessage"}
    assert actions_on("Sweeper", "GroupJobs") == {"sqs:SendMessage"}


@pytest.mark.parametrize("function", sorted(set(functions()) - {"Sweeper", "Daily"}))
def test_only_the_sweeper_and_what_checks_it_read_what_is_due(function: str) -> None:
    assert not [s["Sid"] for s in statements(function) if str(s.get("Resource")).find("/index/due") >= 0]


def test_the_worker_of_tasks_moves_tasks_and_no_money() -> None:
    assert writes("ActionWorker") == {
        "MoveTasksAndMakePromoCodes": ("dynamodb:PutItem", ["S#*#T#*", "S#*#P#*"]),
        "KeepGuardsAndWatchesOfTasks": ("dynamodb:PutItem", ["S#*#C#*", "S#*#O#*"]),
        "NoteTheNewestOrderOfACustomer": ("dynamodb:UpdateItem", ["S#*#C#*"]),
        "EndTheWatchesOfTasks": ("dynamodb:DeleteItem", ["S#*#C#*", "S#*#O#*"]),
    }
    assert actions_on("ActionWorker", "Ledger") == set()
    assert actions_on("ActionWorker", "ScenarioActions") == {*POLLER, "sqs:SendMessage"}
    assert actions_on("ActionWorker", "ScenarioActionsDlq") == {"sqs:SendMessage"}
    assert actions_on("ActionWorker", "Credits") == {"sqs:SendMessage"}


def test_the_worker_of_credits_appends_entries_moves_accounts_and_says_so_on_tasks() -> None:
    assert writes("CreditWorker") == {
        "MoveAccounts": ("dynamodb:UpdateItem", ["S#*#C#*"]),
        "SayWhatBecameOfACredit": ("dynamodb:PutItem", ["S#*#T#*"]),
    }
    assert actions_on("CreditWorker", "Ledger") == {"dynamodb:PutItem"}
    assert actions_on("CreditWorker", "Credits") == POLLER
    assert actions_on("CreditWorker", "CreditsDlq") == {"sqs:SendMessage"}


def test_the_hourly_function_starts_tasks_and_reports_and_only_reads_the_ledger() -> None:
    assert writes("Daily") == {
        "StartTasksRememberTheDayAndReport": (
            "dynamodb:PutItem",
            ["S#*#T#*", "S#*#C#*", "S#*#CFG", "S#*#RECON"],
        ),
        "PutTotalsRight": ("dynamodb:PutItem", ["S#*#STATS"]),
    }
    assert actions_on("Daily", "Ledger") == {"dynamodb:Query"}
    assert actions_on("Daily", "DailyDlq") == {"sqs:SendMessage"}


def test_the_api_of_scenarios_writes_no_account_and_no_order() -> None:
    assert writes("ScenariosApi") == {
        "KeepScenariosCancelTasksAndRedeemPromoCodes": (
            "dynamodb:PutItem",
            ["S#*#SCN#*", "S#*#CFG", "S#*#T#*", "S#*#P#*"],
        ),
        "EndTheWatchesOfTasks": ("dynamodb:DeleteItem", ["S#*#C#*", "S#*#O#*"]),
    }
    assert actions_on("ScenariosApi", "Ledger") == set()


def test_the_api_of_payouts_appends_entries_moves_accounts_and_keeps_requests_and_payouts() -> None:
    assert writes("PayoutsApi") == {
        "MoveAccounts": ("dynamodb:UpdateItem", ["S#*#C#*"]),
        "KeepRequestsPayoutsTheirAuditTheirReferencesAndAnswers": (
            "dynamodb:PutItem",
            ["S#*#C#*", "S#*#R#*", "S#*#Y#*", "S#*#REF#*", "S#*#AUDIT#*", "S#*#REQUEST#*"],
        ),
        "ForgetReferencesThatWereChanged": ("dynamodb:DeleteItem", ["S#*#REF#*"]),
    }
    assert actions_on("PayoutsApi", "Ledger") == {"dynamodb:Query", "dynamodb:PutItem"}
    assert actions_on("PayoutsApi", "AccountsKey") == {"kms:Decrypt"}


@pytest.mark.parametrize("function", functions())
def test_only_those_who_start_tasks_set_alarms_and_pass_on_no_other_role(function: str) -> None:
    said = {statement["Sid"]: statement for statement in statements(function)}
    passed = [s for s in said.values() if "iam:PassRole" in as_list(s["Action"])]
    assert ("SetLaterAlarms" in said) == (function in STARTERS_OF_TASKS) == bool(passed)
    assert ("sqs:SendMessage" in actions_on(function, "ScenarioActions")) == (
        function in {*STARTERS_OF_TASKS, *ANNOUNCERS, "Sweeper"}
    )
    for statement in passed:
        assert statement["Resource"] == {"Fn::GetAtt": ["AlarmClockRole", "Arn"]}
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


@pytest.mark.parametrize("function", sorted(set(functions()) - {"ActionWorker", "Notifier"}))
def test_only_the_worker_of_tasks_and_the_notifier_send_messages_to_people(function: str) -> None:
    assert not {"sns:Publish", "ses:SendEmail"} & {a for s in statements(function) for a in as_list(s["Action"])}


SCHEDULED = {
    "SweeperScheduleRole": [("lambda:InvokeFunction", "Sweeper"), ("sqs:SendMessage", "SweeperDlq")],
    "DailyScheduleRole": [("lambda:InvokeFunction", "Daily"), ("sqs:SendMessage", "DailyDlq")],
    "AlarmClockRole": [("sqs:SendMessage", "ScenarioActions"), ("sqs:SendMessage", "AlarmClockDlq")],
}


@pytest.mark.parametrize("name", SCHEDULED)
def test_the_scheduler_does_for_this_account_what_it_is_for_and_nothing_else(name: str) -> None:
    role = dict(resources("AWS::IAM::Role"))[name]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    granted = [
        (statement["Action"], statement["Resource"])
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert granted == [(action, {"Fn::GetAtt": [target, "Arn"]}) for action, target in SCHEDULED[name]]


@pytest.mark.parametrize("function", KEY_FUNCTIONS)
def test_whoever_signs_cursors_or_hashes_contacts_reads_the_keys_parameter(function: str) -> None:
    arns = [
        statement["Resource"]["Fn::Sub"]
        for statement in statements(function)
        if "ssm:GetParameter" in as_list(statement["Action"])
    ]
    assert [arn.endswith(":parameter/${AWS::StackName}/keys") for arn in arns] == [True]
