"""Demonstration of a new hub: an organization, a simulated number, templates, and customers who have just written."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext

from chats.message_templates.accounts import Account
from chats.message_templates.sync import request_sync
from chats.models import CannedReply, MessageTemplate
from contacts.models import Contact
from organizations.live.revisions import publish_revisions
from organizations.members.organizations import create_organization
from organizations.models import Organization, PhoneNumber, Profile, Proof, User
from simulator.client import Content, Phones
from simulator.demonstration_bots import has_ai, share_secrets, switch_on_bots

MARKER_FILE = "demonstration"
"""A file below VAR_DIR that marks that a demonstration was created. If an operator deletes the demonstration, it is not created
again."""
PICTURES = Path(__file__).parent / "pictures"
BOUQUET = "bouquet.jpg"


def _text(body: str) -> Content:
    return {"type": "text", "text": {"body": body}}


LOCATION = {"latitude": -15.7939, "longitude": -47.8828, "name": "Torre de TV", "address": "Eixo Monumental, Brasília"}
FIRST_MESSAGES: dict[str, list[Content]] = {
    "553195550128": [_text("Boa tarde! O arranjo que encomendei para sexta já está pronto?")],
    "5215555550173": [_text("Hola, ¿entregan flores en Brasilia? Es para el cumpleaños de mi hermana 🎂")],
    "5511955550142": [_text("Bom dia, queria receber um buquê aqui ainda hoje:"), {"type": "location", "location": LOCATION}],
    "BR.1000000000000004": [_text("oii, vcs montam cesta de café da manhã? quanto fica pra 2 pessoas?")],
    "556195550164": [_text("oi")],
    "554195550137": [
        _text("Oi! Quanto custa o buquê de girassóis?"),
        _text("Vocês entregam na Asa Norte ainda hoje?"),
    ],
    "556195550186": [
        _text("Oi! Vi este buquê no perfil de vocês 😍"),
        {"type": "image", "image": {"caption": "Dá para fazer um igual para sábado?"}},
    ],
}
"""The first messages of the sample customers, by their keys, in this order: API objects. A photo is without its id."""
FOR_BOT = "556195550164"
"""The key of the customer whom the bot answers, if there is one."""
FOR_AI = "554195550137"
"""The key of the customer whom the AI answers, if there is one. The team answers the others."""
SENT_BEFORE = {"553195550128": timedelta(hours=27)}
"""Customers whose window is closed: how long ago they wrote."""

TEMPLATES: list[dict[str, Any]] = [
    {
        "name": "agradecimento",
        "category": "UTILITY",
        "components": [
            {"type": "BODY", "text": "Obrigado pela sua compra! Se precisar de algo, é só responder a esta mensagem."},
            {"type": "FOOTER", "text": "Demonstração"},
        ],
    },
    {
        "name": "pedido_pronto",
        "category": "UTILITY",
        "parameter_format": "NAMED",
        "components": [
            {
                "type": "BODY",
                "text": "Olá, {{nome}}! Seu pedido {{pedido}} está pronto e pode ser retirado até as {{horario}}.",
                "example": {
                    "body_text_named_params": [
                        {"param_name": "nome", "example": "Marina"},
                        {"param_name": "pedido", "example": "1042"},
                        {"param_name": "horario", "example": "18h"},
                    ]
                },
            }
        ],
    },
    {
        "name": "novidades_da_semana",
        "category": "MARKETING",
        "components": [
            {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::aW1hZ2U="]}},
            {
                "type": "BODY",
                "text": "Oi, {{1}}! As flores da semana chegaram. Quer ver o que temos?",
                "example": {"body_text": [["Marina"]]},
            },
            {"type": "FOOTER", "text": "Responda SAIR para não receber mais"},
        ],
    },
    {
        "name": "confirmar_entrega",
        "category": "UTILITY",
        "components": [
            {
                "type": "BODY",
                "text": "Podemos entregar o seu pedido em {{1}}, entre {{2}}?",
                "example": {"body_text": [["20/11", "9h e 12h"]]},
            },
            {
                "type": "BUTTONS",
                "buttons": [{"type": "QUICK_REPLY", "text": "Confirmar"}, {"type": "QUICK_REPLY", "text": "Mudar o dia"}],
            },
        ],
    },
    {
        "name": "pesquisa_de_satisfacao",
        "category": "MARKETING",
        "components": [
            {"type": "BODY", "text": "De 0 a 10, quanto você nos recomendaria a um amigo? Responda com o número."},
        ],
    },
]
LANGUAGE = "pt_BR"
PAUSED = ["pesquisa_de_satisfacao"]

CANNED_REPLIES = {
    "oi": "Olá, {first_name}! Aqui é {agent}. Como posso ajudar?",
    "horario": "Atendemos de segunda a sábado, das 9h às 18h.",
    "pix": "Nossa chave Pix é o nosso e-mail. Assim que o pagamento cair, separamos o seu pedido.",
}


def make_demonstration() -> None:
    """Creates an organization, owned by the first superuser, with a simulated number. Does nothing if the hub has an organization,
    or ever had a demonstration."""
    marker = settings.VAR_DIR / MARKER_FILE
    owner = User.objects.filter(is_superuser=True, activate=True).order_by("pk").first()
    if owner is None or marker.exists() or Organization.objects.exists():
        return
    with transaction.atomic(), translation.override(settings.LANGUAGE_CODE):
        organization = create_organization(name=gettext("Demonstration"), by=owner)
        number = create_simulated_number(organization=organization, by=owner)
        switch_on_bots(number, by=owner, now=timezone.now())
    marker.touch()


def simulated_number(organization: Organization) -> PhoneNumber | None:
    """Returns the organization's simulated number."""
    return organization.numbers.filter(is_simulated=True).order_by("pk").first()


