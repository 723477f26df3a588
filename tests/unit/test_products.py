"""The catalogue: which news of a product stands, how it is kept, and how it is listed."""

import itertools
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.adapters.dynamo.codec import to_item
from cashback.adapters.dynamo.products import Products, product_item
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.errors import Busy, NotFound, StateConflict
from cashback.domain.products import MOST_CATEGORIES, MOST_TAGS, Product, deletion
from cashback.domain.times import Instant, just_after
from cashback.edge.deps import make_books
from cashback.services import manage_products
from cashback.services.books import Books
from tests.simulation.dynamo import Fault, SimulatedDynamo
from tests.simulation.project_tables import table_specs
from tests.unit.builders import NOW, STORE, at, settings

LAST = "9999-12-31T23:59:59.999999Z"


def catalogue(sdk_retries: int = 0) -> tuple[SimulatedDynamo, Books]:
    dynamo = SimulatedDynamo(table_specs(), sdk_retries=sdk_retries)
    return dynamo, make_books(cast("Any", dynamo), "Ledger", "State", lambda: b"key")


@pytest.fixture
def books() -> Books:
    return catalogue()[1]


def mug(second: int = 0, product_id: str = "1", **more: Any) -> Product:
    return Product(product_id, at(second), **more)


words = st.lists(st.sampled_from(["mugs", "gifts", "é"]), max_size=2).map(tuple)
changes = st.builds(
    Product,
    st.just("1"),
    st.integers(0, 2).map(at),
    title=st.sampled_from([None, "Mug"]),
    vendor=st.sampled_from([None, "Mug"]),
    categories=words,
    tags=words,
)
stories = st.lists(changes | st.integers(0, 2).map(lambda second: deletion("1", at(second))), min_size=1, max_size=5)


# ---- which news stands


@given(stories, st.data())
def test_all_orders_and_repetitions_of_the_same_news_end_alike(story: list[Product], data: st.DataObject) -> None:
    ends = []
    for told in (story, data.draw(st.permutations([*story, *story]))):
        _, books = catalogue()
        for news in told:
            manage_products.record_product(books, settings(), news, NOW)
        ends.append(books.products.get(STORE, "1"))
    assert ends == [max(story, key=lambda news: news.rank)] * 2


@given(changes, changes)
def test_only_equal_news_have_equal_ranks(one: Product, other: Product) -> None:
    assert (one.rank == other.rank) == (one == other)


def test_newer_news_stand_whole() -> None:
    old, new = mug(1, title="Mug", vendor="Lindqvist", categories=("Mugs",), tags=("gift",)), mug(2, title="Cup")
    assert max(new, old, key=lambda news: news.rank) == new


@pytest.mark.parametrize(("second", "stands"), [(0, "deletion"), (1, "deletion"), (2, "news")])
def test_a_deletion_outlives_what_is_no_newer(second: int, stands: str) -> None:
    for told in itertools.permutations([mug(second, title="Mug"), deletion("1", at(1))]):
        _, books = catalogue()
        for news in told:
            manage_products.record_product(books, settings(), news, NOW)
        assert list(books.products.get_many(STORE, ["1"])) == (["1"] if stands == "news" else [])


def test_words_that_move_between_fields_make_other_news() -> None:
    shifted = [
        mug(title="a", categories=("b",)),
        mug(vendor="a", categories=("b",)),
        mug(categories=("a", "b")),
        mug(categories=("a",), tags=("b",)),
        mug(tags=("a", "b")),
        mug(categories=("a,b",)),
    ]
    assert len({news.rank for news in shifted}) == len(shifted)


@pytest.mark.parametrize(
    ("moment", "after"),
    [
        (NOW, "2026-03-01T12:00:00.000001Z"),
        ("2026-12-31T23:59:59.999999Z", "2027-01-01T00:00:00.000000Z"),
        (LAST, LAST),
    ],
)
def test_an_instant_is_followed_by_the_next_there_is(moment: Instant, after: Instant) -> None:
    assert just_after(moment) == after


