"""The settings pages of message templates, for administrators."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chats.message_templates.accounts import Account, NoUsableNumber, accounts_of, numbers_by_account
from chats.message_templates.components import texts_of, unsupported_reason
from chats.message_templates.filled_templates import build_example_preview
from chats.message_templates.forms import DraftForm
from chats.message_templates.services import create_template, delete_template, refusal_text
from chats.message_templates.status_texts import is_metas_reason, language_text, quality_text, reason_text, status_text
from chats.message_templates.sync import last_sync, sync_templates
from chats.models import MessageTemplate
from cloud_api.errors import meaning_of
from cloud_api.graph import GraphError
from cloud_api.wa_ids import formatted
from organizations.permissions import Access, for_admins

FRAME = {"section": "settings", "part": "templates"}
MAX_SHOWN = 500


@for_admins
@require_safe
def templates(request: HttpRequest, access: Access) -> HttpResponse:
    """All templates of the organization's accounts."""
    return render(request, "chats/templates/templates.html", FRAME | _list_context(request, access))


@for_admins
@require_safe
def rows(request: HttpRequest, access: Access) -> HttpResponse:
    """The list alone."""
    return render(request, "chats/templates/_rows.html", _list_context(request, access))


def _list_context(request: HttpRequest, access: Access) -> dict[str, Any]:
    search = request.GET.get("q", "").strip().lower()[:100]
    all_rows = MessageTemplate.objects.filter(organization=access.organization)
    found = list(all_rows.filter(name__contains=search.replace(" ", "_"))[: MAX_SHOWN + 1])
    accounts = accounts_of(access.organization)
    return {
        "rows": [_row(template) for template in found[:MAX_SHOWN]],
        "more": len(found) > MAX_SHOWN,
        "sought": search,
        "is_empty": not search and not found,
        "accounts": [_sync_state(account, names) for account, names in _with_numbers(accounts)],
    }


def _row(template: MessageTemplate) -> dict[str, Any]:
    return {
        "template": template,
        "language_name": language_text(template.language),
        "quality": quality_text(template),
        "reason": reason_text(template),
        "is_metas_reason": is_metas_reason(template),
        "words": texts_of(template).body,
    }


def _with_numbers(accounts: list[Account]) -> list[tuple[Account, str]]:
    """Returns each account with its numbers as one text, by which staff recognizes it."""
    numbers = numbers_by_account(accounts)
    return [(each, ", ".join(map(formatted, numbers.get(each.waba_id, [])))) for each in accounts]


def _sync_state(account: Account, numbers: str) -> dict[str, Any]:
    """Returns when the account was last synchronized, and why later attempts failed."""
    last = last_sync(account)
    error = ""
    if last.failures:
        error = gettext(meaning_of(last.code).words) if last.code is not None else gettext("WhatsApp did not answer.")
    return {"numbers": numbers, "at": last.succeeded_at, "wrong": error}


@for_admins
@require_POST
def sync(request: HttpRequest, access: Access) -> HttpResponse:
    """Synchronizes the templates of all accounts."""
    accounts = accounts_of(access.organization)
    if not accounts:
        messages.error(request, gettext("Connect a number first, with the ID of its WhatsApp Business Account."))
    for account in accounts:
        _sync(request, account)
    return redirect("templates", access.organization.pk)


def _sync(request: HttpRequest, account: Account) -> None:
    try:
        changes = sync_templates(account)
    except NoUsableNumber:
        messages.error(request, _no_token())
    except GraphError as refusal:
        messages.error(request, refusal_text(refusal))
    else:
        words = gettext("Up to date: %(new)s new, %(changed)s changed, %(gone)s gone.")
        messages.success(request, words % {"new": changes.new, "changed": changes.changed, "gone": changes.deleted})


def _no_token() -> str:
    return gettext("None of the account's numbers has an access token. Give it one on the number's page.")


@for_admins
@require_safe
def template(request: HttpRequest, access: Access, template_id: int) -> HttpResponse:
    """One template, with an example of its message."""
    found = _template(access, template_id)
    same_name = MessageTemplate.objects.filter(organization=access.organization, waba_id=found.waba_id, name=found.name)
    shown = {"shown": build_example_preview(found), "why_not": unsupported_reason(found), "status_words": status_text(found)}
    context = FRAME | _row(found) | shown | {"others": same_name.exclude(pk=found.pk).count()}
    return render(request, "chats/templates/template.html", context)


@for_admins
@require_POST
def delete(request: HttpRequest, access: Access, template_id: int) -> HttpResponse:
    """Deletes the template, also at Meta: in this language, or in all languages."""
    found = _template(access, template_id)
    every_language = request.POST.get("languages") == "all" or not found.template_id
    try:
        delete_template(template=found, every_language=every_language, by=access.user)
    except NoUsableNumber:
        messages.error(request, _no_token())
    except GraphError as refusal:
        messages.error(request, refusal_text(refusal))
    else:
        messages.success(request, gettext("The template %(name)s was deleted.") % {"name": found.name})
        return redirect("templates", access.organization.pk)
    return redirect("template", access.organization.pk, found.pk)


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, access: Access) -> HttpResponse:
    """The form for a new template."""
    accounts = accounts_of(access.organization)
    country = access.organization.country
    form = DraftForm(request.POST, country=country) if request.method == "POST" else DraftForm(country=country)
    chosen = request.POST.get("account", accounts[0].waba_id if accounts else "")
    account = next((each for each in accounts if each.waba_id == chosen), None)
    if form.is_bound and account is None:
        form.add_error(None, gettext("Connect a number first, with the ID of its WhatsApp Business Account."))
    elif account and form.is_bound and form.is_valid():
        created = _create(access, account, form)
        if created:
            messages.success(request, gettext("WhatsApp has it and reviews it now; that takes from minutes to a day."))
            return redirect("template", access.organization.pk, created.pk)
    choices = [(each.waba_id, names) for each, names in _with_numbers(accounts)]
    context = FRAME | {"form": form, "accounts": choices, "chosen": chosen}
    return render(request, "chats/templates/new.html", context, status=422 if form.errors else 200)


def _create(access: Access, account: Account, form: DraftForm) -> MessageTemplate | None:
    """Creates the template at Meta. Returns None if that failed, and adds the error to the form."""
    try:
        return create_template(account=account, draft=form.draft, by=access.user)
    except NoUsableNumber:
        form.add_error(None, _no_token())
    except GraphError as refusal:
        form.add_error(None, refusal_text(refusal))
    return None


@for_admins
@require_POST
def draft(request: HttpRequest, access: Access) -> HttpResponse:
    """The parts of the form that depend on its other fields: lines for buttons, examples, preview."""
    form = DraftForm(initial=request.POST.dict(), country=access.organization.country)
    return render(request, "chats/templates/_draft.html", {"form": form, "is_part": True})


def _template(access: Access, template_id: int) -> MessageTemplate:
    return get_object_or_404(MessageTemplate.objects.filter(organization=access.organization), pk=template_id)
