"""Checks what a drill has left behind.

acknowledged       => stored => applied once, or visibly dead or held
written by staff   => stored, sent at most once, and its status is true
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.environment.databases import Database, fetch
from drills.traffic.deliveries import Delivery

ACCEPTED = ("sent", "delivered", "read", "played")
"""Statuses that say that Graph has accepted the message."""
NOT_ACCEPTED = ("queued", "withdrawn")
"""Statuses that say that it has not."""


@dataclass
class Findings:
    """`lost` and `doubled` say what; the other sentences are about states that are not true."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(self.lost + other.lost, self.doubled + other.doubled, self.untrue + other.untrue)


@dataclass(frozen=True)
class StoredWebhooks:
    """What the hub has of some numbers."""

    bodies: Collection[str]
    """SHA-256 of each body."""
    unapplied: Collection[str]
    """Of the bodies that are visibly dead, or of which an item is held."""
    messages: Mapping[str, int]
    """How many rows each message id has."""
    statuses: Mapping[tuple[str, str], int]
    wrong_counts: Sequence[int] = ()
    """Contacts whose count of unread messages is not the number of their messages."""


@dataclass(frozen=True)
class StoredAnswer:
    status: str
    wamid: str | None = None
    rows: int = 1


def check_deliveries(acknowledged: Iterable[Delivery], stored: StoredWebhooks) -> Findings:
    """Returns what is lost of the acknowledged deliveries, and what was applied more than once."""
    found = Findings()
    for each in acknowledged:
        if each.digest not in stored.bodies:
            found.lost.append(f"body {each.digest[:12]} was acknowledged and is not stored")
        if each.digest in stored.unapplied:
            continue
        found.lost += [f"message {id} was acknowledged and not applied" for id in each.messages if not stored.messages.get(id)]
        found.lost += [f"status {key} was acknowledged and not applied" for key in each.statuses if not stored.statuses.get(key)]
    found.doubled += [f"message {id} has {rows} rows" for id, rows in stored.messages.items() if rows > 1]
    found.doubled += [f"status {key} has {rows} rows" for key, rows in stored.statuses.items() if rows > 1]
    found.doubled += [f"contact {pk} does not have as many messages as it counts" for pk in stored.wrong_counts]
    return found


def check_answers(written: Iterable[str], stored: Mapping[str, StoredAnswer], at_graph: Mapping[str, int]) -> Findings:
    """`written`: tokens of the answers that the hub has taken. `at_graph`: how often Graph has accepted each token."""
    found = Findings()
    found.lost += [f"answer {token} was taken and is not stored" for token in written if token not in stored]
    found.doubled += [f"answer {token} was sent {count} times" for token, count in at_graph.items() if count > 1]
    found.doubled += [f"answer {token} has {each.rows} rows" for token, each in stored.items() if each.rows > 1]
    found.untrue += [f"answer {token} was sent and is not stored" for token in at_graph if token not in stored]
    found.untrue += [
        f"answer {token} is {each.status}, and Graph has {'' if token in at_graph else 'not '}accepted it"
        for token, each in stored.items()
        if not _is_true(each.status, was_sent=token in at_graph)
    ]
    return found


def _is_true(status: str, *, was_sent: bool) -> bool:
    """Whether an idle hub may have this status. `uncertain` and `failed` are true in both cases: what Graph has accepted may fail
    later."""
    return status in ("uncertain", "failed") or (status in ACCEPTED if was_sent else status in NOT_ACCEPTED)


def read_webhooks(database: Database, phone_number_ids: Sequence[str], *, after: int = 0) -> StoredWebhooks:
    """Reads what is stored of these numbers, and the webhooks with an id greater than `after`."""
    numbers = _listed(phone_number_ids)
    with database.connect() as connection:
        if database.name == "sqlite":
            connection.create_function("SHA2", 2, _sha2)

        def ask(query: str) -> list[Any]:
            return fetch(connection, query)

        hashes = "SELECT SHA2(COALESCE(raw, json), 256) FROM webhook"
        is_dead = "state = 'dead' OR id IN (SELECT webhook_id FROM webhook_held_item)"
        of_number = f"WHERE phone_number_id IN ({numbers})"
        unread = "SELECT COUNT(*) FROM chat_session_message m WHERE m.contact_id = c.id AND m.is_user_message AND m.origin = 'live'"
        return StoredWebhooks(
            bodies={row[0] for row in ask(f"{hashes} WHERE id > {after}")},
            unapplied={row[0] for row in ask(f"{hashes} WHERE id > {after} AND ({is_dead})")},
            messages=Counter(row[0] for row in ask(f"SELECT wamid FROM chat_session_message {of_number} AND wamid IS NOT NULL")),
            statuses=Counter((row[0], row[1]) for row in ask(f"SELECT wamid, status FROM chat_status_event {of_number}")),
            wrong_counts=[
                row[0]
                for row in ask(
                    f"SELECT c.id FROM contacts c WHERE c.create_for_phone_number IN ({numbers}) AND c.read_webhook_id = 0 "
                    f"AND c.unread_count <> ({unread})"
                )
            ],
        )


def read_answers(database: Database, phone_number_ids: Sequence[str]) -> dict[str, StoredAnswer]:
    """Returns the messages that the hub has sent or is to send, by their callback data."""
    query = (
        "SELECT callback_data, MAX(message_status), MAX(wamid), COUNT(*) FROM chat_session_message "
        f"WHERE phone_number_id IN ({_listed(phone_number_ids)}) AND callback_data IS NOT NULL GROUP BY callback_data"
    )
    return {token: StoredAnswer(status, wamid, rows) for token, status, wamid, rows in database.ask(query)}


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(f"'{each}'" for each in ids)


def _sha2(body: str | bytes, _bits: int) -> str:
    return hashlib.sha256(body.encode() if isinstance(body, str) else body).hexdigest()
