"""Webhook secrets: read, kept while the table is away, rotated."""

from typing import Any, cast

import pytest
from botocore.exceptions import ConnectTimeoutError

from cashback.adapters.dynamo import store_keys
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.keys import Key
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.seals import Seals
from cashback.adapters.secrets import FRESH, LAST_KNOWN, PAUSE, WebhookSecrets
from cashback.domain.errors import Busy
from tests.simulation.errors import client_error

DENIED = client_error("kms", "Decrypt", "AccessDeniedException", "injected", {})
AWAY = ConnectTimeoutError(endpoint_url="https://kms")


class Kms:
    """Encrypts by naming the context, and refuses to decrypt for another one."""

    def __init__(self) -> None:
        self.decrypted = 0
        self.failure: Exception | None = None

    def encrypt(self, KeyId: str, Plaintext: bytes, EncryptionContext: dict[str, str]) -> dict[str, Any]:
        if self.failure:
            raise self.failure
        return {"CiphertextBlob": b"|".join([KeyId.encode(), EncryptionContext["store"].encode(), Plaintext[::-1]])}

    def decrypt(self, KeyId: str, CiphertextBlob: bytes, EncryptionContext: dict[str, str]) -> dict[str, Any]:
        if self.failure:
            raise self.failure
        self.decrypted += 1
        key, store, secret = CiphertextBlob.split(b"|")
        if (key.decode(), store.decode()) != (KeyId, EncryptionContext["store"]):
            raise DENIED
        return {"Plaintext": secret[::-1]}


class Table:
    """Items by key; ``commit`` obeys the two conditions that secrets use."""

    def __init__(self) -> None:
        self.items: dict[Key, dict[str, Any]] = {}
        self.reads = 0
        self.failure: Exception | None = None

    def get(self, key: Key) -> dict[str, Any] | None:
        self.reads += 1
        if self.failure:
            raise self.failure
        return self.items.get(key)

    def put(self, item: dict[str, Any], condition: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"item": item, "condition": condition, "values": values or {}}

    def commit(self, write: dict[str, Any]) -> bool:
        item = write["item"]
        key = Key(item["pk"], item["sk"])
        standing = self.items.get(key)
        if write["condition"] == "attribute_not_exists(pk)":
            holds = standing is None
        else:
            assert write["condition"] == "current_secret IN (:standing, :new)"
            holds = standing is not None and standing["current_secret"] in write["values"].values()
        if holds:
            self.items[key] = item
        return holds


class World:
    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.table = Table()
        self.kms = Kms()
        seals = Seals(lambda: cast("Any", self.kms), "key")
        self.secrets = WebhookSecrets(cast("Any", self.table), seals, clock=lambda: self.now)

    def read(self) -> tuple[str, ...]:
        return self.secrets.read("demo", "shopify")

    def first(self, secret: str = "one") -> None:
        assert self.table.commit(self.secrets.first("demo", "shopify", secret))

    def rotate(self, secret: str, **options: bool) -> None:
        assert self.table.commit(self.secrets.rotated("demo", "shopify", secret, **options))
        self.now += FRESH


@pytest.fixture
def world() -> World:
    return World()


def test_a_secret_is_stored_encrypted_for_its_store(world: World) -> None:
    world.first("plain text")
    ((key, item),) = world.table.items.items()
    assert key == store_keys.webhook_secret("demo", "shopify")
    assert key.pk == "S#demo#SEC"
    assert item["current_secret"].startswith(b"key|demo|")
    assert b"plain text" not in item["current_secret"]
    assert world.read() == ("plain text",)


def test_a_first_secret_never_replaces_one(world: World) -> None:
    world.first("one")
    assert not world.table.commit(world.secrets.first("demo", "shopify", "two"))
    assert world.read() == ("one",)


@pytest.mark.row("F16")
def test_a_read_is_good_for_a_minute_also_where_there_is_nothing(world: World) -> None:
    assert world.read() == ()
    world.first()
    world.now += FRESH - 1
    assert world.read() == ()
    assert world.table.reads == 1
    world.now += 1
    assert world.read() == ("one",)
    assert world.read() == ("one",)
    assert world.table.reads == 2


