"""What stands between clients and the Django site: no thread of it ever waits for a client.

`connections.Connection` is the web server's HTTP protocol, with limits on what a client may hold. `site.Site` is the Django site as
an ASGI application: `bodies` reads the request before a thread is taken, `threads` shares the threads between clients, and
`responses` sends what a thread has produced. See docs/decisions/0011.
"""
