"""The stand-in for Graph (docs/meta-platform.md 8): whose call it is, which fault is simulated, and what the call does."""

import asyncio
import base64
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cloud_api.business_profile import PROFILE_FIELDS, check_profile
from cloud_api.graph.client import appsecret_proof
from cloud_api.payloads.texts import mapping, text
from simulator.standin import faults
from simulator.standin.deliveries import shakes_hands
from simulator.standin.errors import Refusal, bad_parameter, bad_token, missing, no_such_object
from simulator.standin.faults import NO_TROUBLE, Trouble
from simulator.standin.files import check_upload
from simulator.standin.meta import Meta
from simulator.standin.pictures import Pictures
from simulator.standin.request_checks import as_refusal
from simulator.standin.templates import already_there, check_template, new_template, not_there, shown
from simulator.standin.web import Answer, Request, Unreadable, json_answer
from simulator.standin.world import Account, File, Number, Template

Content = dict[str, Any]

DONE = {"success": True}
PAGE = 25
LONGEST_PAGE = 1000
LONGEST_CALLBACK = 200
CALLBACK_REFUSED = 2200
UNKNOWN_PATH = 2500

_VERSION = re.compile(r"v[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of Graph on one thing: by the token of `number`, on the number itself, its account, or a `file` of its."""

    name: str
    """Under which it is counted, and faults are set."""
    request: Request
    number: Number
    file: File | None = None
    trouble: Trouble = NO_TROUBLE


class GraphSide:
    """Answers for all numbers."""

    def __init__(self, meta: Meta) -> None:
        self._meta = meta
        self._world = meta.world
        self._pictures = Pictures(meta)
        self._on_number: dict[str, Callable[[Call], Awaitable[Content]]] = {
            "POST messages": self._send,
            "POST read": self._mark_read,
            "POST media": self._upload,
            "GET number": self._show_number,
            "POST number": self._configure_number,
            "GET whatsapp_business_profile": self._show_profile,
            "POST whatsapp_business_profile": self._change_profile,
        }
        self._on_account: dict[str, Callable[[Call], Awaitable[Content]]] = {
            "GET message_templates": self._list_templates,
            "POST message_templates": self._create_template,
            "DELETE message_templates": self._delete_templates,
            "GET phone_numbers": self._list_numbers,
            "GET account": self._show_account,
            "GET subscribed_apps": self._list_apps,
            "POST subscribed_apps": self._subscribe,
            "DELETE subscribed_apps": self._unsubscribe,
        }
        self._on_file: dict[str, Callable[[Call], Awaitable[Content]]] = {
            "GET file": self._show_file,
            "DELETE file": self._delete_file,
        }

    @staticmethod
    def serves(path: tuple[str, ...]) -> bool:
        return _VERSION.fullmatch(path[0]) is not None

    async def answer(self, request: Request) -> Answer:
        try:
            if request.method == "POST" and self._pictures.serves(request.path):
                return json_answer(self._pictures.answer(request, self._allowed(request)[0]))
            call, do = self._find(request)
        except Refusal as refused:
            return json_answer(refused.content, refused.status)
        except Unreadable as unreadable:
            return _refuse(bad_parameter(str(unreadable)))
        number = call.number
        number.calls[call.name] += 1
        trouble, has_changed = faults.take(number, call.name)
        if has_changed:
            self._world.put(number)
        answer = await self._do(replace(call, trouble=trouble), do)
        await asyncio.sleep(number.latency + trouble.seconds)
        return answer if answer.status != 200 else replace(answer, ending=trouble.ending)

    async def _do(self, call: Call, do: Callable[[Call], Awaitable[Content]]) -> Answer:
        refused = call.trouble.refused
        if refused is not None:
            return _refuse(refused) if isinstance(refused, Refusal) else refused
        try:
            return json_answer(await do(call))
        except Refusal as refusal:
            return _refuse(refusal)
        except Unreadable as unreadable:
            return _refuse(bad_parameter(str(unreadable)))

    def _find(self, request: Request) -> tuple[Call, Callable[[Call], Awaitable[Content]]]:
        """What is asked for. Raises Refusal."""
        if len(request.path) not in (2, 3):
            raise Refusal(UNKNOWN_PATH, f"Unknown path components: /{'/'.join(request.path[1:])}")
        numbers = self._allowed(request)
        wanted, edge = request.path[1], "".join(request.path[2:])
        number = next((each for each in numbers if each.phone_number_id == wanted), None)
        if number:
            return self._call(request, self._on_number, edge or "number", number)
        number = next((each for each in numbers if each.waba_id == wanted), None)
        if number:
            return self._call(request, self._on_account, edge or "account", number)
        file = self._world.files.get(wanted)
        number = next((each for each in numbers if file and each.phone_number_id == file.phone_number_id), None)
        if file and number and not edge:
            return self._call(request, self._on_file, "file", number, file)
        raise no_such_object(request.method, wanted)

    def _call(
        self,
        request: Request,
        known: Mapping[str, Callable[[Call], Awaitable[Content]]],
        edge: str,
        number: Number,
        file: File | None = None,
    ) -> tuple[Call, Callable[[Call], Awaitable[Content]]]:
        name = f"{request.method} {edge}"
        if name == "POST messages" and request.json().get("status") == "read":
            name = "POST read"
        if name not in known:
            raise no_such_object(request.method, request.path[1])
        return Call(name, request, number, file), known[name]

    def _allowed(self, request: Request) -> list[Number]:
        """The numbers that the token is for. Raises Refusal."""
        token = request.token
        numbers = self._world.numbers_with(token) if token else []
        if not numbers:
            raise bad_token("" if token else "An access token is required to request this resource.")
        proof = request.query.get("appsecret_proof")
        if proof is not None and not any(_proves(number, proof) for number in numbers):
            raise bad_parameter("Invalid appsecret_proof provided in the API argument")
        return numbers

    # On a number

    async def _send(self, call: Call) -> Content:
        delay = call.number.latency + call.trouble.seconds
        body = call.request.json()
        message, customer = self._meta.accept(call.number, body, delay=delay, error=call.trouble.error)
        name = {"user_id": customer.user_id} if message.to_bsuid else {"wa_id": customer.wa_id}
        contact = {"input": text(body, "to") or text(body, "recipient")} | name
        sent = {"id": message.wamid} | ({"message_status": "accepted"} if message.type == "template" else {})
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]}

    async def _mark_read(self, call: Call) -> Content:
        self._meta.mark_read(call.number, call.request.json())
        return DONE

    async def _upload(self, call: Call) -> Content:
        form = call.request.form()
        if "file" not in form:
            raise bad_parameter("The parameter file is required.")
        if "messaging_product" not in form or form["messaging_product"].content != b"whatsapp":
            raise bad_parameter("The parameter messaging_product is required.")
        file = form["file"]
        mime_type = form["type"].content.decode("utf-8", "replace") if "type" in form else file.content_type
        check_upload(mime_type, file.content)
        stored = self._meta.files.store(call.number, file.content, mime_type=mime_type, name=file.filename)
        return {"id": stored.id}

    async def _show_number(self, call: Call) -> Content:
        return _chosen(_number(self._world.account(call.number.waba_id), call.number), call.request)

    async def _configure_number(self, call: Call) -> Content:
        """The number's messages go elsewhere, or no more (docs/meta-platform.md 1.6)."""
        content = call.request.json()
        if "webhook_configuration" not in content:
            raise missing("webhook_configuration")
        call.number.override_url = await _checked_callback(mapping(content, "webhook_configuration"))
        self._world.put(call.number)
        return DONE

    async def _show_profile(self, call: Call) -> Content:
        profile: Content = {"messaging_product": "whatsapp", **call.number.profile}
        file = self._world.files.get(str(profile.pop("picture", "")))
        if file:
            profile["profile_picture_url"] = self._meta.files.address(file, call.request.base_url)
        fields = call.request.query.get("fields", "about").split(",")
        return {"data": [{key: value for key, value in profile.items() if key in ("messaging_product", *fields)}]}

    async def _change_profile(self, call: Call) -> Content:
        content = call.request.json()
        if content.pop("messaging_product", "") != "whatsapp":
            raise bad_parameter("The parameter messaging_product is required.")
        changes = {key: value for key, value in content.items() if key in PROFILE_FIELDS.split(",")}
        with as_refusal():
            check_profile(changes)
        if handle := text(content, "profile_picture_handle"):
            changes["picture"] = self._pictures.file_of(handle).id
        kept = call.number.profile | changes
        call.number.profile = {key: value for key, value in kept.items() if value}
        self._world.put(call.number)
        return DONE

    # On an account

    async def _list_templates(self, call: Call) -> Content:
        query = call.request.query
        found = sorted(self._world.templates_of(call.number.waba_id), key=lambda each: (each.name, each.language))
        listed = [shown(each) for each in found]
        for key in ("name", "status", "language", "category"):
            listed = [each for each in listed if key not in query or each[key] == query[key]]
        return _page(listed, call.request)

    async def _create_template(self, call: Call) -> Content:
        definition = call.request.json()
        check_template(definition)
        template = new_template(call.number.waba_id, definition)
        if self._world.template(template.waba_id, template.name, template.language):
            raise already_there()
        self._meta.submit(template)
        return {"id": template.id, "status": template.status, "category": template.category}

    async def _delete_templates(self, call: Call) -> Content:
        """Those of a name, or of these the one with an id."""
        query = call.request.query
        found = [each for each in self._world.templates_of(call.number.waba_id) if _is_meant(each, query)]
        if not found:
            raise not_there()
        for template in found:
            self._world.forget(template)
        return DONE

    async def _list_numbers(self, call: Call) -> Content:
        account = self._world.account(call.number.waba_id)
        numbers = self._world.numbers_of(account.waba_id)
        return _page([_number(account, number) for number in numbers], call.request)

    async def _show_account(self, call: Call) -> Content:
        number = call.number
        account = {
            "id": number.waba_id,
            "name": number.verified_name,
            "account_review_status": "APPROVED",
            "health_status": _health(number.waba_id, "WABA"),
            "owner_business_info": {"id": f"{number.waba_id}0", "name": number.verified_name},
            "currency": "BRL",
            "timezone_id": "25",
        }
        return _chosen(account, call.request)

    async def _list_apps(self, call: Call) -> Content:
        account = self._world.account(call.number.waba_id)
        if not account.subscribed:
            return {"data": []}
        app = {"id": "100000000000001", "link": "https://www.facebook.com/games/?app_id=100000000000001", "name": "Stand-in"}
        override = {"override_callback_uri": account.override_url} if account.override_url else {}
        return {"data": [{"whatsapp_business_api_data": app, **override}]}

    async def _subscribe(self, call: Call) -> Content:
        override = await _checked_callback(call.request.json())
        self._world.put(Account(call.number.waba_id, subscribed=True, override_url=override))
        return DONE

    async def _unsubscribe(self, call: Call) -> Content:
        self._world.put(Account(call.number.waba_id, subscribed=False))
        return DONE

    # On a file

    async def _show_file(self, call: Call) -> Content:
        file, request = _file(call), call.request
        if request.query.get("phone_number_id", file.phone_number_id) != file.phone_number_id:
            raise no_such_object(request.method, file.id)
        return {
            "messaging_product": "whatsapp",
            "url": self._meta.files.address(file, request.base_url),
            "mime_type": file.mime_type,
            "sha256": file.sha256,
            "file_size": file.size,
            "id": file.id,
        }

    async def _delete_file(self, call: Call) -> Content:
        self._world.forget(_file(call))
        return DONE

    async def download(self, request: Request) -> Answer:
        """A file, at an address that was given for it."""
        try:
            numbers = self._allowed(request)
        except Refusal as refused:
            return _refuse(refused)
        file_id, query = "".join(request.path[1:]), request.query
        file = self._world.files.get(file_id)
        number = next((each for each in numbers if file and each.phone_number_id == file.phone_number_id), None)
        expires = query.get("ext", "")
        is_good = expires.isascii() and expires.isdigit() and len(expires) < 16
        if not (file and number and is_good and self._meta.files.is_address(file_id, expires, query.get("hash", ""))):
            return Answer(404, b"Not Found", "text/plain")
        number.calls["GET download"] += 1
        content = await asyncio.to_thread(self._world.journal.file, file_id)
        return Answer(200, content, file.mime_type)


