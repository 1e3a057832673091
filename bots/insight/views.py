"""The page with the counts of a bot."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, time

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from bots.editor.diagram import draw
from bots.insight.charts import Chart, bar_chart
from bots.insight.selectors import PERIODS, DayTotals, Period, StepTotals, day_totals, step_totals
from bots.insight.step_lines import step_lines
from bots.models import Bot, BotKind, BotVersion
from organizations.permissions import Access, for_members

DEFAULT_DAYS = 30


@for_members
@require_safe
def insight(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """How many customers came to each step in the last days, and how they left it."""
    bots = Bot.objects.filter(organization=access.organization, kind=BotKind.FLOW).select_related("published")
    bot = get_object_or_404(bots, pk=bot_id)
    chosen = next((days for days in PERIODS if str(days) == request.GET.get("days")), DEFAULT_DAYS)
    period = Period.until(timezone.now(), days=chosen)
    version = bot.published or bot.versions.order_by("-number").first()
    totals = step_totals(bot, period) if version else {}
    days = day_totals(bot, period) if totals else ()
    context = {
        "section": "settings",
        "part": "bots",
        "bot": bot,
        "version": version,
        "periods": PERIODS,
        "chosen": chosen,
        "period": period,
        "days": days,
        "charts": _charts(days) if days else (),
        "lines": step_lines(version.document, totals) if version and totals else (),
        "diagram": _diagram(version, totals) if version and totals else "",
        "day_begins": datetime.combine(period.last, time(), UTC),
    }
    return render(request, "bots/insight.html", context)


def _diagram(version: BotVersion, totals: Mapping[str, StepTotals]) -> SafeString:
    """Returns the diagram of the flow. Its steps are links to the rows of the table."""
    return draw(version.document, {step: asdict(counts) for step, counts in totals.items()})


def _charts(days: Sequence[DayTotals]) -> Sequence[Chart]:
    return [
        bar_chart(gettext("Conversations"), [(each.day, each.started) for each in days]),
        bar_chart(gettext("Handed over to a person"), [(each.day, each.handed_over) for each in days]),
        bar_chart(gettext("Stopped answering"), [(each.day, each.left) for each in days]),
        bar_chart(gettext("Not understood"), [(each.day, each.fell_through) for each in days]),
    ]
