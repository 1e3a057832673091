"""Questions with which an AI is proven, their runs, and the single question."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.ai_pages.forms.proof_forms import ProofForm, QuestionForm
from bots.ai_pages.proofs import (
    MAX_PROOFS,
    RunUnderWay,
    TooManyProofs,
    ask_question,
    delete_proof,
    latest_question,
    save_proof,
    start_run,
    summarize_proofs,
)
from bots.ai_pages.selectors import Ai, get_ai_or_404
from bots.ai_pages.views.frame import frame
from bots.models import AiProof
from organizations.permissions import Access, for_admins, for_members


@for_members
@require_safe
def proofs(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The questions with their last answers, and the box for a single one."""
    ai = get_ai_or_404(access.organization, ai_id)
    return render(request, "bots/ai/proofs.html", _page(ai, QuestionForm()))


def _page(ai: Ai, form: QuestionForm) -> dict[str, Any]:
    return frame(ai, "ai_proofs") | _results(ai) | {"form": form, "asked": latest_question(ai.bot)}


def _results(ai: Ai) -> dict[str, Any]:
    return {"ai": ai, "bot": ai.bot, "summary": summarize_proofs(ai.bot)}


@for_members
@require_safe
def results(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The answers so far. A fragment, which is fetched again while the run is under way."""
    return render(request, "bots/ai/_results.html", _results(get_ai_or_404(access.organization, ai_id)))


@for_admins
@require_POST
def run(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """Asks the draft and the published version all questions."""
    ai = get_ai_or_404(access.organization, ai_id)
    try:
        start_run(bot=ai.bot, now=timezone.now())
    except RunUnderWay:
        messages.info(request, _under_way())
    return redirect("ai_proofs", access.organization.pk, ai.bot.pk)


def _under_way() -> str:
    return gettext("The AI is still answering. Wait until it has ended.")


@for_admins
@require_POST
def question(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """Asks the draft and the published version one question."""
    ai = get_ai_or_404(access.organization, ai_id)
    form = QuestionForm(request.POST)
    if not form.is_valid():
        return render(request, "bots/ai/proofs.html", _page(ai, form), status=422)
    try:
        ask_question(bot=ai.bot, question=form.cleaned_data["question"], now=timezone.now())
    except RunUnderWay:
        messages.info(request, _under_way())
    return redirect("ai_proofs", access.organization.pk, ai.bot.pk)


@for_members
@require_safe
def question_answer(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The answer to the single question. A fragment, which is fetched again until there is one."""
    ai = get_ai_or_404(access.organization, ai_id)
    return render(request, "bots/ai/_asked.html", {"ai": ai, "bot": ai.bot, "asked": latest_question(ai.bot)})


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def new_proof(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The form of a new question."""
    return _proof_page(request, access, get_ai_or_404(access.organization, ai_id), None)


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def edit_proof(request: HttpRequest, access: Access, ai_id: int, proof_id: int) -> HttpResponse:
    """The form of a question."""
    ai = get_ai_or_404(access.organization, ai_id)
    return _proof_page(request, access, ai, get_object_or_404(AiProof, bot=ai.bot, is_kept=True, pk=proof_id))


def _proof_page(request: HttpRequest, access: Access, ai: Ai, proof: AiProof | None) -> HttpResponse:
    typed = request.POST if request.method == "POST" else None
    asked = {"question": request.GET.get("question", "")[:1_000]}
    form = ProofForm(typed, initial=ProofForm.initial_of(proof) if proof else asked)
    if form.is_bound and form.is_valid():
        try:
            save_proof(bot=ai.bot, proof=proof, columns=form.cleaned_data)
        except TooManyProofs:
            form.add_error(None, gettext("An AI has at most %(limit)s questions.") % {"limit": MAX_PROOFS})
        except RunUnderWay:
            form.add_error(None, _under_way())
        else:
            messages.success(request, gettext("Saved."))
            return redirect("ai_proofs", access.organization.pk, ai.bot.pk)
    context = frame(ai, "ai_proofs") | {"form": form, "proof": proof}
    return render(request, "bots/ai/proof.html", context, status=422 if form.is_bound else 200)


@for_admins
@require_POST
def remove_proof(request: HttpRequest, access: Access, ai_id: int, proof_id: int) -> HttpResponse:
    """Deletes a question with its answers."""
    ai = get_ai_or_404(access.organization, ai_id)
    proof = get_object_or_404(AiProof, bot=ai.bot, is_kept=True, pk=proof_id)
    try:
        delete_proof(bot=ai.bot, proof=proof)
    except RunUnderWay:
        messages.info(request, _under_way())
    else:
        messages.success(request, gettext("The question is deleted."))
    return redirect("ai_proofs", access.organization.pk, ai.bot.pk)
