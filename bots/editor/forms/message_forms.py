"""The fields of a message in a form."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext

from bots.editor.forms.fields import Field, Item, ItemList, Option
from bots.editor.operations import LISTS
from bots.editor.steps.messages import MEDIA_KINDS, MESSAGE_TYPES, SIMPLE_TYPES
from bots.files.stored_files import FILE_LIMITS, FileDetails
from cloud_api.messages import WITHOUT_CAPTION

MAX_TEXT = 4096
MAX_INTERACTIVE_TEXT = 1024
MAX_CAPTION = 1024
MAX_BUTTON_TITLE = 20
MAX_ROW_TITLE = 24
MAX_ROW_DESCRIPTION = 72


def message_fields(
    message: dict[str, Any],
    path: str,
    *,
    templates: Sequence[Option],
    files: Mapping[str, FileDetails],
    is_simple: bool = False,
) -> Iterator[Field | ItemList]:
    """Yields the fields of a message at `path` of its step. `is_simple`: only types that expect no answer of their own."""
    kind = message["type"]
    types = tuple((key, str(words)) for key, words in MESSAGE_TYPES.items() if not is_simple or key in SIMPLE_TYPES or key == kind)
    yield Field(f"{path}.type", gettext("Kind of message"), "message_type", kind, options=types, redraws=True, is_wide=False)
    if kind == "media":
        yield from _media(message, path, files)
    elif kind == "template":
        yield from _template(message, path, templates)
    else:
        limit = MAX_TEXT if kind == "text" else MAX_INTERACTIVE_TEXT
        yield Field(f"{path}.text", gettext("Text"), "text", message["text"], limit=limit, has_placeholders=True)
    if kind == "buttons":
        yield _buttons(message, path)
    elif kind == "list":
        yield from _list(message, path)
    elif kind == "link":
        yield Field(f"{path}.title", gettext("Text of the button"), "line", message["title"], limit=MAX_BUTTON_TITLE, is_wide=False)
        yield Field(f"{path}.url", gettext("Link"), "line", message["url"], limit=2048, help=gettext("Begins with https://"))


def _media(message: dict[str, Any], path: str, files: Mapping[str, FileDetails]) -> Iterator[Field]:
    sources = (("file", gettext("File from this device")), ("link", gettext("Link")))
    source = "file" if "file" in message else "link"
    yield Field(
        f"{path}.source", gettext("Where the file is"), "media_source", source, options=sources, is_wide=False, redraws=True
    )
    if source == "file":
        yield _file(message, path, files)
    else:
        kinds = tuple((key, str(words)) for key, words in MEDIA_KINDS.items())
        yield Field(f"{path}.kind", gettext("Kind of file"), "select", message["kind"], options=kinds, is_wide=False, redraws=True)
        yield Field(f"{path}.link", gettext("Link to the file"), "line", message.get("link", ""), limit=2048,
                    help=gettext("Begins with https:// and can be opened by everybody"))  # fmt: skip
    if message["kind"] not in WITHOUT_CAPTION:
        yield Field(f"{path}.caption", gettext("Text below it"), "text", message.get("caption", ""), limit=MAX_CAPTION,
                    has_placeholders=True, is_optional=True)  # fmt: skip
    if message["kind"] == "document":
        yield Field(
            f"{path}.filename", gettext("Name of the file"), "line", message.get("filename", ""), limit=240, is_optional=True
        )


def _file(message: dict[str, Any], path: str, files: Mapping[str, FileDetails]) -> Field:
    key = message["file"]
    label = gettext("Replace the file") if key in files else gettext("Choose a file")
    options = tuple((each.key, each.kind) for each in files.values())
    return Field(f"{path}.file", label, "file", key, options=options, file=files.get(key), help=gettext(FILE_LIMITS))


def _template(message: dict[str, Any], path: str, templates: Sequence[Option]) -> Iterator[Field]:
    chosen = f"{message['name']}|{message['language']}"
    options = (("", gettext("Choose a template")), *templates)
    if message["name"] and chosen not in dict(options):
        options = (*options, (chosen, f"{message['name']} ({message['language']})"))
    yield Field(f"{path}.template", gettext("Template"), "template", chosen if message["name"] else "", options=options,
                help=gettext("Templates are the only messages that may leave after the 24-hour window has closed."))  # fmt: skip
    yield Field(f"{path}.values", gettext("Its values, one in each line"), "lines", "\n".join(message.get("values", [])),
                has_placeholders=True)  # fmt: skip


def _buttons(message: dict[str, Any], path: str) -> ItemList:
    items = tuple(
        Item(index, index + 1, (Field(f"{path}.buttons.{index}.title", gettext("Text of the button"), "line", each["title"],
                                      limit=MAX_BUTTON_TITLE),))
        for index, each in enumerate(message["buttons"])
    )  # fmt: skip
    return _items(f"{path}.buttons", gettext("Buttons"), items, gettext("Button"), gettext("Add a button"))


def _list(message: dict[str, Any], path: str) -> Iterator[Field | ItemList]:
    label = gettext("Text of the button that opens the list")
    yield Field(f"{path}.button", label, "line", message["button"], limit=MAX_BUTTON_TITLE, is_wide=False)
    items = tuple(
        Item(index, index + 1, (
            Field(f"{path}.rows.{index}.title", gettext("Title"), "line", each["title"], limit=MAX_ROW_TITLE),
            Field(f"{path}.rows.{index}.description", gettext("Explanation"), "line", each.get("description", ""),
                  limit=MAX_ROW_DESCRIPTION, is_optional=True),
        ))
        for index, each in enumerate(message["rows"])
    )  # fmt: skip
    yield _items(f"{path}.rows", gettext("Rows of the list"), items, gettext("Row"), gettext("Add a row"))


def _items(path: str, label: str, items: tuple[Item, ...], item: str, add: str) -> ItemList:
    """Returns the list of choices. Only those of a step's own message can be added and removed."""
    if path not in LISTS:
        return ItemList(path, label, items, item)
    _new, least, most = LISTS[path]
    return ItemList(path, label, items, item, add if len(items) < most else "", may_remove=len(items) > least)
