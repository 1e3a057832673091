"""Values of a template's fields that come from the contact."""

import pytest

from chats.message_templates.contact_values import values_from_contact
from chats.models import MessageTemplate
from contacts.models import Contact


def template(body: str, *, header: str = "", named: bool = False) -> MessageTemplate:
    components = [{"type": "BODY", "text": body}]
    if header:
        components.insert(0, {"type": "HEADER", "format": "TEXT", "text": header})
    parameter_format = MessageTemplate.Format.NAMED if named else MessageTemplate.Format.POSITIONAL
    return MessageTemplate(name="oi", language="pt_BR", components=components, parameter_format=parameter_format)


ANA = Contact(name="Ana  Lima\nSouza", wa_id="5561981500586")


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ("Olá, {{1}}! Tudo bem?", {"body_1": "Ana"}),
        ("Oi {{1}}, seu pedido {{2}} saiu.", {"body_1": "Ana"}),
        ("BOM DIA, *{{1}}*! Seu pedido {{2}} saiu.", {"body_1": "Ana"}),
        ("¡Hola, {{1}}! ¿Cómo está?", {"body_1": "Ana"}),
        ("Dear {{1}}, it is ready.", {"body_1": "Ana"}),
        ("Prezado(a) {{1}}, aqui está.", {"body_1": "Ana"}),
        ("Seu pedido {{1}} sai às {{2}}.", {}),
        ("Foi um dia e tanto {{1}} ontem.", {}),
    ],
)
def test_a_variable_after_a_greeting_gets_the_first_name(body, values) -> None:
    assert values_from_contact(template(body), ANA) == values


def test_variables_named_after_the_contact_are_filled_in() -> None:
    named = template("Pedido {{pedido}} de {{nome}} ({{primeiro_nome}}), telefone {{telefone}}.", named=True)
    assert values_from_contact(named, ANA) == {
        "body_nome": "Ana Lima Souza",
        "body_primeiro_nome": "Ana",
        "body_telefone": "+55 61 98150-0586",
    }


def test_the_alias_is_preferred_and_a_header_is_filled_too() -> None:
    contact = Contact(name="~ana~", alias="Ana Lima", wa_id="5561981500586")
    assert values_from_contact(template("Tudo bem?", header="Oi, {{1}}"), contact) == {"header_1": "Ana"}


def test_a_contact_without_a_name_fills_in_nothing() -> None:
    assert values_from_contact(template("Olá, {{1}}! Tudo bem?"), Contact(name="", wa_id="5561981500586")) == {}
