"""The kinds of messages that a request may send. Each has a serializer, which refuses unknown fields, and builds Meta's API object
with `cloud_api.messages`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from api.access.access import ApiAccess
from api.endpoints.ids import IdKind
from api.endpoints.values import Decimal, Flag, SealedId, StorableJson, StrictSerializer, Text, invalid
from api.errors.problems import Conflict
from api.media.uploads import sendable_file
from chats.inbox.composer import may_react
from chats.media.attachments import SharedFile
from chats.message_templates.filled_templates import build_preview, values_of_parameters, with_definition
from chats.models import Message, MessageTemplate
from cloud_api import messages
from cloud_api.message_checks import HEADER_FILES
from cloud_api.messages import Choice, InvalidMessage, Section
from contacts.models import Contact
from organizations.text_display import invalid_message_text

MAX_TEXT = 4096
MAX_ID = 700


@dataclass(frozen=True, kw_only=True)
class OutboundMessage:
    """A message to send: Meta's API object, its readable text if that differs, and the message that it quotes."""

    message: dict[str, Any]
    content: str = ""
    quoted: Message | None = None
    take_over: bool = False
    file: SharedFile | None = None
    """A stored file that is sent with it."""


FindMessage = Callable[[ApiAccess, str], Message | None]


class OutboundSerializer(StrictSerializer):
    """What all kinds have. The context has `access`, `contact`, `now` and `find_message`."""

    file: SharedFile | None = None
    """The stored file of the message, after `build`."""
    quoted = Text(required=False, max_length=MAX_ID, help_text="The id of the message of this conversation that is answered.")
    take_over = Flag(default=False, help_text="Whether the team takes the conversation over from the bot.")

    def validate_quoted(self, sealed_id: str) -> Message:
        message = self.find(sealed_id)
        if message is None or not message.wamid:
            raise serializers.ValidationError("There is no such message in this conversation.", code="unknown_id")
        return message

    def find(self, sealed_id: str) -> Message | None:
        """Returns the message with this id if it is in the conversation."""
        find_message: FindMessage = self.context["find_message"]
        message = find_message(self.context["access"], sealed_id)
        return message if message and message.contact_id == self.context["contact"].pk else None

    def outbound(self) -> OutboundMessage:
        """Returns the message to send. Raises ValidationError, and Conflict if its state does not allow it."""
        values = {name: value for name, value in self.validated_data.items() if name != "kind"}
        quoted, take_over = values.pop("quoted", None), values.pop("take_over")
        try:
            message, content = self.build(values)
        except InvalidMessage as refusal:
            raise invalid(refusal.field, invalid_message_text(refusal)) from None
        return OutboundMessage(message=message, content=content, quoted=quoted, take_over=take_over, file=self.file)

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Returns the API object, and its readable text if that differs."""
        raise NotImplementedError


def kind_field(kind: str) -> serializers.ChoiceField:
    """Returns the field that names the kind."""
    return serializers.ChoiceField(choices=[kind])


class TextMessage(OutboundSerializer):
    """A text, with WhatsApp's formatting."""

    kind = kind_field("text")
    body = Text(max_length=MAX_TEXT)
    preview_url = Flag(default=True, help_text="Whether phones show a preview of the first link.")

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        return messages.text(**values), ""


class FileFields(StrictSerializer):
    link = Text(required=False, max_length=2048, help_text="Where Meta downloads the file: an http or https address.")
    media_id = Text(required=False, max_length=255, help_text="Meta's id of a file that was uploaded with this number.")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if ("link" in values) == ("media_id" in values):
            raise serializers.ValidationError("Give either link or media_id.", code="one_of")
        return values


class FileMessage(OutboundSerializer):
    link = Text(required=False, max_length=2048, help_text="Where Meta downloads the file: an http or https address.")
    media_id = Text(required=False, max_length=255, help_text="Meta's id of a file that was uploaded with this number.")
    media = SealedId(IdKind.MEDIA, required=False, help_text="The id of a file that was uploaded to the hub.")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if len({"link", "media_id", "media"} & set(values)) != 1:
            raise serializers.ValidationError("Give either link, media_id or media.", code="one_of")
        return values

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        kind, media = self.validated_data["kind"], values.pop("media", None)
        if media is not None:
            self.file = self._stored_file(kind, media)
            if kind == "document":
                values = {"filename": self.file.file_name} | values
        return messages.media(kind, **values), ""

    def _stored_file(self, kind: str, pk: int) -> SharedFile:
        organization = self.context["access"].organization
        try:
            file = sendable_file(organization=organization, pk=pk, kind=kind, now=self.context["now"])
        except InvalidMessage as refusal:
            raise invalid("media", invalid_message_text(refusal)) from None
        if file is None:
            raise invalid("media", "There is no uploaded file with this id, or it has expired.", rule="unknown_id")
        return file


