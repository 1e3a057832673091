"""Notes of staff about a contact."""

from http import HTTPStatus
from typing import ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, respond_by_pk
from api.endpoints.values import SealedId, StrictSerializer, Text
from api.endpoints.views import ApiView
from api.v1.lookups import get_contact, get_row
from contacts.models import Note
from contacts.services import add_note, change_note, delete_note

MAX_LENGTH = 4_000


class NoteSerializer(serializers.Serializer):
    """A text of staff about a contact, for each other."""

    id = SealedId(IdKind.NOTE, source="pk")
    text = serializers.CharField()
    author = serializers.SerializerMethodField(help_text="The name or e-mail of the author. Null for former members.")
    api_key = serializers.CharField(help_text="The name of the API key that wrote it. Empty: none did.")
    written_at = serializers.DateTimeField(source="create_in")

    def get_author(self, note: Note) -> str | None:
        return (note.author.name or note.author.email) if note.author else None


class NewNote(StrictSerializer):
    """A new note."""

    text = Text(max_length=MAX_LENGTH, trim_whitespace=True)


class NoteChanges(StrictSerializer):
    """The new text of a note."""

    text = Text(max_length=MAX_LENGTH, trim_whitespace=True)


NOTE = OpenApiExample("A note", value={"text": "Prefere boleto."}, request_only=True)
NEW_TEXT = OpenApiExample("Another text", value={"text": "Prefere Pix."}, request_only=True)


class Notes(ApiView):
    queries: ClassVar = {"GET": ListQuery}

    @operation("list_notes", response=page_of(NoteSerializer), query=ListQuery, tag="contacts")
    def get(self, request: Request, contact_id: str) -> Response:
        """Returns the notes about a contact, the newest first."""
        contact = get_contact(self.access, contact_id)
        rows = Note.objects.filter(contact=contact).select_related("author")
        return respond_by_pk(NoteSerializer, rows, query=self.query, access=self.access, newest_first=True)

    @operation("create_note", request=NewNote, response=NoteSerializer, status=HTTPStatus.CREATED, tag="contacts", examples=[NOTE])
    def post(self, request: Request, contact_id: str) -> Response:
        """Adds a note about a contact. Its author is the member, or the user who created the key."""
        contact = get_contact(self.access, contact_id)
        text = self.read_body(NewNote)["text"]
        note = add_note(contact=contact, text=text, by=self.access.user, now=timezone.now())
        return Response(NoteSerializer(note, context={"access": self.access}).data, status=HTTPStatus.CREATED)


class OneNote(ApiView):
    @operation("get_note", response=NoteSerializer, tag="contacts")
    def get(self, request: Request, note_id: str) -> Response:
        """Returns one note."""
        return self._respond(self._note(note_id))

    @operation("change_note", request=NoteChanges, response=NoteSerializer, tag="contacts", examples=[NEW_TEXT])
    def patch(self, request: Request, note_id: str) -> Response:
        """Changes the text of a note. Without the scope `manage` only a note of the member, or of the user who created the key."""
        note = self._own_note(note_id)
        change_note(note=note, text=self.read_body(NoteChanges)["text"])
        return self._respond(note)

    @operation("delete_note", response=None, status=HTTPStatus.NO_CONTENT, tag="contacts")
    def delete(self, request: Request, note_id: str) -> Response:
        """Deletes a note. Without the scope `manage` only a note of the member, or of the user who created the key."""
        delete_note(note=self._own_note(note_id))
        return Response(status=HTTPStatus.NO_CONTENT)

    def _note(self, note_id: str) -> Note:
        rows = Note.objects.filter(contact__organization=self.access.organization).select_related("author", "contact")
        note = get_row(self.access, rows, IdKind.NOTE, note_id)
        if not self.access.may_use_number(note.contact.create_for_phone_number_id):
            raise Http404
        return note

    def _own_note(self, note_id: str) -> Note:
        note = self._note(note_id)
        if not self.access.may_erase(note.author_id):
            raise PermissionDenied("Only administrators may change or delete the notes of others.", code="not_the_author")
        return note

    def _respond(self, note: Note) -> Response:
        return Response(NoteSerializer(note, context={"access": self.access}).data)
