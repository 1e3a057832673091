"""Graph as the simulator's stand-in, and files that an organization has stored."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from bots.files.stored_files import store_bot_file
from bots.models import BotFile
from chats.conftest import meta
from chats.media.submitted_files import read_submitted_file
from chats.media.tests.media_at_meta import picture
from organizations.models import Organization, User

__all__ = ["meta"]

PDF = b"%PDF-1.4\n%%EOF\n"

Store = Callable[..., BotFile]


@pytest.fixture
def store() -> Store:
    """Stores a file of an organization, as a user does."""

    def store_one(organization: Organization, name: str = "cardápio.pdf", content: bytes = PDF) -> BotFile:
        user, _ = User.objects.get_or_create(email="ana@example.com")
        submitted = read_submitted_file(SimpleUploadedFile(name, content))
        return store_bot_file(organization=organization, submitted=submitted, by=user, now=timezone.now())

    return store_one


def photo() -> bytes:
    return picture(600, 300)