class ImageMessage(FileMessage):
    """A picture: JPEG or PNG, up to 5 MB."""

    kind = kind_field("image")
    caption = Text(required=False, max_length=1024)


class VideoMessage(FileMessage):
    """A video: MP4 or 3GPP, up to 16 MB."""

    kind = kind_field("video")
    caption = Text(required=False, max_length=1024)


class DocumentMessage(FileMessage):
    """Any other file, up to 100 MB."""

    kind = kind_field("document")
    caption = Text(required=False, max_length=1024)
    filename = Text(required=False, max_length=240)


class AudioMessage(FileMessage):
    """A recording, up to 16 MB."""

    kind = kind_field("audio")
    voice = Flag(required=False, help_text="Whether phones show it as a voice message.")


class StickerMessage(FileMessage):
    """A sticker: WebP, up to 500 KB."""

    kind = kind_field("sticker")


class LocationMessage(OutboundSerializer):
    """A place on the map."""

    kind = kind_field("location")
    latitude = Decimal(min_value=-90, max_value=90, help_text="Degrees.")
    longitude = Decimal(min_value=-180, max_value=180, help_text="Degrees.")
    name = Text(required=False, max_length=1000)
    address = Text(required=False, max_length=1000)

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        return messages.location(**values), ""


class ContactsMessage(OutboundSerializer):
    """Contact cards."""

    kind = kind_field("contacts")
    cards = serializers.ListField(child=StorableJson(), min_length=1, max_length=257, help_text="Contact cards, as Meta has them.")

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        return messages.contacts(**values), ""


class ReactionMessage(OutboundSerializer):
    """An emoji on a message of the customer, which is at most 30 days old."""

    kind = kind_field("reaction")
    message = Text(max_length=MAX_ID, help_text="The id of a message of the customer in this conversation.")
    emoji = Text(allow_blank=True, max_length=40, help_text="Empty: removes the reaction.")

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        target = self.find(values["message"])
        if target is None:
            raise invalid("message", "There is no such message in this conversation.", rule="unknown_id")
        if not may_react(target, self.context["now"]):
            raise Conflict("WhatsApp takes no reaction to this message.", code="no_reaction")
        return messages.reaction(target.wamid or "", values["emoji"]), ""


class TemplateMessage(OutboundSerializer):
    """An approved template of the number's account. The only kind that may be sent outside the service window."""

    kind = kind_field("template")
    name = Text(max_length=512)
    language = Text(max_length=20)
    components = serializers.ListField(
        child=StorableJson(), default=list, max_length=20, help_text="The parameters of the template's parts, as Meta has them."
    )

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        template = self._template(values["name"], values["language"])
        message = messages.template(**values)
        content = build_preview(template, values_of_parameters(template, values["components"])).content
        return with_definition(message, template), content

    def _template(self, name: str, language: str) -> MessageTemplate:
        contact: Contact = self.context["contact"]
        number = contact.create_for_phone_number
        columns = {"organization": number.organization_id, "waba_id": number.waba_id, "name": name, "language": language}
        template = MessageTemplate.objects.filter(**columns).first()
        if template is None:
            raise invalid("name", "The number's account has no template with this name and language.", rule="unknown_template")
        if not template.is_sendable:
            raise Conflict("Meta accepts no messages of this template now.", code="template_not_sendable")
        return template


class InteractiveMessage(OutboundSerializer):
    body = Text(max_length=MAX_TEXT)
    footer = Text(required=False, max_length=60)


class HeaderFile(FileFields):
    """A file above the text."""

    kind = serializers.ChoiceField(choices=HEADER_FILES)
    filename = Text(required=False, max_length=240, help_text="Of a document.")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        values = super().validate(values)
        named = {"id": "media_id", "link": "link", "filename": "filename"}
        file = {name: values[field] for name, field in named.items() if field in values}
        return {"type": values["kind"], values["kind"]: file}


class InteractiveWithFile(InteractiveMessage):
    header = Text(required=False, max_length=60, help_text="A line of text above the body.")
    header_file = HeaderFile(required=False, help_text="A file above the body, instead of `header`.")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        values = super().validate(values)
        if "header" in values and "header_file" in values:
            raise invalid("header_file", "Give either header or header_file.", rule="one_of")
        return values


