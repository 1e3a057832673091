"""Changes of who is in charge, in sentences, for the thread."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.owners import Owner, OwnerReason

OWNER_ICONS = {
    Owner.BOT: "bot",
    Owner.AI: "bot",
    Owner.PERSON: "user",
    Owner.WAITING: "hand",
    Owner.META_AGENT: "sparkles",
}
HANDED_OVER = {
    OwnerReason.ASKED: _("%(bot)s handed over to a person: the customer asked for one"),
    OwnerReason.FLOW: _("%(bot)s handed over to a person"),
    OwnerReason.NO_STEP: _("%(bot)s handed over to a person: it did not know how to go on"),
    OwnerReason.LOOP: _("%(bot)s handed over to a person: there were too many answers in a short time, perhaps to another bot"),
    OwnerReason.FAILED: _("%(bot)s handed over to a person: it failed"),
    OwnerReason.CALL_FAILED: _("%(bot)s handed over to a person: a web call failed"),
    OwnerReason.RETRIES: _("%(bot)s handed over to a person: the customer's answers were not understood"),
    OwnerReason.LATE: _("Waiting for a person: the message arrived too late for an automatic answer"),
    OwnerReason.NO_BOT: _("Waiting for a person: the number has no published bot"),
    OwnerReason.NO_ANSWER: _("%(bot)s handed over to a person: it did not answer in time"),
    OwnerReason.UNUSABLE: _("%(bot)s handed over to a person: its answer could not be used"),
    OwnerReason.REFUSED: _("%(bot)s handed over to a person: it refused to answer"),
    OwnerReason.PAUSED: _("%(bot)s handed over to a person: it failed too often and is paused"),
    OwnerReason.LIMIT: _("%(bot)s handed over to a person: a limit was reached"),
    OwnerReason.MARKETING: _(
        "%(bot)s handed over to a person: it wanted to send a marketing template, and the customer has stopped those"
    ),
}
"""A bot or AI was in charge, and now the customer waits for a person."""
HANDED_OVER_BY_AI = {**HANDED_OVER, OwnerReason.NO_BOT: _("Waiting for a person: the number has no published AI")}
WAITING = {
    OwnerReason.ASKED: _("The customer asked for a person"),
    OwnerReason.LATE: HANDED_OVER[OwnerReason.LATE],
    OwnerReason.NO_BOT: HANDED_OVER[OwnerReason.NO_BOT],
}
"""The same where the team or Meta's agent was in charge."""
TO_PERSON = {
    OwnerReason.ANSWERED: _("%(who)s answered and is in charge now"),
    OwnerReason.PHONE_APP: _("Somebody answered in the phone app: your team is in charge now"),
    OwnerReason.TAKEN_OVER: _("%(who)s took over the conversation"),
    OwnerReason.DONE: _("%(who)s marked as done: nobody waits for a person any more"),
    OwnerReason.STANDBY_ENDED: _("Meta's agent no longer answers: your team is in charge now"),
}
TO_BOT = {
    OwnerReason.HANDED_BACK: _("%(who)s handed the conversation back to the bot"),
    OwnerReason.NEXT_SESSION: _("A new conversation began: the bot is in charge again"),
    OwnerReason.TIME_IS_UP: _("The time for your team was over: the bot is in charge again"),
    OwnerReason.DONE: _("%(who)s marked as done: the bot is in charge again"),
    OwnerReason.STANDBY_ENDED: _("Meta's agent no longer answers: the bot is in charge again"),
}
TO_AI = {
    OwnerReason.HANDED_BACK: _("%(who)s handed the conversation back to the AI"),
    OwnerReason.NEXT_SESSION: _("A new conversation began: the AI is in charge again"),
    OwnerReason.TIME_IS_UP: _("The time for your team was over: the AI is in charge again"),
    OwnerReason.DONE: _("%(who)s marked as done: the AI is in charge again"),
    OwnerReason.STANDBY_ENDED: _("Meta's agent no longer answers: the AI is in charge again"),
}
TO_META_AGENT = {OwnerReason.STANDBY: _("Meta's agent answers now")}
IN_CHARGE_NOW = {
    Owner.BOT: _("The bot is in charge now"),
    Owner.AI: _("The AI is in charge now"),
    Owner.PERSON: _("Your team is in charge now"),
    Owner.WAITING: _("Waiting for a person"),
    Owner.META_AGENT: TO_META_AGENT[OwnerReason.STANDBY],
}
"""For a reason without a sentence of its own."""


def owner_sentence(values: Mapping[str, Any], who: str) -> str:
    """Returns a sentence with the change. Empty if the values name no owner. `who` made it."""
    before, owner = values.get("from"), values.get("to")
    if owner not in Owner.values:
        return ""
    by_owner: dict[Any, Mapping[Any, Any]] = {
        Owner.BOT: TO_BOT,
        Owner.AI: TO_AI,
        Owner.PERSON: TO_PERSON,
        Owner.WAITING: HANDED_OVER_BY_AI if before == Owner.AI else HANDED_OVER if before == Owner.BOT else WAITING,
        Owner.META_AGENT: TO_META_AGENT,
    }
    sentence = by_owner[owner].get(values.get("reason"), IN_CHARGE_NOW[Owner(owner)])
    bot = gettext("The AI") if before == Owner.AI else gettext("The bot")
    return str(sentence % {"who": who, "bot": bot})