@pytest.mark.row("F41", "S3")
def test_rotation_keeps_the_previous_secret_until_told_otherwise(world: World) -> None:
    world.first("one")
    world.rotate("two")
    assert world.read() == ("two", "one")
    world.rotate("three")
    assert world.read() == ("three", "two")
    world.rotate("four", keep_previous=False)
    assert world.read() == ("four",)


def test_rotation_makes_the_first_secret_where_there_is_none(world: World) -> None:
    world.rotate("one")
    assert world.read() == ("one",)


def test_a_rotation_sent_twice_loses_no_secret(world: World) -> None:
    world.first("one")
    write = world.secrets.rotated("demo", "shopify", "two")
    assert world.table.commit(write)
    assert world.table.commit(write)
    assert world.read() == ("two", "one")


def test_the_slower_of_two_rotations_fails(world: World) -> None:
    world.first("one")
    slower = world.secrets.rotated("demo", "shopify", "two")
    world.rotate("three")
    assert not world.table.commit(slower)
    assert world.read() == ("three", "one")


def test_only_new_ciphertexts_are_decrypted(world: World) -> None:
    world.first("one")
    world.read()
    world.now += FRESH
    world.read()
    assert world.kms.decrypted == 1
    world.rotate("two")
    assert world.read() == ("two", "one")
    assert world.kms.decrypted == 2


@pytest.mark.parametrize("failure", [AWAY, DENIED, Busy()])
@pytest.mark.row("S5")
def test_a_table_out_of_reach_is_busy_where_nothing_is_known(world: World, failure: Exception) -> None:
    world.first()
    world.table.failure = failure
    with pytest.raises(Busy):
        world.read()
    assert world.table.reads == 1


@pytest.mark.row("F42")
def test_kms_out_of_reach_is_busy_where_nothing_is_known(world: World) -> None:
    world.first()
    world.kms.failure = AWAY
    with pytest.raises(Busy):
        world.read()


@pytest.mark.row("F12")
def test_a_known_secret_serves_for_four_hours_and_not_longer(world: World) -> None:
    world.first()
    world.read()
    read_at = world.now
    world.table.failure = Busy()
    world.now = read_at + LAST_KNOWN
    assert world.read() == ("one",)
    world.now = read_at + LAST_KNOWN + PAUSE
    with pytest.raises(Busy):
        world.read()


def test_an_unreachable_table_is_not_asked_for_every_delivery(world: World) -> None:
    world.first()
    world.read()
    world.table.failure = Busy()
    world.now += FRESH
    reads = world.table.reads
    for _ in range(5):
        assert world.read() == ("one",)
    assert world.table.reads == reads + 1
    world.now += PAUSE
    world.table.failure = None
    world.read()
    assert world.table.reads == reads + 2


def test_an_unknown_store_is_not_remembered_as_unknown_while_nobody_can_be_asked(world: World) -> None:
    assert world.read() == ()
    world.table.failure = Busy()
    world.now += FRESH
    with pytest.raises(Busy):
        world.read()


def test_made_up_stores_do_not_fill_the_memory(world: World) -> None:
    for n in range(1_200):
        world.secrets.read(f"made-up-{n}", "shopify")
    assert len(world.secrets._known) == 1_000
    world.secrets.read("made-up-1199", "shopify")
    assert world.table.reads == 1_200


def test_a_secret_moved_to_another_store_opens_for_nobody(world: World) -> None:
    world.first()
    (item,) = world.table.items.values()
    world.table.items[store_keys.webhook_secret("other", "shopify")] = item
    with pytest.raises(Busy):
        world.secrets.read("other", "shopify")


def test_the_writes_are_those_of_the_state_table() -> None:
    class Nothing:
        def get_item(self, **_parameters: Any) -> dict[str, Any]:
            return {}

    secrets = WebhookSecrets(StateTable(cast("Any", Nothing()), "State"), Seals(lambda: cast("Any", Kms()), "key"))
    write = secrets.rotated("demo", "shopify", "one")["Put"]
    assert write["ConditionExpression"] == "attribute_not_exists(pk)"
    assert from_item(write["Item"]) == {"pk": "S#demo#SEC", "sk": "shopify", "current_secret": b"key|demo|eno"}
