"""The template deployed for real: one emulator for each test worker, all from one saved deploy.

Tests keep apart by store: take the fixture `store` for a fresh one, and read the tables by its keys only.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dev.client import Store, wait_until
from tests.e2e.deployed import DeployedStack, start
from tests.e2e.faults import FaultyStack, faulty_stack
from tests.e2e.full_store import FullStore, furnished, plant
from tests.e2e.shop import Shop


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStack]:
    """This worker's own copy of the deployed stack.

    In the end no role may have refused anything to its function, and no function may have crashed.
    """
    deployed = start(tmp_path_factory.mktemp("stack"))
    yield deployed
    denied, crashed = deployed.denials(), deployed.crashes()
    deployed.aws.stop()
    assert (denied, crashed) == ([], [])


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyStack]:
    """A second copy, whose functions can be cut off from the services that they call; for those who ask for it."""
    with faulty_stack(tmp_path_factory.mktemp("faulty")) as found:
        yield found


@pytest.fixture(scope="session")
def make_store(stack: DeployedStack) -> Callable[..., Store]:
    """Make stores, also for fixtures that many tests share: `make_store(currency="JPY", settings={...})`."""

    def make(**fields: Any) -> Store:
        return stack.platform.create_store(f"t-{uuid.uuid4().hex[:20]}", **fields)

    return make


@pytest.fixture
def new_store(make_store: Callable[..., Store]) -> Callable[..., Store]:
    """The same, for one test."""
    return make_store


@pytest.fixture
def store(make_store: Callable[..., Store]) -> Store:
    """A fresh store with the default settings, in USD."""
    return make_store()


@pytest.fixture
def shop(stack: DeployedStack, store: Store) -> Shop:
    """The storefront of the fresh store."""
    return Shop(stack, store)


@pytest.fixture
def new_shop(stack: DeployedStack, make_store: Callable[..., Store]) -> Callable[..., Shop]:
    """Make storefronts of new stores: `new_shop(auto_processing=False)` gives settings that are not the defaults."""

    def make(currency: str = "USD", **settings: Any) -> Shop:
        return Shop(stack, make_store(currency=currency, settings=settings))

    return make


@pytest.fixture(scope="session")
def full_store(stack: DeployedStack, make_store: Callable[..., Store]) -> FullStore:
    """A store with two things or more of every kind, which no test changes."""
    return furnished(Shop(stack, make_store()), make_store())


@pytest.fixture(scope="module")
def twin(full_store: FullStore, make_store: Callable[..., Store]) -> Store:
    """A store with the ids of the full store, which each module has for itself and may change."""
    store = make_store()
    plant(full_store.shop.stack, full_store.shop.store, store)
    return store


@pytest.fixture
def traceless(stack: DeployedStack, shop: Shop) -> Iterator[Shop]:
    """A storefront whose every call in the test must leave tables, queue and worker as they were."""
    wait_until(lambda: stack.queued(stack.store_events_queue_url) == 0)
    before = stack.snapshot(shop.store)
    yield shop
    assert stack.snapshot(shop.store) == before
    assert stack.queued(stack.store_events_queue_url) == 0
    assert stack.worker_lines(shop.store.store_id) == []
