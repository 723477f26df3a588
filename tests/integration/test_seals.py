"""What KMS seals for one place opens in no other, and two ciphertexts of one text are never alike (S17)."""

from collections.abc import Iterator, Mapping

import pytest
from botocore.exceptions import ClientError

from cashback.adapters.seals import Seals
from dev import local_aws

NUMBER = "DE89370400440532013000"
PLACE = {"store": "demo", "customer": "7001", "field": "iban"}


@pytest.fixture
def seals(aws: local_aws.LocalAws) -> Iterator[Seals]:
    kms = aws.client("kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    yield Seals(lambda: kms, key_id)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)


def test_a_number_opens_where_it_was_sealed(seals: Seals) -> None:
    sealed = seals.seal(NUMBER, PLACE)
    assert NUMBER.encode() not in sealed
    assert seals.open(sealed, PLACE) == NUMBER


@pytest.mark.parametrize(
    "elsewhere",
    [
        {**PLACE, "store": "other"},
        {**PLACE, "customer": "7002"},
        {**PLACE, "field": "account_number"},
        {"store": "demo", "customer": "7001"},
        {"store": "demo"},
        {**PLACE, "more": "x"},
    ],
    ids=str,
)
@pytest.mark.row("S17")
def test_a_number_that_is_moved_opens_nowhere(seals: Seals, elsewhere: Mapping[str, str]) -> None:
    sealed = seals.seal(NUMBER, PLACE)
    with pytest.raises(ClientError) as refused:
        seals.open(sealed, elsewhere)
    assert refused.value.response["Error"]["Code"] == "InvalidCiphertextException"


@pytest.mark.row("S17")
def test_one_number_twice_is_two_ciphertexts(seals: Seals) -> None:
    first, second = (seals.seal(NUMBER, PLACE) for _ in range(2))
    assert first != second
    assert seals.open(first, PLACE) == seals.open(second, PLACE) == NUMBER
