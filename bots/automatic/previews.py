"""What the page of automatic messages shows of the settings: the messages as a contact would read them, and all in sentences."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import get_language, gettext, ngettext

from bots.automatic.business_hours import BusinessHours
from bots.automatic.due_messages import default_hand_over, facts_for, fill
from bots.automatic.page_forms import AutomaticForms
from bots.flows.flow import Flow
from bots.flows.turns.events import Facts
from bots.models import AutomaticMessages, Bot, BotKind
from chats.message_templates.components import TemplateButton
from cloud_api.messages import MAX_TEXT, InvalidMessage
from contacts.models import Contact
from organizations.models import BotReturn, Organization, PhoneNumber

LATEST_CONTACTS = 20
"""Contacts to choose from for the preview, and the most that a search finds."""


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """A message as `chats/templates/_preview.html` draws it. `is_default`: these are the hub's own words."""

    body: str
    buttons: tuple[TemplateButton, ...] = ()
    header_kind: str = ""
    file_name: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the summary, with its icon. `is_warning`: something does not work as it looks."""

    text: str
    icon: str
    is_warning: bool = False


def example_contact(number: PhoneNumber) -> Contact:
    """Returns a contact for the preview of a number that has none. Not saved."""
    # Translators: a person's full name, as an example
    return Contact(name=gettext("Maria Silva"), wa_id=number.wa_id)


def latest_contacts(number: PhoneNumber) -> list[Contact]:
    """Returns the contacts of the number who wrote last."""
    contacts = Contact.objects.filter(create_for_phone_number=number, last_message_timestamp__isnull=False)
    return list(contacts.order_by("-last_message_timestamp")[:LATEST_CONTACTS])


def preview_messages(
    forms: AutomaticForms, contact: Contact, organization: Organization, now: datetime
) -> dict[str, MessagePreview]:
    """Returns each message as the contact would read it, also one with errors. Those for closed times are as of such a time."""
    hours = forms.hours
    open_at, closed_at = hours.next_opening(now) or now, hours.next_closing(now) or now

    def facts_at(at: datetime) -> Facts:
        return facts_for(contact, organization=organization, hours=hours, now=at)

    is_for_closed_times = ("away", "handed_over_away")
    facts = {name: facts_at(closed_at if name in is_for_closed_times else open_at) for name in forms.messages}
    return {name: _preview(name, forms, facts[name]) for name in forms.messages}


def _preview(name: str, forms: AutomaticForms, facts: Facts) -> MessagePreview:
    form = forms.messages[name]
    buttons = tuple(TemplateButton("QUICK_REPLY", title) for title in form.typed_buttons)
    text, is_default = form.typed_text, False
    kind, name_of_file = form.typed_file
    if name.startswith("handed_over") and not text.strip() and not buttons and not kind:
        text, is_default = default_hand_over(facts)["text"], True
    try:
        filled = fill({"type": "text", "text": text[:MAX_TEXT]}, facts)
    except InvalidMessage:
        filled = None  # the error of the field says why
    body = filled["text"]["body"] if filled else ""
    # An audio is drawn as a document: the preview has no player.
    return MessagePreview(body, buttons, "document" if kind == "audio" else kind, name_of_file, is_default)


# ---- In sentences ----


def summarize(forms: AutomaticForms, number: PhoneNumber, bot: Bot | None) -> list[Sentence]:
    """Returns what will happen, in the language of the page. `bot` is the published bot of the number."""
    settings, hours = forms.typed, forms.hours
    sentences = [
        _hours_sentence(hours),
        *_greeting(settings, bot),
        *_away(settings, hours),
        *_reminder(settings),
        *_opted_out(settings),
    ]
    if bot:
        columns: dict[str, Any] = {
            "bot_returns": number.bot_returns,
            "bot_returns_minutes": number.bot_returns_minutes,
        } | forms.number_columns
        sentences.append(_bot_returns(BotReturn(columns["bot_returns"]), columns["bot_returns_minutes"], bot))
    elif not (settings.greeting_is_on or settings.away_is_on or settings.reminder_is_on or settings.opted_out_is_on):
        sentences.append(Sentence(gettext("Nothing is sent automatically: all messages are off."), "circle-stop"))
    return sentences


def _hours_sentence(hours: BusinessHours) -> Sentence:
    if hours.is_always_open:
        return Sentence(gettext("The number counts as always open, also on holidays."), "clock")
    words = gettext("Somebody is there: %(hours)s.") % {"hours": hours.hours_text(get_language() or "")}
    closed = gettext("Closed on holidays.")
    return Sentence(f"{words} {closed}" if hours.holidays_on else words, "clock")


def _greeting(settings: AutomaticMessages, bot: Bot | None) -> list[Sentence]:
    if not settings.greeting_is_on:
        return []
    words = gettext("People who begin a new conversation get the greeting.")
    if bot and bot.kind == BotKind.FLOW and bot.published and Flow(bot.published.document).greets:
        exception = gettext("Where the bot “%(bot)s” answers, the bot greets instead.") % {"bot": bot}
        words = f"{words} {exception}"
    return [Sentence(words, "message-circle")]


def _away(settings: AutomaticMessages, hours: BusinessHours) -> list[Sentence]:
    if settings.away_is_on and hours.is_always_open:
        words = gettext("The away message is on, but never goes out: the number counts as always open. Choose its hours.")
        return [Sentence(words, "triangle-alert", is_warning=True)]
    if settings.away_is_on:
        words = gettext(
            "Outside these hours, people who write get the away message, once in a conversation, also while a person answers."
        )
        return [Sentence(words, "hourglass")]
    if not hours.is_always_open:
        words = gettext("Outside these hours, customers are not told that you are closed: the away message is off.")
        return [Sentence(words, "hourglass")]
    return []


def _reminder(settings: AutomaticMessages) -> list[Sentence]:
    if not settings.reminder_is_on:
        return []
    words = ngettext(
        "People who have not answered your last message are reminded %(minutes)s minute before the 24 hours for answering end.",
        "People who have not answered your last message are reminded %(minutes)s minutes before the 24 hours for answering end.",
        settings.reminder_minutes,
    )
    return [Sentence(words % {"minutes": settings.reminder_minutes}, "bell")]


def _opted_out(settings: AutomaticMessages) -> list[Sentence]:
    if not settings.opted_out_is_on:
        return []
    return [Sentence(gettext("People who write a word that stops marketing messages get the confirmation."), "ban")]


def _bot_returns(returns: BotReturn, minutes: int, bot: Bot) -> Sentence:
    if bot.kind == BotKind.AI:
        return Sentence(_ai_returns(returns) % {"ai": bot, "minutes": minutes}, "bot")
    words = {
        BotReturn.NEXT_SESSION: gettext(
            "When a person answers, the bot “%(bot)s” is silent until the customer's next conversation."
        ),
        BotReturn.MINUTES: gettext(
            "When a person answers, the bot “%(bot)s” is silent until %(minutes)s minutes after the last answer."
        ),
        BotReturn.NEVER: gettext("When a person answers, the bot “%(bot)s” is silent until the team gives the conversation back."),
    }[returns]
    return Sentence(words % {"bot": bot, "minutes": minutes}, "bot")


def _ai_returns(returns: BotReturn) -> str:
    return {
        BotReturn.NEXT_SESSION: gettext("When a person answers, the AI “%(ai)s” is silent until the customer's next conversation."),
        BotReturn.MINUTES: gettext(
            "When a person answers, the AI “%(ai)s” is silent until %(minutes)s minutes after the last answer."
        ),
        BotReturn.NEVER: gettext("When a person answers, the AI “%(ai)s” is silent until the team gives the conversation back."),
    }[returns]


def find_published_bot(number: PhoneNumber) -> Bot | None:
    """Returns the bot that answers at the number, or else its AI, with the published version. None if there is neither."""
    bots = Bot.objects.filter(organization=number.organization_id, published__isnull=False)
    bots = bots.select_related("published").defer("draft", "undo")
    found = bots.exclude(kind=BotKind.AI).filter(key=number.default_bot).first() if number.default_bot else None
    if found is None and number.default_ai:
        found = bots.filter(kind=BotKind.AI, key=number.default_ai).first()
    return found
