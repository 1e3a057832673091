"""Requests to URLs that users wrote, such as those of web calls in flows. Such a URL must not reach the hub's own network
(docs/bots-web-calls.md).

Modules and what other packages use of them:

    requests      sends a request within limits of time and size: send_request, Request, Response
    errors        why a request has no response: RefusedAddress, Refusal, RequestFailed, Failure
    allow_list    what the operator opens beyond public addresses (setting `BOT_ALLOWED_ADDRESSES`): AllowList, AllowedHost,
                  InvalidEntry
    operator_list whether the operator opens a URL, and the simulator's stand-in: is_opened_by_operator, with_stand_in
    addresses     which URLs and IP addresses are allowed: parse_destination, check_destination, check_addresses
    hosts         hosts of URLs in one spelling, and which IP addresses are public: host_of
    lookups       looks up the IP addresses of a name within a deadline
    connections   a connection to a checked address, with a deadline and a limit of bytes
    exchanges     one request and its response on a connection: Request, check_request
    redirects     the request that follows a redirect
"""
