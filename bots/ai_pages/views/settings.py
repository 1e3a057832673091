"""What an AI must know, and how it answers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from bots.ai.settings import MAX_KNOWLEDGE_TOKENS
from bots.ai.tokens import estimate_tokens
from bots.ai_pages.forms.settings_forms import ADVANCED, SettingsForm
from bots.ai_pages.selectors import changed_settings, facts, get_ai_or_404, label_names
from bots.ai_pages.services import DraftChanged, save_settings
from bots.ai_pages.views.frame import frame, read_only
from contacts.services import InvalidInput
from organizations.permissions import Access, for_members


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def ai_bot(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The settings of the draft. A post by an administrator stores them."""
    ai = get_ai_or_404(access.organization, ai_id)
    context = frame(ai, "ai_bot")
    if not access.is_admin:
        return read_only(request, "bots/ai/settings.html", context | {"facts": facts(ai.settings)})
    labels = label_names(access.organization)
    initial = SettingsForm.initial_of(ai.settings, ai.bot.draft_revision)
    typed = request.POST.copy()
    form = SettingsForm(typed if request.method == "POST" else None, labels=labels, initial=initial)
    if form.is_bound and form.is_valid():
        revision = form.cleaned_data["revision"]
        try:
            save_settings(bot=ai.bot, changes=form.changes, revision=-1 if revision is None else revision, now=timezone.now())
        except DraftChanged as changed:
            typed["revision"] = str(changed.revision)
            form.add_error(
                None, gettext("The settings were changed by someone else meanwhile. Save again to replace them by these.")
            )
        except InvalidInput as refusal:
            form.add_error("name", refusal.args[0])
        else:
            messages.success(request, gettext("The draft is saved. Customers get it when you publish."))
            return redirect("ai_bot", access.organization.pk, ai.bot.pk)
    knowledge = str(form["knowledge"].value() or "")
    context |= {
        "form": form,
        "advanced": [form[name] for name in ADVANCED],
        "has_wrong_advanced": any(name in form.errors for name in ADVANCED),
        "has_labels": bool(labels),
        "tokens": estimate_tokens(knowledge),
        "max_tokens": MAX_KNOWLEDGE_TOKENS,
        "changes": changed_settings(ai.bot.published.document, ai.bot.draft) if ai.bot.published else None,
    }
    return render(request, "bots/ai/settings.html", context, status=422 if form.is_bound else 200)
