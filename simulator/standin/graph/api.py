"""The stand-in's Graph API (docs/meta-platform.md 8): finds the number of a call, applies simulated faults, and executes the
call."""

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
from simulator.standin.errors import ErrorResponse, bad_parameter, invalid_token, missing, unknown_object
from simulator.standin.faults import NO_FAULT, FaultEffect
from simulator.standin.files import check_upload
from simulator.standin.graph.profile_pictures import ProfilePictures
from simulator.standin.graph.request_checks import as_error_response
from simulator.standin.graph.templates import check_template, name_exists, new_template, shown, unknown_name
from simulator.standin.platform import Platform
from simulator.standin.state.world import Account, File, Number, Template
from simulator.standin.web import Request, Response, UnreadableBody, json_response
from simulator.standin.webhooks.deliveries import verify_callback

Content = dict[str, Any]

DONE = {"success": True}
DEFAULT_PAGE = 25
MAX_PAGE = 1000
MAX_CALLBACK_URL = 200
CALLBACK_REFUSED = 2200
UNKNOWN_PATH = 2500

_VERSION = re.compile(r"v[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True)
class GraphCall:
    """A call of Graph with the token of `number`: on the number, on its account, or on one of its files (`file`)."""

    name: str
    """Under this name the call is counted, and faults are set."""
    request: Request
    number: Number
    file: File | None = None
    effect: FaultEffect = NO_FAULT


class GraphApi:
    """Responds to Graph requests for all numbers."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._world = platform.world
        self._profile_pictures = ProfilePictures(platform)
        self._on_number: dict[str, Callable[[GraphCall], Awaitable[Content]]] = {
            "POST messages": self._send,
            "POST read": self._mark_read,
            "POST media": self._upload,
            "GET number": self._show_number,
            "POST number": self._configure_number,
            "GET whatsapp_business_profile": self._show_profile,
            "POST whatsapp_business_profile": self._change_profile,
        }
        self._on_account: dict[str, Callable[[GraphCall], Awaitable[Content]]] = {
            "GET message_templates": self._list_templates,
            "POST message_templates": self._create_template,
            "DELETE message_templates": self._delete_templates,
            "GET phone_numbers": self._list_numbers,
            "GET account": self._show_account,
            "GET subscribed_apps": self._list_apps,
            "POST subscribed_apps": self._subscribe,
            "DELETE subscribed_apps": self._unsubscribe,
        }
        self._on_file: dict[str, Callable[[GraphCall], Awaitable[Content]]] = {
            "GET file": self._show_file,
            "DELETE file": self._delete_file,
        }

    @staticmethod
    def serves(path: tuple[str, ...]) -> bool:
        return _VERSION.fullmatch(path[0]) is not None

    async def respond(self, request: Request) -> Response:
        try:
            if request.method == "POST" and self._profile_pictures.serves(request.path):
                return json_response(self._profile_pictures.respond(request, self._authorized_numbers(request)[0]))
            call, operation = self._find_call(request)
        except ErrorResponse as error:
            return _error(error)
        except UnreadableBody as error:
            return _error(bad_parameter(str(error)))
        number = call.number
        number.calls[call.name] += 1
        effect, has_changed = faults.apply_faults(number, call.name)
        if has_changed:
            self._world.put(number)
        response = await self._execute(replace(call, effect=effect), operation)
        await asyncio.sleep(number.latency + effect.seconds)
        return response if response.status != 200 else replace(response, ending=effect.ending)

    async def _execute(self, call: GraphCall, operation: Callable[[GraphCall], Awaitable[Content]]) -> Response:
        replacement = call.effect.replacement
        if replacement is not None:
            return _error(replacement) if isinstance(replacement, ErrorResponse) else replacement
        try:
            return json_response(await operation(call))
        except ErrorResponse as error:
            return _error(error)
        except UnreadableBody as error:
            return _error(bad_parameter(str(error)))

    def _find_call(self, request: Request) -> tuple[GraphCall, Callable[[GraphCall], Awaitable[Content]]]:
        """Returns the call and its operation. Raises ErrorResponse."""
        if len(request.path) not in (2, 3):
            raise ErrorResponse(UNKNOWN_PATH, f"Unknown path components: /{'/'.join(request.path[1:])}")
        numbers = self._authorized_numbers(request)
        if request.path[1:] == ("debug_token",):
            return self._call(request, {"GET debug_token": self._show_token}, "debug_token", numbers[0])
        object_id, edge = request.path[1], "".join(request.path[2:])
        number = next((each for each in numbers if each.phone_number_id == object_id), None)
        if number:
            return self._call(request, self._on_number, edge or "number", number)
        number = next((each for each in numbers if each.waba_id == object_id), None)
        if number:
            return self._call(request, self._on_account, edge or "account", number)
        file = self._world.files.get(object_id)
        number = next((each for each in numbers if file and each.phone_number_id == file.phone_number_id), None)
        if file and number and not edge:
            return self._call(request, self._on_file, "file", number, file)
        raise unknown_object(request.method, object_id)

    def _call(
        self,
        request: Request,
        known: Mapping[str, Callable[[GraphCall], Awaitable[Content]]],
        edge: str,
        number: Number,
        file: File | None = None,
    ) -> tuple[GraphCall, Callable[[GraphCall], Awaitable[Content]]]:
        name = f"{request.method} {edge}"
        if name == "POST messages" and request.json().get("status") == "read":
            name = "POST read"
        if name not in known:
            raise unknown_object(request.method, request.path[1])
        return GraphCall(name, request, number, file), known[name]

    def _authorized_numbers(self, request: Request) -> list[Number]:
        """Returns the numbers of the access token. Raises ErrorResponse."""
        token = request.token
        numbers = self._world.numbers_with(token) if token else []
        if not numbers:
            raise invalid_token("" if token else "An access token is required to request this resource.")
        proof = request.query.get("appsecret_proof")
        if proof is not None and not any(_proves(number, proof) for number in numbers):
            raise bad_parameter("Invalid appsecret_proof provided in the API argument")
        return numbers

    # On a number

    async def _send(self, call: GraphCall) -> Content:
        delay = call.number.latency + call.effect.seconds
        body = call.request.json()
        message, customer = self._platform.accept_message(call.number, body, delay=delay, error=call.effect.error)
        name = {"user_id": customer.user_id} if message.to_bsuid else {"wa_id": customer.wa_id}
        contact = {"input": text(body, "to") or text(body, "recipient")} | name
        sent = {"id": message.wamid} | ({"message_status": "accepted"} if message.type == "template" else {})
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]}

    async def _mark_read(self, call: GraphCall) -> Content:
        self._platform.mark_read(call.number, call.request.json())
        return DONE

    async def _upload(self, call: GraphCall) -> Content:
        form = call.request.form()
        if "file" not in form:
            raise bad_parameter("The parameter file is required.")
        if "messaging_product" not in form or form["messaging_product"].content != b"whatsapp":
            raise bad_parameter("The parameter messaging_product is required.")
        file = form["file"]
        mime_type = form["type"].content.decode("utf-8", "replace") if "type" in form else file.content_type
        check_upload(mime_type, file.content)
        stored = self._platform.files.store(call.number, file.content, mime_type=mime_type, name=file.filename)
        return {"id": stored.id}

    async def _show_token(self, call: GraphCall) -> Content:
        """A token may only ask about itself."""
        if call.request.query.get("input_token") != call.number.token:
            raise bad_parameter("The access token is not the one that is asked about.")
        return {"data": {"is_valid": True, "expires_at": call.number.token_expires_at}}

    async def _show_number(self, call: GraphCall) -> Content:
        return _requested_fields(_number(self._world.account(call.number.waba_id), call.number), call.request)

    async def _configure_number(self, call: GraphCall) -> Content:
        """Sets or removes the override for the number's messages (docs/meta-platform.md 1.6)."""
        content = call.request.json()
        if "webhook_configuration" not in content:
            raise missing("webhook_configuration")
        call.number.override_url = await _checked_callback(mapping(content, "webhook_configuration"))
        self._world.put(call.number)
        return DONE

    async def _show_profile(self, call: GraphCall) -> Content:
        profile: Content = {"messaging_product": "whatsapp", **call.number.profile}
        file = self._world.files.get(str(profile.pop("picture", "")))
        if file:
            profile["profile_picture_url"] = self._platform.files.download_url(file, call.request.base_url)
        fields = call.request.query.get("fields", "about").split(",")
        return {"data": [{key: value for key, value in profile.items() if key in ("messaging_product", *fields)}]}

    async def _change_profile(self, call: GraphCall) -> Content:
        content = call.request.json()
        if content.pop("messaging_product", "") != "whatsapp":
            raise bad_parameter("The parameter messaging_product is required.")
        changes = {key: value for key, value in content.items() if key in PROFILE_FIELDS.split(",")}
        with as_error_response():
            check_profile(changes)
        if handle := text(content, "profile_picture_handle"):
            changes["picture"] = self._profile_pictures.file_of(handle).id
        profile = call.number.profile | changes
        call.number.profile = {key: value for key, value in profile.items() if value}
        self._world.put(call.number)
        return DONE

    # On an account

    async def _list_templates(self, call: GraphCall) -> Content:
        query = call.request.query
        found = sorted(self._world.templates_of(call.number.waba_id), key=lambda each: (each.name, each.language))
        listed = [shown(each) for each in found]
        for key in ("name", "status", "language", "category"):
            listed = [each for each in listed if key not in query or each[key] == query[key]]
        return _paginated(listed, call.request)

    async def _create_template(self, call: GraphCall) -> Content:
        definition = call.request.json()
        check_template(definition)
        template = new_template(call.number.waba_id, definition)
        if self._world.template(template.waba_id, template.name, template.language):
            raise name_exists()
        self._platform.submit_template(template)
        return {"id": template.id, "status": template.status, "category": template.category}

    async def _delete_templates(self, call: GraphCall) -> Content:
        """Deletes the templates of a name, or the one of these with an id."""
        query = call.request.query
        found = [each for each in self._world.templates_of(call.number.waba_id) if _is_meant(each, query)]
        if not found:
            raise unknown_name()
        for template in found:
            self._world.delete(template)
        return DONE

    async def _list_numbers(self, call: GraphCall) -> Content:
        account = self._world.account(call.number.waba_id)
        numbers = self._world.numbers_of(account.waba_id)
        return _paginated([_number(account, number) for number in numbers], call.request)

    async def _show_account(self, call: GraphCall) -> Content:
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
        return _requested_fields(account, call.request)

    async def _list_apps(self, call: GraphCall) -> Content:
        account = self._world.account(call.number.waba_id)
        if not account.subscribed:
            return {"data": []}
        app = {"id": "100000000000001", "link": "https://www.facebook.com/games/?app_id=100000000000001", "name": "Stand-in"}
        override = {"override_callback_uri": account.override_url} if account.override_url else {}
        return {"data": [{"whatsapp_business_api_data": app, **override}]}

    async def _subscribe(self, call: GraphCall) -> Content:
        override = await _checked_callback(call.request.json())
        self._world.put(Account(call.number.waba_id, subscribed=True, override_url=override))
        return DONE

    async def _unsubscribe(self, call: GraphCall) -> Content:
        self._world.put(Account(call.number.waba_id, subscribed=False))
        return DONE

    # On a file

    async def _show_file(self, call: GraphCall) -> Content:
        file, request = _file(call), call.request
        if request.query.get("phone_number_id", file.phone_number_id) != file.phone_number_id:
            raise unknown_object(request.method, file.id)
        return {
            "messaging_product": "whatsapp",
            "url": self._platform.files.download_url(file, request.base_url),
            "mime_type": file.mime_type,
            "sha256": file.sha256,
            "file_size": file.size,
            "id": file.id,
        }

    async def _delete_file(self, call: GraphCall) -> Content:
        self._world.delete(_file(call))
        return DONE

    async def download(self, request: Request) -> Response:
        """Responds with a file, if the URL is valid."""
        try:
            numbers = self._authorized_numbers(request)
        except ErrorResponse as error:
            return _error(error)
        file_id, query = "".join(request.path[1:]), request.query
        file = self._world.files.get(file_id)
        number = next((each for each in numbers if file and each.phone_number_id == file.phone_number_id), None)
        expires = query.get("ext", "")
        is_valid_time = expires.isascii() and expires.isdigit() and len(expires) < 16
        if not (file and number and is_valid_time and self._platform.files.is_valid_url(file_id, expires, query.get("hash", ""))):
            return Response(404, b"Not Found", "text/plain")
        number.calls["GET download"] += 1
        content = await asyncio.to_thread(self._world.journal.file, file_id)
        return Response(200, content, file.mime_type)


def _error(error: ErrorResponse) -> Response:
    return json_response(error.content, error.status)


def _proves(number: Number, proof: str) -> bool:
    return hmac.compare_digest(appsecret_proof(number.app_secret, number.token).encode(), proof.encode())


def _file(call: GraphCall) -> File:
    if call.file is None:
        raise unknown_object(call.request.method, call.request.path[1])
    return call.file


def _number(account: Account, number: Number) -> Content:
    """Returns the number as Graph shows it."""
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
        "is_on_biz_app": number.is_on_biz_app,
        "webhook_configuration": {level: url for level, url in addresses.items() if url},
        "whatsapp_business_manager_messaging_limit": "TIER_250",
        "health_status": _health(number.phone_number_id, "PHONE_NUMBER"),
    }


