"""schemathesis makes requests of all kinds from the OpenAPI document, against the hub over HTTP."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from api.conftest import Shop, ids_of
from api.openapi.document import document_json
from conftest import Hub
from contacts.models import Contact, Label

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection,ignored_auth"  # fmt: skip  # noqa: E501
SECONDS, SECONDS_OF_ALL = 10, 60
"""Which schemathesis shares among the operations. The key that may do all needs enough for every field of every body."""
REFUSALS = ["400", "401", "403", "404", "406", "413", "422", "428"]
"""Answers to requests that break the document: those that schemathesis knows, and 413 for a field of megabytes."""
SCOPES = [(["read"], SECONDS), (["send"], SECONDS), (["read", "send", "manage"], SECONDS_OF_ALL)]


def write_settings(shop: Shop, directory: Path) -> None:
    """Makes schemathesis use ids of existing objects in paths. With random ones, each request would be a 404 at once."""
    ids = [f'"path.{name}" = "{value}"' for name, value in ids_of(shop).items()]
    refusals = ["[checks.negative_data_rejection]", f"expected-statuses = {json.dumps(REFUSALS)}"]
    (directory / "schemathesis.toml").write_text("\n".join(["[parameters]", *ids, *refusals, ""]))


def explore(hub: Hub, key: str, directory: Path, seconds: int) -> "subprocess.CompletedProcess[str]":
    """Runs schemathesis with a key."""
    document_json()  # schemathesis does not wait until a busy machine has made it
    command = Path(sys.executable).parent / "schemathesis"
    options = [
        "--checks",
        CHECKS,
        "--max-time",
        str(seconds),
        "--max-examples",
        "8",
        "--phases",
        "examples,coverage,fuzzing,stateful",
    ]
    options += ["--header", f"Authorization: Bearer {key}", "--no-color", "--no-shrink", "--warnings", "off", "--seed", "1"]
    return subprocess.run(
        [command, "run", f"{hub.address}/api/v1/schema/", *options],
        cwd=directory,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 120,
    )


@pytest.mark.parametrize(("scopes", "seconds"), SCOPES)
def test_no_request_breaks_the_hub_or_the_document(
    transactional_db: None, hub: Hub, tmp_path: Path, scopes: list[str], seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "API_REQUESTS_PER_MINUTE", 1_000_000)
    shop = Shop("Padaria", "5561332100")
    write_settings(shop, tmp_path)

    result = explore(hub, shop.key(scopes), tmp_path, seconds)

    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


def test_the_key_of_another_organization_changes_nothing(
    transactional_db: None, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ids in the requests are those of the first organization, the key is of the second one."""
    monkeypatch.setattr(settings, "API_REQUESTS_PER_MINUTE", 1_000_000)
    shop, other = Shop("Padaria", "5561332100"), Shop("Barbearia", "5511973310")
    before = list(Contact.objects.filter(organization=shop.organization).order_by("pk").values())
    write_settings(shop, tmp_path)

    result = explore(hub, other.key(), tmp_path, SECONDS)

    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert list(Contact.objects.filter(organization=shop.organization).order_by("pk").values()) == before
    assert Label.objects.filter(organization=shop.organization).count() == 1
