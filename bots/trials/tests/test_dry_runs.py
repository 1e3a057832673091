"""Dry runs over stored conversations: what is counted, that nothing changes, and the job."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bots.flows.flow import read_flow
from bots.flows.turns.events import Answer
from bots.models import Bot, BotDryRun, BotKind
from bots.publishing.tests.conftest import NOON, flow, text
from bots.publishing.versions import CannotPublish
from bots.trials import dry_runs
from bots.trials.dry_run_queue import LANE, MAX_KEPT, start_dry_run
from bots.trials.dry_runs import StoredAnswer, bursts, find_sessions, read_sessions, replay
from chats.models import Message
from contacts.models import ConsentDecision, Contact
from jobs.models import State
from organizations.models import PhoneNumber, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(transactional_db: None) -> User:
    return User.objects.create_user("ana@example.com")


@pytest.fixture
def wrote(number: PhoneNumber) -> Callable[..., Message]:
    """Stores a message of a conversation, as webhooks do."""
    count = iter(range(10_000))

    def store(session: int, words: str, at: datetime, *, contact: Contact | None = None, **columns: Any) -> Message:
        contact = contact or Contact.objects.get_or_create(create_for_phone_number=number, wa_id=f"55619{session}")[0]
        values: dict[str, Any] = {
            "phone_number": number,
            "wamid": f"wamid.{next(count)}",
            "wa_id": contact.wa_id,
            "wa_id_received": number.wa_id,
            "is_user_message": True,
            "origin": "live",
            "kind": "text",
            "content": words,
            "payload": {"type": "text", "text": {"body": words}},
            "message_status": "received",
            "session_id": uuid.UUID(int=session),
            "expires_at": at + timedelta(days=1),
            "is_active": False,
            "create_in": at,
        }
        return Message.objects.create(contact=contact, **values | columns)

    return store


def tapped(choice_id: str, title: str) -> dict[str, Any]:
    reply = {"type": "button_reply", "button_reply": {"id": choice_id, "title": title}}
    return {"kind": "interactive", "payload": {"type": "interactive", "interactive": reply}}


def run_dry_run(bot: Bot, number: PhoneNumber, by: User, now: datetime = NOON) -> dict[str, Any]:
    started = start_dry_run(bot=bot, number=number, by=by, now=now)
    LANE.run_once()
    started.refresh_from_db()
    assert started.state == State.DONE, started.reason
    assert started.result is not None
    return dict(started.result)


def test_conversations_are_counted_by_what_the_bot_would_have_done(
    bot: Bot, number: PhoneNumber, ana: User, wrote: Callable[..., Message]
) -> None:
    at = NOON - timedelta(days=2)
    wrote(1, "oi", at)
    wrote(1, "Horário", at + timedelta(minutes=1), **tapped("hours", "Horário"))
    wrote(2, "bom dia", at)
    wrote(2, "tem pão?", at + timedelta(minutes=5))
    wrote(3, "quero um atendente", at)
    wrote(4, "Olá", at)

    result = run_dry_run(bot, number, ana)

    assert {
        name: result[name] for name in ("conversations", "messages", "answered", "handed_over", "fell_through", "unanswered")
    } == {
        "conversations": 4,
        "messages": 6,
        "answered": 3,
        "handed_over": 2,
        "fell_through": 1,
        "unanswered": 0,
    }
    assert result["fell_through_at"] == {"menu": 1}
    assert result["reasons"] == {"asked": 1, "step": 1}
    assert {name: len(each) for name, each in result["samples"].items()} == {"answered": 2, "fell_through": 1, "handed_over": 2}
    assert result["sent"] == 5  # four greetings less one, the hours, and the end of the time for an answer


def test_an_ai_answers_with_its_example_and_where_it_is_unsure_is_counted(
    make_bot: Callable[..., Bot], number: PhoneNumber, ana: User, wrote: Callable[..., Message]
) -> None:
    Bot.objects.create(organization=number.organization, key="sol", name="Sol", kind=BotKind.AI)
    branches = [{"name": name, "description": name, "next": "free"} for name in ("entrega", "preco")]
    choice: dict[str, Any] = {"id": "choice", "type": "ai_branch", "ai": "sol", "question": "O quê?", "branches": branches}
    words = {"instructions": "Responda.", "until": "fim", "example": ["Entregamos hoje."]}
    free: dict[str, Any] = {"id": "free", "type": "ai_answer", "ai": "sol", **words, "max_answers": 2, "next": "end"}
    at = NOON - timedelta(days=2)
    for minutes in (0, 5, 10):
        wrote(1, "entregam?", at + timedelta(minutes=minutes))

    chosen = run_dry_run(make_bot(flow(choice | {"example": "entrega"}, free, {"id": "end", "type": "end"})), number, ana)
    unsure = run_dry_run(make_bot(flow(choice, free, {"id": "end", "type": "end"})), number, ana)

    assert (chosen["answered"], chosen["sent"], chosen["reasons"], chosen["fell_through_at"]) == (1, 2, {"ai_limit": 1}, {})
    assert (unsure["answered"], unsure["reasons"], unsure["fell_through_at"]) == (0, {"retries": 1}, {"choice": 1})


def test_a_dry_run_changes_no_row_but_its_own(bot: Bot, number: PhoneNumber, ana: User, wrote: Callable[..., Message]) -> None:
    wrote(1, "oi", NOON - timedelta(days=1))
    started = start_dry_run(bot=bot, number=number, by=ana, now=NOON)
    before = everything()

    LANE.run_once()

    assert everything() == before
    started.refresh_from_db()
    assert started.state == State.DONE


def everything() -> dict[str, list[Any]]:
    """Returns all rows of the hub, without those of dry runs."""
    models = [
        each
        for name in ("bots", "chats", "contacts", "organizations", "webhooks")
        for each in apps.get_app_config(name).get_models()
    ]
    return {each.__name__: list(each._default_manager.order_by("pk").values()) for each in models if each is not BotDryRun}


def test_a_consent_is_not_recorded(
    make_bot: Callable[..., Bot], number: PhoneNumber, ana: User, wrote: Callable[..., Message]
) -> None:
    withdrawal = {"id": "a", "type": "consent", "decision": "withdrawn", "purpose": "marketing", "next": "b"}
    wrote(1, "sem ofertas", NOON - timedelta(days=1))

    result = run_dry_run(make_bot(flow(withdrawal, text("b", "Ok"))), number, ana)

    assert result["answered"] == 1
    assert not ConsentDecision.objects.exists()
    assert not Contact.objects.get().marketing_stopped


def test_the_result_contains_no_text_of_a_customer(bot: Bot, number: PhoneNumber, ana: User, wrote: Callable[..., Message]) -> None:
    wrote(1, "segredo do João", NOON - timedelta(days=1))

    assert "segredo" not in json.dumps(run_dry_run(bot, number, ana))


def test_only_customers_of_the_number_in_the_last_month_count(
    bot: Bot, number: PhoneNumber, ana: User, wrote: Callable[..., Message]
) -> None:
    other = PhoneNumber.objects.create(organization=number.organization, phone_number_id="5244", wa_id="556133214401")
    elsewhere = Contact.objects.create(create_for_phone_number=other, wa_id="5561977")
    day = NOON - timedelta(days=1)
    wrote(1, "velho", NOON - timedelta(days=31))
    wrote(2, "da equipe", day, is_user_message=False, origin="staff")
    wrote(3, "👍", day, kind="reaction", target_wamid="wamid.x")
    wrote(4, "história", day, origin="history")
    wrote(5, "número trocado", day, kind="system")
    wrote(6, "em grupo", day, group_id="g")
    wrote(7, "outro número", day, contact=elsewhere, phone_number=other)
    wrote(8, "oi", day)

    assert run_dry_run(bot, number, ana)["conversations"] == 1


def test_the_latest_conversations_are_used_up_to_a_limit(
    number: PhoneNumber, wrote: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(1, 6):
        wrote(index, "oi", NOON - timedelta(days=index))
        wrote(index, "tudo bem?", NOON - timedelta(days=index) + timedelta(minutes=1))
    monkeypatch.setattr(dry_runs, "MAX_CONVERSATIONS", 3)

    assert [each.session_id.int for each in find_sessions(number, now=NOON)] == [1, 2, 3]


def test_a_few_queries_read_many_conversations(number: PhoneNumber, wrote: Callable[..., Message]) -> None:
    for index in range(1, 41):
        wrote(index, "oi", NOON - timedelta(hours=index))
    sessions = find_sessions(number, now=NOON)

    with CaptureQueriesContext(connection) as queries:
        found = list(read_sessions(number, sessions))

    assert len(found) == 40
    assert len(queries) <= 4


def test_pieces_within_the_silence_are_answered_as_one() -> None:
    def answers(*seconds: float) -> list[StoredAnswer]:
        return [StoredAnswer(NOON + timedelta(seconds=each), Answer("text", str(each))) for each in seconds]

    def sizes(found: list[StoredAnswer], silence: float) -> list[int]:
        return [len(burst) for burst in bursts(found, timedelta(seconds=silence))]

    assert sizes(answers(0, 2, 4, 60), 3) == [3, 1]
    assert sizes(answers(0, 2, 4), 0) == [1, 1, 1]
    assert sizes(answers(*range(0, 60, 2)), 3) == [16, 14]
    button = StoredAnswer(NOON, Answer("interactive", "Sim", "yes"))
    assert sizes([button, *answers(1)], 3) == [1, 1]
    assert sizes([], 3) == []


def test_a_conversation_is_replayed_the_same_each_time(number: PhoneNumber, wrote: Callable[..., Message]) -> None:
    at = NOON - timedelta(days=1)
    wrote(1, "oi", at)
    wrote(1, "Pedido", at + timedelta(minutes=1), **tapped("order", "Pedido"))
    wrote(1, "1234", at + timedelta(minutes=2))
    [found] = read_sessions(number, find_sessions(number, now=NOON))
    read = read_flow(flow())

    first, second = replay(read, *found), replay(read, *found)

    assert first.lines == second.lines
    words = [json.dumps(line.message, ensure_ascii=False) for line in first.lines if line.kind == "bot"]
    assert "O pedido 1234 está a caminho." in words[-1]


# ---- The job ----


def test_a_draft_with_problems_is_not_run(bot: Bot, number: PhoneNumber, ana: User) -> None:
    Bot.objects.update(draft=flow(text("a", "Oi", "nowhere")))

    with pytest.raises(CannotPublish):
        start_dry_run(bot=bot, number=number, by=ana, now=NOON)

    assert not BotDryRun.objects.exists()


def test_a_second_start_returns_the_running_one_and_old_ones_are_deleted(bot: Bot, number: PhoneNumber, ana: User) -> None:
    first = start_dry_run(bot=bot, number=number, by=ana, now=NOON)
    assert start_dry_run(bot=bot, number=number, by=ana, now=NOON) == first

    for _ in range(MAX_KEPT + 2):
        run_dry_run(bot, number, ana)

    assert BotDryRun.objects.filter(bot=bot).count() == MAX_KEPT


def test_a_dry_run_of_a_dead_worker_is_done_by_the_next(
    bot: Bot, number: PhoneNumber, ana: User, wrote: Callable[..., Message]
) -> None:
    wrote(1, "oi", NOON - timedelta(days=1))
    started = start_dry_run(bot=bot, number=number, by=ana, now=NOON)
    lost = LANE.rows.lease(limit=1, seconds=60)
    assert lost is not None
    BotDryRun.objects.make_due()

    LANE.run_once()
    LANE.work(lost)  # the first worker was only slow: its result is ignored

    started.refresh_from_db()
    assert (started.state, started.conversations, started.conversations_done) == (State.DONE, 1, 1)
