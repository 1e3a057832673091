"""The business profile of a number: what customers see of the business. Meta has it, and the hub keeps nothing of it."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from cloud_api.business_profile import MOST_PICTURE, BusinessProfile, check_profile
from cloud_api.errors import Remedy, meaning_of
from cloud_api.graph import Graph, GraphError, TooLarge, WrongHost
from organizations.models import PhoneNumber, User
from organizations.numbers.number_secrets import read_secret
from organizations.numbers.suspension import graph_calls


class NoToken(Exception):
    """The number has no access token, so Meta cannot be asked."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, whole."""

    content: bytes
    mime_type: str


def read_profile(number: PhoneNumber) -> BusinessProfile:
    """The profile as Meta has it now. Raises GraphError; NoToken."""
    with _calls(number) as graph:
        return graph.business_profile(number.meta_id)


def write_profile(*, number: PhoneNumber, changes: Mapping[str, Any], picture: Picture | None, by: User) -> None:
    """Change these fields of the profile, and its picture if there is a new one. Raises GraphError; NoToken; InvalidMessage before
    Meta is asked."""
    check_profile(changes)
    with _calls(number) as graph:
        told = dict(changes)
        if picture:
            told["profile_picture_handle"] = graph.upload_picture(picture.content, mime_type=picture.mime_type)
        graph.change_business_profile(number.meta_id, told)


def read_picture(number: PhoneNumber) -> bytes | None:
    """The profile's picture; None if there is none, or Meta does not give it. Raises GraphError; NoToken."""
    content = io.BytesIO()
    with _calls(number) as graph:
        url = graph.business_profile(number.meta_id).picture_url
        if not url:
            return None
        try:
            graph.download(url, content, most=MOST_PICTURE)
        except (GraphError, TooLarge, WrongHost):  # Meta has taken the token; what its file host says is not about it
            return None
    return content.getvalue()


@contextmanager
def _calls(number: PhoneNumber) -> Iterator[Graph]:
    if not read_secret(number, "meta_token"):
        raise NoToken
    with graph_calls(number) as graph:
        yield graph


def describe_error(refusal: GraphError) -> str:
    """What Meta says, for whoever looks at the profile or changes it."""
    if refusal.code is None and not refusal.is_token_refused:
        return gettext("WhatsApp did not answer. Nothing has changed; try again in a moment.")
    meaning = meaning_of(refusal.code or 0)
    if refusal.details and meaning.remedy in (Remedy.CONTENT, Remedy.NONE):
        return gettext("WhatsApp refused it: %(details)s") % {"details": refusal.details}
    return gettext(meaning.words)
