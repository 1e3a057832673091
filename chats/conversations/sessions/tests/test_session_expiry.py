"""The chore closes expired sessions. A session that cannot be closed does not stop the others."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, connection
from django.utils import timezone

from chats.conversations.sessions.session_expiry import close_expired_sessions
from contacts.models import Contact


@pytest.fixture
def expired(people: Callable[..., list[Contact]]) -> list[Contact]:
    """Contacts whose sessions have expired, the first one's first."""
    contacts = people(7)
    for index, contact in enumerate(contacts):
        contact.session_id, contact.session_is_active = uuid.uuid4(), True
        contact.session_expires_at = timezone.now() - timedelta(hours=10 - index)
        contact.save()
    return contacts


def refuse_changes_of(contact: Contact) -> Callable[..., Any]:
    """A database that does not take a change of this contact."""

    def execute(run: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and "contacts" in sql and contact.pk in parameters:
            raise DataError(1366, "Incorrect string value")
        return run(sql, parameters, many, context)

    return execute


def test_a_session_that_cannot_be_closed_does_not_stop_the_others(expired, caplog: pytest.LogCaptureFixture) -> None:
    bad = expired[0]
    with connection.execute_wrapper(refuse_changes_of(bad)):
        assert close_expired_sessions() == len(expired) - 1
    assert list(Contact.objects.filter(session_is_active=True)) == [bad]
    assert f"contact {bad.pk}" in caplog.text
    assert close_expired_sessions() == 1
