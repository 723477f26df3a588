"""Run a task when it is due: its actions, each apart from the others, and then its end.

A task may be fired any number of times, early, late, and by two workers at once. It begins over the revision that was
checked, so a cancellation and the run exclude each other. A run that is cut off is taken up at the first action without
an outcome. Codes and credits are made under keys that follow from the task, so they may be made again; a message may
not, so it is marked as being sent first, and nobody sends it over that mark.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import replace
from typing import Final

from msgspec import Struct, field

from cashback.domain.customers import Profile
from cashback.domain.delays import after
from cashback.domain.errors import Busy, CustomerNotFound, DomainError, MessageUnconfirmed
from cashback.domain.ledger import MOST_HOPS, Account
from cashback.domain.message_texts import AMOUNT, BALANCE, NAMELESS, PROMO_CODE, USER_NAME, filled, placeholders_of
from cashback.domain.money import Money
from cashback.domain.scenarios import Channel, Condition, Message, PromoOffer
from cashback.domain.settings import Settings
from cashback.domain.tasks import (
    Action,
    ActionOutcome,
    ActionStatus,
    CreditStep,
    Result,
    Step,
    Surroundings,
    Task,
    TaskStatus,
    acted,
    cancelled,
    cancelled_by,
    finished,
    fired,
    given_up,
)
from cashback.domain.times import Instant
from cashback.services.books import Books, Outlets
from cashback.services.time_zones import zone_of

STORE_CLOSED: Final = "store_closed"
CASHBACK_DISABLED: Final = "cashback_disabled"
CUSTOMER_NOT_FOUND: Final = "customer_not_found"
AMOUNT_ZERO: Final = "amount_zero"
PROMO_CODE_MISSING: Final = "promo_code_missing"
NO_RECIPIENT: Final = "no_recipient"

_DONE: Final = ActionOutcome(ActionStatus.DONE)
_UNCONFIRMED: Final = ActionOutcome(ActionStatus.UNCONFIRMED)
_TRIES: Final = 5


def run_task(books: Books, outlets: Outlets, store_id: str, task_id: str, now: Instant) -> str:
    """Run a task, as far as it is to be run now. Return in one word what became of it.

    An alarm that rings early is set again for the rest of the time; one for a task that was cancelled, or has ended,
    does nothing. A task that what is known by now cancels is not run.

    :raises Busy: out of reach, or contended; fired again it goes on where it was.
    :raises Exception: what made an action fail that no retry can help, once the others were tried.
    """
    for _ in range(_TRIES):
        task = books.tasks.get(store_id, task_id)
        if task is None:
            return "task_unknown"
        if task.status not in {TaskStatus.WAITING, TaskStatus.RUNNING}:
            return _ended(outlets, store_id, task, now)
        if task.due_at > now:
            outlets.alarms.set(store_id, task_id, Step.RUN, task.due_at, now)
            return "early"
        outcome = _taken_up(books, outlets, store_id, task, now)
        if outcome is not None:
            return outcome
    raise Busy("the task keeps changing")


def give_up_task(books: Books, store_id: str, task_id: str, reason: str, now: Instant) -> None:
    """Let a task that is due fail for good: what was not done is not, and it says why.

    :raises Busy: out of reach; then nothing is noted, and it stays due.
    """
    for _ in range(_TRIES):
        task = books.tasks.get(store_id, task_id)
        if task is None or (task.status is TaskStatus.WAITING and task.due_at > now):
            return
        failed = given_up(task, reason, now)
        if failed is None or books.tasks.save(store_id, task, failed):
            return
    raise Busy("the task keeps changing")


def _taken_up(books: Books, outlets: Outlets, store_id: str, task: Task, now: Instant) -> str | None:
    """Begin a task, or go on with it; None where it moved meanwhile. In a store that is closed nothing is done."""
    document = books.stores.document(store_id)
    if document.closed_at is None:
        run = _Run(books, outlets, document.settings(), task, now)
        return run.act() if task.status is TaskStatus.RUNNING else run.begin()
    if task.status is TaskStatus.WAITING:
        return _cancel(books, store_id, task, STORE_CLOSED, now)
    failed = given_up(task, STORE_CLOSED, now)
    return STORE_CLOSED if failed is not None and books.tasks.save(store_id, task, failed) else None


def _ended(outlets: Outlets, store_id: str, task: Task, now: Instant) -> str:
    """Do nothing about a task that has ended but set the alarm of its window: its run may have been cut off before."""
    if task.result is Result.AWAITING and task.window_until is not None:
        outlets.alarms.set(store_id, task.task_id, Step.CLOSE, task.window_until, now)
    return "unchanged"


class _Run(Struct):
    """One run of one task: the task as it stands in the table, and what became of its actions since.

    ``outcomes`` are not written yet: they are with the next write of the task. ``account`` was read after the task was,
    so as long as this run's writes succeed, the credit of the task is in it exactly where the task says so.
    """

    books: Books
    outlets: Outlets
    settings: Settings
    task: Task
    now: Instant
    outcomes: dict[Action, ActionOutcome] = field(default_factory=dict)
    promo_code: str | None = None
    account: Account | None = None

    @property
    def store_id(self) -> str:
        """The store of the task."""
        return self.settings.store_id

    def begin(self) -> str | None:
        """Check the task against what is known by now, and run it. None where it moved meanwhile."""
        task = self._found_customer()
        condition = cancelled_by(task, self._surroundings(task))
        if condition is not None:
            return _cancel(self.books, self.store_id, self.task, condition, self.now)
        begun = fired(task, self.now)
        if begun is None or not self.books.tasks.save(self.store_id, self.task, begun):
            return None
        self.task = begun
        return self.act()

    def act(self) -> str:
        """Do what is left to do, and end the task. A failing action never stops the others, and those that time may
        heal are tried again with the next firing."""
        failed: Exception | None = None
        for action in self.task.left:
            try:
                self._do(action)
            except DomainError as error:
                if error.retryable:
                    failed = failed or error
                else:
                    self.outcomes[action] = ActionOutcome(ActionStatus.FAILED, error.code)
            except Exception as bug:  # noqa: BLE001 - raised again once the others were tried
                failed = failed or bug
        if failed is not None:
            self._keep()
            raise failed
        return self._finish()

    # ---- what it is about

    def _found_customer(self) -> Task:
        """Return the task; that of a guest's order with whose order it is by now."""
        task = self.task
        if task.customer_id is not None or task.order_id is None:
            return task
        order = self.books.orders.get(self.store_id, task.order_id)
        return replace(task, customer_id=order.customer_id) if order else task

    def _surroundings(self, task: Task) -> Surroundings:
        known = Surroundings()
        if task.order_id is not None and set(task.cancel_on) - {Condition.ORDER_CREATED}:
            known = replace(known, order=self.books.orders.get(self.store_id, task.order_id))
        if Condition.ORDER_CREATED in task.cancel_on:
            account = self._account_of(task)
            if account is not None:
                known = replace(known, newest_order_id=account.newest_order_id, newest_order_at=account.newest_order_at)
        return known

    def _account_of(self, task: Task) -> Account | None:
        if self.account is None and task.customer_id is not None:
            with suppress(CustomerNotFound):
                self.account = self.books.ledger.live_account(self.store_id, task.customer_id)
        return self.account

    # ---- the actions

    def _do(self, action: Action) -> None:
        actions = self.task.actions
        match action:
            case Action.PROMO_CODE if actions.promo_code is not None:
                self._make_code(actions.promo_code)
            case Action.CREDIT:
                self.outcomes[action] = self._credit(actions.credit or 0)
            case Action.MESSAGE if actions.message is not None:
                self._send(actions.message)

    def _make_code(self, offer: PromoOffer) -> None:
        expires_at = after(self.now, offer.expires_in, zone_of(self.settings)) if offer.expires_in else None
        task = self.task
        made = self.books.promo_codes.make(
            self.store_id, task.scenario_id, task.task_id, task.customer_id, offer, self.now, expires_at
        )
        self.promo_code = made.code
        self.outcomes[Action.PROMO_CODE] = _DONE

    def _credit(self, amount: int) -> ActionOutcome:
        """Put the credit on its way: whoever posts it says what became of it."""
        if amount <= 0:
            return _skipped(AMOUNT_ZERO)
        if not self.settings.cashback_enabled:
            return _skipped(CASHBACK_DISABLED)
        if self.task.customer_id is None:
            return _skipped(CUSTOMER_NOT_FOUND)
        self.outlets.credits.send(CreditStep(self.store_id, self.task.task_id))
        return ActionOutcome(ActionStatus.QUEUED)

    def _send(self, message: Message) -> None:
        """Send the message, at most once: over a mark that says it may have been sent it is not.

        :raises Busy: nothing was sent.
        """
        if Action.MESSAGE in self.task.outcomes:
            self.outcomes[Action.MESSAGE] = _UNCONFIRMED
            return
        for _ in range(_TRIES):
            profile = self._profile()
            recipient = _recipient(profile, message.channel)
            missing = self._missing(message, recipient)
            if missing is not None:
                self.outcomes[Action.MESSAGE] = _skipped(missing)
                return
            text = filled(message.text, self._values(message, profile))
            marked = acted(self._merged(self.task), Action.MESSAGE, ActionOutcome(ActionStatus.SENDING))
            if self.books.tasks.save(self.store_id, self.task, marked):
                self.task = marked
                self._deliver(message.channel, recipient or "", text)
                return
            self._read_again()
        raise Busy("the task keeps changing")

    def _missing(self, message: Message, recipient: str | None) -> str | None:
        """Return what is missing to send a message, None where nothing is.

        :raises Busy: the code that stands in it is not made yet.
        """
        if PROMO_CODE in placeholders_of(message.text) and self._code() is None:
            if self._outcome(Action.PROMO_CODE) is None:
                raise Busy("there is no code yet")
            return PROMO_CODE_MISSING
        return None if recipient else NO_RECIPIENT

    def _deliver(self, channel: Channel, recipient: str, text: str) -> None:
        try:
            self.outlets.messages.send(channel, recipient, text, self.settings.name)
        except Busy:
            self._unmark()
            raise
        except MessageUnconfirmed:
            self.outcomes[Action.MESSAGE] = _UNCONFIRMED
        else:
            self.outcomes[Action.MESSAGE] = _DONE

    def _unmark(self) -> None:
        """Take back that a message is being sent, because it was not."""
        for _ in range(_TRIES):
            others = dict(self.task.outcomes)
            del others[Action.MESSAGE]
            unmarked = replace(self.task, outcomes=others, rev=self.task.rev + 1)
            if self.books.tasks.save(self.store_id, self.task, unmarked):
                self.task = unmarked
                return
            standing = self.books.tasks.get(self.store_id, self.task.task_id)
            if standing is None or standing.outcomes.get(Action.MESSAGE) != ActionOutcome(ActionStatus.SENDING):
                return
            if standing.rev > self.task.rev + 1:
                # More than its credit moved it: this may be the mark of another run, over one that was taken back.
                return
            self.task = standing

    def _profile(self) -> Profile | None:
        """Who the message is for: the customer, or whom they were merged into."""
        customer_id = self.task.customer_id
        profile = self.books.customers.get(self.store_id, customer_id) if customer_id else None
        for _ in range(MOST_HOPS):
            if profile is None or profile.merged_into is None:
                break
            profile = self.books.customers.get(self.store_id, profile.merged_into)
        return profile

    def _values(self, message: Message, profile: Profile | None) -> Mapping[str, str]:
        """What the placeholders stand for. What is on its way is in the balance, also before it is posted."""
        credit, currency = self._outcome(Action.CREDIT), self.settings.currency
        is_given = credit is not None and credit.status in {ActionStatus.QUEUED, ActionStatus.DONE}
        amount = (self.task.actions.credit or 0) if is_given else 0
        values = {
            USER_NAME: (profile.name if profile else None) or NAMELESS,
            PROMO_CODE: self._code() or "",
            AMOUNT: str(Money(amount, currency)),
        }
        if BALANCE in placeholders_of(message.text):
            account = self._account_of(self.task)
            on_its_way = amount if credit is not None and credit.status is ActionStatus.QUEUED else 0
            values[BALANCE] = str(Money((account.available if account else 0) + on_its_way, currency))
        return values

    def _outcome(self, action: Action) -> ActionOutcome | None:
        """What became of an action: whoever posts a credit knows better than who put it on its way."""
        return self._merged(self.task).outcomes.get(action)

    def _code(self) -> str | None:
        return self.promo_code or self.task.promo_code

    # ---- what is kept of it

    def _merged(self, task: Task) -> Task:
        """Return a task with what this run knows of its actions, and what it says itself where that is certain."""
        news = {action: one for action, one in self.outcomes.items() if _is_open(task.outcomes.get(action))}
        if not news and self.promo_code in {None, task.promo_code}:
            return task
        return replace(
            task,
            outcomes={**task.outcomes, **news},
            promo_code=self.promo_code or task.promo_code,
            rev=task.rev + 1,
        )

    def _read_again(self) -> None:
        """Go on with the task as it stands, where it is only its credit that moved it.

        :raises Busy: another run is at work on it, or has ended it.
        """
        standing = self.books.tasks.get(self.store_id, self.task.task_id)
        if standing is None or standing.status is not TaskStatus.RUNNING or Action.MESSAGE in standing.outcomes:
            raise Busy("another run is at work")
        self.task, self.account = standing, None

    def _keep(self) -> None:
        """Write what became of the actions so far."""
        self._write(lambda task: task)

    def _finish(self) -> str:
        """End the task, unless somebody has; its window for a success opens now."""
        zone = zone_of(self.settings)
        self._write(lambda task: finished(task, self.now, zone) if task.status is TaskStatus.RUNNING else task)
        _ended(self.outlets, self.store_id, self.task, self.now)
        return str(self.task.status)

    def _write(self, move: Callable[[Task], Task]) -> None:
        """Write what this run knows over the task as it stands.

        :raises Busy: it keeps changing.
        """
        for _ in range(_TRIES):
            moved = move(self._merged(self.task))
            if moved == self.task:
                return
            if self.books.tasks.save(self.store_id, self.task, moved):
                self.task = moved
                return
            standing = self.books.tasks.get(self.store_id, self.task.task_id)
            if standing is None:
                return
            self.task = standing
        raise Busy("the task keeps changing")


def _cancel(books: Books, store_id: str, task: Task, reason: str, now: Instant) -> str | None:
    """Cancel a task for good; None where it moved meanwhile."""
    ended = cancelled(task, reason, now)
    return "cancelled" if ended is not None and books.tasks.save(store_id, task, ended) else None


def _recipient(profile: Profile | None, channel: Channel) -> str | None:
    if profile is None:
        return None
    reached = {Channel.SMS: profile.phone, Channel.EMAIL: profile.email, Channel.PUSH: profile.push_endpoint}
    return reached[channel]


def _is_open(outcome: ActionOutcome | None) -> bool:
    """Tell whether a run may say better what became of an action than what stands there."""
    return outcome is None or outcome.status in {ActionStatus.SENDING, ActionStatus.UNCONFIRMED}


def _skipped(reason: str) -> ActionOutcome:
    return ActionOutcome(ActionStatus.SKIPPED, reason)
