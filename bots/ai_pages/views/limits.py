"""What an AI may use, and what it has used."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from bots.ai_pages.forms.limit_forms import LimitForm
from bots.ai_pages.money import money_text
from bots.ai_pages.selectors import get_ai_or_404
from bots.ai_pages.services import save_limits
from bots.ai_pages.usage import UsageDay, last_days, usage_of_today
from bots.ai_pages.views.frame import frame, read_only
from bots.answering.ai_limits import today_of
from bots.insight.charts import Chart, bar_chart
from bots.models import AiConnection
from organizations.permissions import Access, for_members
from organizations.text_display import GroupedInt


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def limits(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """The limits, today's usage and that of the last days. A post by an administrator stores the limits."""
    ai = get_ai_or_404(access.organization, ai_id)
    form = LimitForm(request.POST if request.method == "POST" else None, initial=LimitForm.initial_of(ai.connection))
    if form.is_bound and access.is_admin and form.is_valid():
        save_limits(bot=ai.bot, columns=form.cleaned_data)
        messages.success(request, gettext("Saved. The limits apply at once."))
        return redirect("ai_limits", access.organization.pk, ai.bot.pk)
    today = today_of(access.organization, timezone.now())
    days = last_days(ai.bot, today=today)
    context = frame(ai, "ai_limits") | {
        "form": form,
        "facts": _limit_texts(form, ai.connection),
        "today": usage_of_today(ai.bot, ai.connection, today=today),
        "charts": _charts(days) if days else (),
        "period": {"first": days[0].day, "last": days[-1].day} if days else {},
        "days": [(each, money_text(each.micros, ai.connection.currency)) for each in reversed(days) if each.tokens],
    }
    if not access.is_admin:
        return read_only(request, "bots/ai/limits.html", context)
    return render(request, "bots/ai/limits.html", context, status=422 if form.is_bound else 200)


def _limit_texts(form: LimitForm, connection: AiConnection) -> list[tuple[str, str]]:
    """Returns the names and values of the limits as members read them."""
    return [(str(field.label), _limit_text(field.name, connection)) for field in form if field.name != "currency"]


def _limit_text(name: str, connection: AiConnection) -> str:
    value = getattr(connection, name)
    if name == "micros_per_day" and not value:
        return gettext("no limit")
    return money_text(value, connection.currency) if "micros" in name else str(GroupedInt(value))


def _charts(days: Sequence[UsageDay]) -> Sequence[Chart]:
    return [
        bar_chart(gettext("Answers"), [(each.day, each.answers) for each in days]),
        bar_chart(gettext("Tokens"), [(each.day, each.tokens) for each in days]),
    ]
