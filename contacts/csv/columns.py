"""The words of the CSV files that contacts travel in. A file has to be understood whatever the language of whoever made it, and may
go from one to another, so the words of all three stand here and not among the translations."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cloud_api.wa_ids import candidates
from contacts.lists.search import fold_limited
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
    Column(
        "name",
        ("nome", "name", "nombre"),
        (
            *("alias", "apelido", "apodo", "nome completo", "full name", "nombre completo", "display name", "nome de exibição"),
            *("nombre para mostrar", "file as", "contato", "contact", "contacto", "nome do contato", "contact name"),
            *("nombre del contacto", "cliente", "customer", "customer name", "nome do cliente", "nombre del cliente"),
        ),
    ),
    Column("username", ("nome de usuário", "username", "nombre de usuario"), read=False),
    Column("user_id", ("id de usuário", "user id", "id de usuario"), ("bsuid",)),
    Column("number", ("nosso número", "our number", "nuestro número")),
    Column("profile", ("quem responde", "who answers", "quién responde"), ("perfil", "profile")),
    Column(
        "labels",
        ("etiquetas", "labels", "etiquetas"),
        ("label", "etiqueta", "tag", "tags", "marcadores", "categories", "categorias", "group membership"),
    ),
    Column("first_seen", ("primeiro contato", "first seen", "primer contacto"), read=False),
    Column("last_message", ("última mensagem", "last message", "último mensaje"), read=False),
)
PHONE = Column("phone", ("telefone", "phone", "teléfono"))
FORMER_COLUMNS = (
    Column("bot", ("bot", "bot", "bot"), ("robô",)),
    Column("automatic", ("automáticas", "automatic", "automáticos"), ("automático", "mensagens automáticas", "automatic messages")),
)
"""Columns that exports had. An import still reads them."""
FIRST_NAME = Column(
    "first_name", ("primeiro nome", "first name", "primer nombre"), ("given name", "nome próprio", "nombre de pila", "nombres")
)
MIDDLE_NAME = Column(
    "middle_name", ("nome do meio", "middle name", "segundo nombre"), ("segundo nome", "additional name", "nomes do meio")
)
LAST_NAME = Column(
    "last_name",
    ("sobrenome", "last name", "apellidos"),
    ("apellido", "family name", "surname", "último nome", "sobrenomes", "primer apellido"),
)
OTHER_PHONE = "other_phone"
"""The key of a column whose phone counts where the one of PHONE is empty."""
COLUMN_KEYS: tuple[str, ...] = (
    *("phone", OTHER_PHONE, "wa_id", "name", "first_name", "middle_name", "last_name", "labels", "profile"),
    *("number", "user_id"),
)
"""The keys that a column of a file may be given; besides, it may keep one of FORMER that its header means."""
REPEATABLE_KEYS = {OTHER_PHONE}
"""Those that several columns may have."""
LEFT_OUT = ""
"""The key of a column that says nothing to an import."""

PHONE_HEADERS = (
    # The likeliest to be on WhatsApp first. A number may follow, or come before "value": Phone 1 - Value, Telefone 2.
    {"whatsapp", "whats", "zap", "wpp", "numero whatsapp", "numero de whatsapp", "numero do whatsapp", "whatsapp number"},
    {"celular", "movil", "mobile", "telemovel", "cell", "cell phone", "cellphone", "mobile phone", "mobile number"}
    | {"telefone celular", "telefone movel", "numero de celular", "numero do celular", "telefono movil", "telefono celular"}
    | {"numero de movil", "mobile no"},
    {"telefone", "phone", "telefono", "fone", "tel", "telephone", "phone number", "numero", "number", "numero de telefone"}
    | {"numero do telefone", "numero de telefono", "primary phone", "telefone principal", "telefono principal", "phone no"}
    | {"contact number", "numero de contato", "numero de contacto", "telefone de contato", "telefono de contacto", "ddd telefone"}
    | {"n telefone", "no telefone", "numero telefonico"},
    {"business phone", "home phone", "other phone", "company main phone", "work phone", "telefone comercial", "car phone"}
    | {"telefone residencial", "outro telefone", "telefone do trabalho", "telefone fixo", "fixo", "telefono particular"}
    | {"telefono del trabajo", "telefono de casa", "otro telefono", "telefono fijo", "telefono comercial", "recado"},
)
_NUMBERED = re.compile(r"(.*?) ?\d{0,2}(?: (?:value|valor))?")
_BY_HEADER = {
    fold_limited(word): each
    for each in (*COLUMNS, *FORMER_COLUMNS, FIRST_NAME, MIDDLE_NAME, LAST_NAME)
    for word in (*each.headers, *each.synonyms)
}


def guess_columns(headers: Sequence[str]) -> list[str]:
    """The key of each column by its header, LEFT_OUT for those that say nothing. Of several phones the one that is likeliest to be
    on WhatsApp is the phone, the others count where it is empty."""
    words = [fold_limited(unguard_cell(header)) for header in headers]
    keys = [_BY_HEADER[word].key if word in _BY_HEADER and _BY_HEADER[word].read else LEFT_OUT for word in words]
    keys = [LEFT_OUT if key in keys[:position] else key for position, key in enumerate(keys)]
    phones = [(rank, position) for position, word in enumerate(words) if (rank := _phone_rank(word)) is not None]
    for place, (_rank, position) in enumerate(sorted(phones)):
        keys[position] = OTHER_PHONE if place or "wa_id" in keys else "phone"
    return keys


def guess_columns_by_cells(cells: Sequence[str], *, country: str) -> list[str]:
    """The same for a file that does not name its columns, from its first row: the first phone number, and the first name."""
    keys = [LEFT_OUT] * len(cells)
    words = [read_cell(cell) for cell in cells]
    if phone := next((place for place, word in enumerate(words, start=1) if candidates(word, country=country)), 0):
        keys[phone - 1] = "phone"
        if name := next((place for place, word in enumerate(words, start=1) if re.search(r"[^\W\d_]", word)), 0):
            keys[name - 1] = "name"
    return keys


def is_known_header(header: str) -> bool:
    """Whether an import knows what the header means, if only to leave it out."""
    word = fold_limited(unguard_cell(header))
    return word in _BY_HEADER or _phone_rank(word) is not None


def _phone_rank(word: str) -> int | None:
    match = _NUMBERED.fullmatch(word)
    plain = match[1] if match else word
    return next((rank for rank, headers in enumerate(PHONE_HEADERS) if plain in headers), None)


PROFILES = {
    Profile.HUMAN: ("equipe", "team", "equipo"),
    Profile.BOT: ("bot", "bot", "bot"),
    Profile.AI: ("ia", "ai", "ia"),
}
PROFILE_SYNONYMS = {
    **dict.fromkeys(("humano", "human", "pessoa", "person", "persona"), Profile.HUMAN),
    "robo": Profile.BOT,
}
"""By people, and by exports of before."""
PROFILE_BY_WORD = {word: profile for profile, words in PROFILES.items() for word in words} | PROFILE_SYNONYMS

YES = {"sim", "yes", "si", "s", "y", "1", "true", "verdadeiro", "verdadero", "on", "ligado", "activado", "x"}
NO = {"nao", "no", "n", "0", "false", "falso", "off", "desligado", "desactivado"}

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_AS_TEXT = re.compile(r'="(.*)"', re.DOTALL)
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


def guard_cell(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection): with a ' before it, and where there is one, a second,
    so that `unguard_cell` gives back every text."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard_cell(cell: str) -> str:
    """The cell without the ' that an export put before it."""
    return cell[1:] if _GUARDED.match(cell) else cell


def read_cell(cell: str) -> str:
    """What the cell says, without what an export of ours put before it, or Excel around it so that digits stay text: ="619815"."""
    cell = cell.strip()
    if match := _AS_TEXT.fullmatch(cell):
        return match[1].replace('""', '"').strip()
    return unguard_cell(cell)


def delimiter_of(language: str) -> str:
    """Between cells: what spreadsheets set to the language take it to be, because where a comma stands in decimals it cannot part
    cells. The other one would open as one column."""
    return "," if language == "en" else ";"