# ---- how it is kept


def test_a_product_reads_back_as_it_was_told(books: Books) -> None:
    full = mug(1, "a#b%", title="Mug", vendor="Lindqvist", categories=("Mugs", "Gifts"), tags=("", "é"))
    for product in (full, mug(1, "bare"), deletion("gone", NOW)):
        assert books.products.record(STORE, product)
        assert books.products.get(STORE, product.product_id) == product
    assert books.products.get(STORE, "unknown") is None
    assert books.products.get("other", "bare") is None


def test_news_that_change_nothing_write_nothing() -> None:
    dynamo, books = catalogue()
    assert manage_products.record_product(books, settings(), mug(2, title="Mug"), NOW)
    before = dynamo.items("State")
    for second in (0, 1):
        assert not manage_products.record_product(books, settings(), mug(second, title="Cup"), NOW)
        assert not manage_products.forget_product(books, STORE, "1", at(second))
    assert not manage_products.record_product(books, settings(), mug(2, title="Mug"), NOW)
    assert dynamo.items("State") == before


def test_any_number_of_products_is_read_by_id_once_each_and_deleted_ones_are_left_out(books: Books) -> None:
    for n in range(150):
        books.products.record(STORE, mug(product_id=str(n), title=f"Mug {n}"))
    books.products.record(STORE, deletion("7", at(1)))
    asked = [str(n) for n in range(200) for _ in range(2)]
    found = books.products.get_many(STORE, asked)
    assert found == {str(n): mug(product_id=str(n), title=f"Mug {n}") for n in range(150) if n != 7}
    assert books.products.get_many(STORE, []) == {}


def test_the_largest_product_fits_into_an_item() -> None:
    word = "\U0001f375" * 255
    largest = Product("x" * 200, NOW, word, word, (word,) * MOST_CATEGORIES, (word,) * MOST_TAGS)
    _, books = catalogue()
    assert books.products.record(STORE, largest)
    assert books.products.get(STORE, largest.product_id) == largest
    texts = [value["S"] for value in to_item(product_item(STORE, largest)).values() if "S" in value]
    lists = [part["S"] for name in ("categories", "tags") for part in to_item(product_item(STORE, largest))[name]["L"]]
    assert sum(len(text.encode()) + 40 for text in texts) + sum(len(text.encode()) + 1 for text in lists) < 400 * 1024


# ---- lists


def walk(products: Products, limit: int) -> Sequence[list[str]]:
    """The ids of every page."""
    pages: list[list[str]] = []
    after: str | None = None
    while not pages or after is not None:
        assert len(pages) < 20, "the list does not end"
        page, after = products.page(STORE, limit, after)
        pages.append([product.product_id for product in page])
    return pages


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 100])
def test_pages_are_disjoint_complete_ordered_and_end(books: Books, limit: int) -> None:
    ids = ["10", "9", "a#b", "a%23b", "é"]
    for product_id in ids:
        books.products.record(STORE, mug(product_id=product_id))
    books.products.record("other", mug(product_id="theirs"))
    pages = walk(books.products, limit)
    assert [product_id for page in pages for product_id in page] == sorted(ids)
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


def test_a_deleted_product_is_in_no_list_and_one_that_is_back_is() -> None:
    _, books = catalogue()
    for product_id in "abc":
        books.products.record(STORE, mug(product_id=product_id))
    manage_products.forget_product(books, STORE, "b", at(1))
    assert walk(books.products, 1) == [["a"], ["c"]]
    manage_products.record_product(books, settings(), mug(2, "b"), NOW)
    assert walk(books.products, 1) == [["a"], ["b"], ["c"]]
    manage_products.forget_product(books, STORE, "a", at(3))
    manage_products.forget_product(books, STORE, "c", at(3))
    assert walk(books.products, 1) == [["b"]]


