"""What keeps a webhook bot or an AI from being published."""

from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bots.ai.settings import MAX_KNOWLEDGE_TOKENS, AiSettings
from bots.ai.tokens import estimate_tokens
from bots.flows.calls import filled_url
from bots.flows.texts import names_in
from bots.models import AiConnection, Bot, BotKind
from bots.remote.rights import addresses_of
from bots.web_requests.addresses import check_destination, parse_destination
from bots.web_requests.errors import RefusedAddress
from bots.webhook_bots.settings import WebhookSettings


def settings_problems(bot: Bot) -> list[Promise]:
    """Returns sentences about what is missing or wrong in the draft of a webhook bot or AI."""
    if bot.kind == BotKind.WEBHOOK:
        problem = address_problem(bot.organization_id, WebhookSettings.read(bot.draft).url)
        return [problem] if problem else []
    return _ai_problems(bot)


def address_problem(organization_id: int, url: str) -> Promise | None:
    """Returns why the organization's bots may not call a URL. None if they may, as far as is known before its name is looked up."""
    if not url:
        return _("Enter the web address.")
    try:
        check_destination(parse_destination(url), addresses_of(organization_id))
    except RefusedAddress as refusal:
        return refusal.text
    return None


def tool_problem(organization_id: int, url: str) -> Promise | None:
    """Returns why an AI of the organization may not make web calls to a URL with placeholders, whatever stands in them."""
    if _has_variable_host(url):
        return _("The name of the server must not contain placeholders.")
    return address_problem(organization_id, filled_url(url, lambda _name: "x"))


def _has_variable_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False  # the check of addresses says what is wrong
    return bool(names_in(parts.netloc) or names_in(parts.scheme))


def _ai_problems(bot: Bot) -> list[Promise]:
    settings = AiSettings.read(bot.draft)
    connection = AiConnection.objects.defer("api_key").filter(pk=bot.pk).first()
    problems: list[Promise] = []
    if connection is None or not connection.base_url or not settings.model:
        problems.append(_("Connect the AI first: address, model and key."))
    elif problem := address_problem(bot.organization_id, connection.base_url):
        problems.append(problem)
    if not settings.who.strip():
        problems.append(_("Say who the AI is."))
    if estimate_tokens(settings.knowledge) > MAX_KNOWLEDGE_TOKENS:
        problems.append(_("The knowledge is too long."))
    problems += [problem for tool in settings.tools if (problem := tool_problem(bot.organization_id, tool.url))]
    return problems
