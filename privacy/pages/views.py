"""The page about privacy, the form that has an organization deleted, and the page on which that is cancelled."""

from django.conf import settings as hub_settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from organizations import mail
from organizations.members.forms import DeactivateForm
from organizations.models import Membership, Role, User
from organizations.permissions import Access, for_admins, for_creators, was_creator
from organizations.site_urls import site_url
from privacy.models import DeletionStep, OrganizationDeletion
from privacy.organization_end.requests import DeletionGone, cancel_deletion, request_deletion
from privacy.pages import stored_data
from privacy.pages.forms import RetentionForm
from privacy.retention.policies import RetentionPolicy, change_retention, settings_of


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def privacy(request: HttpRequest, access: Access) -> HttpResponse:
    """What is stored, for how long, who sees it and where it goes, and the form that changes how long."""
    form = RetentionForm(request.POST if request.method == "POST" else None, settings=settings_of(access.organization))
    if request.method == "POST" and form.is_valid():
        change_retention(policy=RetentionPolicy(**form.cleaned_data), by=access, now=timezone.now())
        messages.success(request, gettext("Saved."))
        return redirect("privacy", access.organization.pk)
    return _page(request, access, form, _delete_form(access))


@for_creators
@require_POST
def delete_organization(request: HttpRequest, access: Access) -> HttpResponse:
    """Requests the deletion of the organization, and tells its administrators by e-mail."""
    form = _delete_form(access, request)
    if not form.is_valid():
        return _page(request, access, RetentionForm(settings=settings_of(access.organization)), form)
    deletion = request_deletion(by=access, now=timezone.now())
    _queue_mails(deletion, access, site_url(request, reverse("organization_deletion", args=[deletion.pk])))
    return redirect("organization_deletion", deletion.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def organization_deletion(request: HttpRequest, deletion_id: int) -> HttpResponse:
    """The page of a deletion, for the creators of the organization: until when it can be cancelled, and the button that cancels
    it."""
    user = request.user
    deletion = get_object_or_404(OrganizationDeletion, pk=deletion_id)
    if not isinstance(user, User) or not was_creator(user, deletion.organization_id):
        raise Http404
    if request.method == "POST":
        try:
            cancel_deletion(deletion=deletion, by=user, now=timezone.now())
        except DeletionGone:
            messages.error(request, gettext("The deletion can no longer be cancelled."))
            return redirect("organization_deletion", deletion.pk)
        messages.success(request, gettext("The deletion is cancelled. %(name)s is on again.") % {"name": deletion})
        return redirect("privacy", deletion.organization_id)
    context = {"deletion": deletion, "is_pending": deletion.step == DeletionStep.GRACE}
    return render(request, "privacy/organization_deletion.html", context)


def _delete_form(access: Access, request: HttpRequest | None = None) -> DeactivateForm:
    return DeactivateForm(request and request.POST, name=access.organization.organization_name, auto_id="delete_%s")


def _page(request: HttpRequest, access: Access, form: RetentionForm, delete_form: DeactivateForm) -> HttpResponse:
    organization = access.organization
    settings = settings_of(organization)
    context = {
        "form": form,
        "delete_form": delete_form,
        "settings": settings,
        "stored": stored_data.stored_data(organization),
        "members": stored_data.members_by_role(organization),
        "api_keys": stored_data.count_api_keys(organization),
        "recipients": stored_data.recipients(organization),
        "rights": stored_data.personal_rights(organization),
        "most_counted": stored_data.MAX_COUNTED,
        "keeps_texts_in_webhooks": _keeps_texts_in_webhooks(settings.message_days, settings.webhook_days),
        "grace_days": hub_settings.ORGANIZATION_DELETION_DAYS,
        "section": "settings",
        "part": "privacy",
    }
    return render(request, "privacy/privacy.html", context, status=422 if request.method == "POST" else 200)


def _keeps_texts_in_webhooks(message_days: int | None, webhook_days: int | None) -> bool:
    """Whether webhooks are kept longer than the messages that they contain."""
    return message_days is not None and (webhook_days is None or webhook_days > message_days)


def _queue_mails(deletion: OrganizationDeletion, access: Access, link: str) -> None:
    """Queues an e-mail to each administrator, in the user's language."""
    roles = (Role.USER_ADMIN, Role.USER_CREATOR)
    members = Membership.objects.filter(organization=access.organization, role__in=roles, activate=True, user__activate=True)
    for member in members.select_related("user"):
        with translation.override(member.user.language or translation.get_language()):
            context = {"deletion": deletion, "by": access.user, "link": link, "member": member}
            subject = gettext("%(name)s will be deleted") % {"name": deletion}
            text = render_to_string("privacy/email/organization_deletion.txt", context)
            mail.queue_mail(to=member.user.email, subject=subject, text=text, expires_at=deletion.due_at)
