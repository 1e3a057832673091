"""The words of the CSV files that contacts travel in. A file has to be understood whatever the language of whoever made it, and may
go from one to another, so the words of all three stand here and not among the translations."""

import re
from dataclasses import dataclass

from contacts.searching import normalized
from organizations.models import Profile

LANGUAGES = ("pt-br", "en", "es")


@dataclass(frozen=True)
class Column:
    """One column: its header in each of LANGUAGES, and what else people call it. `read`: an import looks at it."""

    key: str
    headers: tuple[str, str, str]
    synonyms: tuple[str, ...] = ()
    read: bool = True

    def header(self, language: str) -> str:
        return self.headers[LANGUAGES.index(language)]


COLUMNS = (
    # The digits as WhatsApp has them, country code first: unlike what people type, they are never taken for a number without one.
    Column("wa_id", ("telefone (internacional)", "phone (international)", "teléfono (internacional)"), ("wa_id",)),
    Column("whatsapp_name", ("nome no WhatsApp", "WhatsApp name", "nombre en WhatsApp"), read=False),
    Column("name", ("nome", "name", "nombre"), ("alias", "apelido", "apodo")),
    Column("username", ("nome de usuário", "username", "nombre de usuario"), read=False),
    Column("user_id", ("id de usuário", "user id", "id de usuario"), ("bsuid",)),
    Column("number", ("nosso número", "our number", "nuestro número")),
    Column("profile", ("perfil", "profile", "perfil")),
    Column("bot", ("bot", "bot", "bot"), ("robô",)),
    Column("automatic", ("automáticas", "automatic", "automáticos"), ("automático", "mensagens automáticas", "automatic messages")),
    Column("labels", ("etiquetas", "labels", "etiquetas"), ("label", "etiqueta", "tags")),
    Column("first_seen", ("primeiro contato", "first seen", "primer contacto"), read=False),
    Column("last_message", ("última mensagem", "last message", "último mensaje"), read=False),
)
PHONE = Column("phone", ("telefone", "phone", "teléfono"), ("celular", "móvil", "mobile", "whatsapp", "phone number"))
BY_HEADER = {normalized(word): each for each in (*COLUMNS, PHONE) for word in (*each.headers, *each.synonyms)}

PROFILES = {
    Profile.HUMAN: ("humano", "human", "humano"),
    Profile.BOT: ("bot", "bot", "bot"),
    Profile.AI: ("ia", "ai", "ia"),
}
PROFILE_BY_WORD = {word: profile for profile, words in PROFILES.items() for word in words} | {"robo": Profile.BOT}

YES_NO = {True: ("sim", "yes", "sí"), False: ("não", "no", "no")}
"""What an export says."""
YES = {"sim", "yes", "si", "s", "y", "1", "true", "verdadeiro", "verdadero", "on", "ligado", "activado", "x"}
NO = {"nao", "no", "n", "0", "false", "falso", "off", "desligado", "desactivado"}

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection): with a ' before it, and where there is one, a second,
    so that `unguarded` gives back every text."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell without the ' that an export put before it."""
    return cell[1:] if _GUARDED.match(cell) else cell


def delimiter(language: str) -> str:
    """Between cells: what spreadsheets set to the language take it to be, because where a comma stands in decimals it cannot part
    cells. The other one would open as one column."""
    return "," if language == "en" else ";"
