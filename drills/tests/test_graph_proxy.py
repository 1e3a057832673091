"""The proxy fails as it says: otherwise a drill of the network drills nothing."""

import socket
import threading
from collections.abc import Iterator

import pytest

from drills.traffic.graph_proxy import Fault, GraphProxy, graph_proxy

RESPONSE = b"HTTP/1.1 200 OK"


@pytest.fixture
def proxy() -> Iterator[GraphProxy]:
    """Before a server that answers the first bytes of each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(RESPONSE)
                connection.recv(100)

        thread = threading.Thread(target=answer)
        thread.start()
        with graph_proxy(listener.getsockname()[1]) as running:
            yield running
        thread.join()


def ask(proxy: GraphProxy) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
        client.sendall(b"GET")
        return client.recv(100)


def test_without_a_fault_it_passes_everything_on(proxy) -> None:
    assert ask(proxy) == RESPONSE


def test_it_resets_a_connection_once_the_request_has_arrived(proxy) -> None:
    proxy.fault = Fault.RESET
    with pytest.raises(ConnectionResetError):
        ask(proxy)


def test_it_breaks_a_response_in_the_middle(proxy) -> None:
    proxy.fault = Fault.BREAK
    assert ask(proxy) == RESPONSE[: len(RESPONSE) // 2]
