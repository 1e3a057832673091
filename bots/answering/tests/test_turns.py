"""Customers' messages and their automatic answers, through the webhook and the worker."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bots.answering import turns
from bots.answering.tests.conftest import MENU, customer, now, sent_texts, tap, text
from bots.models import AutomaticMessages, BotConversation
from chats.conversations.ownership import hand_back, take_over
from chats.models import BotTurn, BotTurnMessage, Message, Origin, QueuedMessage
from chats.outbox.message_queue import queue_message
from cloud_api import messages
from conftest import apply_all
from contacts.models import Contact, ContactChange
from contacts.services import set_who_answers
from organizations.models import AuditEntry, Organization, PhoneNumber, Profile
from webhooks.models import Webhook
from webhooks.processing import pipeline
from webhooks.processing.rebuild import Rebuild
from webhooks.processing.replay import replay
from webhooks.tests.bodies import echo_body, history_body

pytestmark = pytest.mark.django_db(transaction=True)
MENU_TEXT = "Olá! Como podemos ajudar?"


def test_a_bot_answers_with_its_menu_and_follows_the_tapped_button(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    post_and_apply(tap("w2", "prices", "Preços", now()))
    assert sent_texts() == [MENU_TEXT, "Custa R$ 10."]
    first, second = Message.objects.filter(origin=Origin.BOT).order_by("pk")
    assert first.payload["interactive"]["action"]["buttons"][0]["reply"] == {"id": "prices", "title": "Preços"}
    assert second.bot_trace is not None
    assert second.bot_trace["step"] == 4
    assert Message.objects.filter(is_user_message=True, bot_replied=True).count() == 2
    assert second.flow_state is not None
    assert second.flow_state["bot"] == "atendimento"
    assert customer().owner == "bot"


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_message_that_turns_out_to_be_the_first_of_its_session_does_not_restart_the_flow(
    publish, post_and_apply, seconds
) -> None:
    publish()
    at = now()
    post_and_apply(text("w2", "oi", at))
    post_and_apply(tap("w1", "prices", "Preços", at - seconds))
    assert sent_texts() == [MENU_TEXT, "Custa R$ 10."]


def test_a_message_has_one_answer_however_often_it_comes(publish, post_and_apply) -> None:
    publish()
    for _ in range(3):
        post_and_apply(text("w1", "oi"))
    Webhook.objects.all().make_due()
    post_and_apply(text("w1", "oi"))
    assert len(sent_texts()) == 1


def test_a_rebuild_answers_nobody_and_gives_the_same_rows(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"), text("w2", "xyz", now() + 1))
    columns = ("wamid", "content", "bot_replied", "flow_state", "origin", "message_status", "session_id")
    before = list(Message.objects.order_by("create_in", "content").values_list(*columns))
    owner = customer().owner, customer().owner_reason
    Rebuild.start().delete_rows(lambda _rows: None)
    replay(Webhook.objects.all(), lambda _rows: None)
    apply_all()
    assert list(Message.objects.order_by("create_in", "content").values_list(*columns)) == before
    assert (customer().owner, customer().owner_reason) == owner
    assert not BotTurn.objects.exists()


def test_a_turn_waits_for_a_rebuild_however_long_it_takes(publish, hub) -> None:
    publish()
    hub.deliver(text("w1", "oi", now()))
    for lane in pipeline.LANES:
        lane.run_once()
    Rebuild.start().delete_rows(lambda _rows: None)
    for _ in range(8):
        BotTurn.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        turns.LANE.run_once()
    assert sent_texts() == []
    replay(Webhook.objects.all(), lambda _rows: None)
    apply_all()
    assert sent_texts() == [MENU_TEXT]
    assert not BotTurn.objects.exists()


def test_without_bots_nothing_is_written(numbers, post_and_apply) -> None:
    post_and_apply(text("w1", "oi"))
    assert not BotTurnMessage.objects.exists()
    assert sent_texts() == []


def test_an_answer_that_fits_no_branch_calls_a_person_with_the_note_of_the_flow(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    post_and_apply(text("w2", "qualquer coisa", now() + 1))
    contact = customer()
    assert (contact.owner, contact.owner_reason) == ("waiting", "flow")
    assert contact.waiting_since is not None
    change = ContactChange.objects.get(kind=ContactChange.Kind.OWNER)
    assert change.values == {"from": "bot", "to": "waiting", "reason": "flow", "note": "Não escolheu."}
    assert len(sent_texts()) == 2  # the menu, and the words of the number


def test_the_audit_log_has_who_changed_the_owner_and_nothing_of_the_customer(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    post_and_apply(text("w2", "qualquer coisa", now() + 1))

    [entry] = AuditEntry.objects.all()
    assert (entry.action, entry.target_id) == ("owner_changed", str(customer().pk))
    assert (entry.actor_kind, entry.actor_label) == ("bot", "atendimento")
    assert entry.changes == {"owner": ["bot", "waiting"], "reason": [None, "flow"]}
    assert customer().wa_id not in str(AuditEntry.objects.values())


@pytest.mark.parametrize("words", ["atendente", "ATENDENTE!", "quero falar com um humano"])
def test_a_customer_who_asks_for_a_person_waits_for_one(publish, post_and_apply, words) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    post_and_apply(text("w2", words, now() + 1))
    assert (customer().owner, customer().owner_reason) == ("waiting", "asked")


def test_the_bot_is_silent_while_a_person_is_waited_for(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "atendente"))
    before = sent_texts()
    post_and_apply(text("w2", "alguém?", now() + 1))
    assert sent_texts() == before


def test_staff_who_answer_take_over_and_what_the_bot_had_queued_is_withdrawn(publish, post_and_apply, ana_of_the_team) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    assert QueuedMessage.objects.count() == 1  # Graph is away
    write(customer(), "Sou a Ana.", ana_of_the_team)
    contact = customer()
    assert (contact.owner, contact.owner_reason) == ("person", "answered")
    assert list(Message.objects.filter(origin=Origin.BOT).values_list("message_status", flat=True)) == ["withdrawn"]
    assert contact.waiting_since is None
    post_and_apply(tap("w2", "prices", "Preços", now() + 1))
    assert "Custa R$ 10." not in sent_texts()


def test_a_withdrawn_message_is_no_answer(publish, post_and_apply, ana_of_the_team) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    assert customer().waiting_since is None
    assert take_over(contact=customer(), by=ana_of_the_team, now=timezone.now())
    assert customer().waiting_since is not None


def test_the_bot_gets_the_conversation_back_by_hand(publish, post_and_apply, ana_of_the_team) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    take_over(contact=customer(), by=ana_of_the_team, now=timezone.now())
    assert hand_back(contact=customer(), by=ana_of_the_team, now=timezone.now())
    assert customer().owner == "bot"
    post_and_apply(tap("w2", "prices", "Preços", now() + 1))
    assert sent_texts()[-1] == "Custa R$ 10."


def test_the_bot_gets_the_conversation_back_after_the_minutes_of_the_number(
    publish, post_and_apply, number, ana_of_the_team
) -> None:
    publish()
    PhoneNumber.objects.filter(pk=number.pk).update(bot_returns="minutes", bot_returns_minutes=30)
    post_and_apply(text("w1", "oi"))
    write(customer(), "Sou a Ana.", ana_of_the_team)
    until = customer().owner_until
    assert until is not None
    assert timedelta(minutes=29) < until - timezone.now() <= timedelta(minutes=30)
    Contact.objects.update(owner_until=timezone.now() - timedelta(seconds=1))
    post_and_apply(tap("w2", "prices", "Preços", now() + 1))
    assert (customer().owner, customer().owner_reason) == ("bot", "time_is_up")
    assert sent_texts()[-1] == "Custa R$ 10."


def test_the_bot_gets_the_conversation_back_with_the_next_session(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    long_ago = timezone.now() - timedelta(days=2)
    Message.objects.update(create_in=long_ago, expires_at=long_ago + timedelta(days=1))
    Contact.objects.update(
        owner="person",
        owner_reason="answered",
        owner_since=long_ago,
        session_expires_at=long_ago + timedelta(days=1),
        last_message_timestamp=long_ago,
    )
    post_and_apply(text("w2", "oi de novo", now() + 1))
    assert (customer().owner, customer().owner_reason) == ("bot", "next_session")
    assert len(sent_texts()) == 2


def test_a_switch_to_the_team_stops_the_bot_and_what_it_had_queued(publish, post_and_apply, organization, ana_of_the_team) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    change = {"organization": organization, "contact_ids": [customer().pk], "by": ana_of_the_team, "now": timezone.now()}
    set_who_answers(profile=Profile.HUMAN, **change)
    assert customer().owner == "person"


def test_an_answer_on_the_phone_takes_over_and_a_late_or_repeated_echo_does_not(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi", now() - 20))
    post_and_apply(echo_body("e0", now() - 3600))  # late
    assert customer().owner == "bot"
    post_and_apply(echo_body("e1", now() + 2))
    assert (customer().owner, customer().owner_reason) == ("person", "phone_app")
    Contact.objects.update(owner="bot", owner_since=timezone.now() + timedelta(seconds=10))
    post_and_apply(echo_body("e1", now() + 2), echo_body("e2", now() + 3))
    assert customer().owner == "bot"


def test_a_message_that_is_applied_late_is_not_answered_but_waits_for_a_person(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi", now() - 600))
    assert sent_texts() == []
    assert (customer().owner, customer().owner_reason) == ("waiting", "late")


def test_history_and_messages_from_before_the_bot_change_nothing(publish, post_and_apply, number) -> None:
    publish()
    PhoneNumber.objects.filter(pk=number.pk).update(answers_since=timezone.now() - timedelta(minutes=1))
    post_and_apply(history_body("h1", now() - 60), text("w0", "oi", now() - 3600))
    assert sent_texts() == []
    assert customer().owner == "bot"


def test_a_bot_that_was_chosen_before_the_number_had_one_answers_once_it_has(publish, post_and_apply, number) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(default_profile="bot")
    post_and_apply(text("w1", "oi", now() - 60))
    assert (customer().profile, customer().owner) == ("bot", "person")
    publish()
    post_and_apply(text("w2", "oi", now() + 1))
    assert (customer().owner, len(sent_texts())) == ("bot", 1)


def test_customers_of_a_bot_that_was_switched_off_are_those_of_the_team(publish, post_and_apply, number) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    PhoneNumber.objects.filter(pk=number.pk).update(answers_since=None)
    post_and_apply(text("w2", "alô?", now() + 1))
    assert (customer().owner, customer().owner_reason) == ("person", "no_bot")
    assert customer().waiting_since is not None
    publish()
    post_and_apply(tap("w3", "prices", "Preços", now() + 2))
    assert (customer().owner, sent_texts()[-1]) == ("bot", "Custa R$ 10.")


def test_what_another_program_chose_counts(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    Contact.objects.update(profile="human", activate_bot=False)
    post_and_apply(tap("w2", "prices", "Preços", now() + 1))
    assert (customer().owner, len(sent_texts())) == ("person", 1)
    Contact.objects.update(profile="bot", activate_bot=True)
    post_and_apply(tap("w3", "prices", "Preços", now() + 2))
    assert (customer().owner, sent_texts()[-1]) == ("bot", "Custa R$ 10.")


@pytest.mark.parametrize("change", ["human", "blocked", "group"])
def test_the_bot_is_silent_towards(publish, post_and_apply, change) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    before = sent_texts()
    if change == "human":
        Contact.objects.update(profile="human", activate_bot=False, owner="person")
    if change == "blocked":
        Contact.objects.update(blocked_at=timezone.now())
    body = tap("w2", "prices", "Preços", now() + 1)
    if change == "group":
        body = body.replace(b'"type": "interactive"', b'"group_id": "g1", "type": "interactive"')
    post_and_apply(body)
    assert sent_texts() == before


def test_a_number_whose_bot_is_not_published_answers_nobody_and_says_so(publish, post_and_apply) -> None:
    bot = publish()
    bot.published = None
    bot.save()
    post_and_apply(text("w1", "oi"))
    assert sent_texts() == []
    assert (customer().owner, customer().owner_reason) == ("waiting", "no_bot")


def test_messages_that_come_in_pieces_get_one_answer_after_a_silence(publish, post_and_apply, number) -> None:
    publish()
    PhoneNumber.objects.filter(pk=number.pk).update(burst_seconds=15)
    post_and_apply(text("w1", "oi"), text("w2", "tudo bem?", now() + 1))
    assert sent_texts() == []
    turn = BotTurn.objects.get()
    assert timedelta(seconds=10) < turn.due_at - timezone.now() <= timedelta(seconds=15)
    BotTurn.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    apply_all()
    assert len(sent_texts()) == 1
    assert Message.objects.filter(bot_replied=True).count() == 2


def test_a_burst_never_waits_longer_than_thirty_seconds(publish, post_and_apply, number) -> None:
    publish()
    PhoneNumber.objects.filter(pk=number.pk).update(burst_seconds=15)
    post_and_apply(text("w1", "a"))
    BotTurn.objects.update(started_at=timezone.now() - timedelta(seconds=25))
    post_and_apply(text("w2", "b", now() + 1))
    assert BotTurn.objects.get().due_at - timezone.now() <= timedelta(seconds=5)


def test_two_bots_that_answer_each_other_are_stopped(publish, post_and_apply, number) -> None:
    publish()
    AutomaticMessages.objects.create(number=number, loop_answers=3, loop_minutes=5, person_words=[])
    flow = {**MENU, "steps": [{**MENU["steps"][0], "next": None}, *MENU["steps"][1:]]}
    publish(flow)
    for index in range(5):
        post_and_apply(text(f"w{index}", "oi", now() + index))
    assert (customer().owner, customer().owner_reason) == ("waiting", "loop")
    assert Message.objects.filter(origin=Origin.BOT).count() == 3


def test_a_flow_that_is_published_again_leaves_running_conversations_with_their_version(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    changed = {**MENU, "steps": [{**step} for step in MENU["steps"]]}
    changed["steps"][3]["message"] = {"type": "text", "text": "Custa R$ 99."}
    publish(changed)
    post_and_apply(tap("w2", "prices", "Preços", now() + 1))
    assert sent_texts()[-1] == "Custa R$ 10."


def test_the_state_of_a_merged_contact_is_found_by_its_messages(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    BotConversation.objects.all().delete()  # as with the contact that was merged into another one
    post_and_apply(tap("w2", "prices", "Preços", now() + 1))
    assert sent_texts()[-1] == "Custa R$ 10."
    assert BotConversation.objects.count() == 1


def test_a_time_out_of_the_flow_comes_once_and_not_while_a_person_is_in_charge(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    stored = BotConversation.objects.get()
    assert timedelta(minutes=29) < stored.due_at - timezone.now() <= timedelta(minutes=30)
    end_timer()
    apply_all()
    apply_all()
    assert sent_texts()[-1] == "Até logo!"
    assert len(sent_texts()) == 2


def test_nothing_is_answered_for_an_inactive_organization(publish, hub) -> None:
    publish()
    hub.deliver(text("w1", "oi", now()))
    for lane in pipeline.LANES:
        lane.run_once()
    Organization.objects.update(activate=False)  # as a requested deletion does
    apply_all()
    assert sent_texts() == []
    assert (customer().owner, customer().owner_reason) == ("waiting", "late")


def test_a_timer_of_an_inactive_organization_ends_without_effect(publish, post_and_apply) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    Organization.objects.update(activate=False)
    end_timer()
    apply_all()
    assert sent_texts() == [MENU_TEXT]
    assert BotConversation.objects.get().state == "waiting"


@pytest.mark.parametrize(
    "state",
    [[], {"version": "x"}, {"bot": [], "version": 10**30}, {"bot": "atendimento", "version": 1, "step": 7, "waits_since": 5}],
)
def test_a_state_of_a_message_that_another_program_has_written_harms_nobody(publish, post_and_apply, state) -> None:
    publish()
    post_and_apply(text("w1", "oi"))
    BotConversation.objects.all().delete()  # as in a merge
    Message.objects.update(flow_state=state)
    post_and_apply(text("w2", "oi", now() + 1))
    assert sent_texts() == [MENU_TEXT] * 2
    assert customer().owner == "bot"


def end_timer() -> None:
    stored = BotConversation.objects.get()
    past = timezone.now() - timedelta(seconds=1)
    BotConversation.objects.update(due_at=past, flow_state={**stored.flow_state, "timer": past.isoformat()})


def write(contact: Contact, words: str, by: Any) -> Message:
    return queue_message(
        contact=contact, message=messages.text(words), token=uuid.uuid4(), origin=Origin.STAFF, now=timezone.now(), by=by
    )
