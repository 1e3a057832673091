"""The settings page of labels, for administrators."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from contacts.forms import LabelForm
from contacts.models import Label
from contacts.selectors import labels_with_counts
from contacts.services import InvalidInput, delete_label, save_label
from organizations.permissions import Access, for_admins


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def labels(request: HttpRequest, access: Access) -> HttpResponse:
    """The labels, each with its form, and the form for a new one."""
    if request.method == "POST":
        return _save(request, access, Label(organization=access.organization))
    return _page(request, access, LabelForm(initial={"colour": Label.Colour.GREEN}))


@for_admins
@require_POST
def change(request: HttpRequest, access: Access, label_id: int) -> HttpResponse:
    return _save(request, access, _label(access, label_id))


@for_admins
@require_POST
def delete(request: HttpRequest, access: Access, label_id: int) -> HttpResponse:
    label = _label(access, label_id)
    delete_label(label=label)
    messages.success(request, gettext("The label %(name)s was deleted.") % {"name": label})
    return redirect("labels", access.organization.pk)


def _label(access: Access, label_id: int) -> Label:
    return get_object_or_404(Label.objects.filter(organization=access.organization), pk=label_id)


def _save(request: HttpRequest, access: Access, label: Label) -> HttpResponse:
    form = LabelForm(request.POST, auto_id=f"id_{label.pk or 'new'}_%s")
    if form.is_valid():
        try:
            save_label(label=label, **form.cleaned_data)
        except InvalidInput as refusal:
            form.add_error("name", refusal.args[0])
        else:
            messages.success(request, gettext("Saved."))
            return redirect("labels", access.organization.pk)
    return _page(request, access, form, form_of=label.pk)


def _page(request: HttpRequest, access: Access, form: LabelForm, *, form_of: int | None = None) -> HttpResponse:
    """Renders the page with `form`, which belongs to the label `form_of`, or to a new one."""
    new = LabelForm(initial={"colour": Label.Colour.GREEN}) if form_of else form
    rows = [(each, form if each.pk == form_of else _form_of(each)) for each in labels_with_counts(access.organization)]
    context = {"rows": rows, "form": new, "section": "settings", "part": "labels"}
    return render(request, "contacts/labels.html", context, status=422 if form.errors else 200)


def _form_of(label: Label) -> LabelForm:
    return LabelForm(initial={"name": label.name, "colour": label.colour}, auto_id=f"id_{label.pk}_%s")
