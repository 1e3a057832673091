"""Questions with which an AI is proven: their answers over real HTTP, their verdicts, and what they use of the day."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bots.ai_pages import proof_lane
from bots.ai_pages.proof_checks import contains, fault_text, faults_of
from bots.ai_pages.proofs import ProofSummary, RunUnderWay, start_run, summarize_proofs
from bots.ai_pages.selectors import get_ai_or_404
from bots.ai_pages.tests.conftest import Sign, address, shown
from bots.ai_pages.tests.endpoint import Endpoint
from bots.ai_pages.tests.examples import KEY
from bots.flows.texts import fold
from bots.models import AiConnection, AiProof, AiProofAnswer, AiUsage, Bot
from bots.publishing.versions import publish_bot
from chats.models import Message
from conftest import without_table
from jobs.models import State
from jobs.transactions import DatabaseAway
from organizations.models import Role

pytestmark = pytest.mark.django_db(transaction=True)


def run_proofs(bot: Bot) -> None:
    """Asks all questions, and lets the worker answer."""
    start_run(bot=bot, now=timezone.now())
    proof_lane.LANE.drain(lambda: False)


def summary(bot: Bot) -> ProofSummary:
    return summarize_proofs(get_ai_or_404(bot.organization, bot.pk).bot)


def answers() -> list[AiProofAnswer]:
    return list(AiProofAnswer.objects.order_by("proof", "-is_draft"))


@pytest.mark.parametrize(
    ("answer", "text", "is_found"),
    [
        ("Abrimos no SÁBADO às 8h.", "sabado", True),
        ("Abrimos aos sábados.", "sábado", True),
        ("Custa *R$ 10,00*.", "R$ 10", True),
        ("Custa R$ 110,00.", "10,00", False),
        ("das 8h\n  às   12h", "8h às 12h", True),
        ("8h–12h", "8h-12h", True),
        ("Não abrimos.", "abrimos no sábado", False),
        ("", "x1", False),
        ("I\u0307stanbul", "istanbul", True),
        ("é ótimo 💥", "otimo 💥", True),
    ],
)
def test_texts_are_found_without_regard_to_case_accents_punctuation_and_spaces(answer: str, text: str, is_found: bool) -> None:
    assert contains(fold(answer), text) is is_found


@pytest.mark.parametrize(
    ("columns", "messages", "hands_over", "faults"),
    [
        ({"must": ["sábado"]}, ["Abrimos", "aos sábados"], False, []),
        ({"must": ["sábado", "8h"]}, ["Sim."], False, [("missing", "sábado"), ("missing", "8h")]),
        ({"must_not": ["desconto"]}, ["Damos desconto."], False, [("forbidden", "desconto")]),
        ({"must_hand_over": True}, ["Olá"], False, [("no_person", "")]),
        ({"must_hand_over": True}, [], True, []),
        (
            {"must": ["10"], "must_not": ["20"], "must_hand_over": True}, ["20"], False,
            [("missing", "10"), ("forbidden", "20"), ("no_person", "")],
        ),
    ],
)  # fmt: skip
def test_an_answer_has_a_fault_for_each_rule_it_breaks(
    columns: dict[str, Any], messages: Sequence[str], hands_over: bool, faults: list[tuple[str, str]]
) -> None:
    assert faults_of(AiProof(**columns), messages, hands_over=hands_over) == faults
    assert all("%(" not in fault_text(code, text) for code, text in faults)


def test_questions_are_asked_and_judged(ai: Bot, endpoint: Endpoint) -> None:
    endpoint.answers = {"pessoa": "PERSON", "12345": "TOOL"}
    passed = AiProof.objects.create(bot=ai, question="Abrem no sábado?", must=["sábado", "8h"])
    failed = AiProof.objects.create(bot=ai, question="E domingo?", must=["domingo"], must_not=["sábados"])
    person = AiProof.objects.create(bot=ai, question="Quero uma pessoa", must_hand_over=True)
    tool = AiProof.objects.create(bot=ai, question="Pedido 12345?", must=["saiu para entrega"])
    run_proofs(ai)

    found = {row.proof_id: row for row in answers()}
    assert found[passed.pk].faults == []
    assert found[passed.pk].messages == [endpoint.otherwise]
    assert found[failed.pk].faults == [["missing", "domingo"], ["forbidden", "sábados"]]
    assert (found[person.pk].hands_over, found[person.pk].faults) == (True, [])
    assert (found[tool.pk].faults, found[tool.pk].tools) == ([], ["order_status"])
    assert all(row.seconds > 0 and row.input_tokens >= 120 for row in found.values())
    shown_summary = summary(ai)
    assert (shown_summary.passed, shown_summary.failed, shown_summary.outdated) == (3, 1, 0)
    assert not Message.objects.exists()


def test_the_published_version_is_asked_beside_a_changed_draft(ai: Bot, endpoint: Endpoint) -> None:
    AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    publish_bot(bot=ai, by=None, now=timezone.now())
    ai.refresh_from_db()
    run_proofs(ai)
    assert [row.is_draft for row in answers()] == [True]

    ai.draft = ai.draft | {"who": "Você é o Beto."}
    ai.save()
    run_proofs(ai)
    assert [row.is_draft for row in answers()] == [True, False]
    asked = [body["messages"][0]["content"] for body in endpoint.bodies[1:]]
    assert {"Beto" in prompt for prompt in asked} == {True, False}
    assert all(KEY not in str(body) for body in endpoint.bodies)


def test_a_changed_draft_makes_its_answers_outdated(ai: Bot, endpoint: Endpoint) -> None:
    AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    assert summary(ai).outdated == 1
    run_proofs(ai)
    assert (summary(ai).passed, summary(ai).outdated) == (1, 0)
    Bot.objects.update(draft=ai.draft | {"tone": "formal"})
    assert (summary(ai).passed, summary(ai).outdated) == (0, 1)


def test_proofs_count_into_the_tokens_of_the_day_but_not_as_answers(ai: Bot, endpoint: Endpoint) -> None:
    AiConnection.objects.update(input_micros=1_000_000, output_micros=2_000_000)
    AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    run_proofs(ai)

    usage = AiUsage.objects.get()
    assert (usage.input_tokens, usage.output_tokens, usage.micros) == (120, 30, 180)
    assert (usage.answers, usage.reserved_tokens, usage.reserved_micros) == (0, 0, 0)
    row = answers()[0]
    assert (row.input_tokens, row.output_tokens, row.micros, row.reserved_on) == (120, 30, 180, None)


def test_proofs_stop_at_the_limit_of_the_day(ai: Bot, endpoint: Endpoint) -> None:
    AiConnection.objects.update(tokens_per_day=1)
    AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    run_proofs(ai)
    assert (answers()[0].problem, answers()[0].state) == ("tokens", State.DONE)
    assert endpoint.bodies == []
    assert summary(ai).failed == 1


@pytest.mark.parametrize(("status", "problem"), [(401, "key"), (500, "status"), (429, "busy")])
def test_an_endpoint_that_fails_is_the_result_of_the_question(ai: Bot, endpoint: Endpoint, status: int, problem: str) -> None:
    endpoint.status = status
    AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    run_proofs(ai)
    assert (answers()[0].problem, answers()[0].state) == (problem, State.DONE)
    assert AiUsage.objects.get().reserved_tokens == 0


def test_an_answer_of_a_worker_that_lost_its_lease_is_not_stored(ai: Bot, endpoint: Endpoint) -> None:
    AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    start_run(bot=ai, now=timezone.now())
    (task,) = proof_lane.lease_questions(8)
    AiProofAnswer.objects.update(lease_token=None, due_at=timezone.now())
    (again,) = proof_lane.lease_questions(8)
    reserved = AiUsage.objects.get().reserved_tokens

    exchange = proof_lane.ask(task)
    proof_lane.store_answers([(task, exchange)])
    assert answers()[0].state == State.DUE
    proof_lane.store_answers([(again, exchange)])
    proof_lane.store_answers([(again, exchange)])
    assert answers()[0].state == State.DONE
    assert reserved > 0
    assert (AiUsage.objects.get().reserved_tokens, AiUsage.objects.get().input_tokens) == (0, 120)


def test_a_database_that_is_away_is_not_the_result_of_a_question(ai: Bot, endpoint: Endpoint) -> None:
    AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    start_run(bot=ai, now=timezone.now())
    with without_table(AiUsage), pytest.raises(DatabaseAway):
        list(proof_lane.lease_questions(8))
    assert (answers()[0].state, answers()[0].problem) == (State.DUE, "")
    AiProofAnswer.objects.update(due_at=timezone.now())
    proof_lane.LANE.drain(lambda: False)
    assert answers()[0].messages == [endpoint.otherwise]


def test_an_answer_that_cannot_be_stored_has_used_its_tokens(ai: Bot, endpoint: Endpoint) -> None:
    AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    start_run(bot=ai, now=timezone.now())
    (task,) = proof_lane.lease_questions(8)
    proof_lane.reject_answer(task, proof_lane.ask(task), ValueError("broken"))
    assert (answers()[0].state, answers()[0].problem, answers()[0].messages) == (State.DONE, "internal", [])
    usage = AiUsage.objects.get()
    assert (usage.input_tokens, usage.output_tokens, usage.reserved_tokens) == (120, 30, 0)


def test_a_run_under_way_is_neither_started_again_nor_changed(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    proof = AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    start_run(bot=ai, now=timezone.now())
    with pytest.raises(RunUnderWay):
        start_run(bot=ai, now=timezone.now())
    assert admin.post(address("ai_proof_run", ai)).status_code == 302
    assert admin.post(address("ai_proof_delete", ai, proof.pk)).status_code == 302
    changed = {"question": "Outra", "must": "x1"}
    assert admin.post(address("ai_proof", ai, proof.pk), changed).status_code == 422
    assert AiProof.objects.get().question == "Oi"
    assert 'hx-trigger="every 2s"' in shown(admin.get(address("ai_proof_results", ai)))

    proof_lane.LANE.drain(lambda: False)
    assert "hx-trigger" not in shown(admin.get(address("ai_proof_results", ai)))


def test_new_rules_judge_the_stored_answer_again_and_a_new_question_removes_it(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    proof = AiProof.objects.create(bot=ai, question="Oi", must=["domingo"])
    run_proofs(ai)
    assert summary(ai).failed == 1
    admin.post(address("ai_proof", ai, proof.pk), {"question": "Oi", "must": "sábado\n\n sábado "})
    assert AiProof.objects.get().must == ["sábado"]
    assert summary(ai).passed == 1
    admin.post(address("ai_proof", ai, proof.pk), {"question": "Oi de novo", "must": "sábado"})
    assert not AiProofAnswer.objects.exists()


@pytest.mark.parametrize(
    "typed",
    [
        {"question": "", "must": "abc"},
        {"question": "Oi"},
        {"question": "Oi", "must": "?!"},
        {"question": "Oi", "must": "R$"},
        {"question": "Oi", "must_not": "\n".join(f"texto {number}" for number in range(11))},
        {"question": "Oi", "must": "x" * 201},
        {"question": "x" * 1_001, "must": "abc"},
    ],
)
def test_a_question_without_a_rule_and_rules_that_fit_everything_are_refused(admin: Client, ai: Bot, typed: dict[str, str]) -> None:
    assert admin.post(address("ai_proof_new", ai), typed).status_code == 422
    assert not AiProof.objects.exists()


def test_one_question_is_answered_without_becoming_a_proof(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    admin.post(address("ai_question", ai), {"question": "Abrem <b>hoje</b>?"})
    assert "hx-trigger" in shown(admin.get(address("ai_question_answer", ai)))
    proof_lane.LANE.drain(lambda: False)

    part = shown(admin.get(address("ai_question_answer", ai)))
    assert endpoint.otherwise in part
    assert "<b>hoje</b>" not in part
    assert "hx-trigger" not in part
    assert summary(ai).lines == []
    admin.post(address("ai_question", ai), {"question": "Outra"})
    assert [proof.question for proof in AiProof.objects.all()] == ["Outra"]
    assert admin.get(address("ai_proof", ai, AiProof.objects.get().pk)).status_code == 404


def test_markup_of_a_model_is_shown_as_text(admin: Client, ai: Bot, endpoint: Endpoint) -> None:
    endpoint.otherwise = "<script>alert(1)</script>"
    AiProof.objects.create(bot=ai, question="Oi", must=["sábado"])
    run_proofs(ai)
    page = shown(admin.get(address("ai_proofs", ai)))
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_members_read_the_answers_and_ask_nothing(sign_in: Sign, ai: Bot, endpoint: Endpoint) -> None:
    AiProof.objects.create(bot=ai, question="Abrem no sábado?", must=["sábado"])
    run_proofs(ai)
    member = sign_in(Role.USER)
    assert endpoint.otherwise in shown(member.get(address("ai_proofs", ai)))
    assert member.post(address("ai_proof_run", ai)).status_code == 403
    assert member.post(address("ai_question", ai), {"question": "Oi"}).status_code == 403
