"""Fields of the hub's and django-allauth's forms in the look of the pages."""

from django import forms, template
from django.forms.boundfield import BoundField
from django.utils.safestring import SafeString

register = template.Library()

CLASSES = {
    forms.CheckboxInput: "toggle toggle-primary",
    forms.Select: "select w-full h-11",
    forms.Textarea: "textarea w-full",
    forms.FileInput: "file-input w-full h-11",
}


@register.filter
def styled(field: BoundField) -> SafeString:
    """The field's widget in the look of the pages. Django connects errors and help text with it."""
    widget = field.field.widget
    look = next((classes for kind, classes in CLASSES.items() if isinstance(widget, kind)), "input w-full h-11")
    wrong = {"input": " input-error", "select": " select-error", "textarea": " textarea-error"}.get(look.partition(" ")[0], "")
    attributes: dict[str, str | bool] = {"class": look + (wrong if field.errors else "")}
    if field.form.is_bound and field.form.errors:
        attributes["autofocus"] = _is_first_wrong(field)
    if wrong:
        # No maxlength: a browser cuts pasted text off silently, but the form says how long it may be.
        attributes |= {"placeholder": "", "maxlength": False}
    return field.as_widget(attrs=attributes)


def _is_first_wrong(field: BoundField) -> bool:
    """Whether it is the first field with an error, which the browser focuses, so that it is in sight on a long page too."""
    return field.name == next((each.name for each in field.form.visible_fields() if each.errors), None)


@register.filter
def is_switch(field: BoundField) -> bool:
    return isinstance(field.field.widget, forms.CheckboxInput)
