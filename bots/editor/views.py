"""The page of the editor, and its parts."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from bots.editor.cards import Card, cards_of, placed_problems
from bots.editor.checks import DraftCheck, billed_paths, billed_words, check_draft
from bots.editor.diagram import draw
from bots.editor.drafts import Edit, NothingToUndo, SavedEdit, StaleDraft, draft_of, edit_draft, redo, redo_changes, undo
from bots.editor.edits import file_paths, read_edit
from bots.editor.forms.fields import Option
from bots.editor.operations import MAX_STEPS, InvalidOperation
from bots.editor.steps.outputs import Document
from bots.editor.steps.placeholders import placeholders_of, variables_of
from bots.editor.steps.step_types import STEP_TYPES
from bots.files.stored_files import ACCEPTED_TYPES, files_of, read_and_store, sendable_keys
from bots.flow_ais import ais_of, askable_ais
from bots.flows.flow import PERSON_WORDS, SILENCE_SECONDS
from bots.models import Bot, BotKind
from chats.media.file_names import submitted_name
from chats.models import MessageTemplate
from cloud_api.messages import InvalidMessage
from contacts.models import Label
from organizations.models import Organization
from organizations.permissions import Access, for_admins, for_members
from organizations.text_display import invalid_message_text

UPLOAD = "upload:"
"""Before the name of a field, in the name of the file that is uploaded for it."""
STALE = _(
    "This bot was changed in another window or by a colleague. You see its current state. "
    "What you typed is still in its field, but it is not saved."
)


def get_bot_or_404(organization: Organization, bot_id: int) -> Bot:
    """Returns the organization's bot with a flow. Raises Http404 for other organizations' bots and other kinds too."""
    bots = Bot.objects.filter(organization=organization, kind=BotKind.FLOW)
    return get_object_or_404(bots.select_related("published"), pk=bot_id)


@for_members
@require_safe
def editor(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The page. Members who are no administrators can read it. `open` are steps whose forms are open. `add` is the step after which
    the page asks what to add."""
    bot = get_bot_or_404(access.organization, bot_id)
    return _page(request, access, bot, draft_of(bot), opened=request.GET.getlist("open"))


def _page(
    request: HttpRequest, access: Access, bot: Bot, document: Document, *, opened: Collection[str], status: int = HTTPStatus.OK
) -> HttpResponse:
    opened = opened if access.is_admin else ()
    context = _context(access, bot, document, opened)
    context |= {
        "diagram": draw(document, problems=_check(bot, document).problems),
        "labels": Label.objects.filter(organization=access.organization).values_list("name", flat=True),
        "add_after": request.GET.get("add"),
        "section": "settings",
    }
    return render(request, "bots/editor/editor.html", context, status=status)


def _context(access: Access, bot: Bot, document: Document, opened: Collection[str]) -> dict[str, Any]:
    check, files, ais = _check(bot, document), files_of(access.organization.pk), ais_of(access.organization.pk)
    settings = document.get("settings", {})
    return {
        "access": access,
        "bot": bot,
        "document": document,
        "cards": cards_of(document, check, opened, _templates_of(access.organization), files, ais),
        "check": check,
        "problems": placed_problems(document, check),
        "billed": billed_words(check),
        "paths": billed_paths(document, check),
        "may_edit": access.is_admin,
        "may_add": len(document["steps"]) < MAX_STEPS,
        "may_undo": bool(bot.undo),
        "may_redo": bool(redo_changes(bot)),
        "step_types": STEP_TYPES.values(),
        "accepted_types": ACCEPTED_TYPES,
        "placeholders": placeholders_of(document),
        "variables": variables_of(document),
        "settings": {
            "greets": settings.get("greets", True),
            "continues": settings.get("continues", False),
            "silence_seconds": settings.get("silence_seconds", SILENCE_SECONDS),
            "person_words": ", ".join(settings.get("person_words", PERSON_WORDS)),
        },
    }


def _check(bot: Bot, document: Document) -> DraftCheck:
    return check_draft(document, sendable_keys(bot.organization_id, document), askable_ais(bot.organization_id, document))


