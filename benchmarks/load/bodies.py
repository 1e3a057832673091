"""Webhooks as Meta sends them: compact JSON with escaped non-ASCII, ids that never repeat, signed before anything is measured."""

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

PATH = "/webhooks/whatsapp/"
WORDS = [
    "bom",
    "dia",
    "pessoal",
    "o",
    "boleto",
    "de",
    "novembro",
    "já",
    "saiu",
    "e",
    "a",
    "reunião",
    "do",
    "condomínio",
    "ficou",
    "para",
    "terça",
    "às",
    "dezenove",
    "horas",
    "no",
    "salão",
    "alguém",
    "pode",
    "confirmar",
    "se",
    "o",
    "portão",
    "da",
    "garagem",
    "voltou",
    "a",
    "funcionar",
    "obrigada",
    "até",
    "amanhã",
    "não",
    "consegui",
    "abrir",
    "o",
    "arquivo",
]

Change = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Number:
    """A connected number. All webhooks of benchmarks are for the default one."""

    phone_number_id: str = "524386454098961"
    wa_id: str = "556181412286"
    waba_id: str = "385012774910236"
    app_secret: str = "b3nchm4rk5ecretb3nchm4rk5ecret00"  # noqa: S105  of a database that is thrown away
    verify_token: str = "benchmark"  # noqa: S105


NUMBER = Number()


@dataclass(frozen=True, slots=True)
class Person:
    wa_id: str
    bsuid: str
    name: str


def person(index: int) -> Person:
    """The same person for the same index."""
    return Person(f"5561{90_000_000 + index}", f"BR.{1_874_209_365_000_000 + index}", f"Ana Beatriz {index} Conceição")


def wamid(side: str, index: int) -> str:
    """A message id as long as Meta's, and no other for another side or index."""
    return "wamid." + base64.b64encode(f"\x1d\x18\x0c{side:<9}{index:028d}".encode()).decode()


def message(sender: Person, id: str, at: int, dice: random.Random, *, number: Number = NUMBER) -> Change:
    """A customer's text, sent at `at` (unix seconds)."""
    content = {"id": id, "timestamp": str(at), "type": "text", "text": {"body": _sentence(dice, 45, 95)}}
    origin = {"from": sender.wa_id, "from_user_id": sender.bsuid}
    return _change("messages", sender, "messages", origin | content, number)


def echo(receiver: Person, id: str, at: int, dice: random.Random, *, number: Number = NUMBER) -> Change:
    """A text that the business wrote in the phone app."""
    content = {"id": id, "timestamp": str(at), "type": "text", "text": {"body": _sentence(dice, 45, 95)}}
    address = {"from": number.wa_id, "to": receiver.wa_id, "to_user_id": receiver.bsuid}
    return _change("smb_message_echoes", receiver, "message_echoes", address | content, number)


def status(receiver: Person, id: str, at: int, step: str, *, number: Number = NUMBER) -> Change:
    """Returns a status of a sent message. `step` is sent, delivered or read."""
    conversation = hashlib.md5(receiver.wa_id.encode(), usedforsecurity=False).hexdigest()
    value = {
        "id": id,
        "status": step,
        "timestamp": str(at),
        "recipient_id": receiver.wa_id,
        "recipient_user_id": receiver.bsuid,
        "conversation": {"id": conversation, "expiration_timestamp": str(at + 86_400), "origin": {"type": "utility"}},
        "pricing": {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"},
        "biz_opaque_callback_data": f"order:{conversation}:" + "campaign-2026-11;" * 7,
    }
    return _change("messages", receiver, "statuses", value, number)


def webhook(changes: Sequence[Change], *, number: Number = NUMBER) -> bytes:
    """Returns a body with these changes."""
    entry = {"id": number.waba_id, "changes": changes}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}, separators=(",", ":")).encode()


def request(body: bytes, *, number: Number = NUMBER) -> bytes:
    """The whole signed HTTP request."""
    signature = hmac.new(number.app_secret.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def mixed_requests(count: int, *, people: int = 5_000) -> list[bytes]:
    """Signed requests of one item each: 60 % statuses, 40 % messages, no two alike."""
    dice, now = random.Random(7), int(time.time())  # noqa: S311  repeatable, not secret
    return [request(webhook([_either(index, person(index % people), now, dice)])) for index in range(count)]


def message_requests(
    count: int, *, per_second: int, people: int = 5_000, first: int = 0, twice: bool = False
) -> Iterator[tuple[str, bytes]]:
    """Signed requests of one customer's text each, with the message id; so many have the time of one second. `first` sets the ids
    of one call apart from another's. With `twice`, half as many people write in a second, each two messages half a second apart."""
    dice, now = random.Random(8), int(time.time())  # noqa: S311
    writers = per_second // 2 if twice else per_second
    for index in range(count):
        id = wamid("customer", first + index)
        second, place = divmod(index, per_second)
        yield id, request(webhook([message(person((second * writers + place % writers) % people), id, now + second, dice)]))


def _either(index: int, someone: Person, now: int, dice: random.Random) -> Change:
    if dice.random() < 0.4:
        return message(someone, wamid("customer", index), now, dice)
    return status(someone, wamid("unknown", index), now, dice.choice(("sent", "delivered", "read")))


def _change(field: str, someone: Person, kind: str, item: dict[str, Any], number: Number) -> Change:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": number.wa_id, "phone_number_id": number.phone_number_id},
        "contacts": [{"profile": {"name": someone.name}, "wa_id": someone.wa_id, "user_id": someone.bsuid}],
        kind: [item],
    }
    return {"value": value, "field": field}


def _sentence(dice: random.Random, shortest: int, longest: int) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(shortest, longest)))
