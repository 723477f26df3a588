"""The composition root: the only place where adapters meet use cases. Lazy and cached, so that importing a handler
needs no environment but on Lambda, and a function imports only what it uses: an import inside a function here is the
point."""

from functools import cache
from typing import TYPE_CHECKING, Any

from cashback.edge import clients
from cashback.edge.clients import dynamodb, environment, events, kms, scheduler, ses, sns, sqs, ssm

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient

    from cashback.adapters.alarm_clock import AlarmClock
    from cashback.adapters.deployment_keys import DeploymentKeys
    from cashback.adapters.dynamo.api_keys import ApiKeys
    from cashback.adapters.dynamo.due import DueIndex
    from cashback.adapters.dynamo.incentive_requests import IncentiveRequests
    from cashback.adapters.dynamo.payment_accounts import PaymentAccounts
    from cashback.adapters.dynamo.payouts import Payouts
    from cashback.adapters.dynamo.promo_codes import PromoCodes
    from cashback.adapters.dynamo.reconciliations import Reconciliations
    from cashback.adapters.dynamo.stores import Stores
    from cashback.adapters.dynamo.tables import StateTable
    from cashback.adapters.dynamo.tasks import Tasks
    from cashback.adapters.dynamo.totals import Totals
    from cashback.adapters.event_bus import EventBus
    from cashback.adapters.job_queue import JobQueue
    from cashback.adapters.messages import Messages
    from cashback.adapters.notification_queue import NotificationQueue
    from cashback.adapters.queues import EventQueue
    from cashback.adapters.seals import Seals
    from cashback.adapters.secrets import WebhookSecrets
    from cashback.adapters.task_queue import TaskQueue
    from cashback.adapters.webhook_sender import WebhookSender
    from cashback.domain.money import Currency
    from cashback.services.books import Books, Desk, EndpointBooks, GroupBooks, JobBooks, Outlets, PayoutBooks, Registry


def at_start(*makers: "Callable[[], object]") -> None:
    """Make, while Lambda starts a function, what its first call works on. Anywhere else importing one makes nothing."""
    if clients.is_on_lambda():
        for make in makers:
            make()


@cache
def state_table() -> "StateTable":
    """The State table."""
    from cashback.adapters.dynamo.tables import StateTable

    return StateTable(dynamodb(), environment().state_table)


@cache
def books() -> "Books":
    """Everything the use cases work on."""
    return make_books(dynamodb(), environment().ledger_table, environment().state_table, lambda: deployment_keys().hash)


def make_books(
    client: "DynamoDBClient",
    ledger_table: str,
    state_table: str,
    hash_key: "Callable[[], bytes]",
    steps: "Callable[[], TaskQueue] | None" = None,
    make_seals: "Callable[[], Seals] | None" = None,
    **timing: Any,
) -> "Books":
    """Wire the tables; ``hash_key`` is asked for once there is a contact to hash, ``steps`` (that of the deployment
    where none is named) once there is something to be done about scenarios, ``make_seals`` (likewise) once there is a
    payment account. ``timing`` is the ledger's sleep, jitter and clock, where time is virtual."""
    from cashback.adapters.dynamo.answers import Answers
    from cashback.adapters.dynamo.audit import AuditTrail
    from cashback.adapters.dynamo.contacts import Contacts
    from cashback.adapters.dynamo.customers import Customers
    from cashback.adapters.dynamo.history import History
    from cashback.adapters.dynamo.ledger import Ledger
    from cashback.adapters.dynamo.order_lists import OrderLists
    from cashback.adapters.dynamo.orders import Orders
    from cashback.adapters.dynamo.products import Products
    from cashback.adapters.dynamo.scenarios import Scenarios
    from cashback.adapters.dynamo.stores import Stores
    from cashback.adapters.dynamo.tables import StateTable
    from cashback.adapters.dynamo.waiting import Waiting
    from cashback.services.books import Books

    state = StateTable(client, state_table)
    ledger = Ledger(client, ledger_table, state_table, **timing)
    orders = Orders(state)
    return Books(
        ledger=ledger,
        orders=orders,
        customers=Customers(state),
        contacts=Contacts(state, hash_key),
        stores=Stores(state),
        history=History(client, ledger_table, ledger),
        lists=OrderLists(state, orders),
        answers=Answers(state),
        products=Products(state),
        waiting=Waiting(state),
        audit=AuditTrail(state),
        scenarios=Scenarios(state),
        make_tasks=lambda: _tasks(state),
        make_promo_codes=lambda: _promo_codes(state, hash_key),
        make_payment_accounts=lambda: _payment_accounts(state),
        make_requests=lambda: _requests(state),
        make_payouts=lambda: _payouts(state, hash_key),
        make_seals=make_seals or account_seals,
        steps=steps or task_queue,
    )