def simulated_numbers() -> list[PhoneNumber]:
    return list(PhoneNumber.objects.filter(is_simulated=True).select_related("organization").order_by("pk"))


@transaction.atomic
def create_simulated_number(*, organization: Organization, by: User) -> PhoneNumber:
    """Returns the organization's simulated number, and creates it if there is none, together with canned replies. It is inactive
    until `begin_conversations`."""
    Organization.objects.select_for_update().get(pk=organization.pk)  # of two concurrent calls, one creates it
    if known := simulated_number(organization):
        return known
    number = PhoneNumber.objects.create(
        organization=organization,
        phone_number_id=_meta_id(),
        waba_id=_meta_id(),
        wa_id=f"55615550{_digits(4)}",
        meta_token=f"simulated-{secrets.token_urlsafe(32)}",
        app_secret=secrets.token_hex(16),
        webhook_verify_token=secrets.token_urlsafe(24),
        is_simulated=True,
        proven_at=timezone.now(),  # the hub itself created it
        proven_by=Proof.OPERATOR,
        activate=False,  # until the simulator knows it, so that no request is made before
    )
    Organization.objects.filter(pk=organization.pk).update(first_run=True)
    if not organization.canned_replies.exists():
        replies = [CannedReply(organization=organization, shortcut=key, text=text) for key, text in CANNED_REPLIES.items()]
        CannedReply.objects.bulk_create(replies)
    publish_revisions([organization.pk])
    return number


def _meta_id() -> str:
    """Returns fifteen digits, as Meta's ids have."""
    return f"5550{_digits(11)}"


def _digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}}"


def begin_conversations(number: PhoneNumber, *, timeout: float = 0.0) -> None:
    """Creates the number in the simulator, with its templates, customers and example bots, and lets new customers send their
    first messages. Safe to repeat.

    Waits up to `timeout` seconds for the simulator. Raises SimulatorError.
    """
    phones = Phones(number)
    phones.connect(verified_name=number.organization.organization_name, timeout=timeout)
    share_secrets(phones)
    _activate(number)
    silent = {each["key"] for each in phones.customers() if each["last"] is None}
    if silent.issuperset(FIRST_MESSAGES):
        _create_templates(phones)
    new = [key for key in FIRST_MESSAGES if key in silent]
    for_ai = [FOR_AI] if FOR_AI in new and has_ai(number) else []
    _let_answer(number, for_ai, Profile.AI)
    _let_answer(number, [key for key in new if key not in (FOR_BOT, *for_ai)], Profile.HUMAN)
    for key in new:
        _send_first_messages(phones, key)


def _let_answer(number: PhoneNumber, keys: Sequence[str], profile: Profile) -> None:
    """Stores the customers before they write, so that the team or the AI answers them, and not the bot."""
    for key in keys:
        identifier = {"wa_id": key} if key.isdigit() else {"bsuid": key}
        values = {"profile": profile, "activate_bot": profile.has_bot, "owner": profile.owner}
        Contact.objects.get_or_create(create_for_phone_number=number, **identifier, defaults=values)


@transaction.atomic
def _activate(number: PhoneNumber) -> None:
    """Activates the number the first time only. A later deactivation by an administrator stays."""
    if PhoneNumber.objects.filter(pk=number.pk, handshake_at=None).update(activate=True, handshake_at=timezone.now()):
        publish_revisions([number.organization_id])


def _create_templates(phones: Phones) -> None:
    for each in TEMPLATES:
        status = MessageTemplate.Status.PAUSED if each["name"] in PAUSED else MessageTemplate.Status.APPROVED
        phones.put_template({"language": LANGUAGE, **each}, status=status)
    request_sync(Account(phones.number.organization_id, phones.number.waba_id))


def _send_first_messages(phones: Phones, key: str) -> None:
    at = timezone.now() - SENT_BEFORE.get(key, timedelta())
    for content in FIRST_MESSAGES[key]:
        phones.send_from_customer(key, _with_media_id(phones, content), at=at)


def _with_media_id(phones: Phones, content: Content) -> Content:
    if content["type"] != "image":
        return content
    with (PICTURES / BOUQUET).open("rb") as file:
        media_id = phones.upload(file, name=BOUQUET, mime_type="image/jpeg")
    return {"type": "image", "image": {**content["image"], "id": media_id}}
