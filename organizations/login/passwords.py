"""Passwords that anybody would try first at this hub."""

import unicodedata
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from organizations.models import Membership, User

WORDS = (
    "admin",
    "administrador",
    "atendimento",
    "bot",
    "chat",
    "hub",
    "inbox",
    "login",
    "mensagem",
    "meta",
    "password",
    "senha",
    "suporte",
    "whats",
    "whatsapp",
    "wpp",
    "zap",
)
"""docs/security.md lists them."""
MAX_GUESSED = 200
"""Letters of the longest password that is compared with the words. Nobody guesses how often a word is repeated in a longer one."""


class GuessableWordsValidator:
    """Refuses passwords whose letters are only words of the hub and names of the user's organizations, whatever digits and signs
    are between them: WhatsApp-Hub-2026."""

    def validate(self, password: str, user: User | None = None) -> None:
        letters = _letters(password)
        if 0 < len(letters) <= MAX_GUESSED and _consists_of(letters, {*WORDS, *_organization_names(user)}):
            raise ValidationError(
                gettext("This password is easy to guess: it consists of words of this site or of your organization."),
                code="password_guessable",
            )

    def get_help_text(self) -> str:
        return str(_("Your password must not consist only of words of this site or of your organization."))


def _organization_names(user: User | None) -> list[str]:
    """Returns the letters of the names. A user who accepts an invitation is not stored yet, and has none."""
    if user is None or user.pk is None:
        return []
    names = Membership.objects.filter(user=user).values_list("organization__organization_name", flat=True)
    return [letters for letters in map(_letters, names) if letters]


def _letters(text: str) -> str:
    """Returns the letters of the text, in small ones without accents."""
    # Letter by letter: `unicodedata.normalize` takes quadratic time to order many accents on one letter.
    plain = (part for each in text for part in unicodedata.normalize("NFKD", each).casefold())
    return "".join(letter for letter in plain if letter.isalpha())


def _consists_of(letters: str, words: Iterable[str]) -> bool:
    """Returns whether the letters are these words, one after the other, in any number."""
    ends = {0}
    for start in range(len(letters)):
        if start in ends:
            ends |= {start + len(word) for word in words if letters.startswith(word, start)}
    return len(letters) in ends
