"""Tags of the pages of bots, and of pages of packages below that show what a bot does."""

from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from bots.models import Bot, BotKind
from bots.publishing.assignments import find_number_bot
from bots.publishing.changes import ChangedStep
from bots.publishing.selectors import count_failed_conversations
from bots.publishing.views.frame import bot_page
from organizations.models import PhoneNumber
from organizations.templatetags.components import badge

register = template.Library()

CHANGES = {
    "added": (_("step added"), "success"),
    "changed": (_("step changed"), "info"),
    "removed": (_("step removed"), "warning"),
}

KIND_ICONS = {BotKind.FLOW: "bot", BotKind.WEBHOOK: "webhook", BotKind.AI: "sparkles"}

register.simple_tag(bot_page)


@register.filter
def kind_icon(bot: Bot) -> str:
    """The icon of the bot's kind."""
    return KIND_ICONS[BotKind(bot.kind)]


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
    """The bot and the AI of a number, on the number's page: which ones, or why none answers, and where they failed."""
    found = [find_number_bot(number, ai=ai) for ai in (False, True)]
    named = [each for each in found if each.key]
    return {"access": context["access"], "number": number, "named": named, "failed": count_failed_conversations(number)}
