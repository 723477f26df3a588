"""E-mails and phones in the one spelling they are compared in."""

import re
import string
from typing import Final

LONGEST_EMAIL: Final = 254

_NAMING: Final = r"[^\s@\x00-\x1f\x7f\ud800-\udfff]+"
_EMAIL: Final = rf"{_NAMING}@{_NAMING}\.{_NAMING}"
_PHONE: Final = r"\+[1-9][0-9]{6,14}"
_BETWEEN_DIGITS: Final = r"[\s().-]"
"""Compiled when first used: most deliveries name nobody new, and a cold start should not pay for them."""

_SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""Only these letters have two cases here: to others case folding would give the spelling of somebody else (the sign for
kelvin becomes a k)."""


def email_of(text: str | None) -> str | None:
    """Return an e-mail without surrounding space and in small letters; None where it does not look like one."""
    email = (text or "").strip().translate(_SMALL)
    return email if len(email) <= LONGEST_EMAIL and re.fullmatch(_EMAIL, email) else None


def phone_of(text: str | None) -> str | None:
    """Return a phone as E.164 writes it; None without a country's code, because it could be anybody's elsewhere."""
    digits = re.sub(_BETWEEN_DIGITS, "", text or "")
    phone = f"+{digits[2:]}" if digits.startswith("00") else digits
    return phone if re.fullmatch(_PHONE, phone) else None


def contacts_of(email: str | None, phone: str | None) -> frozenset[str]:
    """Return what a person can be recognised by. An e-mail is never equal to a phone: each says its kind."""
    named = (("email", email_of(email)), ("phone", phone_of(phone)))
    return frozenset(f"{kind}:{contact}" for kind, contact in named if contact is not None)
