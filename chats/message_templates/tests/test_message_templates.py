"""Templates without database and HTTP: Meta's rules for new ones, fields, values and previews."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation
from django.utils.datastructures import MultiValueDict

from chats.message_templates.components import fields_of, unsupported_reason
from chats.message_templates.filled_templates import ValuesMismatch, build_example_preview, build_preview, fill_components
from chats.message_templates.forms import DraftForm, TemplateFieldsForm
from chats.message_templates.rules import DraftButton, TemplateDraft, draft_problems, template_definition, template_of
from chats.models import MessageTemplate

GOOD = TemplateDraft(
    name="pedido_enviado",
    language="pt_BR",
    category="UTILITY",
    header="Pedido {{1}}",
    body="Olá {{1}}, o seu pedido {{2}} saiu para entrega hoje.",
    footer="Condomínio Aroeira",
    buttons=[
        DraftButton(0, "QUICK_REPLY", "Obrigado"),
        DraftButton(1, "URL", "Acompanhar", "https://example.com/p/{{1}}"),
        DraftButton(2, "PHONE_NUMBER", "Ligar", "+55 61 3321-4400"),
    ],
    examples={"header_1": "77", "body_1": "Maria", "body_2": "1234", "button_1": "1234"},
)


def made(components: list[dict[str, Any]], **columns: Any) -> MessageTemplate:
    return MessageTemplate(name="x", language="pt_BR", status="APPROVED", category="UTILITY", components=components, **columns)


def test_a_valid_draft_has_no_problems_and_becomes_a_definition_for_graph() -> None:
    assert draft_problems(GOOD) == []
    assert template_definition(GOOD) == {
        "name": "pedido_enviado",
        "language": "pt_BR",
        "category": "UTILITY",
        "parameter_format": "POSITIONAL",
        "components": [
            {"type": "HEADER", "format": "TEXT", "text": "Pedido {{1}}", "example": {"header_text": ["77"]}},
            {
                "type": "BODY",
                "text": "Olá {{1}}, o seu pedido {{2}} saiu para entrega hoje.",
                "example": {"body_text": [["Maria", "1234"]]},
            },
            {"type": "FOOTER", "text": "Condomínio Aroeira"},
            {
                "type": "BUTTONS",
                "buttons": [
                    {"type": "QUICK_REPLY", "text": "Obrigado"},
                    {
                        "type": "URL",
                        "text": "Acompanhar",
                        "url": "https://example.com/p/{{1}}",
                        "example": ["https://example.com/p/1234"],
                    },
                    {"type": "PHONE_NUMBER", "text": "Ligar", "phone_number": "+556133214400"},
                ],
            },
        ],
    }


def test_named_variables_are_sent_with_their_names() -> None:
    draft = TemplateDraft(
        name="visita",
        language="pt_BR",
        category="UTILITY",
        body="Olá {{ nome }}, a visita é no dia {{dia}}, até lá.",
        examples={"body_nome": "Maria", "body_dia": "3 de maio"},
    )
    assert draft_problems(draft) == []
    definition = template_definition(draft)
    assert definition["parameter_format"] == "NAMED"
    assert definition["components"] == [
        {
            "type": "BODY",
            "text": "Olá {{nome}}, a visita é no dia {{dia}}, até lá.",
            "example": {
                "body_text_named_params": [
                    {"param_name": "nome", "example": "Maria"},
                    {"param_name": "dia", "example": "3 de maio"},
                ]
            },
        }
    ]


def quick(count: int) -> list[DraftButton]:
    return [DraftButton(row, "QUICK_REPLY", f"Opção {row}") for row in range(count)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Pedido"}, "name"),
        ({"name": "pedido-enviado"}, "name"),
        ({"name": "pedidó"}, "name"),
        ({"name": "a" * 513}, "name"),
        ({"name": "pedido\n"}, "name"),
        ({"body": ""}, "body"),
        ({"body": "a" * 1025}, "body"),
        ({"body": "{{1}}, o pedido {{2}} saiu para entrega hoje."}, "body"),
        ({"body": "Olá {{1}}, aqui está o seu pedido {{2}}"}, "body"),
        ({"body": "Olá {{1}} {{2}}, o seu pedido saiu para entrega."}, "body"),
        ({"body": "Olá {{1}}, o seu pedido {{3}} saiu para entrega."}, "body"),
        ({"body": "Olá {{01}}, o seu pedido saiu para entrega hoje."}, "body"),
        ({"body": "Olá {{1}}, o seu pedido {{numero}} saiu para entrega."}, "body"),
        ({"body": "Olá {{1}}, o seu {{2}} saiu }} hoje para entrega."}, "body"),
        ({"body": "A {{1}} e {{2}} com {{3}}."}, "body"),
        ({"body": "Olá {{Nome}}, o seu pedido saiu para entrega hoje.", "header": ""}, "body"),
        ({"header": "a" * 61}, "header"),
        ({"header": "{{1}} e {{2}}"}, "header"),
        ({"header": "uma\nduas"}, "header"),
        ({"footer": "a" * 61}, "footer"),
        ({"footer": "De {{1}}"}, "footer"),
        ({"buttons": [DraftButton(0, "QUICK_REPLY", "")]}, "button_0_text"),
        ({"buttons": [DraftButton(0, "QUICK_REPLY", "a" * 26)]}, "button_0_text"),
        ({"buttons": [DraftButton(0, "QUICK_REPLY", "Oi {{1}}")]}, "button_0_text"),
        ({"buttons": [DraftButton(0, "QUICK_REPLY", "Oi"), DraftButton(3, "QUICK_REPLY", "Oi")]}, "button_3_text"),
        ({"buttons": [DraftButton(0, "URL", "Ver", "example.com")]}, "button_0_value"),
        ({"buttons": [DraftButton(0, "URL", "Ver", "https://example.com/{{1}}/x")]}, "button_0_value"),
        ({"buttons": [DraftButton(0, "URL", "Ver", "https://example.com/{{id}}")]}, "button_0_value"),
        ({"buttons": [DraftButton(0, "URL", "Ver", "javascript:alert(1)")]}, "button_0_value"),
        ({"buttons": [DraftButton(0, "URL", "Ver", "https://example.com/" + "a" * 2000)]}, "button_0_value"),
        ({"buttons": [DraftButton(row, "URL", f"Ver {row}", "https://example.com") for row in range(3)]}, "button_2_kind"),
        ({"buttons": [DraftButton(row, "PHONE_NUMBER", f"Ligar {row}", "+556133214400") for row in range(2)]}, "button_1_kind"),
        ({"buttons": [DraftButton(0, "PHONE_NUMBER", "Ligar", "ligue já")]}, "button_0_value"),
        ({"buttons": [quick(1)[0], DraftButton(1, "URL", "Ver", "https://example.com"), quick(3)[2]]}, "button_2_kind"),
        ({"header": "Boa notícia 😀"}, "header"),
        ({"header": "Boa notícia ☀️"}, "header"),
        ({"header": "Passo 1️⃣"}, "header"),
        ({"header": "*Boa* notícia"}, "header"),
        ({"header": "_Boa_"}, "header"),
        ({"header": "~Boa~ notícia"}, "header"),
        ({"header": "`Boa`"}, "header"),
        ({"header": "uma\u2028duas"}, "header"),
        ({"footer": "Até logo 👋"}, "footer"),
        ({"footer": "a\nb"}, "footer"),
        ({"footer": "Até *logo*"}, "footer"),
        ({"buttons": [DraftButton(2, "QUICK_REPLY", "Sim 👍")]}, "button_2_text"),
        ({"buttons": [DraftButton(2, "QUICK_REPLY", "*Sim*")]}, "button_2_text"),
        ({"buttons": [DraftButton(2, "QUICK_REPLY", "Sim\nNão")]}, "button_2_text"),
        ({"buttons": [DraftButton(0, "URL", "Falar", "https://wa.me/5561981500586")]}, "button_0_value"),
        ({"buttons": [DraftButton(0, "URL", "Falar", "https://api.whatsapp.com/send?phone={{1}}")]}, "button_0_value"),
        ({"examples": {**GOOD.examples, "body_2": ""}}, "example_body_2"),
        ({"examples": {**GOOD.examples, "header_1": ""}}, "example_header_1"),
        ({"examples": {**GOOD.examples, "button_1": ""}}, "example_button_1"),
        ({"examples": {**GOOD.examples, "body_1": "uma\nduas"}}, "example_body_1"),
    ],
)
def test_problems_are_found_before_the_request_to_meta(changes: dict[str, Any], field: str) -> None:
    found = draft_problems(replace(GOOD, **changes))
    assert {problem.field for problem in found} >= {field}
    assert all(str(problem.words) for problem in found)


@pytest.mark.parametrize(
    "changes",
    [
        {"buttons": quick(10)},
        {"buttons": [*quick(2), DraftButton(5, "URL", "Ver", "https://example.com")]},
        {"buttons": [DraftButton(5, "URL", "Ver", "https://example.com"), *quick(2)]},
        {"header": "", "footer": "", "buttons": []},
        {"body": "Bom dia, temos novidades para você.", "header": "Novidades"},
        {"body": "a" * 1024},
        {"body": "Olá 😀, *novidades*\npara você, {{1}}, no dia {{2}} às 9h."},
        {"header": "Pedido nº 7 – R$ 10,00 (50 %) © Loja™ → já", "footer": "snake_case e 2 ~ 3, www.wa.me.example.com"},
        {"buttons": [DraftButton(0, "URL", "Ver", "https://wa.me.example.com/")]},
    ],
)
def test_a_draft_that_meta_accepts_has_no_problems(changes: dict[str, Any]) -> None:
    assert draft_problems(replace(GOOD, **changes)) == []


EVERYTHING: list[dict[str, Any]] = [
    {"type": "HEADER", "format": "TEXT", "text": "Pedido {{1}}", "example": {"header_text": ["77"]}},
    {"type": "BODY", "text": "Olá {{2}}, o pedido {{1}} saiu.", "example": {"body_text": [["1234", "Maria"]]}},
    {"type": "FOOTER", "text": "Aroeira"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "Obrigado"},
            {"type": "URL", "text": "Ver", "url": "https://example.com/{{1}}", "example": ["https://example.com/abc"]},
            {"type": "COPY_CODE", "text": "Copiar", "example": "VERAO10"},
            {"type": "URL", "text": "Início", "url": "https://example.com/"},
            {"type": "PHONE_NUMBER", "text": "Ligar", "phone_number": "+556133214400"},
        ],
    },
]
VALUES = {"header_1": "9", "body_1": "55", "body_2": "Ana", "button_1": "xyz", "button_2": "NATAL"}


def test_every_variable_is_a_field_with_metas_example() -> None:
    found = [(blank.key, blank.kind, blank.example) for blank in fields_of(made(EVERYTHING))]
    assert found == [
        ("header_1", "text", "77"),
        ("body_1", "text", "1234"),
        ("body_2", "text", "Maria"),
        ("button_1", "text", "abc"),
        ("button_2", "coupon_code", "VERAO10"),
    ]


def test_values_become_parameters_in_metas_order() -> None:
    assert fill_components(made(EVERYTHING), VALUES) == [
        {"type": "header", "parameters": [{"type": "text", "text": "9"}]},
        {"type": "body", "parameters": [{"type": "text", "text": "55"}, {"type": "text", "text": "Ana"}]},
        {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "xyz"}]},
        {
            "type": "button",
            "sub_type": "copy_code",
            "index": "2",
            "parameters": [{"type": "coupon_code", "coupon_code": "NATAL"}],
        },
    ]


def test_named_parameters_carry_their_names() -> None:
    body = {
        "type": "BODY",
        "text": "Olá {{nome}}, até {{dia}}.",
        "example": {"body_text_named_params": [{"param_name": "dia", "example": "hoje"}, {"param_name": "nome", "example": "Ana"}]},
    }
    template = made([body], parameter_format="NAMED")
    assert [(blank.key, blank.example) for blank in fields_of(template)] == [("body_nome", "Ana"), ("body_dia", "hoje")]
    assert fill_components(template, {"body_nome": "Rui", "body_dia": "já"}) == [
        {
            "type": "body",
            "parameters": [
                {"type": "text", "parameter_name": "nome", "text": "Rui"},
                {"type": "text", "parameter_name": "dia", "text": "já"},
            ],
        }
    ]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {key: value for key, value in VALUES.items() if key != "body_2"},
        VALUES | {"body_3": "mais"},
        VALUES | {"body_1": ""},
    ],
)
def test_values_that_do_not_match_the_fields_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValuesMismatch):
        fill_components(made(EVERYTHING), values)


def test_the_preview_shows_what_the_customer_will_read() -> None:
    shown = build_preview(made(EVERYTHING), VALUES)
    assert (shown.header, shown.body, shown.footer) == ("Pedido 9", "Olá Ana, o pedido 55 saiu.", "Aroeira")
    assert shown.content == "Pedido 9\n\nOlá Ana, o pedido 55 saiu."
    assert [(button.text, button.value) for button in shown.buttons] == [
        ("Obrigado", ""),
        ("Ver", "https://example.com/xyz"),
        ("Copiar", "NATAL"),
        ("Início", "https://example.com/"),
        ("Ligar", "+556133214400"),
    ]


def test_an_empty_field_keeps_its_variable_and_a_value_is_never_read_as_one() -> None:
    shown = build_preview(made(EVERYTHING), {"body_1": "{{2}}"})
    assert shown.body == "Olá {{2}}, o pedido {{2}} saiu."
    assert build_example_preview(made(EVERYTHING)).body == "Olá Maria, o pedido 1234 saiu."


BODY = {"type": "BODY", "text": "Oi"}


@pytest.mark.parametrize(
    ("components", "category"),
    [
        ([], "UTILITY"),
        ([BODY], "AUTHENTICATION"),
        ([{"type": "HEADER", "format": "LOCATION"}, BODY], "UTILITY"),
        ([{"type": "HEADER", "format": "PRODUCT"}, BODY], "UTILITY"),
        ([BODY, {"type": "CAROUSEL", "cards": []}], "MARKETING"),
        ([BODY, {"type": "LIMITED_TIME_OFFER"}], "MARKETING"),
        ([BODY, {"type": "BUTTONS", "buttons": [{"type": "FLOW", "text": "Abrir"}]}], "UTILITY"),
        ([BODY, {"type": "BUTTONS", "buttons": [{"type": "OTP", "text": "Copiar"}]}], "UTILITY"),
        ([BODY, {"type": "BUTTONS", "buttons": [{"type": "CATALOG", "text": "Ver"}]}], "UTILITY"),
        ([BODY, "nonsense", 7, None], "UTILITY"),
    ],
)
def test_an_unsupported_template_has_a_reason(components: list[Any], category: str) -> None:
    template = made(components)
    template.category = category
    assert str(unsupported_reason(template))


@pytest.mark.parametrize("components", [EVERYTHING, [BODY], [{"type": "HEADER", "format": "IMAGE"}, BODY]])
def test_a_supported_template_has_no_reason(components: list[Any]) -> None:
    assert str(unsupported_reason(made(components))) == ""


@pytest.mark.parametrize(
    "components",
    [
        None,
        {},
        [None],
        [{"type": None}],
        [{"type": "BODY"}],
        [{"type": "BODY", "text": 7}],
        [{"type": "BODY", "text": "{{1}}", "example": "x"}],
        [{"type": "BODY", "text": "{{1}}", "example": {"body_text": [[]]}}],
        [{"type": "BODY", "text": "{{²}} e {{}}", "example": {"body_text": "x"}}],
        [{"type": "BUTTONS", "buttons": [None, {"type": "URL"}, {"type": "COPY_CODE", "example": {}}]}],
    ],
)
def test_any_components_of_meta_can_be_read(components: Any) -> None:
    template = made(components)
    fields_of(template)
    unsupported_reason(template)
    build_example_preview(template)


def fill(template: MessageTemplate, files: dict[str, Any] | None = None, **values: str) -> TemplateFieldsForm:
    posted = {f"fill-{key}": value for key, value in values.items()}
    uploaded = MultiValueDict({f"fill-{key}": [file] for key, file in (files or {}).items()})
    return TemplateFieldsForm(posted, uploaded, template=template)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"body_1": ""}, "body_1"),
        ({"body_1": "   "}, "body_1"),
        ({"body_1": "uma\nduas"}, "body_1"),
        ({"body_1": "uma\tduas"}, "body_1"),
        ({"body_1": "uma    duas"}, "body_1"),
        ({"body_1": "a\x00b"}, "body_1"),
        ({"button_1": "com espaço"}, "button_1"),
        ({"button_2": "SALE-2026-LONGCODE-XYZ"}, "button_2"),
        ({"button_2": "A" * 16}, "button_2"),
        ({"button_2": "NATAL 10"}, "button_2"),
        ({"body_1": "a" * 1010}, "__all__"),
        ({"header_1": "a" * 60}, "__all__"),
        ({"body_3": "a"}, "__all__"),
        ({"header_file": "a"}, "__all__"),
    ],
)
def test_a_value_that_meta_would_refuse_is_refused_by_the_form(changes: dict[str, str], field: str) -> None:
    form = fill(made(EVERYTHING), files=None, **VALUES | changes)
    assert not form.is_valid()
    assert field in form.errors


def test_a_code_of_the_maximum_length_is_accepted() -> None:
    assert fill(made(EVERYTHING), files=None, **VALUES | {"button_2": "A" * 15}).is_valid()


def test_a_header_s_file_must_be_of_the_right_kind() -> None:
    template = made([{"type": "HEADER", "format": "DOCUMENT"}, BODY])
    assert "header_file" in fill(template).errors
    program = SimpleUploadedFile("a.exe", b"MZ\x00", "application/x-msdownload")
    assert "header_file" in fill(template, {"header_file": program}).errors
    note = SimpleUploadedFile("nota.txt", b"Obrigado pela compra.", "text/plain")
    form = fill(template, {"header_file": note})
    assert form.is_valid(), form.errors
    assert fill_components(template, form.values) == [
        {"type": "header", "parameters": [{"type": "document", "document": {"filename": "nota.txt"}}]}
    ]
    assert form.upload is not None
    assert build_preview(template, form.values).file_name == "nota.txt"
    image = made([{"type": "HEADER", "format": "IMAGE"}, BODY])
    again = SimpleUploadedFile("nota.txt", b"Obrigado pela compra.", "text/plain")
    with translation.override("en"):
        assert "This template needs: Image." in str(fill(image, {"header_file": again}).errors)


def test_the_form_for_a_new_template_asks_for_an_example_of_every_variable() -> None:
    typed = {"name": "a", "body": "Olá {{nome}}, tudo bem?", "button_0_kind": "URL", "button_0_value": "https://example.com/{{1}}"}
    form = DraftForm(initial=typed)
    assert [field.name for field in form.example_fields] == ["example_body_nome", "example_button_0"]
    assert len(form.button_rows) == 2
    assert form.preview.body == "Olá {{nome}}, tudo bem?"
    assert not form.errors


def test_a_text_typed_in_a_browser_keeps_single_line_breaks() -> None:
    form = DraftForm({"name": "a", "language": "pt_BR", "category": "UTILITY", "body": "Bom dia.\r\nAté logo."})
    assert form.is_valid(), form.errors
    assert template_of(form.draft).components == [{"type": "BODY", "text": "Bom dia.\nAté logo."}]


@pytest.mark.parametrize(
    ("country", "typed", "number"),
    [
        ("BR", "(061) 3321-4400", "+556133214400"),
        ("BR", "+44 (0)20 7946 0958", "+442079460958"),
        ("BR", "\u202a+55 61 3321\u20114400\u202c", "+556133214400"),
        ("AU", "0412 345 678", "+61412345678"),
        ("BR", "ligue já", "ligue já"),
    ],
)
def test_a_phone_number_of_a_button_may_be_typed_in_any_form(country, typed, number):
    form = DraftForm({"button_0_kind": "PHONE_NUMBER", "button_0_text": "Ligar", "button_0_value": typed}, country=country)
    assert form.draft.buttons[0].value == number
