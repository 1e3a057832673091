"""Where an action came from: the address and the browser of the request."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from organizations.audit.actions import AuditAction
from organizations.audit.commands import OperatorCommand
from organizations.audit.context import AuditContext, current_context, requested_by
from organizations.audit.log import record_action
from organizations.audit.middleware import AuditMiddleware
from organizations.models import AuditEntry, User

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_an_entry_has_the_address_and_the_browser_of_its_request() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        record_action(AuditAction.EXPORTED, organization=None, by=None)
        return HttpResponse()

    request = RequestFactory(REMOTE_ADDR="203.0.113.9", HTTP_USER_AGENT=FIREFOX).get("/")
    AuditMiddleware(view)(request)

    entry = AuditEntry.objects.get()
    assert (entry.address, entry.agent) == ("203.0.113.9", "Firefox · Linux")
    assert current_context() == AuditContext()


def test_a_command_is_the_actor_of_what_it_does() -> None:
    class Command(OperatorCommand):
        def handle(self, *args, **options) -> None:
            record_action(AuditAction.EXPORTED, organization=None, by=None)

    Command.__module__ = "webhooks.management.commands.replay"
    call_command(Command())

    entry = AuditEntry.objects.get()
    assert (entry.actor_kind, entry.actor_label) == ("operator", "manage.py replay")
    assert current_context() == AuditContext()


def test_without_a_given_user_the_signed_in_one_acted() -> None:
    user = User.objects.create_user("ana@example.com", "uma-senha-longa-7")
    request = RequestFactory().get("/")
    request.user = user

    with requested_by(request):
        record_action(AuditAction.EXPORTED, organization=None)

    entry = AuditEntry.objects.get()
    assert (entry.actor_kind, entry.actor_id) == ("person", user.pk)


def test_nobody_is_signed_in_while_signing_in_fails() -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()

    with requested_by(request):
        record_action(AuditAction.SIGN_IN_FAILED, organization=None)

    entry = AuditEntry.objects.get()
    assert (entry.actor_kind, entry.actor_id, entry.actor_label) == ("person", None, "")
