"""Tags of the pages of bots, and of pages of packages below that show what a bot does."""

from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from bots.models import Bot
from bots.publishing.assignments import find_number_bot
from bots.publishing.changes import ChangedStep
from bots.publishing.selectors import count_failed_conversations
from organizations.models import PhoneNumber
from organizations.templatetags.components import badge

register = template.Library()

CHANGES = {
    "added": (_("step added"), "success"),
    "changed": (_("step changed"), "info"),
    "removed": (_("step removed"), "warning"),
}


@register.inclusion_tag("components/badge.html")
def badge_word(change: str) -> dict[str, Any]:
    """What happened to a step, as a badge."""
    words, tone = CHANGES[change]
    return badge(words, tone)


@register.filter
def changed_step(step: ChangedStep) -> str:
    """The number and the title of a step that differs, or its id if it has no title."""
    return f"{step.number} · {step.title or step.id}"


@register.filter
def step_name(bot: Bot, step_id: str) -> str:
    """The number and the title of a step of the draft."""
    steps = enumerate(bot.draft.get("steps", ()), 1)
    found = next(((number, step) for number, step in steps if isinstance(step, dict) and step.get("id") == step_id), None)
    if found is None:
        return step_id
    number, step = found
    return f"{number} · {step['title']}" if step.get("title") else str(number)


@register.inclusion_tag("bots/_number_bot.html", takes_context=True)
def number_bot(context: Any, number: PhoneNumber) -> dict[str, Any]:
    """The bot of a number, on the number's page: which one, or why none answers, and where it failed."""
    failed = count_failed_conversations(number)
    return {"access": context["access"], "number": number, "each": find_number_bot(number), "failed": failed}