def _health(entity_id: str, kind: str) -> Content:
    entity = {"entity_type": kind, "id": entity_id, "can_send_message": "AVAILABLE"}
    return {"can_send_message": "AVAILABLE", "entities": [entity]}


def _requested_fields(fields_by_name: Content, request: Request) -> Content:
    """Returns the requested fields, and always the id. Returns all fields if none is requested."""
    fields = request.query.get("fields")
    object_id = {"id", *fields.split(",")} if fields else set(fields_by_name)
    return {key: value for key, value in fields_by_name.items() if key in object_id}


def _paginated(items: list[Content], request: Request) -> Content:
    """Returns the requested page, which begins after the cursor. The last page has no `next`."""
    limit_text = request.query.get("limit", str(DEFAULT_PAGE))
    if not (limit_text.isascii() and limit_text.isdigit() and 0 < int(limit_text[:5]) <= MAX_PAGE):
        raise bad_parameter(f"Param limit must be between 1 and {MAX_PAGE}.")
    start = _position_in(request.query.get("after", ""))
    end = start + int(limit_text[:5])
    paging: Content = {"cursors": {"before": _cursor(start), "after": _cursor(min(end, len(items)))}}
    if end < len(items):
        address = f"{request.base_url}/{'/'.join(request.path)}"
        paging["next"] = f"{address}?access_token={request.token}&limit={limit_text}&after={_cursor(end)}"
    return {"data": [_requested_fields(each, request) for each in items[start:end]]} | (
        {"paging": paging} if items[start:end] else {}
    )


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def _position_in(cursor: str) -> int:
    """Returns the position in a cursor. Raises ErrorResponse."""
    if not cursor:
        return 0
    try:
        return max(0, int(base64.urlsafe_b64decode(cursor.encode())[:9]))
    except ValueError:
        raise bad_parameter("Invalid cursors values") from None


def _is_meant(template: Template, query: Mapping[str, str]) -> bool:
    return template.name == query.get("name") and query.get("hsm_id", template.id) == template.id


async def _checked_callback(given: Mapping[str, Any]) -> str:
    """Returns the callback URL in the request after verifying it, or an empty text if there is none. Raises ErrorResponse."""
    url = text(given, "override_callback_uri")
    if not url:
        return ""
    if len(url) > MAX_CALLBACK_URL or not url.startswith(("https://", "http://")):
        raise bad_parameter(f"Param override_callback_uri must be an address of at most {MAX_CALLBACK_URL} characters.")
    if not await verify_callback(url, text(given, "verify_token")):
        raise bad_parameter("The callback URL or verify token couldn't be validated.", subcode=CALLBACK_REFUSED)
    return url
