"""The program in docs/bots.md, as its reader would run it."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as site

from bots.answering.tests.conftest import customer, now, sent_texts, tap, text
from bots.answering.tests.programs.webhook_program import publish_program, wait_for
from bots.models import BotRequest
from bots.web_requests.allow_list import AllowList
from chats.models import Message, Origin
from contacts.models import Contact, Label
from organizations.models import Organization, PhoneNumber
from webhooks.tests.bodies import body, message, value

pytestmark = pytest.mark.django_db(transaction=True)
DOCUMENT = (Path(site.BASE_DIR) / "docs" / "bots.md").read_text(encoding="utf-8")
MAX_LINES = 30


def code(language: str) -> str:
    """Returns the first block of code in this language."""
    found = re.search(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def bot_url(settings: Any, tmp_path: Path, organization: Organization, number: PhoneNumber) -> Iterator[str]:
    """The address of the program, which runs with the secret of a published bot."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.BOT_ALLOWED_ADDRESSES = AllowList.parse([f"127.0.0.1:{port}"])
    url = f"http://127.0.0.1:{port}/"
    bot = publish_program(organization, number, url)
    program = tmp_path / "bot.py"
    program.write_text(code("python"), encoding="utf-8")
    environment = {**os.environ, "WEBHOOK_SECRET": bot.webhook_secret.secret, "PORT": str(port)}
    process = subprocess.Popen([sys.executable, str(program)], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: process.poll() is not None or is_open(port), 20)
        yield url
    finally:
        process.kill()
        process.wait(10)


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_the_documented_program_is_short() -> None:
    assert len(code("python").splitlines()) <= MAX_LINES


def test_the_documented_program_answers_a_customer(bot_url, post_and_apply, organization) -> None:
    Label.objects.create(organization=organization, name="Hours")
    post_and_apply(text("w1", "oi"))
    Contact.objects.update(alias="Ana")
    post_and_apply(text("w2", "oi", now() + 1))
    assert sent_texts() == ["Hello, there!", "Hello, Ana!"]
    assert Message.objects.filter(origin=Origin.BOT).latest("pk").payload["interactive"]["type"] == "button"
    post_and_apply(tap("w3", "hours", "Opening hours", now() + 2))
    assert sent_texts()[-1] == "We are open from 8 to 18."
    assert [label.name for label in customer().labels.all()] == ["Hours"]
    post_and_apply(body(value(messages=[message("w4", now() + 3) | {"type": "image", "image": {"id": "1"}}])))
    assert (customer().owner, customer().owner_reason) == ("waiting", "flow")


def test_the_documented_program_refuses_whoever_has_no_secret(bot_url) -> None:
    assert requests.post(bot_url, json={"messages": []}, timeout=10).status_code == 401


def test_the_documented_request_has_the_fields_of_a_real_one(bot_url, post_and_apply) -> None:
    documented = json.loads(code("json"))
    post_and_apply(text("w1", "oi"))
    assert shape(documented) == shape(BotRequest.objects.get().request)


def shape(found: Any) -> Any:
    """Returns the names of all fields, in their order, without their values."""
    if isinstance(found, dict):
        return {name: shape(each) for name, each in found.items()}
    return [shape(each) for each in found] if isinstance(found, list) and found and isinstance(found[0], dict) else None
