"""The web server between clients and the Django site. No thread waits for a client (docs/decisions/0011).

connections      the HTTP protocol, with limits on what a client may hold: Connection
site             the Django site as an ASGI application: Site
bodies           reads a request's body before the request gets a thread
threads          shares the threads between clients: ThreadQueue
responses        sends what a thread has produced
byte_limits      memory and disk that requests share
request_errors   requests that end before the site sees them
"""
