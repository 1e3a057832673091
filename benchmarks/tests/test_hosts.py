"""Hosts of benchmarks are connected by a network, share no loopback, and leave nothing behind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.environment.hosts import INTERFACES, NAMESPACES, Host, running_hosts, with_address
from benchmarks.figures import Failed

BRIDGE = f"hubt{os.getpid()}"
"""Another process of the suite, or a benchmark, may run."""
NETWORK = f"10.213.{100 + os.getpid() % 100}"
CONNECT = "import socket, sys; print(socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).getsockname()[0])"

PROBE = ["unshare", "--net", "--mount", "ip", "link", "add", "probe", "type", "bridge"]
POSSIBLE = os.geteuid() == 0 and subprocess.run(PROBE, check=False, capture_output=True).returncode == 0

pytestmark = pytest.mark.xdist_group("hosts")
as_root = pytest.mark.skipif(not POSSIBLE, reason="needs root, and a machine that allows network namespaces")


def connect(host: Host, listener: socket.socket) -> str:
    """Returns the address from which a process of the host connects, or what it says instead."""
    address, port = listener.getsockname()
    command = host.command([sys.executable, "-c", CONNECT, address, str(port)])
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stdout or result.stderr).strip().splitlines()[-1]


def names() -> set[str]:
    """The interfaces and namespaces of these tests."""
    found = {path.name for folder in (INTERFACES, NAMESPACES) if Path(folder).exists() for path in folder.iterdir()}
    return {name for name in found if name.startswith(BRIDGE)}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://root@127.0.0.1:3306", "mysql://root@10.213.7.1:3306"),
        ("mysql://bench:p%40ss@127.0.0.1:3306/hub", "mysql://bench:p%40ss@10.213.7.1:3306/hub"),
        ("amqp://bench:secret@localhost/bench", "amqp://bench:secret@10.213.7.1/bench"),
        ("http://127.0.0.1:8001", "http://10.213.7.1:8001"),
    ],
)
def test_a_url_gets_another_host_and_keeps_the_rest(url, expected) -> None:
    assert with_address(url, "10.213.7.1") == expected


def test_servers_are_at_the_bridge_in_the_environment_of_a_host() -> None:
    host = Host("hub-bench-1", "10.213.7.11", "10.213.7.1")
    environment = host.environment({"DATABASE_URL": "mysql://root@127.0.0.1/hub", "PORT": "8000"})
    assert environment == {"DATABASE_URL": "mysql://root@10.213.7.1/hub", "PORT": "8000"}


@as_root
def test_each_host_connects_from_its_own_address_and_not_to_loopback() -> None:
    with (
        running_hosts(2, bridge=BRIDGE, network=NETWORK) as hosts,
        socket.create_server((hosts[0].server, 0)) as listener,
        socket.create_server(("127.0.0.1", 0)) as loopback,
    ):
        assert [connect(host, listener) for host in hosts] == [f"{NETWORK}.11", f"{NETWORK}.12"]
        assert "Connection refused" in connect(hosts[0], loopback)


@as_root
def test_nothing_is_left_of_hosts_after_a_failure() -> None:
    existing = set()

    def fail() -> None:
        with running_hosts(2, bridge=BRIDGE, network=NETWORK):
            existing.update(names())
            raise Failed("the round")

    with pytest.raises(Failed, match="the round"):
        fail()
    assert existing == {BRIDGE, f"{BRIDGE}-1", f"{BRIDGE}-2"}
    assert not names()


@as_root
def test_hosts_that_exist_are_neither_used_nor_removed() -> None:
    with running_hosts(1, bridge=BRIDGE, network=NETWORK):
        existing = names()
        with pytest.raises(Failed, match=f"ip netns delete {BRIDGE}-1; ip link delete {BRIDGE}"):
            running_hosts(2, bridge=BRIDGE, network=NETWORK).__enter__()
        assert names() == existing


@as_root
def test_what_was_made_is_removed_if_a_host_cannot_be_made() -> None:
    subprocess.run(["ip", "link", "add", f"{BRIDGE}-2", "type", "bridge"], check=True)
    try:
        with pytest.raises(Failed, match="File exists"):
            running_hosts(2, bridge=BRIDGE, network=NETWORK).__enter__()
        assert names() == {f"{BRIDGE}-2"}
    finally:
        subprocess.run(["ip", "link", "delete", f"{BRIDGE}-2"], check=True)


@as_root
def test_a_server_that_a_host_cannot_reach_is_reported() -> None:
    with (
        running_hosts(1, bridge=BRIDGE, network=NETWORK) as hosts,
        pytest.raises(Failed, match=f"from the host {NETWORK}.11: (no MariaDB|mysqlclient)"),
    ):
        hosts[0].check_servers(database="mysql://root@127.0.0.1:9", broker="amqp://127.0.0.1:9/")
