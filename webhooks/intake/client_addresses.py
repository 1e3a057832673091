"""Addresses of clients, read as the site reads them: behind a trusted proxy from X-Forwarded-For."""

import ipaddress
import os
from collections.abc import MutableMapping
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

IPV6_PREFIX = 64
"""Bits of an IPv6 address that tell clients apart: one client usually has all addresses below."""


async def client_address(scope: MutableMapping[str, Any]) -> str:
    """The address of the request's client; of IPv6 its network. Empty where the server does not know it."""
    request = {"type": "http", "client": scope.get("client"), "headers": scope["headers"], "scheme": "http"}
    await _proxy_headers(request, _nothing, _nothing)  # type: ignore[arg-type]
    host = request["client"][0] if request["client"] else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))


async def _nothing(*_: Any) -> None:
    return None


_proxy_headers = ProxyHeadersMiddleware(_nothing, trusted_hosts=os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"))
