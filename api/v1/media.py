"""Files: those that programs upload, and those of messages."""

from http import HTTPStatus
from typing import ClassVar

from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, OnePageQuery, page_of, page_response, respond_by_pk
from api.endpoints.values import QueryFlag, SealedId, StrictSerializer, invalid
from api.endpoints.views import ApiView
from api.errors.problems import Problem
from api.media.downloads import respond_with_file
from api.media.uploads import MAX_UPLOAD, expire_media, media_of, store_media
from api.models import Media
from api.v1.lookups import get_message, get_row
from chats.media.message_files import all_files_of
from chats.media.submitted_files import BUSY, read_submitted_file
from chats.models import Attachment
from chats.models.files import DownloadProblem
from cloud_api.messages import InvalidMessage
from organizations.text_display import invalid_message_text

RANGE = OpenApiParameter(
    "Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="`bytes=0-1023`: only this part of the file (206)."
)
FILE = {
    (status.value, media_type): OpenApiTypes.BINARY
    for status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
    for media_type in ("application/octet-stream", "*/*")  # generated clients understand the first one only
}
FILE_PROBLEMS = [HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE]


class MediaSerializer(serializers.Serializer):
    """A file that was uploaded to the hub."""

    id = SealedId(IdKind.MEDIA, source="pk")
    kind = serializers.CharField(help_text="The kind of message that fits: image, video, audio, document or sticker.")
    mime_type = serializers.CharField(help_text="By the content of the file.")
    file_name = serializers.CharField()
    size = serializers.IntegerField(min_value=0, help_text="Bytes.")
    sha256 = serializers.CharField()
    width = serializers.IntegerField(allow_null=True, help_text="Pixels, of a picture.")
    height = serializers.IntegerField(allow_null=True)
    uploaded_at = serializers.DateTimeField(source="create_in")
    expires_at = serializers.DateTimeField(help_text="When it is deleted, unless it is sent again before. Messages keep it.")


class NewMedia(StrictSerializer):
    """A file to upload, as `multipart/form-data`."""

    file = serializers.FileField(allow_empty_file=True, help_text="Its type is found out by its content.")
    as_document = QueryFlag(default=False, help_text="Whether a picture is sent as a document, unchanged.")


class MediaList(ApiView):
    parser_classes = (MultiPartParser,)
    max_body = MAX_UPLOAD
    queries: ClassVar = {"GET": ListQuery}

    @operation("list_media", response=page_of(MediaSerializer), query=ListQuery, tag="media")
    def get(self, request: Request) -> Response:
        """Returns the uploaded files that have not expired."""
        rows = media_of(self.access.organization, now=timezone.now())
        return respond_by_pk(MediaSerializer, rows, query=self.query, access=self.access)

    @operation(
        "upload_media",
        request={"multipart/form-data": NewMedia},
        response=MediaSerializer,
        status=HTTPStatus.CREATED,
        problems=[HTTPStatus.SERVICE_UNAVAILABLE],
        tag="media",
    )
    def post(self, request: Request) -> Response:
        """Uploads a file, which messages then send by its id, any number of times. The limits are those of WhatsApp: images 5 MB,
        videos and audio 16 MB, documents 100 MB."""
        values = self.read_body(NewMedia)
        try:
            submitted = read_submitted_file(values["file"], as_document=values["as_document"])
            media = store_media(organization=self.access.organization, submitted=submitted, now=timezone.now())
        except InvalidMessage as refusal:
            if refusal.words == BUSY:
                raise Problem(invalid_message_text(refusal), code="busy", status=HTTPStatus.SERVICE_UNAVAILABLE) from None
            raise invalid("file", invalid_message_text(refusal)) from None
        return Response(MediaSerializer(media, context={"access": self.access}).data, status=HTTPStatus.CREATED)