def _refuse(refused: Refusal) -> Answer:
    return json_answer(refused.content, refused.status)


def _proves(number: Number, proof: str) -> bool:
    return hmac.compare_digest(appsecret_proof(number.app_secret, number.token).encode(), proof.encode())


def _file(call: Call) -> File:
    if call.file is None:
        raise no_such_object(call.request.method, call.request.path[1])
    return call.file


def _number(account: Account, number: Number) -> Content:
    """The number as Graph shows it."""
    addresses = {"phone_number": number.override_url, "whatsapp_business_account": account.override_url}
    addresses["application"] = number.webhook_url
    return {
        "id": number.phone_number_id,
        "display_phone_number": f"+{number.wa_id}",
        "verified_name": number.verified_name,
        "quality_rating": "GREEN",
        "code_verification_status": "VERIFIED",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "HIGH" if number.throughput > 80 else "STANDARD"},
        "status": "CONNECTED",
        "name_status": "APPROVED",
        "is_on_biz_app": False,
        "webhook_configuration": {level: url for level, url in addresses.items() if url},
        "whatsapp_business_manager_messaging_limit": "TIER_250",
        "health_status": _health(number.phone_number_id, "PHONE_NUMBER"),
    }


def _health(entity_id: str, kind: str) -> Content:
    entity = {"entity_type": kind, "id": entity_id, "can_send_message": "AVAILABLE"}
    return {"can_send_message": "AVAILABLE", "entities": [entity]}


