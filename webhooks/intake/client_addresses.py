"""Addresses of clients, from the same source as in the site: X-Forwarded-For if a trusted proxy sent the request."""

import ipaddress
from typing import Any

from asgiref.typing import HTTPScope
from django.conf import settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

IPV6_PREFIX = 64
"""Bits of an IPv6 address that identify a client. One client usually has all addresses with the same prefix."""


async def client_address(scope: HTTPScope) -> str:
    """Returns the IP address of the request's client, or its network for IPv6. Empty if the server does not know it."""
    request: dict[str, Any] = {"type": "http", "client": scope.get("client"), "headers": scope["headers"], "scheme": "http"}
    await _proxy_headers(request, _do_nothing, _do_nothing)  # type: ignore[arg-type]
    host = request["client"][0] if request["client"] else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))


async def _do_nothing(*_: Any) -> None:
    return None


_proxy_headers = ProxyHeadersMiddleware(_do_nothing, trusted_hosts=settings.FORWARDED_ALLOW_IPS)
