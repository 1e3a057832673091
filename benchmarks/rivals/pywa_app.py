"""pywa's webhook on FastAPI with handlers that do nothing: what a receiver costs that checks signatures and stores nothing.

It is the asynchronous pywa, which is the faster one under FastAPI (the other hands each webhook to a thread). It checks signatures,
as it does by default, and answers before its handlers run. It has the hub's event loop and HTTP parser, and no access log.
"""

from fastapi import FastAPI  # type: ignore[import-not-found]  # in an environment of its own
from pywa_async import WhatsApp, types  # type: ignore[import-not-found]

from benchmarks.load.bodies import NUMBER, PATH

app = FastAPI()
whatsapp = WhatsApp(
    phone_id=NUMBER.phone_number_id,
    token="unused",  # noqa: S106
    server=app,
    webhook_endpoint=PATH,
    verify_token=NUMBER.verify_token,
    app_secret=NUMBER.app_secret,
)


@whatsapp.on_message  # type: ignore[untyped-decorator]
async def ignore_message(_: WhatsApp, message: types.Message) -> None:
    pass


@whatsapp.on_message_status  # type: ignore[untyped-decorator]
async def ignore_status(_: WhatsApp, status: types.MessageStatus) -> None:
    pass
