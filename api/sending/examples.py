"""One example of each kind of message, for the OpenAPI document. A test sends them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

LINK = {"link": "https://example.com/files/1"}
CHOICES = [{"id": "yes", "title": "Sim"}, {"id": "no", "title": "Não"}]
PARAMETERS = [{"type": "body", "parameters": [{"type": "text", "text": "4711"}]}]
MESSAGES: dict[str, dict[str, Any]] = {
    "A text": {"kind": "text", "body": "Seu pedido saiu para entrega."},
    "A text that takes the conversation over": {"kind": "text", "body": "Já verifico.", "take_over": True},
    "An image": {"kind": "image", **LINK, "caption": "O seu pedido"},
    "A video": {"kind": "video", **LINK},
    "A document": {"kind": "document", **LINK, "filename": "boleto.pdf", "caption": "Boleto"},
    "A voice message": {"kind": "audio", **LINK, "voice": True},
    "A sticker": {"kind": "sticker", **LINK},
    "A location": {"kind": "location", "latitude": -15.7942, "longitude": -47.8825, "name": "Loja", "address": "Asa Sul"},
    "A contact card": {"kind": "contacts", "cards": [{"name": {"formatted_name": "Ana Souza", "first_name": "Ana"}}]},
    "A template": {"kind": "template", "name": "pedido", "language": "pt_BR", "components": PARAMETERS},
    "Reply buttons": {"kind": "buttons", "body": "Confirma a entrega?", "buttons": CHOICES, "footer": "Loja"},
    "Reply buttons below a picture": {
        "kind": "buttons",
        "body": "É este?",
        "buttons": CHOICES,
        "header_file": {"kind": "image", **LINK},
    },
    "A list": {
        "kind": "list",
        "body": "Qual é o assunto?",
        "button": "Escolher",
        "sections": [{"rows": [{"id": "orders", "title": "Pedidos"}, {"id": "bills", "title": "Boletos"}]}],
    },
    "A link": {"kind": "cta_url", "body": "Acompanhe o pedido.", "display_text": "Abrir", "url": "https://example.com/4711"},
    "A form": {"kind": "flow", "body": "Conte como foi.", "cta": "Responder", "token": "4711", "flow_id": "1"},
    "A request for the location": {"kind": "location_request", "body": "Onde entregamos?"},
    "A request for the phone": {"kind": "contact_request", "body": "Qual é o seu número?"},
}
"""A reaction is not among them: it needs the id of a stored message."""
MESSAGE_EXAMPLES = [OpenApiExample(name, value=value, request_only=True) for name, value in MESSAGES.items()]
