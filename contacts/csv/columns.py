"""Columns and words of the CSV files with contacts, in all three languages: a file is read in any language of its author. Therefore
these words are here and not in the translations."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cloud_api.wa_ids import candidates
from contacts.lists.search import fold_limited
from organizations.models import Profile

LANGUAGES = ("pt-br", "en", "es")


@dataclass(frozen=True)
class Column:
    """One column: its header in each of LANGUAGES, and other usual headers. `read`: whether an import reads it."""

    key: str
    headers: tuple[str, str, str]
    synonyms: tuple[str, ...] = ()
    read: bool = True

    def header(self, language: str) -> str:
        return self.headers[LANGUAGES.index(language)]


COLUMNS = (
    # Digits as in a wa_id, country code first. Unlike phones that people type, they are never read as digits without country code.
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
"""Columns of earlier exports, which imports still read."""
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
MARKETING = Column(
    "marketing",
    ("aceita marketing", "accepts marketing", "acepta marketing"),
    (
        *("opt-in", "optin", "opt in", "consentimento", "consent", "consentimiento", "aceita mensagens de marketing"),
        *("aceita receber mensagens", "aceita promoções", "marketing consent", "marketing opt-in", "acepta mensajes de marketing"),
    ),
)
OTHER_PHONE = "other_phone"
"""The key of a column with a second phone, which is read if PHONE is empty."""
COLUMN_KEYS: tuple[str, ...] = (
    *("phone", OTHER_PHONE, "wa_id", "name", "first_name", "middle_name", "last_name", "labels", "profile"),
    *("number", "user_id", "marketing"),
)
"""The keys that users may choose for a column. A column may also keep a key of FORMER_COLUMNS that was guessed from its header."""
REPEATABLE_KEYS = {OTHER_PHONE}
"""Keys that several columns may have."""
LEFT_OUT = ""
"""The key of a column that is not imported."""

PHONE_HEADERS = (
    # The likeliest to be on WhatsApp first. A digit may follow, also before "value": Phone 1 - Value, Telefone 2.
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
    for each in (*COLUMNS, *FORMER_COLUMNS, FIRST_NAME, MIDDLE_NAME, LAST_NAME, MARKETING)
    for word in (*each.headers, *each.synonyms)
}


def guess_columns(headers: Sequence[str]) -> list[str]:
    """Returns the key of each column by its header, LEFT_OUT for an unknown one. Of several columns with phones, the one that is
    likeliest to be on WhatsApp is the phone, and the rest are other phones."""
    words = [fold_limited(unguard_cell(header)) for header in headers]
    keys = [_BY_HEADER[word].key if word in _BY_HEADER and _BY_HEADER[word].read else LEFT_OUT for word in words]
    keys = [LEFT_OUT if key in keys[:index] else key for index, key in enumerate(keys)]
    phones = sorted((rank, index) for index, word in enumerate(words) if (rank := _phone_rank(word)) is not None)
    for order, (_rank, index) in enumerate(phones):
        keys[index] = OTHER_PHONE if order > 0 or "wa_id" in keys else "phone"
    return keys


def guess_columns_by_cells(cells: Sequence[str], *, country: str) -> list[str]:
    """Returns the keys for a file without headers, by the cells of its first row: the first phone, and the first name."""
    keys = [LEFT_OUT] * len(cells)
    words = [read_cell(cell) for cell in cells]
    phone = next((index for index, word in enumerate(words) if candidates(word, country=country)), None)
    if phone is None:
        return keys
    keys[phone] = "phone"
    name = next((index for index, word in enumerate(words) if re.search(r"[^\W\d_]", word)), None)
    if name is not None:
        keys[name] = "name"
    return keys


def is_known_header(header: str) -> bool:
    """Returns whether the header belongs to a known column, including columns that imports do not read."""
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
"""Other usual words, and words of earlier exports."""
PROFILE_BY_WORD = {word: profile for profile, words in PROFILES.items() for word in words} | PROFILE_SYNONYMS

YES = {"sim", "yes", "si", "s", "y", "1", "true", "verdadeiro", "verdadero", "on", "ligado", "activado", "x"}
NO = {"nao", "no", "n", "0", "false", "falso", "off", "desligado", "desactivado"}

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_AS_TEXT = re.compile(r'="(.*)"', re.DOTALL)
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


def guard_cell(cell: str) -> str:
    """Returns the cell with a ' before it if a spreadsheet could read it as a formula (OWASP, CSV injection), or if it begins with
    such a guard, so that `unguard_cell` restores every text."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard_cell(cell: str) -> str:
    """Returns the cell without the ' of `guard_cell`."""
    return cell[1:] if _GUARDED.match(cell) else cell


def read_cell(cell: str) -> str:
    """Returns the text of a cell, without the guard of an export, and without Excel's way to keep digits as text: ="619815"."""
    cell = cell.strip()
    if match := _AS_TEXT.fullmatch(cell):
        return match[1].replace('""', '"').strip()
    return unguard_cell(cell)


def delimiter_of(language: str) -> str:
    """Returns the delimiter that spreadsheets in this language expect: a semicolon where decimals have a comma. With another one,
    they show a single column."""
    return "," if language == "en" else ";"
