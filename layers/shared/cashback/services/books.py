"""What the use cases work on: the tables of one deployment, handed to every use case as one argument."""

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from cashback.adapters.alarm_clock import AlarmClock
    from cashback.adapters.deployment_keys import DeploymentKeyStore
    from cashback.adapters.dynamo.answers import Answers
    from cashback.adapters.dynamo.api_keys import ApiKeys
    from cashback.adapters.dynamo.audit import AuditTrail
    from cashback.adapters.dynamo.contacts import Contacts
    from cashback.adapters.dynamo.customers import Customers
    from cashback.adapters.dynamo.deliveries import Deliveries
    from cashback.adapters.dynamo.endpoints import Endpoints
    from cashback.adapters.dynamo.group_imports import GroupImports
    from cashback.adapters.dynamo.group_jobs import GroupJobs
    from cashback.adapters.dynamo.groups import Groups
    from cashback.adapters.dynamo.history import History
    from cashback.adapters.dynamo.incentive_requests import IncentiveRequests
    from cashback.adapters.dynamo.ledger import Ledger
    from cashback.adapters.dynamo.notices import Notices
    from cashback.adapters.dynamo.order_lists import OrderLists
    from cashback.adapters.dynamo.orders import Orders
    from cashback.adapters.dynamo.payment_accounts import PaymentAccounts
    from cashback.adapters.dynamo.payout_search import PayoutSearch
    from cashback.adapters.dynamo.payouts import Payouts
    from cashback.adapters.dynamo.products import Products
    from cashback.adapters.dynamo.promo_codes import PromoCodes
    from cashback.adapters.dynamo.scenarios import Scenarios
    from cashback.adapters.dynamo.stores import Stores
    from cashback.adapters.dynamo.tasks import Tasks
    from cashback.adapters.dynamo.waiting import Waiting
    from cashback.adapters.job_queue import JobQueue
    from cashback.adapters.messages import Messages
    from cashback.adapters.notification_queue import NotificationQueue
    from cashback.adapters.seals import Seals
    from cashback.adapters.secrets import WebhookSecrets
    from cashback.adapters.task_queue import TaskQueue
    from cashback.adapters.webhook_sender import WebhookSender


class Books(Struct, frozen=True):
    """The ledger and the documents that postings come from. What tasks, payment accounts and payouts are kept in is
    made once it is asked for: most events have to do with none, and a cold start does not pay for it."""

    ledger: "Ledger"
    orders: "Orders"
    customers: "Customers"
    contacts: "Contacts"
    stores: "Stores"
    history: "History"
    lists: "OrderLists"
    answers: "Answers"
    products: "Products"
    waiting: "Waiting"
    audit: "AuditTrail"
    scenarios: "Scenarios"
    steps: "Callable[[], TaskQueue]"
    """The queue of what is to be done about scenarios, asked for once there is something."""
    make_tasks: "Callable[[], Tasks]"
    make_promo_codes: "Callable[[], PromoCodes]"
    make_payment_accounts: "Callable[[], PaymentAccounts]"
    make_requests: "Callable[[], IncentiveRequests]"
    make_payouts: "Callable[[], Payouts]"
    make_seals: "Callable[[], Seals]"

    @property
    def tasks(self) -> "Tasks":
        """The tasks of scenarios."""
        return self.make_tasks()

    @property
    def promo_codes(self) -> "PromoCodes":
        """The promo codes that tasks made."""
        return self.make_promo_codes()

    @property
    def payment_accounts(self) -> "PaymentAccounts":
        """Where customers are paid."""
        return self.make_payment_accounts()

    @property
    def requests(self) -> "IncentiveRequests":
        """What customers ask to be paid."""
        return self.make_requests()

    @property
    def payouts(self) -> "Payouts":
        """The payouts of that."""
        return self.make_payouts()

    @property
    def seals(self) -> "Seals":
        """What encrypts the fields of payment accounts."""
        return self.make_seals()


class GroupBooks(Struct, frozen=True):
    """Groups, beside the books: only what works on groups pays for their import."""

    groups: "Groups"
    imports: "GroupImports"


class JobBooks(Struct, frozen=True):
    """What group jobs work on: the books, the groups, the jobs themselves, and the queue of their steps, which is asked
    for once there is one to send."""

    books: Books
    groups: GroupBooks
    jobs: "GroupJobs"
    queue: "Callable[[], JobQueue]"


class PayoutBooks(Struct, frozen=True):
    """What requests and payouts work on: the books, their documents, and the index of their words."""

    books: Books
    requests: "IncentiveRequests"
    payouts: "Payouts"
    search: "PayoutSearch"


class Outlets(Struct, frozen=True):
    """What a task reaches besides the tables."""

    alarms: "AlarmClock"
    credits: "TaskQueue"
    messages: "Messages"


class EndpointBooks(Struct, frozen=True):
    """The shops' endpoints, their secrets, and what is sent to them; the queue is asked for once there is something."""

    endpoints: "Endpoints"
    deliveries: "Deliveries"
    seals: "Seals"
    queue: "Callable[[], NotificationQueue]"


class Desk(Struct, frozen=True):
    """What the notifier works on, and whom it reaches. ``sender`` is asked for once a webhook goes out."""

    books: Books
    outgoing: EndpointBooks
    notices: "Notices"
    messages: "Messages"
    sender: "Callable[[], WebhookSender]"


class Registry(Struct, frozen=True):
    """Where stores, their keys and their secrets are kept."""

    stores: "Stores"
    api_keys: "ApiKeys"
    secrets: "WebhookSecrets"
    deployment: "DeploymentKeyStore"
