"""Forms of the composer and of canned replies."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from chats.inbox.canned_replies import read_shortcut
from chats.inbox.composer import StaffAnswer
from chats.inbox.emoji import EMOJI, QUICK
from chats.media.file_names import submitted_name
from chats.media.submitted_files import SubmittedFile, read_submitted_file
from chats.models import Message
from cloud_api.messages import MAX_TEXT, InvalidMessage
from contacts.models import Contact
from contacts.services import InvalidInput
from organizations.text_display import GroupedInt, invalid_message_text

MAX_FILES = 10
"""Files of one answer."""


class TextField(forms.CharField):
    """A text of several lines, which end with \\n as in WhatsApp, and not with \\r\\n as browsers send them."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return str(super().to_python(str(value or "").replace("\r\n", "\n")))


class MultipleFileInput(forms.FileInput):
    allow_multiple_selected = True


class MultipleFileField(forms.FileField):
    """Several files."""

    widget = MultipleFileInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        if len(data or ()) > MAX_FILES:
            words = ngettext("Send at most %(limit)s file at once.", "Send at most %(limit)s files at once.", MAX_FILES)
            raise ValidationError(words % {"limit": MAX_FILES})
        return list(data or ())


class TokenField(forms.UUIDField):
    """A form token: an answer that is posted twice is stored once."""

    def __init__(self) -> None:
        super().__init__(widget=forms.HiddenInput)


class AnswerForm(forms.Form):
    """The composer: a text, files, or both. A valid form has the `answer`."""

    text = TextField(label=_("Your answer"), required=False)
    file = MultipleFileField(label=_("Files"), required=False)
    file_name = forms.CharField(required=False, strip=False, max_length=1000, widget=forms.HiddenInput)
    """The exact name of a single file. Browsers escape the name in the file's own field."""
    as_document = forms.BooleanField(required=False, widget=forms.HiddenInput)
    """Images are sent unchanged, as documents."""
    voice = forms.BooleanField(required=False, widget=forms.HiddenInput)
    quoted = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)
    token = TokenField()

    def __init__(self, *args: Any, contact: Contact, **options: Any) -> None:
        super().__init__(*args, **options)
        self.contact = contact
        self.answer = StaffAnswer()
        self.is_spent = False
        """Whether the token was used for another answer."""

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if len(text) > MAX_TEXT:
            raise ValidationError(gettext("At most %(limit)s characters.") % {"limit": GroupedInt(MAX_TEXT)})
        return text

    def clean_quoted(self) -> Message | None:
        message_id = self.cleaned_data["quoted"]
        if not message_id:
            return None
        # Only a message with a wamid can be quoted.
        quoted = Message.objects.filter(contact=self.contact, pk=message_id).exclude(wamid=None).first()
        if quoted is None:
            raise ValidationError(_("The message that you answer is not in this conversation."))
        return quoted

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if not self.errors and not cleaned["text"] and not cleaned["file"]:
            raise ValidationError(_("Write something first."))
        if not self.errors:
            files = [self._read(file) for file in cleaned["file"]]
            self.answer = StaffAnswer(text=cleaned["text"], files=files, quoted=cleaned["quoted"])
        return cleaned

    def _read(self, file: Any) -> SubmittedFile:
        cleaned = self.cleaned_data
        name = cleaned["file_name"] if len(cleaned["file"]) == 1 else ""
        try:
            return read_submitted_file(file, name=name, voice=cleaned["voice"], as_document=cleaned["as_document"])
        except InvalidMessage as refusal:
            raise ValidationError(f"{name or submitted_name(file.name)}: {invalid_message_text(refusal)}") from None


class ProposalForm(forms.Form):
    """The text of a proposed message, as the person wants to send it."""

    text = TextField(label=_("Your answer"), max_length=MAX_TEXT, widget=forms.Textarea(attrs={"rows": 6}))


class ReactionForm(forms.Form):
    """An emoji that pages offer, or none to remove the reaction."""

    emoji = forms.ChoiceField(required=False, choices=[(each, each) for each in dict.fromkeys((*QUICK, *EMOJI))])
    token = TokenField()


class CannedReplyForm(forms.Form):
    shortcut = forms.CharField(
        label=_("Shortcut"),
        max_length=33,
        help_text=_("What people type after /, such as hours."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    text = TextField(
        label=_("Text"),
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def clean_shortcut(self) -> str:
        try:
            return read_shortcut(self.cleaned_data["shortcut"])
        except InvalidInput as refusal:
            raise ValidationError(refusal.args[0]) from None