@pytest.mark.row("F40")
def test_a_page_is_filled_up_where_the_index_still_lists_deleted_products(monkeypatch: pytest.MonkeyPatch) -> None:
    _, books = catalogue()
    for product_id in "abcd":
        books.products.record(STORE, mug(product_id=product_id))
    read = StateTable.get_many
    gone = {"S#demo#PR#a", "S#demo#PR#b"}
    monkeypatch.setattr(
        StateTable, "get_many", lambda self, wanted: read(self, [key for key in wanted if key.pk not in gone])
    )
    assert walk(books.products, 2) == [["c", "d"]]
    assert walk(books.products, 1) == [["c"], ["d"]]


# ---- what an admin says


def test_an_admins_word_is_newer_than_what_stands_and_the_next_of_the_shop_newer_than_that(books: Books) -> None:
    put, created = manage_products.put_product(books, settings(), mug(1, title="Mine"), NOW)
    assert (put, created) == (mug(1, title="Mine"), True)
    manage_products.record_product(books, settings(), mug(100, title="Shop's"), NOW)
    put, created = manage_products.put_product(books, settings(), mug(2, title="Mine"), NOW)
    assert not created
    assert put == Product("1", just_after(at(100)), "Mine")
    assert books.products.get(STORE, "1") == put
    manage_products.record_product(books, settings(), mug(101, title="Shop's"), NOW)
    assert manage_products.read_product(books, STORE, "1").title == "Shop's"


@pytest.mark.parametrize(("first", "second"), [("Mug", "Cup"), ("Cup", "Mug")])
def test_of_two_puts_at_one_moment_the_later_stands(books: Books, first: str, second: str) -> None:
    for title in (first, second):
        manage_products.put_product(books, settings(), mug(1, title=title), NOW)
    assert manage_products.read_product(books, STORE, "1").title == second


def test_a_put_after_a_deletion_creates_also_where_the_shops_clock_is_ahead(books: Books) -> None:
    manage_products.forget_product(books, STORE, "1", at(100))
    put, created = manage_products.put_product(books, settings(), mug(2), NOW)
    assert created
    assert manage_products.read_product(books, STORE, "1") == put


def test_a_delete_outlives_what_stands_also_where_the_shops_clock_is_ahead(books: Books) -> None:
    manage_products.record_product(books, settings(), mug(100), NOW)
    manage_products.delete_product(books, STORE, "1", at(1))
    with pytest.raises(NotFound):
        manage_products.read_product(books, STORE, "1")
    with pytest.raises(NotFound):
        manage_products.delete_product(books, STORE, "1", at(2))
    assert not manage_products.record_product(books, settings(), mug(100, title="Late"), NOW)


def test_what_nothing_is_newer_than_is_not_replaced(books: Books) -> None:
    ends = (Product("1", LAST, "Mug"), Product("1", LAST, "Cup"))
    lower, higher = sorted(ends, key=lambda product: product.rank)
    assert manage_products.put_product(books, settings(), higher, NOW) == (higher, True)
    with pytest.raises(StateConflict):
        manage_products.put_product(books, settings(), lower, NOW)
    assert books.products.get(STORE, "1") == higher


def test_a_put_whose_answer_was_lost_is_done_when_it_is_repeated() -> None:
    dynamo, books = catalogue(sdk_retries=1)
    dynamo.faults.script[dynamo.faults.calls + 2] = Fault.LOST_AFTER
    assert manage_products.put_product(books, settings(), mug(1), NOW) == (mug(1), True)
    assert dynamo.faults.fired == {"lost_after": 1}


def test_tables_that_are_out_of_reach_are_busy() -> None:
    dynamo, books = catalogue()
    dynamo.faults.script[dynamo.faults.calls + 1] = Fault.ERROR_BEFORE
    with pytest.raises(Busy):
        manage_products.record_product(books, settings(), mug(1), NOW)
