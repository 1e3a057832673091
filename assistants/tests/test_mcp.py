"""Assistants with the SDK's own client: by standard input and by HTTP, to a hub over real HTTP."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.conf import settings as site
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from api.conftest import Shop
from chats.models import Message, ProposedMessage
from conftest import Hub

MANAGE = [str(Path(site.BASE_DIR) / "manage.py"), "mcp_server"]
READING = {
    *("find_contacts", "get_proposal", "list_canned_replies", "list_conversations", "list_labels"),
    *("list_message_templates", "list_notes", "list_numbers", "read_conversation"),
}


@pytest.fixture
def shop(hub: Hub) -> Shop:
    return Shop("Padaria", "5561332100")


@pytest.fixture
def other_shop(hub: Hub) -> Shop:
    return Shop("Barbearia", "5511973310")


def environment(tmp_path: Path, key: str = "") -> dict[str, str]:
    return os.environ | {
        "HUB_API_KEY": key,
        "VAR_DIR": str(tmp_path),
        "SECRET_KEY": "x",
        "DATABASE_URL": f"sqlite:///{tmp_path}/none.sqlite3",
    }


def ask(server: Any, talk: Callable[[Any], Awaitable[Any]]) -> Any:
    """Connects the client to the server, and returns what `talk` returns."""

    async def connect() -> Any:
        async with Client(server, read_timeout_seconds=60) as client:
            return await talk(client)

    return asyncio.run(connect())


def result_of(answer: Any) -> dict[str, Any]:
    assert not answer.is_error, answer.content
    found: dict[str, Any] = json.loads(answer.content[0].text)
    return found


def over_stdio(hub: Hub, tmp_path: Path, key: str) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=[*MANAGE, "--hub", hub.address], env=environment(tmp_path, key))


def test_an_assistant_reads_and_proposes_over_standard_input(hub: Hub, shop: Shop, tmp_path: Path) -> None:
    async def talk(client: Any) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == READING | {"propose_message"}
        assert all(tools[name].annotations.read_only_hint for name in READING)

        (found,) = result_of(await client.call_tool("find_contacts", {"search": "cliente 0"}))["results"]
        conversation = found["id"]
        read = result_of(await client.call_tool("read_conversation", {"conversation_id": conversation, "limit": 2}))
        assert [each["text"] for each in read["messages"]] == ["oi 0", "oi 1"]
        assert read["contact"]["name"] == "Cliente 0"
        older = result_of(
            await client.call_tool("read_conversation", {"conversation_id": conversation, "cursor": read["next_cursor"]})
        )
        assert [each["text"] for each in older["messages"]] == ["oi 2"]
        notes = result_of(await client.call_tool("list_notes", {"contact_id": conversation}))
        assert notes["results"][0]["text"] == "prefere boleto"
        for name, expected in {
            "list_numbers": 2, "list_labels": 1, "list_canned_replies": 1, "list_message_templates": 1, "list_conversations": 4
        }.items():  # fmt: skip
            assert len(result_of(await client.call_tool(name))["results"]) == expected

        proposed = result_of(
            await client.call_tool("propose_message", {"conversation_id": conversation, "text": "Seu pedido saiu."})
        )
        assert (proposed["state"], proposed["proposed_by"], proposed["window_open"]) == ("proposed", "Loja", True)
        same = result_of(await client.call_tool("get_proposal", {"proposal_id": proposed["id"]}))
        assert same["state"] == "proposed"

    before = Message.objects.count()
    ask(over_stdio(hub, tmp_path, shop.key()), talk)

    proposal = ProposedMessage.objects.latest("pk")
    assert (proposal.contact, proposal.text, proposal.state) == (shop.contacts[0], "Seu pedido saiu.", "proposed")
    assert Message.objects.count() == before, "only a person sends"


def test_a_key_without_the_scope_cannot_propose_and_errors_are_words(
    hub: Hub, shop: Shop, other_shop: Shop, tmp_path: Path
) -> None:
    async def talk(client: Any) -> None:
        (found,) = result_of(await client.call_tool("find_contacts", {"search": "Cliente 1"}))["results"]
        for tool, arguments, words in [
            ("propose_message", {"conversation_id": found["id"], "text": "oi"}, "needs the scope"),
            ("read_conversation", {"conversation_id": "con_aaaa"}, "no such"),
            ("read_conversation", {"conversation_id": "../members"}, "no such"),
            ("find_contacts", {"search": "a", "limit": 1000}, "limit"),
            ("find_contacts", {}, "search"),
        ]:
            refused = await client.call_tool(tool, arguments)
            assert refused.is_error
            assert words.lower() in refused.content[0].text.lower(), refused.content

    ask(over_stdio(hub, tmp_path, shop.key(["read"])), talk)
    assert ProposedMessage.objects.count() == 2


def test_without_a_key_the_command_says_what_is_missing(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, *MANAGE], env=environment(tmp_path), check=False, capture_output=True, text=True)

    assert ran.returncode == 1
    assert "HUB_API_KEY" in ran.stderr


@pytest.fixture
def http_server(hub: Hub, tmp_path: Path) -> Iterator[str]:
    """The address of an MCP server over HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, *MANAGE, "--hub", hub.address, "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, env=environment(tmp_path))
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(20)


def wait_for_port(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)
        else:
            return


@asynccontextmanager
async def over_http(address: str, key: str = "") -> AsyncIterator[Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http_client,
        streamable_http_client(address, http_client=http_client) as streams,
    ):
        yield streams


def test_each_assistant_over_http_has_its_own_key(shop: Shop, other_shop: Shop, http_server: str) -> None:
    async def names(client: Any) -> list[str]:
        page = result_of(await client.call_tool("list_conversations"))
        return sorted(each["contact"]["wa_id"] if "contact" in each else each["id"] for each in page["results"])

    async def numbers(client: Any) -> Any:
        return await client.call_tool("list_numbers")

    ours, theirs = (ask(over_http(http_server, each.key()), names) for each in (shop, other_shop))
    assert len(ours) == len(theirs) == 4
    assert not set(ours) & set(theirs)
    for key, words in (("", "key of the hub is needed"), ("whub_wrong", "key is not accepted")):
        refused = ask(over_http(http_server, key), numbers)
        assert refused.is_error
        assert words in refused.content[0].text


def test_a_web_page_of_another_site_cannot_use_the_http_server(http_server: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}

    assert httpx2.post(http_server, json=body, headers=accept | {"Host": "evil.example"}).status_code == 421
    assert httpx2.post(http_server, json=body, headers=accept | {"Origin": "https://evil.example"}).status_code == 403