def _templates_of(organization: Organization) -> list[Option]:
    """Returns the approved message templates as options of a form."""
    rows = MessageTemplate.objects.filter(organization=organization, status=MessageTemplate.Status.APPROVED)
    names = rows.order_by("name").values_list("name", "language")
    return [(f"{name}|{language}", f"{name} ({language})") for name, language in names]


@for_members
@require_safe
def diagram(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The diagram of the draft."""
    bot = get_bot_or_404(access.organization, bot_id)
    document = draft_of(bot)
    return HttpResponse(draw(document, problems=_check(bot, document).problems))


@for_admins
@require_safe
def card(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The card of the step `step`, with its form if `open` is 1. Without JavaScript the page opens it by itself."""
    bot = get_bot_or_404(access.organization, bot_id)
    step_id, document = request.GET.get("step", ""), draft_of(bot)
    if step_id not in {step["id"] for step in document["steps"]}:
        return _parts(request, access, bot, document, opened=(), unchanged=())
    opened = [step_id] if request.GET.get("open") == "1" else []
    context = _context(access, bot, document, opened)
    context["card"] = next(card for card in context["cards"] if card.id == step_id)
    return render(request, "bots/editor/_card.html", context)


# ---- Changes


@for_admins
@require_POST
def change(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """Applies an operation to the draft that the page shows. A page that shows an older draft gets the current one."""
    bot = get_bot_or_404(access.organization, bot_id)
    templates = _templates_of(access.organization)
    keys, refusal = _store_files(request, access, bot)
    try:
        saved = _apply(bot, request.POST, keys, templates)
    except StaleDraft:
        return _stale(request, access, bot, templates)
    except NothingToUndo:
        saved = SavedEdit(bot, draft_of(bot), draft_of(bot))
    except InvalidOperation as invalid:
        return _refused(request, access, bot, str(invalid))
    if request.headers.get("HX-Request"):
        return _changed(request, access, saved, refusal)
    if refusal:
        messages.error(request, refusal)
    return _to_page(access, bot, saved)


def _store_files(request: HttpRequest, access: Access, bot: Bot) -> tuple[dict[str, list[str]], str]:
    """Stores the files that were posted for fields of the step. Returns their keys as values of the fields, and in words why a file
    was refused."""
    keys: dict[str, list[str]] = {}
    if not request.FILES:
        return keys, ""
    for path in file_paths(draft_of(bot), request.POST.get("step_id", "")):
        uploaded = request.FILES.get(f"{UPLOAD}{path}")
        if isinstance(uploaded, UploadedFile):
            try:
                stored = read_and_store(organization=access.organization, uploaded=uploaded, by=access.user, now=timezone.now())
            except InvalidMessage as refusal:
                return keys, f"{submitted_name(uploaded.name or '')}: {invalid_message_text(refusal)}"
            keys[path] = [stored.key]
    return keys, ""


def _apply(bot: Bot, posted: QueryDict, keys: Mapping[str, list[str]], templates: Sequence[Option]) -> SavedEdit:
    revision, now = _revision(posted), timezone.now()
    if posted.get("do") == "undo":
        return undo(bot=bot, revision=revision, now=now)
    if posted.get("do") == "redo":
        return redo(bot=bot, revision=revision, now=now)
    values = {**dict(posted.lists()), **keys}
    files = files_of(bot.organization_id) if keys else {}
    ais = ais_of(bot.organization_id) if "ai" in values else {}

    def edit(document: Document) -> Edit:
        return read_edit(document, values, templates, files, ais)

    return edit_draft(bot=bot, revision=revision, edit=edit, now=now)


def _revision(posted: QueryDict) -> int:
    """Returns the revision that the page shows. Without JavaScript, it is the one with which the page was loaded."""
    text = posted.get("revision") or posted.get("page_revision") or ""
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _to_page(access: Access, bot: Bot, saved: SavedEdit) -> HttpResponse:
    """Redirects a browser without JavaScript to the step that was changed."""
    page, step_ids = reverse("bot_editor", args=[access.organization.pk, bot.pk]), {step["id"] for step in saved.after["steps"]}
    query = QueryDict(mutable=True)
    query.setlist("open", [saved.focus] if saved.focus in step_ids else [])
    anchor = f"step-{saved.focus}" if saved.focus in step_ids else saved.focus
    return redirect(f"{page}?{query.urlencode()}#{anchor}")


def _changed(request: HttpRequest, access: Access, saved: SavedEdit, refusal: str) -> HttpResponse:
    """Returns the cards that have changed, and what else the page shows of the draft. `refusal`: why a file was not stored."""
    opened = {*request.POST.getlist("open"), *([saved.focus] if saved.focus else [])}
    before = cards_of(saved.before, _check(saved.bot, saved.before))
    after = cards_of(saved.after, _check(saved.bot, saved.after))
    old = {card.id: card for card in before}
    is_posted = request.POST.get("step_id")
    unchanged = [card.id for card in after if card.id not in opened and card == old.get(card.id) and card.id != is_posted]
    answer = _parts(request, access, saved.bot, saved.after, opened=opened, unchanged=unchanged)
    events: dict[str, Any] = {"hub:draft-saved": {}}
    if refusal:
        events["hub:toast"] = {"words": refusal, "kind": "alert-error"}
    if saved.focus:
        events["hub:focus"] = {"id": saved.focus, "words": _position_words(saved, request.POST.get("do", ""))}
    answer["HX-Trigger-After-Settle"] = json.dumps(events)
    return answer


def _position_words(saved: SavedEdit, operation: str) -> str:
    """Returns what a screen reader says after a step was moved."""
    step_id = saved.focus.partition("-")[2]
    numbers = {step["id"]: number for number, step in enumerate(saved.after["steps"], 1)}
    if not operation.startswith("move:") or step_id not in numbers:
        return ""
    return gettext("Now step %(number)s of %(count)s") % {"number": numbers[step_id], "count": len(numbers)}


def _parts(
    request: HttpRequest,
    access: Access,
    bot: Bot,
    document: Document,
    *,
    opened: Collection[str],
    unchanged: Collection[str],
    notice: object = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    context = _context(access, bot, document, opened)
    context |= {"unchanged": set(unchanged), "is_part": True, "notice": notice}
    answer = render(request, "bots/editor/_changes.html", context, status=status)
    answer["HX-Retarget"], answer["HX-Reswap"] = "#steps", "morph:innerHTML"
    return answer


def _stale(request: HttpRequest, access: Access, bot: Bot, templates: Sequence[Option]) -> HttpResponse:
    """Shows the current draft. What was typed stays in its fields, but is not saved."""
    bot.refresh_from_db()
    document = draft_of(bot)
    if request.headers.get("HX-Request"):
        opened = request.POST.getlist("open")
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return _parts(request, access, bot, document, opened=opened, unchanged=(), notice=STALE, status=status)
    messages.warning(request, STALE)
    step_id = request.POST.get("step_id", "")
    with suppress(InvalidOperation):  # The step may have been deleted.
        document = read_edit(
            document, dict(request.POST.lists()) | {"do": ["save"]}, templates, ais=ais_of(bot.organization_id)
        ).document
    return _page(request, access, bot, document, opened=[step_id], status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _refused(request: HttpRequest, access: Access, bot: Bot, words: str) -> HttpResponse:
    """Says that an operation is not possible. The page stays as it is."""
    text = words if " " in words else gettext("That is not possible here. Reload the page.")
    if request.headers.get("HX-Request"):
        event = json.dumps({"hub:toast": {"words": text, "kind": "alert-error"}})
        return HttpResponse(status=HTTPStatus.UNPROCESSABLE_ENTITY, headers={"HX-Trigger": event, "HX-Reswap": "none"})
    messages.error(request, text)
    return redirect("bot_editor", access.organization.pk, bot.pk)


__all__ = ["Card", "card", "change", "diagram", "editor"]
