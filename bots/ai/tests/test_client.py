"""The check of an endpoint, and that no process loads packages that it does not need."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bots.ai.client import check_endpoint
from bots.ai.tests.model_server import KEY, ModelServer, Response, fails, says
from bots.remote.answers import RemoteAnswer
from bots.remote.exchanges import Problem
from bots.web_requests.allow_list import AllowList

TOP = Path(__file__).resolve().parents[3]
LARGE = {"openai", "pydantic", "av", "boto3"}
"""Packages of tens of megabytes: for AIs, voice notes of browsers, and files in a bucket."""
PROGRAM = """
import django
django.setup()
import sys
import {modules}
print(sorted({unwanted} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("whatsapp_hub.asgi, whatsapp_hub.urls, bots.ai.client", LARGE | {"httpx2", "fasttext"}),
        ("whatsapp_hub.lanes", LARGE | {"rest_framework.serializers"}),
    ],
    ids=["pages", "worker"],
)
def test_no_process_loads_large_packages_that_it_may_never_need(modules: str, unwanted: set[str]) -> None:
    command = [sys.executable, "-c", PROGRAM.format(modules=modules, unwanted=unwanted)]
    environment = {"DJANGO_SETTINGS_MODULE": "whatsapp_hub.settings", "PYTHONPATH": str(TOP)}
    run = subprocess.run(command, cwd=TOP, env=os.environ | environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_an_endpoint_that_answers_works(model: ModelServer) -> None:
    model.responses = [says("OK")]
    exchange = check_endpoint(model.endpoint(), "prov")
    assert (exchange.answer, exchange.model, exchange.status) == (RemoteAnswer(), "prov-1", 200)
    assert 0 < exchange.seconds < 5
    assert model.headers[0]["authorization"] == f"Bearer {KEY}"
    assert model.requests[0]["tools"], "a model without tools must fail"


def test_a_model_that_thinks_for_all_its_tokens_works(model: ModelServer) -> None:
    model.responses = [says("", finish_reason="length")]
    assert check_endpoint(model.endpoint(), "prov").problem is None


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (fails(401, f"Incorrect API key: {KEY}"), Problem.KEY),
        (fails(404, "no", code="model_not_found"), Problem.MODEL),
        (fails(400, "prov does not support tools"), Problem.STATUS),
        (Response(b"<html>"), Problem.NOT_JSON),
        (Response({"ok": True}), Problem.FORMAT),
        (Response(b"{}", delay=9), Problem.TIMEOUT),
        (Response(b"", 302, headers={"Location": "http://127.0.0.2/"}), Problem.ADDRESS),
    ],
)
def test_an_endpoint_that_does_not_work_has_a_problem(model: ModelServer, response: Response, problem: Problem) -> None:
    model.responses = [response]
    exchange = check_endpoint(model.endpoint(timeout_seconds=0.4), "prov")
    assert exchange.problem == problem
    assert KEY not in repr(exchange)


def test_a_private_address_gets_no_check(model: ModelServer) -> None:
    assert check_endpoint(model.endpoint(allowed=AllowList()), "prov").problem == Problem.ADDRESS
    assert model.requests == []


def test_the_check_leaves_out_what_the_model_does_not_take(model: ModelServer) -> None:
    def respond(body: dict[str, Any]) -> Response:
        return fails(400, "Unsupported parameter: 'max_tokens'", param="max_tokens") if "max_tokens" in body else says("OK")

    model.responses = [respond]
    assert check_endpoint(model.endpoint(), "prov").problem is None
    assert len(model.requests) == 2


def test_all_tries_of_a_check_have_one_deadline(model: ModelServer) -> None:
    def respond(body: dict[str, Any]) -> Response:
        time.sleep(0.4)
        return fails(400, "Unsupported parameter: 'max_tokens'", param="max_tokens") if "max_tokens" in body else says("OK")

    model.responses = [respond]
    exchange = check_endpoint(model.endpoint(timeout_seconds=0.6), "prov")
    assert exchange.problem == Problem.TIMEOUT
    assert exchange.seconds < 0.75


def test_a_server_that_refuses_whatever_is_left_out_is_asked_no_more(model: ModelServer) -> None:
    model.responses = [fails(400, "Unsupported parameter: 'max_tokens'", param="max_tokens")]
    assert check_endpoint(model.endpoint(), "prov").problem == Problem.STATUS
    assert len(model.requests) == 2