class OneMedia(ApiView):
    of_all_numbers = frozenset({"DELETE"})

    @operation("get_media", response=MediaSerializer, tag="media")
    def get(self, request: Request, media_id: str) -> Response:
        """Returns what is known about an uploaded file."""
        return Response(MediaSerializer(_get_media(self, media_id), context={"access": self.access}).data)

    @operation("delete_media", response=None, status=HTTPStatus.NO_CONTENT, tag="media")
    def delete(self, request: Request, media_id: str) -> Response:
        """Deletes an uploaded file. Messages that have it keep it."""
        expire_media(media=_get_media(self, media_id), now=timezone.now())
        return Response(status=HTTPStatus.NO_CONTENT)


class MediaContent(ApiView):
    @operation("download_media", response=FILE, parameters=[RANGE], problems=FILE_PROBLEMS, tag="media")
    def get(self, request: Request, media_id: str) -> HttpResponseBase:
        """Returns the content of an uploaded file."""
        media = _get_media(self, media_id)
        return respond_with_file(request, media.file, name=media.file_name, kind=media.kind, sha256=media.sha256)


def _get_media(view: ApiView, media_id: str) -> Media:
    rows = media_of(view.access.organization, now=timezone.now())
    return get_row(view.access, rows, IdKind.MEDIA, media_id)


class MessageFileSerializer(serializers.Serializer):
    """A file of a message."""

    position = serializers.IntegerField(min_value=0, help_text="Names the file in its URLs.")
    kind = serializers.CharField()
    mime_type = serializers.CharField(help_text="May be empty until the file is downloaded.")
    file_name = serializers.CharField(help_text="The name that the sender gave. May be empty.")
    size = serializers.IntegerField(allow_null=True, help_text="Bytes. Null until the file is downloaded.")
    sha256 = serializers.CharField()
    available = serializers.SerializerMethodField(help_text="Whether the hub has the file.")
    has_thumbnail = serializers.SerializerMethodField()
    problem = serializers.ChoiceField(choices=DownloadProblem.values, help_text="Why the hub does not have it. May be empty.")

    def get_available(self, file: Attachment) -> bool:
        return bool(file.file)

    def get_has_thumbnail(self, file: Attachment) -> bool:
        return bool(file.thumbnail)


class MessageFiles(ApiView):
    queries: ClassVar = {"GET": OnePageQuery}

    @operation("list_message_files", response=page_of(MessageFileSerializer), query=OnePageQuery, tag="media")
    def get(self, request: Request, message_id: str) -> Response:
        """Returns the files of a message, in one page. Most messages have one at most, a reply to a form may have several."""
        files = _files_of(self, message_id)
        return page_response(MessageFileSerializer, files, query=self.query, access=self.access, next_position=None)


class MessageFileContent(ApiView):
    @operation("download_message_file", response=FILE, parameters=[RANGE], problems=FILE_PROBLEMS, tag="media")
    def get(self, request: Request, message_id: str, position: int) -> HttpResponseBase:
        """Returns the content of a file of a message. 404 until the hub has downloaded it."""
        file = _get_file(self, message_id, position)
        if not file.file:
            raise Http404
        return respond_with_file(request, file.file, name=file.file_name, kind=file.kind, sha256=file.sha256)


class MessageFileThumbnail(ApiView):
    @operation("download_thumbnail", response=FILE, parameters=[RANGE], problems=FILE_PROBLEMS, tag="media")
    def get(self, request: Request, message_id: str, position: int) -> HttpResponseBase:
        """Returns a small picture of a file of a message, as JPEG or WebP."""
        file = _get_file(self, message_id, position)
        if not file.thumbnail:
            raise Http404
        return respond_with_file(request, file.thumbnail, name="", kind=file.kind, sha256="")


def _get_file(view: ApiView, message_id: str, position: int) -> Attachment:
    file = next((each for each in _files_of(view, message_id) if each.position == position), None)
    if file is None:
        raise Http404
    return file


def _files_of(view: ApiView, message_id: str) -> list[Attachment]:
    """Returns the files of a message. None if it was deleted."""
    message = get_message(view.access, message_id)
    return [] if message.revoked_at else next(iter(all_files_of([message]).values()), [])
