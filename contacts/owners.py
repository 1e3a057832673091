"""Who is in charge of a conversation, and why. `chats.conversations.ownership` has the rules."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Owner(models.TextChoices):
    """Who is in charge of a conversation. It follows from `profile`, which people set, and from what happened since."""

    BOT = "bot", _("bot")
    AI = "ia", _("AI")
    PERSON = "person", _("team")
    WAITING = "waiting", _("waiting for a person")
    META_AGENT = "meta_agent", _("Meta's agent")


class OwnerReason(models.TextChoices):
    """Why a conversation has its owner."""

    CHOSEN = "chosen", _("it was chosen so")
    ANSWERED = "answered", _("a person of the team answered")
    PHONE_APP = "phone_app", _("it was answered in the phone app")
    TAKEN_OVER = "taken_over", _("a person of the team took over")
    HANDED_BACK = "handed_back", _("it was handed back")
    NEXT_SESSION = "next_session", _("a new conversation began")
    TIME_IS_UP = "time_is_up", _("the time for the person was over")
    STANDBY = "standby", _("Meta's agent answers")
    STANDBY_ENDED = "standby_ended", _("Meta's agent no longer answers")
    ASKED = "asked", _("the customer asked for a person")
    FLOW = "flow", _("the bot handed over")
    NO_STEP = "no_step", _("the bot did not know how to go on")
    LOOP = "loop", _("too many answers in a short time, perhaps to another bot")
    FAILED = "failed", _("the bot failed")
    CALL_FAILED = "call_failed", _("a web call of the bot failed")
    RETRIES = "retries", _("the customer's answers were not understood")
    LATE = "late", _("the message arrived too late for an automatic answer")
    DONE = "done", _("a person of the team marked it as done")
    NO_BOT = "no_bot", _("the number has no published bot")
    NO_ANSWER = "no_answer", _("the bot did not answer in time")
    UNUSABLE = "unusable", _("the bot's answer could not be used")
    REFUSED = "refused", _("the AI refused to answer")
    PAUSED = "paused", _("the bot failed too often and is paused")
    LIMIT = "limit", _("a limit of the AI was reached")
    MARKETING = "marketing", _("the customer has stopped marketing messages")
