"""What the pages of bots have in common."""

from django.http import HttpResponse
from django.urls import reverse

from bots.models import Bot, BotKind

FRAME = {"section": "settings", "part": "bots"}
"""Where the pages are in the navigation."""

PAGES = {BotKind.FLOW: "bot_editor", BotKind.WEBHOOK: "webhook_bot", BotKind.AI: "ai_bot"}
"""The page on which a bot of each kind is built."""


def bot_page(bot: Bot) -> str:
    """Returns the URL of the page on which the bot is built."""
    return reverse(PAGES[BotKind(bot.kind)], args=[bot.organization_id, bot.pk])


def file_response(content: bytes, name: str) -> HttpResponse:
    """Returns the file of a flow for download."""
    response = HttpResponse(content, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
