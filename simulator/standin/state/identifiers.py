"""Identifiers in the format of Meta's (docs/meta-platform.md 3, 5, 6)."""

import base64
import re
import secrets

COUNTRIES = {"55": "BR", "52": "MX", "54": "AR", "351": "PT", "34": "ES", "1": "US"}

_SEPARATORS = re.compile(r"[\s().+-]")
_PHONE = re.compile(r"[0-9]{7,15}")
_BR_WITH_NINE = re.compile(r"55([3-9]\d)9([6-9]\d{7})")


def new_wamid(peer: str, *, from_customer: bool) -> str:
    """Returns the id of a message to or from the person with these digits, or this BSUID."""
    digits = peer.encode()
    direction = b"\x12" if from_customer else b"\x11"
    content = b"\x1d\x18" + bytes([len(digits)]) + digits + b"\x15\x02\x00" + direction + b"\x18\x14"
    return "wamid." + base64.b64encode(content + secrets.token_hex(10).upper().encode() + b"\x00").decode()


def new_id() -> str:
    """Returns the id of a file or a message template."""
    return str(10**15 + secrets.randbelow(9 * 10**15))


def new_user_id(wa_id: str | None) -> str:
    """Returns a BSUID (docs/meta-platform.md 5.1) of the phone's country."""
    country = next((name for code, name in COUNTRIES.items() if (wa_id or "").startswith(code)), "BR")
    return f"{country}.{10**15 + secrets.randbelow(9 * 10**15)}"


def digits_of(typed: str) -> str | None:
    """Returns the digits of a phone number in any notation, or None if it is none."""
    digits = _SEPARATORS.sub("", typed)
    return digits if _PHONE.fullmatch(digits) else None


def account_id(digits: str) -> str:
    """Returns the wa_id of the person with this phone number. In most of Brazil it lacks the ninth digit."""
    match = _BR_WITH_NINE.fullmatch(digits)
    return f"55{match[1]}{match[2]}" if match else digits