def _tasks(state: "StateTable") -> "Tasks":
    from cashback.adapters.dynamo.tasks import Tasks

    return Tasks(state)


def _promo_codes(state: "StateTable", hash_key: "Callable[[], bytes]") -> "PromoCodes":
    from cashback.adapters.dynamo.promo_codes import PromoCodes

    return PromoCodes(state, hash_key)


def _payment_accounts(state: "StateTable") -> "PaymentAccounts":
    from cashback.adapters.dynamo.payment_accounts import PaymentAccounts

    return PaymentAccounts(state)


def _requests(state: "StateTable") -> "IncentiveRequests":
    from cashback.adapters.dynamo.incentive_requests import IncentiveRequests

    return IncentiveRequests(state)


def _payouts(state: "StateTable", hash_key: "Callable[[], bytes]") -> "Payouts":
    from cashback.adapters.dynamo.payouts import Payouts

    return Payouts(state, hash_key)


@cache
def seals() -> "Seals":
    """What encrypts the secrets of webhook endpoints."""
    from cashback.adapters.seals import Seals

    return Seals(kms, environment().secrets_key_id)


@cache
def account_seals() -> "Seals":
    """What encrypts payment accounts, under a key of their own: who opens them opens no secret."""
    from cashback.adapters.seals import Seals

    return Seals(kms, environment().accounts_key_id)


@cache
def group_books() -> "GroupBooks":
    """Groups, and the imports of their members."""
    return make_group_books(dynamodb(), environment().state_table)


def make_group_books(client: "DynamoDBClient", state_table: str, **timing: Any) -> "GroupBooks":
    """Wire the groups; ``timing`` is their sleep and jitter, where time is virtual."""
    from cashback.adapters.dynamo.group_imports import GroupImports
    from cashback.adapters.dynamo.groups import Groups
    from cashback.adapters.dynamo.tables import StateTable
    from cashback.services.books import GroupBooks

    state = StateTable(client, state_table)
    return GroupBooks(groups=Groups(state, **timing), imports=GroupImports(state))


@cache
def payout_books() -> "PayoutBooks":
    """What requests and payouts work on."""
    return make_payout_books(books(), dynamodb(), environment().state_table, lambda: deployment_keys().hash)


def make_payout_books(
    books: "Books", client: "DynamoDBClient", state_table: str, hash_key: "Callable[[], bytes]"
) -> "PayoutBooks":
    """Wire requests and payouts to the books."""
    from cashback.adapters.dynamo.payout_search import PayoutSearch
    from cashback.adapters.dynamo.tables import StateTable
    from cashback.services.books import PayoutBooks

    state = StateTable(client, state_table)
    return PayoutBooks(books, _requests(state), _payouts(state, hash_key), PayoutSearch(state, hash_key))


@cache
def secrets() -> "WebhookSecrets":
    """The shops' webhook secrets; two attempts at most, because a shop waits five seconds for the whole answer."""
    from cashback.adapters.dynamo.tables import StateTable
    from cashback.adapters.seals import Seals
    from cashback.adapters.secrets import WebhookSecrets

    table, kms = StateTable(clients.client("dynamodb", 2), environment().state_table), clients.client("kms", 2)
    return WebhookSecrets(table, Seals(lambda: kms, environment().secrets_key_id))


@cache
def event_queue() -> "EventQueue":
    """The queue of store events and its dead-letter queue."""
    from cashback.adapters.queues import EventQueue

    return EventQueue(sqs(), environment().store_events_queue_url, environment().store_events_dlq_url)


@cache
def job_queue() -> "JobQueue":
    """The queue of the steps of group jobs and its dead-letter queue."""
    from cashback.adapters.job_queue import JobQueue

    return JobQueue(sqs(), environment().group_jobs_queue_url, environment().group_jobs_dlq_url)


@cache
def job_books() -> "JobBooks":
    """What group jobs work on."""
    return make_job_books(books(), group_books(), job_queue, dynamodb(), environment().state_table)


def make_job_books(
    books: "Books",
    groups: "GroupBooks",
    queue: "Callable[[], JobQueue]",
    client: "DynamoDBClient",
    state_table: str,
    **timing: Any,
) -> "JobBooks":
    """Wire the jobs to what they work on; ``timing`` is their sleep and jitter, where time is virtual."""
    from cashback.adapters.dynamo.group_jobs import GroupJobs
    from cashback.adapters.dynamo.tables import StateTable
    from cashback.services.books import JobBooks

    return JobBooks(books, groups, GroupJobs(StateTable(client, state_table), **timing), queue)


@cache
def task_queue() -> "TaskQueue":
    """The queue of what is to be done about tasks and its dead-letter queue."""
    from cashback.adapters.task_queue import TaskQueue

    return TaskQueue(sqs(), environment().scenario_actions_queue_url, environment().scenario_actions_dlq_url)


