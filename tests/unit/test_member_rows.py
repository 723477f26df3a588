"""Files of members: what spreadsheets save is read, and what is no such file is refused whole."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.errors import Invalid
from cashback.domain.member_rows import MOST_ROWS, Column, Fault, Row, read_rows, rows_of_ids
from cashback.domain.names import STORED_ID
from cashback.edge.exports import cell

IDS = st.from_regex(STORED_ID, fullmatch=True).filter(lambda text: text not in {".", ".."} and len(text) <= 200)


def keys(text: str) -> list[tuple[int, str, Fault | None]]:
    return [(row.number, row.key, row.fault) for row in read_rows(text).rows]


def read_or_code(text: str) -> tuple[Row, ...] | str:
    try:
        return read_rows(text).rows
    except Invalid as refused:
        return refused.code


def refusal(text: str) -> tuple[str, str]:
    with pytest.raises(Invalid) as refused:
        read_rows(text)
    return refused.value.field, refused.value.code


@pytest.mark.parametrize(
    "text",
    [
        "customer_id\r\nc1\r\nc2\r\n",
        "customer_id\nc1\nc2",
        "customer_id\rc1\rc2\r",
        "\ufeffcustomer_id\r\nc1\r\nc2\r\n",
        '"customer_id"\r\n"c1"\r\n"c2"\r\n',
        "Customer_ID \n c1 \nc2\n",
        "name,customer_id,email\nAnna,c1,a@example.com\nBo,c2,",
        "name;customer_id\nAnna, B;c1\nBo;c2\n",
        '\n"name";"customer_id"\n"a;b";c1\n;c2\n'.lstrip(),
        'note,customer_id\n"says ""hi"",\nand more",c1\n,c2\n',
    ],
)
def test_what_spreadsheets_save_is_read(text: str) -> None:
    assert keys(text) == [(2, "c1", None), (3, "c2", None)]


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("customer_id", Column.CUSTOMER_ID),
        ("email", Column.EMAIL),
        ("phone", Column.PHONE),
        ("phone,email,customer_id", Column.CUSTOMER_ID),
        ("phone,email", Column.EMAIL),
    ],
)
def test_the_header_says_what_customers_are_named_by(header: str, column: Column) -> None:
    row = ",".join(["1"] * (header.count(",") + 1))
    assert read_rows(f"{header}\n{row}").column is column


def test_contacts_are_compared_in_one_spelling() -> None:
    assert keys("email\n Anna@Example.COM \nnobody\n") == [(2, "anna@example.com", None), (3, "", Fault.INVALID)]
    assert keys("phone\n+49 (155) 50104477\n0049 155 50104477\n0155 50104477\n") == [
        (2, "+4915550104477", None),
        (3, "+4915550104477", None),
        (4, "", Fault.INVALID),
    ]


def test_rows_are_numbered_as_a_spreadsheet_does_and_blank_ones_are_no_rows() -> None:
    assert keys("\ncustomer_id,name\n\nc1,\n,\n\nc 2,\n") == [(4, "c1", None), (7, "", Fault.INVALID)]


@pytest.mark.parametrize("bad", ["", "a b", "..", "ä", "a/b", "x" * 201, "a\0b", "=1+1"])
def test_what_is_no_id_is_told_of_by_its_row(bad: str) -> None:
    assert keys(f'customer_id,name\nc1,Anna\n"{bad}",Bo\n') == [(2, "c1", None), (3, "", Fault.INVALID)]


def test_a_row_with_more_or_fewer_cells_than_the_header_is_told_of() -> None:
    assert keys("customer_id,name\nc1\nc2,Bo,x\nc3,Cy\n") == [
        (2, "", Fault.CELLS),
        (3, "", Fault.CELLS),
        (4, "c3", None),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "csv_columns"),
        ("\ufeff", "csv_columns"),
        ("id\nc1\n", "csv_columns"),
        ("c1\nc2\n", "csv_columns"),
        ("customer_id;name,x\nc1;Anna,x\n", "csv_columns"),
        ("customer_id\tname\nc1\tAnna\n", "csv_columns"),
        ("customer_id,customer_id\nc1,c2\n", "csv_columns"),
        ("customer_id,email,email\nc1,a,b\n", "csv_columns"),
        ("customer_id", "csv_empty"),
        ("customer_id\n\n\n", "csv_empty"),
        ('customer_id\n"c1\n', "csv_format"),
        ('customer_id\n"c1"x\n', "csv_format"),
        (f"customer_id\n{'x' * 140_000}\n", "csv_format"),
    ],
    ids=lambda text: str(text)[:30],
)
def test_what_is_no_such_file_is_refused_whole(text: str, code: str) -> None:
    assert refusal(text) == ("body", code)


def test_a_hundred_thousand_rows_are_taken_and_one_more_is_not() -> None:
    most = "customer_id\n" + "".join(f"{n}\n" for n in range(MOST_ROWS))
    assert len(read_rows(most).rows) == MOST_ROWS
    assert refusal(f"{most}\n\nlast\n") == ("body", "too_many_rows")


def test_ids_are_rows_from_one() -> None:
    assert rows_of_ids(["a", "b"]).rows == (Row(1, "a"), Row(2, "b"))


@given(st.lists(IDS, min_size=1, max_size=20), st.sampled_from(["\r\n", "\n"]), st.booleans(), st.booleans())
def test_every_id_that_is_written_is_read_back(ids: list[str], newline: str, bom: bool, quoted: bool) -> None:
    file = io.StringIO()
    dialect = csv.unix_dialect if quoted else csv.excel
    writer = csv.writer(file, dialect, lineterminator=newline)
    writer.writerows([["customer_id"], *([one] for one in ids)])
    text = "\ufeff" + file.getvalue() if bom else file.getvalue()
    assert keys(text) == [(number, one, None) for number, one in enumerate(ids, 2)]


@given(st.lists(IDS, min_size=1, max_size=20))
def test_ids_of_our_own_files_are_read_back_also_where_they_were_defused(ids: list[str]) -> None:
    text = "\r\n".join(["customer_id", *map(cell, ids), ""])
    assert [key for _, key, _ in keys(text)] == ids


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for sent in (text, f"customer_id\n{text}", f"customer_id,phone\r\n{text}"):
        found = read_or_code(sent)
        if isinstance(found, str):
            assert found in {"csv_columns", "csv_empty", "csv_format"}
        else:
            assert all(bool(row.key) == (row.fault is None) for row in found)


@given(st.text("customer_id,;\"\r\n'+-=@0\0\ufeff", max_size=60))
def test_any_mixture_of_what_csv_is_made_of_is_read_or_refused(text: str) -> None:
    found = read_or_code(text)
    if isinstance(found, str):
        assert found in {"csv_columns", "csv_empty", "csv_format"}
    else:
        assert len({row.number for row in found}) == len(found) > 0
