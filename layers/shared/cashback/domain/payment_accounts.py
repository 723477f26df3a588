"""Where customers are paid: bank accounts and accounts of payment services, read strictly and told only masked."""

import re
import string
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from cashback.domain.errors import Invalid
from cashback.domain.times import Instant

MOST_ACCOUNTS: Final = 20
"""Accounts of one customer that can be added. A merge may bring together more, and two calls at once one or two."""

KEPT_FOR: Final = timedelta(days=30)
"""How long a deleted account is known by its id: a call that made it and comes again makes none."""

IBAN_LENGTHS: Final[Mapping[str, int]] = {
    "AD": 24,
    "AE": 23,
    "AL": 28,
    "AT": 20,
    "AZ": 28,
    "BA": 20,
    "BE": 16,
    "BG": 22,
    "BH": 22,
    "BI": 27,
    "BR": 29,
    "CH": 21,
    "CR": 22,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DJ": 27,
    "DK": 18,
    "DO": 28,
    "EE": 20,
    "EG": 29,
    "ES": 24,
    "FI": 18,
    "FK": 18,
    "FO": 18,
    "FR": 27,
    "GB": 22,
    "GE": 22,
    "GI": 23,
    "GL": 18,
    "GR": 27,
    "GT": 28,
    "HN": 28,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IQ": 23,
    "IS": 26,
    "IT": 27,
    "JO": 30,
    "KW": 30,
    "KZ": 20,
    "LB": 28,
    "LC": 32,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "MC": 27,
    "MD": 24,
    "ME": 22,
    "MK": 19,
    "MN": 20,
    "MR": 27,
    "MT": 31,
    "MU": 30,
    "NI": 28,
    "NL": 18,
    "NO": 15,
    "OM": 23,
    "PK": 24,
    "PL": 28,
    "PS": 29,
    "PT": 25,
    "QA": 29,
    "RO": 24,
    "RS": 22,
    "SA": 24,
    "SC": 31,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "ST": 25,
    "SV": 28,
    "TL": 23,
    "TN": 24,
    "TR": 26,
    "UA": 29,
    "VA": 22,
    "VG": 24,
    "XK": 20,
}
"""The countries whose IBANs are taken, and how long these are: the registry of SWIFT without ``_NEVER_PAID``. A country
that joins the registry is taken once somebody has looked at it."""

_NEVER_PAID: Final = frozenset({"BY", "CU", "IR", "KP", "LY", "RU", "SD", "SO", "SS", "SY", "YE"})
"""Countries under broad financial sanctions of the UN, the EU or the US: no bank there is paid."""

_IBAN_SAYS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"), "FR"),
    **dict.fromkeys(("GG", "IM", "JE"), "GB"),
    "AX": "FI",
}
"""Dependencies whose banks have a country of their own in the BIC but not in the IBAN. Source: SWIFT's registry."""

_IBAN: Final = r"[A-Z]{2}[0-9]{2}[A-Z0-9]+"
_ACCOUNT_NUMBER: Final = r"[A-Z0-9]{4,34}"
_PROVIDER: Final = r"[A-Za-z0-9](?:[A-Za-z0-9 .&+_-]{0,48}[A-Za-z0-9.+])?"
_HANDLE: Final = r"[!-~]{1,254}"
_DROPPED: Final = str.maketrans("", "", string.whitespace + "-")
_HEAD_OFFICE: Final = "XXX"

_SHOWN: Final = 4
_STARS: Final = "****"


class AccountType(StrEnum):
    """What kind of account it is."""

    BANK = "bank"
    DIGITAL = "digital"


class AccountDetails(Struct, frozen=True):
    """An account as its owner gave it, in canonical spelling. ``fields`` are never stored but sealed: holder,
    account_number, iban, routing_number, swift, handle, as far as they were given."""

    type: AccountType
    provider: str | None
    fields: Mapping[str, str]

    @property
    def canonical(self) -> str:
        """What two accounts have in common if and only if they are the same: without holder and spelling."""
        given = self.fields
        if "handle" in given:
            return f"digital\n{self.provider}\n{given['handle']}".casefold()
        if "iban" in given:
            return f"iban\n{given['iban']}"
        bank = given.get("routing_number") or given.get("swift", "").removesuffix(_HEAD_OFFICE)
        return f"account\n{bank}\n{given['account_number']}"

    @property
    def masks(self) -> dict[str, str]:
        """What everyone may see of each field but the holder, of whom nobody sees anything."""
        return {name: masked(text) for name, text in self.fields.items() if name != "holder"}


class PaymentAccount(Struct, frozen=True):
    """An account of a customer. ``sealed`` are the encrypted fields, which open for this customer and this field alone;
    ``masks`` what may be seen of them; ``mac`` the keyed hash of the canonical account, by which equal ones are found;
    ``asked_hash``, keyed too, that of the request that made it.

    ``default_since`` is since when it was wanted as the default, None where it never was. ``moved_from`` is the merged
    customer whose it was. Of a deleted one nothing opens any more, and it is forgotten after ``KEPT_FOR``.
    """

    payment_account_id: str
    customer_id: str
    type: AccountType
    provider: str | None
    masks: Mapping[str, str]
    sealed: Mapping[str, bytes]
    mac: str
    created_at: Instant
    created_by: str
    asked_hash: str
    default_since: Instant | None = None
    moved_from: str | None = None
    deleted_at: Instant | None = None

    @property
    def masked(self) -> str:
        """What everyone may see of the number or handle that money goes to."""
        return next(self.masks[name] for name in ("iban", "account_number", "handle") if name in self.masks)


