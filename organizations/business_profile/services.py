"""Reads and writes the business profile of a number: what customers see of the business. Meta stores it, and the hub does not."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from cloud_api.business_profile import MAX_PICTURE, BusinessProfile, check_profile
from cloud_api.errors import Remedy, meaning_of
from cloud_api.graph import Graph, GraphError, TooLarge, WrongHost
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import PhoneNumber, User
from organizations.numbers.number_secrets import read_secret
from organizations.numbers.suspension import graph_calls


class NoToken(Exception):
    """The number has no access token, so the profile can be neither read nor written."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The content of a picture file."""

    content: bytes
    mime_type: str


def read_profile(number: PhoneNumber) -> BusinessProfile:
    """Returns the current profile. Raises GraphError, NoToken."""
    with _graph_calls_with_token(number) as graph:
        return graph.business_profile(number.meta_id)


def write_profile(*, number: PhoneNumber, changes: Mapping[str, Any], picture: Picture | None, by: User) -> None:
    """Changes these fields of the profile, and its picture if there is a new one. Raises GraphError, NoToken, and InvalidMessage
    before any request."""
    check_profile(changes)
    with _graph_calls_with_token(number) as graph:
        fields = dict(changes)
        if picture:
            fields["profile_picture_handle"] = graph.upload_picture(picture.content, mime_type=picture.mime_type)
        graph.change_business_profile(number.meta_id, fields)
    record_action(
        AuditAction.BUSINESS_PROFILE_CHANGED,
        organization=number.organization_id,
        by=by,
        target=("number", number.pk),
        changes={field: [None, value] for field, value in changes.items()} | ({"picture": None} if picture else {}),
    )


def read_picture(number: PhoneNumber) -> bytes | None:
    """Returns the profile's picture, or None if there is none or it cannot be downloaded. Raises GraphError, NoToken."""
    content = io.BytesIO()
    with _graph_calls_with_token(number) as graph:
        url = graph.business_profile(number.meta_id).picture_url
        if not url:
            return None
        try:
            graph.download(url, content, most=MAX_PICTURE)
        except (GraphError, TooLarge, WrongHost):
            # Meta accepted the token above. An error of its file host says nothing about the token.
            return None
    return content.getvalue()


@contextmanager
def _graph_calls_with_token(number: PhoneNumber) -> Iterator[Graph]:
    if not read_secret(number, "meta_token"):
        raise NoToken
    with graph_calls(number) as graph:
        yield graph


def describe_error(refusal: GraphError) -> str:
    """Returns what went wrong, as text for the page of the profile."""
    if refusal.code is None and not refusal.is_token_refused:
        return gettext("WhatsApp did not answer. Nothing has changed; try again in a moment.")
    meaning = meaning_of(refusal.code or 0)
    if refusal.details and meaning.remedy in (Remedy.CONTENT, Remedy.NONE):
        return gettext("WhatsApp refused it: %(details)s") % {"details": refusal.details}
    return gettext(meaning.words)
