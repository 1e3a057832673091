"""Why a request has no response, as codes and sentences."""

from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refusal(StrEnum):
    """Why the hub sends no request to a URL."""

    URL = "url"
    SCHEME = "scheme"
    USER_PART = "user_part"
    HOST = "host"
    PORT = "port"
    ADDRESS = "address"
    DOWNGRADE = "downgrade"


class Failure(StrEnum):
    """Why a request failed although its URL is allowed."""

    REQUEST = "request"
    NAME = "name"
    CONNECTION = "connection"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESPONSE = "response"
    SIZE = "size"
    ENCODING = "encoding"
    REDIRECTS = "redirects"


REFUSAL_TEXTS: dict[Refusal, Promise] = {
    Refusal.URL: _("This is not a valid web address."),
    Refusal.SCHEME: _("The web address must begin with https://."),
    Refusal.USER_PART: _("The web address must not contain a user name or password."),
    Refusal.HOST: _("The server name in the web address is not valid."),
    Refusal.PORT: _("The port in the web address is not allowed."),
    Refusal.ADDRESS: _("The web address leads to a network that is not public."),
    Refusal.DOWNGRADE: _("The server redirects from https to an address without encryption."),
}
FAILURE_TEXTS: dict[Failure, Promise] = {
    Failure.REQUEST: _("The method or a header of the request is not allowed."),
    Failure.NAME: _("The server name was not found."),
    Failure.CONNECTION: _("The server cannot be reached."),
    Failure.TLS: _("The server's certificate is not valid for its name, or encryption failed."),
    Failure.TIMEOUT: _("The server did not answer in time."),
    Failure.RESPONSE: _("The server's answer was broken off or cannot be read."),
    Failure.SIZE: _("The server's answer is too large."),
    Failure.ENCODING: _("The server's answer is compressed, which is not allowed."),
    Failure.REDIRECTS: _("The server redirects too often."),
}


class RefusedAddress(Exception):
    """The URL, or one that it redirects to, is not allowed. `text` is a translatable sentence without parts of the URL."""

    def __init__(self, code: Refusal) -> None:
        super().__init__(code.value)
        self.code = code
        self.text = REFUSAL_TEXTS[code]


class RequestFailed(Exception):
    """The request has no usable response. `text` is a translatable sentence without parts of the request or response."""

    def __init__(self, code: Failure) -> None:
        super().__init__(code.value)
        self.code = code
        self.text = FAILURE_TEXTS[code]