def with_header(values: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a builder, whose `header` is a text or a file."""
    file = values.pop("header_file", None)
    return values | ({"header": file} if file else {})


class ButtonChoice(StrictSerializer):
    """A reply button."""

    id = Text(max_length=256, help_text="The customer's reply contains it.")
    title = Text(max_length=20)


class ButtonsMessage(InteractiveWithFile):
    """A text with up to three reply buttons."""

    kind = kind_field("buttons")
    buttons = ButtonChoice(many=True, min_length=1, max_length=3)

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        choices = [Choice(**each) for each in values.pop("buttons")]
        return messages.buttons(choices=choices, **with_header(values)), ""


class ListRow(StrictSerializer):
    """One choice of a list."""

    id = Text(max_length=200, help_text="The customer's reply contains it.")
    title = Text(max_length=24)
    description = Text(required=False, max_length=72)


class ListSection(StrictSerializer):
    """Choices under a title."""

    title = Text(default="", allow_blank=True, max_length=24, help_text="A single section needs none.")
    rows = ListRow(many=True, min_length=1, max_length=10)


class ListMessage(InteractiveMessage):
    """A text with up to ten choices behind a button."""

    kind = kind_field("list")
    header = Text(required=False, max_length=60)
    button = Text(max_length=20, help_text="The words that open the list.")
    sections = ListSection(many=True, min_length=1, max_length=10)

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        sections = [Section(each["title"], [Choice(**row) for row in each["rows"]]) for each in values.pop("sections")]
        return messages.list_message(sections=sections, **values), ""


class LinkMessage(InteractiveWithFile):
    """A text with a button that opens a web page."""

    kind = kind_field("cta_url")
    display_text = Text(max_length=20, help_text="The words on the button.")
    url = Text(max_length=2048)

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        return messages.cta_url(**with_header(values)), ""


class FlowMessage(InteractiveWithFile):
    """A text with a button that opens a form, which `flow_id` or `flow_name` names."""

    kind = kind_field("flow")
    cta = Text(max_length=30, help_text="The words on the button that opens the form.")
    token = Text(max_length=200, help_text="The reply contains it.")
    flow_id = Text(required=False, max_length=64)
    flow_name = Text(required=False, max_length=200)
    action = serializers.ChoiceField(choices=["navigate", "data_exchange"], default="navigate")
    action_payload = StorableJson(required=False)
    mode = serializers.ChoiceField(choices=["published", "draft"], default="published")

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        return messages.flow(**with_header(values)), ""


class LocationRequestMessage(OutboundSerializer):
    """A text with a button by which the customer sends a location."""

    kind = kind_field("location_request")
    body = Text(max_length=1024)

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        return messages.location_request(**values), ""


class ContactRequestMessage(OutboundSerializer):
    """A text with a button by which the customer shares a phone number."""

    kind = kind_field("contact_request")
    body = Text(max_length=1024)

    def build(self, values: dict[str, Any]) -> tuple[dict[str, Any], str]:
        return messages.contact_request(**values), ""


KINDS: dict[str, type[OutboundSerializer]] = {
    "text": TextMessage,
    "image": ImageMessage,
    "video": VideoMessage,
    "document": DocumentMessage,
    "audio": AudioMessage,
    "sticker": StickerMessage,
    "location": LocationMessage,
    "contacts": ContactsMessage,
    "reaction": ReactionMessage,
    "template": TemplateMessage,
    "buttons": ButtonsMessage,
    "list": ListMessage,
    "cta_url": LinkMessage,
    "flow": FlowMessage,
    "location_request": LocationRequestMessage,
    "contact_request": ContactRequestMessage,
}
"""All kinds that `cloud_api.messages` builds."""
OUTBOUND_MESSAGE = PolymorphicProxySerializer(
    component_name="OutboundMessage", serializers=dict(KINDS), resource_type_field_name="kind", many=False
)
"""Any of them, for the OpenAPI document."""


def read_outbound_message(body: Any, context: Mapping[str, Any]) -> OutboundMessage:
    """Returns the message that the body describes. Raises ValidationError and Conflict."""
    kind = body.get("kind") if isinstance(body, Mapping) else None
    serializer_class = KINDS.get(kind) if isinstance(kind, str) else None
    if serializer_class is None:
        raise invalid("kind", f"Give one of these kinds: {', '.join(KINDS)}.", rule="invalid_choice")
    serializer = serializer_class(data=body, context=context)
    serializer.is_valid(raise_exception=True)
    return serializer.outbound()