class AccountSnapshot(Struct, frozen=True):
    """An account as a payout copies it: it outlives the account. ``customer_id`` is whose it was then, for whom alone
    ``sealed`` opens, also once they were merged into another."""

    payment_account_id: str
    customer_id: str
    type: AccountType
    provider: str | None
    masked: str
    sealed: Mapping[str, bytes]


def snapshot_of(account: PaymentAccount) -> AccountSnapshot:
    """Return what a payout keeps of an account."""
    return AccountSnapshot(
        payment_account_id=account.payment_account_id,
        customer_id=account.customer_id,
        type=account.type,
        provider=account.provider,
        masked=account.masked,
        sealed=account.sealed,
    )


def default_of(accounts: Iterable[PaymentAccount]) -> PaymentAccount | None:
    """Return the default of a customer's accounts: the one that was made it last, else the oldest; one that came by a
    merge gives way. None where there is no account."""
    by_age = sorted(accounts, key=lambda one: (one.created_at, one.payment_account_id))
    return max(by_age, key=lambda one: (one.default_since or "", one.moved_from is None), default=None)


def masked(text: str) -> str:
    """Return stars and the last four characters, and never more than half of them; the stars do not tell how many there
    are."""
    return _STARS + text[len(text) - min(_SHOWN, len(text) // 2) :]


def bank_account(
    holder: str,
    *,
    account_number: str | None = None,
    iban: str | None = None,
    routing_number: str | None = None,
    swift: str | None = None,
) -> AccountDetails:
    """Read a bank account.

    :raises Invalid: ``account_required``, or of a field ``iban_format``, ``iban_length``, ``iban_country``,
        ``iban_checksum``, ``account_number_format``, ``routing_number_format``, ``routing_number_checksum``,
        ``swift_format``, ``swift_country``.
    """
    if iban is None and account_number is None:
        raise Invalid("body", "account_required", "give an iban or an account_number")
    fields = {"holder": holder.strip()}
    if account_number is not None:
        fields["account_number"] = _fitting(_ACCOUNT_NUMBER, account_number, "account_number")
    if iban is not None:
        fields["iban"] = _iban_of(iban)
    if routing_number is not None:
        fields["routing_number"] = _routing_number_of(routing_number)
    if swift is not None:
        fields["swift"] = _swift_of(swift, fields.get("iban"))
    return AccountDetails(AccountType.BANK, None, fields)


def digital_account(provider: str, handle: str) -> AccountDetails:
    """Read an account of a payment service.

    :raises Invalid: ``provider_format`` or ``handle_format``.
    """
    name, owner = " ".join(provider.split()), handle.strip()
    if re.fullmatch(_PROVIDER, name) is None:
        raise Invalid("provider", "provider_format")
    if re.fullmatch(_HANDLE, owner) is None:
        raise Invalid("handle", "handle_format")
    return AccountDetails(AccountType.DIGITAL, name, {"handle": owner})


def _fitting(grammar: str, text: str, field: str) -> str:
    """Return a text in capitals without ASCII spaces and hyphens.

    :raises Invalid: it does not fit.
    """
    compact = text.translate(_DROPPED)
    compact = compact.upper() if compact.isascii() else compact
    if re.fullmatch(grammar, compact) is None:
        raise Invalid(field, f"{field}_format")
    return compact


def _iban_of(text: str) -> str:
    # What each country's number looks like is worth its import only to who names one.
    from stdnum import iban  # noqa: PLC0415 - a cold start does not need it
    from stdnum.exceptions import InvalidChecksum, ValidationError  # noqa: PLC0415 - likewise

    number = _fitting(_IBAN, text, "iban")
    length = IBAN_LENGTHS.get(number[:2])
    if length is None:
        raise Invalid("iban", "iban_country")
    if len(number) != length:
        raise Invalid("iban", "iban_length")
    # 97, 98 and 02 have twins that leave the same remainder (00, 01, 99): another spelling of the same account.
    if iban.calc_check_digits(number) != number[2:4]:
        raise Invalid("iban", "iban_checksum")
    try:
        return iban.validate(number)
    except InvalidChecksum as wrong:
        raise Invalid("iban", "iban_checksum") from wrong
    except ValidationError as wrong:
        raise Invalid("iban", "iban_format") from wrong


def _routing_number_of(text: str) -> str:
    from stdnum.exceptions import InvalidChecksum  # noqa: PLC0415 - a cold start does not need it
    from stdnum.us import rtn  # noqa: PLC0415 - likewise

    number = _fitting(r"[0-9]{9}", text, "routing_number")
    try:
        return rtn.validate(number)
    except InvalidChecksum as wrong:
        raise Invalid("routing_number", "routing_number_checksum") from wrong


def _swift_of(text: str, iban: str | None) -> str:
    from stdnum import bic  # noqa: PLC0415 - a cold start does not need it
    from stdnum.exceptions import InvalidComponent, ValidationError  # noqa: PLC0415 - likewise

    code = _fitting(r"[A-Z0-9]{8,11}", text, "swift")
    try:
        bic.validate(code)
    except InvalidComponent as unknown:
        raise Invalid("swift", "swift_country") from unknown
    except ValidationError as wrong:
        raise Invalid("swift", "swift_format") from wrong
    country = code[4:6]
    if country in _NEVER_PAID or (iban is not None and iban[:2] not in {country, _IBAN_SAYS.get(country)}):
        raise Invalid("swift", "swift_country")
    return code
