"""Values of a template's fields from the contact: the name after a greeting, and variables named after a name or phone."""

import re
import unicodedata
from collections.abc import Iterator

from chats.message_templates.components import VariablePosition, fields_of, texts_of
from chats.models import MessageTemplate
from cloud_api.template_variables import spans_of, variables_of
from cloud_api.wa_ids import formatted
from contacts.models import Contact

GREETING = re.compile(
    r"\b(ola|oi|oie|bom dia|boa tarde|boa noite|prezad[oa](?:\(a\))?|car[oa](?:\(a\))?|hola|buenos dias|buenas tardes|buenas noches"
    r"|estimad[oa](?:\(a\))?|hi|hello|hey|dear|good morning|good afternoon|good evening)[\s,*_]*$"
)
"""A greeting at the end of a text without accents. A name follows it."""
FIRST_NAMES = {"first_name", "firstname", "primeiro_nome", "primer_nombre"}
NAMES = {
    *("name", "nome", "nombre", "full_name", "fullname", "nome_completo", "nombre_completo"),
    *(
        "customer",
        "customer_name",
        "client_name",
        "cliente",
        "nome_cliente",
        "nome_do_cliente",
        "nombre_cliente",
        "nombre_del_cliente",
    ),
}
PHONES = {"phone", "phone_number", "telefone", "celular", "telefono", "numero_de_telefone", "numero_de_telefono"}


def values_from_contact(template: MessageTemplate, contact: Contact) -> dict[str, str]:
    """Returns values for the template's fields, by their keys. Fields that the contact has no value for are left out."""
    greeting_keys = {
        *(f"{VariablePosition.HEADER}_{name}" for name in _names_after_greetings(texts_of(template).header)),
        *(f"{VariablePosition.BODY}_{name}" for name in _names_after_greetings(texts_of(template).body)),
    }
    text_fields = [field for field in fields_of(template) if field.position != VariablePosition.BUTTON and not field.is_file]
    values = {field.key: _value(field.name, contact, is_greeted=field.key in greeting_keys) for field in text_fields}
    return {key: value for key, value in values.items() if value}


def _value(variable: str, contact: Contact, *, is_greeted: bool) -> str:
    name = " ".join((contact.alias or contact.name).split())
    if variable in PHONES:
        return formatted(contact.wa_id or "")
    if is_greeted or variable in FIRST_NAMES:
        return name.partition(" ")[0]
    return name if variable in NAMES else ""


def _names_after_greetings(text: str) -> Iterator[str]:
    """Yields the names of the variables that follow a greeting."""
    for start, end in spans_of(text):
        if GREETING.search(_without_accents(text[:start])):
            yield from variables_of(text[start:end])


def _without_accents(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(each))
