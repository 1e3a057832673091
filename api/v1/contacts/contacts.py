"""Contacts: the list with its search, one contact, adding and changing contacts."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.access import ApiAccess
from api.endpoints.ids import IdKind, seal
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, page_response, read_cursor
from api.endpoints.values import Flag, SealedId, StrictSerializer, Text, invalid
from api.endpoints.views import ApiView
from api.errors.problems import Conflict
from api.v1.lookups import get_contact
from chats.conversations import done_and_blocked
from contacts.forms import MAX_NAME_LENGTH
from contacts.lists.contact_list import (
    MAX_SEARCH_LENGTH,
    ContactFilters,
    ContactPage,
    FixedOrderCursor,
    ListCursor,
    ListTab,
    list_contacts,
    list_in_fixed_order,
)
from contacts.models import Contact, Label
from contacts.owners import Owner
from contacts.selectors import labels_by_contact, numbers_of
from contacts.services import (
    MAX_LABELS,
    ContactExists,
    InvalidInput,
    add_contact,
    change_labels,
    read_phone,
    rename_contact,
    set_automatic_messages,
    set_who_answers,
)
from organizations.models import Profile
from organizations.numbers.ownership import NumberMoved


class ContactSerializer(serializers.Serializer):
    """One person on one number."""

    id = SealedId(IdKind.CONTACT, source="pk")
    number = serializers.CharField(source="create_for_phone_number_id", help_text="The id of the number.")
    wa_id = serializers.CharField(allow_null=True, help_text="The phone, as Meta gave it. Null if Meta gave none.")
    bsuid = serializers.CharField(allow_null=True, help_text="Meta's business-scoped user ID. Null if Meta gave none.")
    username = serializers.CharField(help_text="The name on WhatsApp that starts with @. May be empty.")
    name = serializers.SerializerMethodField(help_text="The name that pages show.")
    profile_name = serializers.CharField(source="name", help_text="The name on WhatsApp. May be empty.")
    alias = serializers.CharField(help_text="The name that staff gave. May be empty.")
    labels = serializers.SerializerMethodField(help_text="The ids of the labels.")
    who_answers = serializers.ChoiceField(source="profile", choices=Profile.choices, help_text="Who was chosen to answer.")
    owner = serializers.ChoiceField(choices=Owner.choices, help_text="Who answers now.")
    automatic_messages = serializers.BooleanField(source="activate_automatic_message")
    blocked = serializers.SerializerMethodField()
    marketing_stopped = serializers.BooleanField(help_text="Whether the person stopped marketing messages.")
    first_seen_at = serializers.DateTimeField(source="create_in")
    last_message_at = serializers.DateTimeField(source="last_message_timestamp", allow_null=True)
    last_customer_message_at = serializers.DateTimeField(allow_null=True)
    window_closes_at = serializers.DateTimeField(
        source="window_expires_at",
        allow_null=True,
        help_text="When the service window closes or closed. Null if the person has never written.",
    )

    def get_name(self, contact: Contact) -> str:
        return str(contact)

    def get_labels(self, contact: Contact) -> list[str]:
        organization = self.context["access"].organization
        return [seal(organization, IdKind.LABEL, label.pk) for label in self.context["labels"][contact.pk]]

    def get_blocked(self, contact: Contact) -> bool:
        return contact.blocked_at is not None


SHOWN = {
    "all": ListTab.ALL,
    "unanswered": ListTab.WAITING,
    "unread": ListTab.UNREAD,
    "waiting_for_person": ListTab.FOR_PERSON,
    "window_closing": ListTab.CLOSING,
    "blocked": ListTab.BLOCKED,
}
"""The lists of the inbox, as the parameter `show` names them."""


class ConversationQuery(ListQuery):
    """The filters of the pages."""

    search = serializers.CharField(
        required=False, max_length=MAX_SEARCH_LENGTH, help_text="Beginnings of names, or a phone in any way of writing, or its end."
    )
    number = serializers.CharField(required=False, max_length=64, help_text="The id of a number.")
    label = SealedId(IdKind.LABEL, required=False, help_text="The id of a label.")
    owner = serializers.ChoiceField(required=False, choices=Owner.choices, help_text="Who answers now.")
    who_answers = serializers.ChoiceField(required=False, choices=Profile.choices, help_text="Who was chosen to answer.")
    show = serializers.ChoiceField(required=False, choices=list(SHOWN), help_text="One of the lists of the inbox.")


class ContactQuery(ConversationQuery):
    """The filters of the pages, and the order."""

    order = serializers.ChoiceField(
        default="latest",
        choices=["latest", "added"],
        help_text="`latest`: by the latest message, or as `show` orders. `added`: the oldest contacts first. With it no contact "
        "changes its place while a program reads all pages. It takes no `search` and no `show`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["order"] == "added" and attrs.keys() & {"search", "show"}:
            words = "The order “added” cannot be combined with `search` or `show`."
            raise serializers.ValidationError({"order": [serializers.ErrorDetail(words, "conflict")]})
        return attrs


def _read_filters(access: ApiAccess, query: Mapping[str, Any]) -> ContactFilters:
    return ContactFilters(
        view=SHOWN[query.get("show", "all")],
        number=query.get("number", ""),
        profile=query.get("who_answers", ""),
        owner=query.get("owner", ""),
        label=query.get("label"),
        search=query.get("search", "").strip(),
        numbers=access.numbers,
    )


def read_page(access: ApiAccess, query: Mapping[str, Any], *, conversations: bool) -> ContactPage:
    """Returns the page of contacts, or of conversations, for these parameters: the latest first, or as `show` orders. Raises
    ValidationError."""
    after = read_cursor(query, access, ListCursor.read)
    filters, now = _read_filters(access, query), timezone.now()
    return list_contacts(access.organization.pk, filters, now, after=after, limit=query["limit"], conversations=conversations)


def _read_page_in_fixed_order(
    access: ApiAccess, query: Mapping[str, Any]
) -> tuple[list[Contact], ListCursor | FixedOrderCursor | None]:
    after = read_cursor(query, access, FixedOrderCursor.read)
    filters, now = _read_filters(access, query), timezone.now()
    return list_in_fixed_order(access.organization.pk, filters, now, after=after, limit=query["limit"])


def with_labels(access: ApiAccess, contacts: Sequence[Contact]) -> dict[str, Any]:
    """Returns the context of `ContactSerializer` for these contacts. Two queries."""
    labels = list(Label.objects.filter(organization=access.organization))
    return {"access": access, "labels": labels_by_contact(contacts, labels)}


class NewContact(StrictSerializer):
    """A contact who has not written yet."""

    number = Text(max_length=64, help_text="The id of the number.")
    phone = Text(max_length=40, help_text="As people write it. Foreign numbers begin with +.")
    alias = Text(max_length=MAX_NAME_LENGTH, default="", allow_blank=True, help_text="What your team calls the person.")


class ContactChanges(StrictSerializer):
    """Changes of a contact. Fields that are left out keep their values."""

    alias = Text(max_length=MAX_NAME_LENGTH, required=False, allow_blank=True)
    labels = serializers.ListField(
        child=SealedId(IdKind.LABEL), required=False, max_length=MAX_LABELS, help_text="The ids of all labels of the contact."
    )
    who_answers = serializers.ChoiceField(choices=Profile.choices, required=False)
    automatic_messages = Flag(required=False)
    blocked = Flag(required=False, help_text="Messages of a blocked person are stored, and are neither unread nor unanswered.")

    def validate_labels(self, ids: list[int]) -> list[int]:
        organization = self.context["access"].organization
        if Label.objects.filter(organization=organization, pk__in=ids).count() != len(set(ids)):
            raise serializers.ValidationError("There is no such label.", code="unknown_id")
        return ids


NEW_CONTACT = OpenApiExample(
    "A contact of Brasília",
    value={"number": "385012774910236", "phone": "(61) 98150-0588", "alias": "Ana Souza"},
    request_only=True,
)
ALIAS = OpenApiExample("Another name", value={"alias": "Ana, da padaria"}, request_only=True)
BOT_OFF = OpenApiExample("No bot", value={"who_answers": "human", "automatic_messages": False}, request_only=True)


class Contacts(ApiView):
    queries: ClassVar = {"GET": ContactQuery}

    @operation("list_contacts", response=page_of(ContactSerializer), query=ContactQuery, tag="contacts")
    def get(self, request: Request) -> Response:
        """Returns contacts, those with the latest messages first unless `order` says otherwise. A page of a search for a frequent
        name may have fewer contacts than `limit` although it is not the last one."""
        if self.query["order"] == "added":
            contacts, next_position = _read_page_in_fixed_order(self.access, self.query)
        else:
            page = read_page(self.access, self.query, conversations=False)
            contacts, next_position = page.contacts, page.next
        context = with_labels(self.access, contacts)
        return page_response(
            ContactSerializer, contacts, query=self.query, access=self.access, next_position=next_position, context=context
        )

    @operation(
        "create_contact",
        request=NewContact,
        response=ContactSerializer,
        status=HTTPStatus.CREATED,
        problems=[HTTPStatus.CONFLICT],
        tag="contacts",
        examples=[NEW_CONTACT],
    )
    def post(self, request: Request) -> Response:
        """Adds a contact who has not written yet. 409 if the number has a contact with this phone."""
        values = self.read_body(NewContact)
        numbers = {each.phone_number_id: each for each in numbers_of(self.access.organization)}
        number = numbers.get(values["number"]) if self.access.may_use_number(values["number"]) else None
        if number is None:
            raise invalid("number", "There is no number with this id.", rule="unknown_id")
        try:
            wa_id = read_phone(values["phone"], country=self.access.organization.country)[0]
            contact = add_contact(number=number, wa_id=wa_id, alias=values["alias"], now=timezone.now())
        except InvalidInput as refusal:
            raise invalid("phone", str(refusal)) from None
        except ContactExists as refusal:
            existing = seal(self.access.organization, IdKind.CONTACT, refusal.contact.pk)
            words = "The number has a contact with this phone. “contact” is its id."
            raise Conflict(words, code="contact_exists", contact=existing) from None
        except NumberMoved:
            raise Conflict("The number is being moved. Try again in a minute.", code="number_moved") from None
        data = ContactSerializer(contact, context=with_labels(self.access, [contact])).data
        return Response(data, status=HTTPStatus.CREATED)


class OneContact(ApiView):
    @operation("get_contact", response=ContactSerializer, tag="contacts")
    def get(self, request: Request, contact_id: str) -> Response:
        """Returns one contact."""
        return self._respond(get_contact(self.access, contact_id))

    @operation("change_contact", request=ContactChanges, response=ContactSerializer, tag="contacts", examples=[ALIAS, BOT_OFF])
    def patch(self, request: Request, contact_id: str) -> Response:
        """Changes the name, the labels and the switches of a contact."""
        contact = get_contact(self.access, contact_id)
        changes = self.read_body(ContactChanges)
        try:
            self._change(contact, changes)
        except Contact.DoesNotExist:  # merged with another one at the same time
            raise Http404 from None
        return self._respond(get_contact(self.access, contact_id))

    def _change(self, contact: Contact, changes: Mapping[str, Any]) -> None:
        now, by, organization = timezone.now(), self.access.user, self.access.organization
        if "alias" in changes:
            rename_contact(contact=contact, alias=changes["alias"], by=by, now=now)
        if "labels" in changes:
            wanted, given = set(changes["labels"]), set(contact.labels.values_list("pk", flat=True))
            change_labels(contact=contact, give=wanted - given, take=given - wanted, by=by, now=now)
        if "who_answers" in changes:
            profile = Profile(changes["who_answers"])
            set_who_answers(organization=organization, contact_ids=[contact.pk], profile=profile, by=by, now=now)
        if "automatic_messages" in changes:
            is_on = changes["automatic_messages"]
            set_automatic_messages(organization=organization, contact_ids=[contact.pk], on=is_on, by=by, now=now)
        if "blocked" in changes:
            block_or_unblock = done_and_blocked.block if changes["blocked"] else done_and_blocked.unblock
            block_or_unblock(contact=contact, by=by, now=now)

    def _respond(self, contact: Contact) -> Response:
        return Response(ContactSerializer(contact, context=with_labels(self.access, [contact])).data)
