"""What Meta does between the business and its customers: accepts messages, reports their statuses, and forwards messages of
customers."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

from cloud_api.messages import MEDIA_LIMITS
from cloud_api.payloads.fields import is_bsuid
from cloud_api.payloads.texts import mapping, text
from cloud_api.wa_ids import same_person_key
from simulator.standin.errors import ErrorResponse, invalid, missing
from simulator.standin.files import Files, media_summary
from simulator.standin.graph.request_checks import check_request
from simulator.standin.graph.templates import check_parameters
from simulator.standin.state.identifiers import account_id, digits_of, new_user_id, new_wamid
from simulator.standin.state.world import FREE_SERVICE, REGULAR, Customer, Message, Number, Template, World
from simulator.standin.webhooks import payloads
from simulator.standin.webhooks.customer_messages import apply_to_target, build_message
from simulator.standin.webhooks.deliveries import Deliveries

Content = dict[str, Any]

WEBHOOK_PATH = "/webhooks/whatsapp/"
DELIVERY_SECONDS = (0.3, 1.0)
REVIEW_SECONDS = 0.5
REACTION_SECONDS = 30 * 24 * 3600
TYPING_SECONDS = 25
MAX_BSUID = 131
REPLIES_BILLED_SINCE = 1_790_812_800
"""1 October 2026, in seconds since 1970."""
WINDOW_CLOSED = 131047
RATE_LIMIT_HIT = 130429
ON_THE_WAY = ("accepted", "sent")


class Platform:
    """`hub_url` receives the webhooks of numbers without a callback URL of their own. `now` returns seconds since 1970."""

    def __init__(self, world: World, *, hub_url: str, now: Callable[[], float]) -> None:
        self.world = world
        self.files = Files(world, now)
        self.now = now
        self.hub_url = hub_url
        self.deliveries = Deliveries()

    def start(self) -> None:
        """Continues what was running when the process ended."""
        for number in self.world.numbers.values():
            for message in [each for each in number.sent if each.status in ON_THE_WAY]:
                self._schedule_statuses(number, message, delay=0.0)
        for template in [each for each in self.world.templates.values() if each.status == "PENDING"]:
            self.deliveries.run(self._review(template))

    async def close(self) -> None:
        await self.deliveries.close()

    # From the business

    def accept_message(self, number: Number, body: Content, *, delay: float, error: int | None = None) -> tuple[Message, Customer]:
        """Accepts a message of the business, whose statuses begin after `delay` seconds. With `error` it fails later with that
        code.

        Raises ErrorResponse.
        """
        _use_allowance(number)
        check_request(body, lambda file_id: self.files.find(number, file_id))
        customer, to_bsuid = self._recipient(number, body)
        kind = body.get("type", "text")
        template = self._template(number, body) if kind == "template" else None
        if customer.key not in number.customers:
            self.world.put(customer)
        message = Message(
            phone_number_id=number.phone_number_id,
            customer=customer.key,
            wamid=new_wamid(_peer_digits(customer), from_customer=False),
            from_customer=False,
            at=self.now(),
            type=kind,
            payload=body,
            status="accepted",
            monotonic=time.monotonic(),
            callback_data=text(body, "biz_opaque_callback_data"),
            to_bsuid=to_bsuid,
            category=template.category.lower() if template else "service",
            media=self._media(number, body, kind),
        )
        message.will_fail = error or self._later_failure(number, customer, message)
        self.world.put(message)
        if message.will_fail is None:
            self._apply_to_target(number, message)
        self._schedule_statuses(number, message, delay=delay)
        return message, customer

    def _recipient(self, number: Number, body: Content) -> tuple[Customer, bool]:
        """Returns the recipient, and whether the request names the BSUID. An unknown recipient becomes a new customer."""
        to, bsuid = text(body, "to"), text(body, "recipient")
        if not (to or bsuid):
            raise missing("to")
        if not to:
            if not is_bsuid(bsuid) or len(bsuid) > MAX_BSUID:
                raise invalid("recipient is not a business-scoped user id.")
            return number.people.get(bsuid) or Customer(number.phone_number_id, name=bsuid, user_id=bsuid), True
        digits = digits_of(to)
        if digits is None:
            raise invalid("Recipient phone number is not valid.")
        if same_person_key(digits) == same_person_key(number.wa_id):
            raise ErrorResponse(131021, "Recipient and sender cannot be the same.")
        known = number.people.get(same_person_key(digits))
        if known:
            return known, False
        wa_id = account_id(digits)
        return Customer(number.phone_number_id, name=f"+{wa_id}", user_id=new_user_id(wa_id), wa_id=wa_id), False

    def _template(self, number: Number, body: Content) -> Template | None:
        sent = mapping(body, "template")
        template = self.world.template(number.waba_id, text(sent, "name"), text(mapping(sent, "language"), "code"))
        check_parameters(template, sent, lambda file_id: self.files.find(number, file_id))
        return template

    def _media(self, number: Number, body: Content, kind: str) -> Content | None:
        file = self.files.find(number, text(mapping(body, kind), "id")) if kind in MEDIA_LIMITS else None
        return media_summary(file) if file else None

    def _later_failure(self, number: Number, customer: Customer, message: Message) -> int | None:
        if message.type != "template" and not customer.is_window_open(message.at):
            return WINDOW_CLOSED
        reacted_to = number.messages.get(text(mapping(message.payload, "reaction"), "message_id"))
        if reacted_to and message.at - reacted_to.at > REACTION_SECONDS:
            return 131009
        return None

    def mark_read(self, number: Number, body: Content) -> None:
        """Marks a customer's message and earlier ones as read. Raises ErrorResponse."""
        wamid = text(body, "message_id")
        if not wamid:
            raise missing("message_id")
        if not wamid.startswith("wamid."):
            raise invalid("message_id is not the id of a message.")
        read = number.messages.get(wamid)
        if read is None or not read.from_customer:
            raise invalid("There is no message of a customer's of this message_id.")
        typing = bool(mapping(body, "typing_indicator"))
        number.receipts.append({"message_id": wamid, "typing": typing, "at": self.now()})
        customer = number.customers[read.customer]
        if typing:
            customer.typing_until = self.now() + TYPING_SECONDS
        for message in customer.messages:
            if message.from_customer and message.at <= read.at and message.status != "read":
                message.status = "read"
                self.world.put(message)

    # Statuses

    def _schedule_statuses(self, number: Number, message: Message, *, delay: float) -> None:
        if number.statuses:
            self.deliveries.run(self._report_statuses(number, message, delay))

    async def _report_statuses(self, number: Number, message: Message, delay: float) -> None:
        await asyncio.sleep(delay)
        if message.will_fail is not None:
            message.error = message.will_fail
            self._report_status(number, message, "failed")
            return
        if message.status == "accepted":
            message.pricing = _pricing(number, message)
            self._report_status(number, message, "sent")
        await asyncio.sleep(random.uniform(*DELIVERY_SECONDS) if number.delivery_seconds is None else number.delivery_seconds)  # noqa: S311
        if message.status == "sent":
            self._report_status(number, message, "delivered")

    def _report_status(self, number: Number, message: Message, status: str) -> None:
        message.status = status
        self.world.put(message)
        customer = number.customers[message.customer]
        self._send_webhook(number, payloads.status_body(number, customer, message, status=status, at=int(self.now())))

    def open_chat(self, number: Number, customer: Customer) -> None:
        """The customer reads the conversation and plays its voice messages."""
        for message in [each for each in customer.messages if not each.from_customer and each.status == "delivered"]:
            self._report_status(number, message, "read")
            if mapping(message.payload, "audio").get("voice") is True:
                self._report_status(number, message, "played")

    # From customers

    def send_from_customer(
        self, number: Number, customer: Customer, message_object: Content, *, at: float | None, base_url: str
    ) -> tuple[Message, asyncio.Future[bool]]:
        """Stores a customer's message with the current time, or the time `at` in seconds since 1970. Also returns a future:
        whether the first attempt to deliver its webhook succeeds. Raises UnsupportedMessage."""
        at = self.now() if at is None else at
        wamid = new_wamid(_peer_digits(customer), from_customer=True)
        item = build_message(
            number,
            customer,
            message_object,
            wamid=wamid,
            at=at,
            file_of=lambda file_id: self.files.find(number, file_id),
            url_of=lambda file: self.files.download_url(file, base_url),
        )
        file = self.files.find(number, text(mapping(item, item["type"]), "id")) if item["type"] in MEDIA_LIMITS else None
        message = Message(
            phone_number_id=number.phone_number_id,
            customer=customer.key,
            wamid=wamid,
            from_customer=True,
            at=at,
            type=item["type"],
            payload=item,
            status="sent",
            media=media_summary(file) if file else None,
        )
        if message.type != payloads.TYPE_WITHOUT_CONTACTS:
            customer.wrote_at = max(customer.wrote_at or at, at)
            self.world.put(customer)
        self.world.put(message)
        self._apply_to_target(number, message)
        delivered = self._send_webhook(number, payloads.message_body(number, customer, item))
        delivered.add_done_callback(lambda done: self._mark_delivered(message, delivered=done.result()))
        return message, delivered

    def _mark_delivered(self, message: Message, *, delivered: bool) -> None:
        if delivered and message.status == "sent":
            message.status = "delivered"
            self.world.put(message)

    def _apply_to_target(self, number: Number, message: Message) -> None:
        changed = apply_to_target(number, message)
        if changed:
            self.world.put(changed)

    # Message templates

    def submit_template(self, template: Template) -> None:
        """Stores a new template, and reports the result of its review later."""
        template.rated_at = self.now()
        self.world.put(template)
        self.deliveries.run(self._review(template))

    async def _review(self, template: Template) -> None:
        await asyncio.sleep(REVIEW_SECONDS)
        if template.status == "PENDING" and template.id in self.world.templates:
            is_bad = "reject" in template.name
            self.set_template_status(template, "REJECTED" if is_bad else "APPROVED", reason="INVALID_FORMAT" if is_bad else "NONE")

    def set_template_status(self, template: Template, status: str, *, reason: str = "NONE") -> None:
        """Changes the template's status, and reports it in a webhook."""
        template.status, template.reason, template.rated_at = status, reason, self.now()
        self.world.put(template)
        number = next(iter(self.world.numbers_of(template.waba_id)), None)
        if number:
            self._send_webhook(number, payloads.template_body(template, at=int(self.now())), is_of_account=True)

    # To the hub

    def _send_webhook(self, number: Number, body: Content, *, is_of_account: bool = False) -> asyncio.Future[bool]:
        """Sends a webhook to the number's callback URL. Overrides apply only to webhooks about messages
        (docs/meta-platform.md 1.6)."""
        account = self.world.account(number.waba_id)
        url = number.webhook_url or (self.hub_url.rstrip("/") + WEBHOOK_PATH if self.hub_url else "")
        if not is_of_account:
            url = number.override_url or account.override_url or url
        return self.deliveries.post(url if account.subscribed else "", body, secret=number.app_secret)


def _use_allowance(number: Number) -> None:
    """Raises ErrorResponse if the number's throughput is exceeded."""
    now = time.monotonic()
    gained = (now - number.allowed_at) * number.throughput
    number.allowance = min(float(number.throughput), number.allowance + gained)
    number.allowed_at = now
    if number.allowance < 1:
        raise ErrorResponse(RATE_LIMIT_HIT)
    number.allowance -= 1


def _pricing(number: Number, message: Message) -> str:
    """Returns the pricing type. Since 1 October 2026 replies are billed, except for an allowance in each month
    (docs/meta-platform.md 7)."""
    if message.category != "service":
        return REGULAR
    if message.at >= REPLIES_BILLED_SINCE and number.free_replies[message.month] >= number.service_allowance:
        return REGULAR
    number.free_replies[message.month] += 1
    return FREE_SERVICE


def _peer_digits(customer: Customer) -> str:
    return customer.wa_id or customer.user_id.partition(".")[2]
