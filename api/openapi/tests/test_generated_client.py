"""A client in Python, generated from the OpenAPI document, has a whole conversation with a customer of the simulator."""

import importlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from api.keys.services import create_key
from api.models import Scope
from api.openapi.document import document_json
from conftest import Hub
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, User
from simulator.standin import RunningStandIn
from simulator.tests.phone_fixtures import MARINA, ana, number, standin, until

__all__ = ["ana", "number", "standin"]

PACKAGE = "generated_hub_client"


class GeneratedClient:
    """The generated package, and its client with a key."""

    def __init__(self, hub: Hub, key: str) -> None:
        self.models: ModuleType = importlib.import_module(f"{PACKAGE}.models")
        self.types: ModuleType = importlib.import_module(f"{PACKAGE}.types")
        package = importlib.import_module(f"{PACKAGE}.client")
        self._client = package.AuthenticatedClient(base_url=hub.address, token=key, raise_on_unexpected_status=True)

    def call(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Calls an operation such as `contacts.list_contacts`, and returns what the response is parsed to."""
        module = importlib.import_module(f"{PACKAGE}.api.{operation}")
        response = module.sync_detailed(*arguments, client=self._client, **options)
        assert response.status_code < 300, response.content
        return response.parsed

    def close(self) -> None:
        self._client.get_httpx_client().close()


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The output of the generator, while the package can be imported."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(document_json())
    bin_folder = Path(sys.executable).parent
    options = ["--path", "openapi.json", "--output-path", PACKAGE, "--meta", "none"]
    command = [str(bin_folder / "openapi-python-client"), "generate", *options]
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield done.stdout + done.stderr
    sys.path.remove(str(folder))


@pytest.fixture
def client(generated: str, hub: Hub, organization: Organization, ana: tuple[User, Any]) -> Iterator[GeneratedClient]:
    key = create_key(organization=organization, name="Loja", scopes=list(Scope), by=ana[0], now=organization.create_in).text
    client = GeneratedClient(hub, key)
    yield client
    client.close()


def test_the_client_is_generated_without_warnings(generated: str) -> None:
    assert "warning" not in generated.lower(), generated


def test_a_whole_conversation(client: GeneratedClient, standin: RunningStandIn, number: PhoneNumber) -> None:
    models, marina = client.models, None
    standin.send_from_customer(number.phone_number_id, MARINA, "Oi! Vocês têm pão de queijo?")
    until(lambda: Contact.objects.filter(wa_id=MARINA).exists())

    waiting = client.call("conversations.list_conversations", show=models.ListConversationsShow.UNANSWERED)
    marina = waiting.results[0]
    assert (marina.name, marina.last_message.text) == ("Marina", "Oi! Vocês têm pão de queijo?")
    client.call("conversations.take_over", marina.id)

    text = models.TextMessageRequest(kind="text", body="Temos, saindo do forno!")
    sent = client.call("messages.send_message", marina.id, body=text, idempotency_key="1")
    again = client.call("messages.send_message", marina.id, body=text, idempotency_key="1")
    assert (sent.status, again.id) == (models.MessageStatus.QUEUED, sent.id)
    until(lambda: client.call("messages.get_message", sent.id).status == models.MessageStatus.DELIVERED)
    statuses = client.call("messages.list_statuses", sent.id).results
    assert [each.status for each in statuses] == ["sent", "delivered"]

    file = client.types.File(payload=io.BytesIO(b"%PDF-1.7\n%%EOF\n"), file_name="cardapio.pdf", mime_type="application/pdf")
    media = client.call("media.upload_media", body=models.NewMediaRequest(file=file))
    document = models.DocumentMessageRequest(kind="document", media=media.id, caption="O cardápio")
    menu = client.call("messages.send_message", marina.id, body=document, idempotency_key="2")
    until(lambda: client.call("messages.get_message", menu.id).status == models.MessageStatus.DELIVERED)
    assert client.call("media.download_media", media.id).payload.read() == b"%PDF-1.7\n%%EOF\n"

    label = client.call("contacts.create_label", body=models.NewLabelRequest(name="Padaria"))
    changes = models.PatchedContactChangesRequest(labels=[label.id], alias="Marina, do pão de queijo")
    assert client.call("contacts.change_contact", marina.id, body=changes).labels == [label.id]
    client.call("contacts.create_note", marina.id, body=models.NewNoteRequest(text="Gosta de pão de queijo."))
    assert client.call("contacts.list_notes", marina.id).results[0].api_key == "Loja"

    time.sleep(1)  # Meta's times are whole seconds: within the same one, her message would precede the answer
    standin.send_from_customer(number.phone_number_id, MARINA, "Obrigada!")
    until(lambda: len(client.call("messages.list_messages", marina.id, from_customer=True).results) == 2)
    received = client.call("messages.list_messages", marina.id, from_customer=True).results
    assert [each.text for each in received] == ["Obrigada!", "Oi! Vocês têm pão de queijo?"]
    client.call("conversations.mark_as_done", marina.id)
    client.call("conversations.hand_back", marina.id)
    assert client.call("conversations.get_conversation", marina.id).done is True
    assert client.call("conversations.list_sessions", marina.id).results[0].message_count == 4
    assert client.call("contacts.list_contact_changes", marina.id).results[-1].api_key == "Loja"