@cache
def credit_queue() -> "TaskQueue":
    """The queue of the credits that tasks give and its dead-letter queue."""
    from cashback.adapters.task_queue import TaskQueue

    return TaskQueue(sqs(), environment().credits_queue_url, environment().credits_dlq_url)


@cache
def alarm_clock() -> "AlarmClock":
    """What makes tasks run when they are due."""
    from cashback.adapters.alarm_clock import AlarmClock

    names = environment()
    return AlarmClock(
        task_queue(),
        scheduler,
        queue_arn=names.scenario_actions_queue_arn,
        dlq_arn=names.alarm_dlq_arn,
        role_arn=names.alarm_role_arn,
        group=names.alarm_group,
        name_prefix=names.stack_name,
    )


@cache
def outlets() -> "Outlets":
    """What a task reaches besides the tables."""
    from cashback.services.books import Outlets

    return Outlets(alarm_clock(), credit_queue(), messages())


@cache
def messages() -> "Messages":
    """What sends messages to people."""
    from cashback.adapters.messages import Messages

    return Messages(sns, ses, environment().email_sender)


@cache
def notification_queue() -> "NotificationQueue":
    """The queue of what is to be told, and its dead-letter queue."""
    from cashback.adapters.notification_queue import NotificationQueue

    return NotificationQueue(sqs(), environment().notifications_queue_url, environment().notifications_dlq_url)


@cache
def endpoint_books() -> "EndpointBooks":
    """The shops' endpoints and what is sent to them."""
    return make_endpoint_books(dynamodb(), environment().state_table, seals(), notification_queue)


def make_endpoint_books(
    client: "DynamoDBClient",
    state_table: str,
    seals: "Seals",
    queue: "Callable[[], NotificationQueue]",
) -> "EndpointBooks":
    """Wire the endpoints."""
    from cashback.adapters.dynamo.deliveries import Deliveries
    from cashback.adapters.dynamo.endpoints import Endpoints
    from cashback.adapters.dynamo.tables import StateTable
    from cashback.services.books import EndpointBooks

    state = StateTable(client, state_table)
    return EndpointBooks(Endpoints(state), Deliveries(state), seals, queue)


@cache
def webhook_sender() -> "WebhookSender":
    """What calls the shops' endpoints: port 443 of the open internet, wherever this runs."""
    from cashback.adapters.webhook_sender import WebhookSender, addresses_of, trusted
    from cashback.domain.outgoing import is_public

    return WebhookSender(addresses_of, is_public, cache(trusted))


@cache
def desk() -> "Desk":
    """What the notifier works on."""
    from cashback.adapters.dynamo.notices import Notices
    from cashback.services.books import Desk

    notices = Notices(state_table())
    return Desk(books(), endpoint_books(), notices, messages(), webhook_sender)


@cache
def due() -> "DueIndex":
    """The index of what comes due."""
    from cashback.adapters.dynamo.due import DueIndex

    return DueIndex(state_table())


@cache
def stores() -> "Stores":
    """The stores' settings alone, for what needs no more of the books."""
    from cashback.adapters.dynamo.stores import Stores

    return Stores(state_table())


@cache
def totals() -> "Totals":
    """The totals of days."""
    from cashback.adapters.dynamo.totals import Totals

    return Totals(state_table())


@cache
def event_bus() -> "EventBus":
    """The bus of domain events."""
    from cashback.adapters.event_bus import EventBus

    return EventBus(events(), environment().event_bus_name)


@cache
def reconciliations() -> "Reconciliations":
    """How far the comparisons of balances with their entries are, and what they came to."""
    from cashback.adapters.dynamo.reconciliations import Reconciliations

    return Reconciliations(state_table())


@cache
def api_keys() -> "ApiKeys":
    """The stores' API keys."""
    from cashback.adapters.dynamo.api_keys import ApiKeys

    return ApiKeys(state_table())


@cache
def registry() -> "Registry":
    """Where stores, their keys and their secrets are kept."""
    from cashback.adapters.deployment_keys import DeploymentKeyStore
    from cashback.services.books import Registry

    return Registry(
        stores=books().stores,
        api_keys=api_keys(),
        secrets=secrets(),
        deployment=DeploymentKeyStore(ssm(), environment().keys_parameter),
    )


@cache
def deployment_keys() -> "DeploymentKeys":
    """The keys that sign cursors and hash contacts, read once: they never change."""
    from cashback.adapters.deployment_keys import DeploymentKeyStore

    return DeploymentKeyStore(ssm(), environment().keys_parameter).read()


def currency(code: str) -> "Currency":
    """Look a currency up in ISO 4217, whose table is only worth its import when a store is created."""
    from cashback.adapters.currencies import currency_of

    return currency_of(code)
