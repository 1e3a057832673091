"""Flows that ask an AI, from the customer's message to the answer, with a model over real HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from bots.ai.settings import AiSettings
from bots.ai.tests.model_server import KEY, ModelServer, calls, fails, replies, says
from bots.answering import turns
from bots.answering.remote_lane import LANE as REQUESTS
from bots.answering.tests.conftest import customer, now, sent_texts, text
from bots.answering.tests.test_kills import Killed, killed_at
from bots.models import AiConnection, AiUsage, Bot, BotConversation, BotKind, BotRequest, BotVersion
from bots.publishing.services import delete_bot
from chats.conversations.ownership import take_over
from chats.models import BotTurnMessage, Message, Origin
from conftest import apply_all
from contacts.models import ContactChange, Label
from webhooks.processing import pipeline
from webhooks.tests.bodies import text_body

pytestmark = pytest.mark.django_db(transaction=True)
MAX_STATEMENTS = 90


@pytest.fixture
def model(settings: Any) -> Iterator[ModelServer]:
    server = ModelServer()
    settings.BOT_ALLOWED_ADDRESSES = server.allowed
    yield server
    server.close()


@pytest.fixture
def ai(organization, model) -> Bot:
    """A published AI of the organization, which answers at no number."""
    return publish_ai(organization, model.url)


def publish_ai(organization: Any, url: str, **settings: Any) -> Bot:
    document = AiSettings(name="Sol", model="prov", who="Você é a Sol.", **settings).document()
    bot = Bot.objects.create(organization=organization, key="sol", name="Sol", kind=BotKind.AI, draft=document)
    AiConnection.objects.create(bot=bot, base_url=url, api_key=KEY, timeout_seconds=5)
    bot.published = BotVersion.objects.create(bot=bot, number=1, document=document)
    bot.save()
    return bot


def say(step: str, words: str, following: str | None = None) -> dict[str, Any]:
    return {"id": step, "type": "send", "title": step, "message": {"type": "text", "text": words}, "next": following}


def free(**fields: Any) -> dict[str, Any]:
    words = {"instructions": "Responda sobre entregas.", "until": "o cliente disser o endereço"}
    return {"id": "ai", "type": "ai_answer", "title": "Conversa", "ai": "sol", **words, "next": "bye", "failed": "sorry"} | fields


def choice(**fields: Any) -> dict[str, Any]:
    branches = [{"name": name, "description": f"Fala de {name}", "next": name} for name in ("entrega", "preco")]
    question = {"ai": "sol", "question": "Do que se trata?", "branches": branches, "otherwise": "sorry"}
    return {"id": "choice", "type": "ai_branch", "title": "Qual?"} | question | fields


ENDS = (say("bye", "Até logo!"), say("sorry", "Não deu certo."), say("entrega", "Entregamos hoje."), say("preco", "R$ 10."))


def flow(*steps: dict[str, Any]) -> dict[str, Any]:
    document = {"format": 1, "name": "Loja", "start": steps[0]["id"], "settings": {"silence_seconds": 0}}
    return document | {"steps": [*steps, *ENDS]}


def waiting() -> tuple[str, str]:
    return customer().owner, customer().owner_reason


# Answer freely


def test_an_ai_answers_each_message_until_it_says_that_it_is_done(publish, ai, model, post_and_apply) -> None:
    model.responses = [
        replies("Entregamos, sim.", "Qual o endereço?"),
        says(None, calls=[("reply", {"messages": ["Anotado!"]}), ("done", {})]),
    ]
    publish(flow(free()))
    post_and_apply(text("w1", "Entregam na Asa Norte?"))
    assert sent_texts() == ["Entregamos, sim.", "Qual o endereço?"]
    post_and_apply(text("w2", "SQN 107"))
    assert sent_texts()[2:] == ["Anotado!", "Até logo!"]

    requests = BotRequest.objects.order_by("pk")
    assert [(each.purpose, each.state, each.outcome, each.problem) for each in requests] == [("step", "done", "answered", "")] * 2
    assert [each.bot for each in requests] == [ai, ai]
    prompt = model.bytes[0].decode()
    assert "Responda sobre entregas." in prompt
    assert "o cliente disser o endere" in prompt
    assert {"reply", "hand_over", "done"} <= {tool["function"]["name"] for tool in model.requests[0]["tools"]}
    first, *_ = Message.objects.filter(origin=Origin.BOT).order_by("create_in", "pk")
    assert first.bot_trace == {"step": 1, "title": "Conversa", "because": "ai", "detail": ""}
    assert BotConversation.objects.get().flow_state["ended"]
    assert customer().owner == "bot"
    assert AiUsage.objects.get().answers == 2


def test_the_message_counts_as_answered_by_the_flow(publish, ai, model, post_and_apply) -> None:
    publish(flow(free()))
    post_and_apply(text("w1", "oi"))
    question = Message.objects.get(wamid="w1")
    assert question.bot_replied
    assert question.flow_state is not None
    assert (question.flow_state["bot"], question.flow_state["step"]) == ("atendimento", "ai")
    assert BotTurnMessage.objects.get().is_answered


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (fails(500), "failed"),
        (fails(401), "failed"),
        (fails(404), "failed"),
        (says("<html>", message={"refusal": "no"}), "failed"),
        (replies("um", "dois", "três", "quatro"), "limit"),
    ],
)
def test_a_failure_takes_its_path_and_is_in_the_log(publish, ai, model, post_and_apply, response, outcome) -> None:
    model.responses = [response]
    publish(flow(free()))
    post_and_apply(text("w1", "oi"))
    while BotRequest.objects.filter(state="due").update(due_at=timezone.now()):
        apply_all()
    assert sent_texts() == ["Não deu certo."]
    assert BotRequest.objects.get().outcome == outcome


def test_a_step_of_a_deleted_ai_takes_the_path_of_a_failure(publish, ai, model, hub) -> None:
    publish(flow(free()))
    hub.deliver(text("w1", "oi", now()))
    for lane in (*pipeline.LANES, turns.LANE):
        lane.run_once()
    assert BotRequest.objects.get().state == "due"
    delete_bot(bot=ai, by=None)
    assert sent_texts() == ["Não deu certo."]


@pytest.mark.parametrize(
    ("response", "reason"),
    [(fails(401), "unusable"), (says(None, message={"refusal": "no"}), "refused"), (replies("1", "2", "3", "4"), "limit")],
)
def test_without_a_path_for_failures_a_person_is_called_who_reads_why(publish, ai, model, post_and_apply, response, reason) -> None:
    model.responses = [response]
    publish(flow(free(failed=None)))
    post_and_apply(text("w1", "oi"))
    assert waiting() == ("waiting", reason)
    assert ContactChange.objects.filter(values__to="waiting").get().values["note"]


def test_an_ai_that_calls_a_person_hands_over_with_its_summary(publish, ai, model, post_and_apply) -> None:
    model.responses = [calls("hand_over", reason="Quer desconto", summary="Pediu 20 rosas")]
    publish(flow(free()))
    post_and_apply(text("w1", "tem desconto?"))
    assert waiting() == ("waiting", "flow")
    assert "Pediu 20 rosas" in ContactChange.objects.filter(values__to="waiting").get().values["note"]
    assert BotRequest.objects.get().outcome == "handed_over"


def test_a_person_word_never_reaches_the_model(publish, ai, model, post_and_apply) -> None:
    publish(flow(free()))
    post_and_apply(text("w1", "quero um atendente"))
    assert waiting() == ("waiting", "asked")
    assert model.requests == []


def test_after_the_last_answer_the_model_is_asked_no_more(publish, ai, model, post_and_apply) -> None:
    publish(flow(free(max_answers=1)))
    post_and_apply(text("w1", "um"), text("w2", "dois"))
    assert sent_texts() == ["Olá!", "Não deu certo."]
    assert len(model.requests) == 1


def test_a_label_that_the_ai_gives_is_given_and_known_to_the_flow(publish, organization, model, post_and_apply) -> None:
    publish_ai(organization, model.url, labels=("VIP",))
    Label.objects.create(organization=organization, name="VIP")
    model.responses = [says(None, calls=[("set_label", {"name": "VIP"}), ("done", {}), ("reply", {"messages": []})])]
    cases = [{"when": {"type": "label", "label": "VIP"}, "next": "preco"}]
    publish(flow(free(next="b"), {"id": "b", "type": "branch", "cases": cases, "otherwise": "bye"}))
    post_and_apply(text("w1", "oi"))
    assert sent_texts() == ["R$ 10."]
    assert [label.name for label in customer().labels.all()] == ["VIP"]


# Choose a branch


@pytest.mark.parametrize(("name", "words"), [("entrega", "Entregamos hoje."), ("preco", "R$ 10."), ("unsure", "Não deu certo.")])
def test_the_model_chooses_the_path(publish, ai, model, post_and_apply, name, words) -> None:
    model.responses = [calls("choose_branch", branch=name)]
    publish(flow(choice()))
    post_and_apply(text("w1", "quanto custa?"))
    assert sent_texts() == [words]
    assert BotRequest.objects.get().request["branches"] == [["entrega", "Fala de entrega"], ["preco", "Fala de preco"]]
    assert Message.objects.get(wamid="w1").bot_replied


def test_a_model_that_chooses_what_does_not_exist_takes_the_other_path(publish, ai, model, post_and_apply) -> None:
    model.responses = [calls("choose_branch", branch="bye")]
    publish(flow(choice()))
    post_and_apply(text("w1", "vá para bye"))
    assert sent_texts() == ["Não deu certo."]


def test_an_ai_answers_the_message_whose_path_another_call_chose(publish, ai, model, post_and_apply) -> None:
    model.responses = [calls("choose_branch", branch="entrega"), replies("Entregamos na Asa Norte.")]
    publish(
        flow(choice(branches=[{"name": "entrega", "description": "x", "next": "ai"}, {"name": "p", "description": "y"}]), free())
    )
    post_and_apply(text("w1", "Entregam na Asa Norte?"))
    assert sent_texts() == ["Entregamos na Asa Norte."]
    assert [each.outcome for each in BotRequest.objects.order_by("pk")] == ["silent", "answered"]
    assert Message.objects.get(wamid="w1").bot_replied
    assert BotTurnMessage.objects.get().is_answered


# An AI that is not there


@pytest.mark.parametrize("is_there", [True, False])
def test_an_ai_that_is_not_published_or_of_another_organization_fails_at_once(publish, ai, model, post_and_apply, is_there) -> None:
    if is_there:
        Bot.objects.filter(pk=ai.pk).update(published=None)
    else:
        Bot.objects.filter(pk=ai.pk).update(kind=BotKind.FLOW)
    publish(flow(free()))
    post_and_apply(text("w1", "oi"))
    assert sent_texts() == ["Não deu certo."]
    assert not BotRequest.objects.exists()


def test_a_flow_whose_ais_are_all_missing_hands_over(publish, numbers, post_and_apply) -> None:
    publish(flow(choice(otherwise=None)))
    post_and_apply(text("w1", "oi"))
    assert waiting() == ("waiting", "failed")


def test_a_flow_that_asks_missing_ais_in_a_circle_hands_over(publish, numbers, post_and_apply) -> None:
    publish(flow(choice(otherwise="choice")))
    post_and_apply(text("w1", "oi"))
    assert waiting() == ("waiting", "loop")


# What happens meanwhile


def test_a_message_while_the_model_thinks_asks_again_and_the_first_answer_is_thrown_away(publish, ai, model, hub, numbers) -> None:
    model.responses = [replies("Primeira"), replies("Segunda")]
    publish(flow(free()))
    hub.deliver(text("w1", "oi"))
    run(*pipeline.LANES, turns.LANE)
    hub.deliver(text("w2", "entregam hoje?"))
    run(*pipeline.LANES)
    REQUESTS.drain(lambda: False)
    assert sent_texts() == []
    assert BotRequest.objects.get().outcome == "overtaken"
    apply_all()
    assert sent_texts() == ["Segunda"]
    assert [each.outcome for each in BotRequest.objects.order_by("pk")] == ["overtaken", "answered"]
    assert set(Message.objects.filter(is_user_message=True).values_list("bot_replied", flat=True)) == {True}
    usage = AiUsage.objects.get()
    assert (usage.input_tokens, usage.reserved_tokens) == (200, 0)


def test_an_answer_after_a_person_took_over_sends_nothing(publish, ai, model, hub, numbers, ana_of_the_team) -> None:
    publish(flow(free()))
    hub.deliver(text("w1", "oi"))
    run(*pipeline.LANES, turns.LANE)
    take_over(contact=customer(), by=ana_of_the_team, now=timezone.now())
    apply_all()
    assert sent_texts() == []
    assert BotRequest.objects.get().outcome in ("person", "failed")


def run(*lanes: Any) -> None:
    for lane in lanes:
        lane.run_once()


def test_a_worker_that_is_killed_while_it_stores_an_answer_gives_one(publish, ai, model, hub, numbers) -> None:
    publish(flow(free()))
    for statement in range(1, MAX_STATEMENTS, 3):
        sender = f"5561981{statement:06}"
        hub.deliver(text_body(f"w{statement}", now(), sender=sender))
        run(*pipeline.LANES, turns.LANE)
        if not is_killed_at(statement):
            break
        BotRequest.objects.filter(state="due").update(due_at=timezone.now(), lease_token=None)
        apply_all()
        assert Message.objects.filter(contact__wa_id=sender, is_user_message=False).count() == 1, statement
        assert Message.objects.filter(contact__wa_id=sender, bot_replied=True).count() == 1, statement
    assert 15 < statement < MAX_STATEMENTS - 3


def is_killed_at(statement: int) -> bool:
    try:
        with killed_at(statement):
            REQUESTS.drain(lambda: False)
    except Killed:
        return True
    return False


def test_customers_of_one_batch_get_their_own_answers(publish, ai, model, hub, numbers) -> None:
    model.responses = [calls("choose_branch", branch="preco")]
    publish(flow(choice()))
    for number in range(3):
        hub.deliver(text_body(f"w{number}", now(), sender=f"556198100000{number}"))
    run(*pipeline.LANES, turns.LANE)
    assert len(set(BotRequest.objects.values_list("call_id", flat=True))) == 1  # unique only in its conversation
    apply_all()
    assert sent_texts() == ["R$ 10."] * 3
