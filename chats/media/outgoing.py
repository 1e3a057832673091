"""Files on their way out: their place in the API object once Meta has them, and those of messages that are sent once more."""

from collections.abc import Mapping
from typing import Any

from chats.media.finding import files_of, key_of
from chats.models import Message
from jobs.models import State


def with_media_id(api_object: Mapping[str, Any], media_id: str) -> dict[str, Any]:
    """The API object with Meta's id of its file: in the object of its kind, of a template in its header (reference 8.2)."""
    kind = api_object["type"]
    if kind != "template":
        return {**api_object, kind: {**api_object[kind], "id": media_id}}
    template = api_object["template"]
    components = [_header(each, media_id) if each["type"] == "header" else each for each in template["components"]]
    return {**api_object, "template": {**template, "components": components}}


def _header(component: Mapping[str, Any], media_id: str) -> dict[str, Any]:
    parameters = [{**each, each["type"]: {**each[each["type"]], "id": media_id}} for each in component["parameters"]]
    return {**component, "parameters": parameters}


def attach_again(message: Message, earlier: Message) -> None:
    """A message that is sent once more has the same file."""
    file = files_of([earlier]).get(key_of(earlier))
    if file is None:
        return
    file.pk, file._state.adding = None, True
    file.message_name, file.state, file.media_id, file.media_id_until = message.name, State.DONE, "", None
    file.save(force_insert=True)