def _chosen(thing: Content, request: Request) -> Content:
    """The fields that are asked for, and always the id; all if none are."""
    fields = request.query.get("fields")
    wanted = {"id", *fields.split(",")} if fields else set(thing)
    return {key: value for key, value in thing.items() if key in wanted}


def _page(things: list[Content], request: Request) -> Content:
    """As many as asked for, after the cursor; without a `next` where there are no more."""
    written = request.query.get("limit", str(PAGE))
    if not (written.isascii() and written.isdigit() and 0 < int(written[:5]) <= LONGEST_PAGE):
        raise bad_parameter(f"Param limit must be between 1 and {LONGEST_PAGE}.")
    start = _place(request.query.get("after", ""))
    end = start + int(written[:5])
    paging: Content = {"cursors": {"before": _cursor(start), "after": _cursor(min(end, len(things)))}}
    if end < len(things):
        address = f"{request.base_url}/{'/'.join(request.path)}"
        paging["next"] = f"{address}?access_token={request.token}&limit={written}&after={_cursor(end)}"
    return {"data": [_chosen(each, request) for each in things[start:end]]} | ({"paging": paging} if things[start:end] else {})


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode()


def _place(cursor: str) -> int:
    """Raises Refusal."""
    if not cursor:
        return 0
    try:
        return max(0, int(base64.urlsafe_b64decode(cursor.encode())[:9]))
    except ValueError:
        raise bad_parameter("Invalid cursors values") from None


def _is_meant(template: Template, query: Mapping[str, str]) -> bool:
    return template.name == query.get("name") and query.get("hsm_id", template.id) == template.id


async def _checked_callback(given: Mapping[str, Any]) -> str:
    """The address to which webhooks are to go, which has answered Meta's check; empty if they no longer are to. Raises Refusal."""
    url = text(given, "override_callback_uri")
    if not url:
        return ""
    if len(url) > LONGEST_CALLBACK or not url.startswith(("https://", "http://")):
        raise bad_parameter(f"Param override_callback_uri must be an address of at most {LONGEST_CALLBACK} characters.")
    if not await shakes_hands(url, text(given, "verify_token")):
        raise bad_parameter("The callback URL or verify token couldn't be validated.", subcode=CALLBACK_REFUSED)
    return url
