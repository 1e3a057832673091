"""Hosts on one machine: network namespaces, each connected by a veth pair to a bridge of the root namespace.

    root namespace            hub-bench (10.213.7.1), the bridge, where servers listen
        hub-bench-1 ── eth0   10.213.7.11, the host with the namespace hub-bench-1
        hub-bench-2 ── eth0   10.213.7.12

A host reaches only what listens at an address of the bridge's network. Its loopback is its own, and it has no other route. All
hosts share the processors, the memory and the files of the machine.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.environment.processes import ROOT, clean_environment
from benchmarks.figures import Failed

BRIDGE = "hub-bench"
NETWORK = "10.213.7"
"""The first three numbers of its addresses."""
URLS = ("DATABASE_URL", "CELERY_BROKER_URL", "META_GRAPH_URL")
NAMESPACES = Path("/run/netns")
INTERFACES = Path("/sys/class/net")
CHECK_SECONDS = 60


@dataclass(frozen=True)
class Host:
    """A network namespace, and its address. `server` is the address of the bridge."""

    namespace: str
    address: str
    server: str

    def command(self, words: Sequence[str]) -> list[str]:
        """Returns the command that runs `words` in this host, as root. The process keeps its id."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Returns the environment variables with the bridge's address in the URLs of servers."""
        return {**environment, **{name: with_address(environment[name], self.server) for name in URLS if name in environment}}

    def check_servers(self, *, database: str, broker: str) -> None:
        """Raises Failed unless a process of this host can log in at the servers with these URLs."""
        urls = {"DATABASE_URL": database, "CELERY_BROKER_URL": broker}
        result = subprocess.run(
            self.command([sys.executable, "-m", "benchmarks.environment.server_check"]),
            cwd=ROOT,
            env=self.environment(clean_environment() | urls),
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
        if result.returncode:
            raise Failed(f"from the host {self.address}: {result.stderr.strip() or result.stdout.strip()}")


def with_address(url: str, address: str) -> str:
    """Returns the URL with another host. User, password, port and path stay."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{login}{at}{address}{port}").geturl()


@contextmanager
def running_hosts(count: int, *, bridge: str = BRIDGE, network: str = NETWORK) -> Iterator[list[Host]]:
    """Creates the bridge and `count` hosts, and removes them in the end. Processes of hosts must have ended by then.

    Raises Failed if this user or machine cannot create them, or if they exist.
    """
    names = [f"{bridge}-{number}" for number in range(1, count + 1)]
    _check_possible(bridge, names)
    server = f"{network}.1"
    with ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "delete", bridge)
        _ip("address", "add", f"{server}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        hosts = [Host(name, f"{network}.{number}", server) for number, name in enumerate(names, start=11)]
        for host in hosts:
            _create(host, bridge, stack)
        yield hosts


def _check_possible(bridge: str, names: Sequence[str]) -> None:
    if not shutil.which("ip"):
        raise Failed("the command `ip` is missing; install it: sudo apt-get install iproute2")
    if os.geteuid() != 0:
        raise Failed("only root may create network namespaces; run this benchmark as root")
    left = [f"ip netns delete {name}" for name in names if (NAMESPACES / name).exists()]
    if (INTERFACES / bridge).exists():
        left.append(f"ip link delete {bridge}")
    if left:
        raise Failed(
            f"another benchmark uses the hosts of {bridge}, or was killed; in the latter case remove them: {'; '.join(left)}"
        )


def _create(host: Host, bridge: str, stack: ExitStack) -> None:
    """Creates the namespace and its veth pair. The end in the root namespace is called like the namespace."""
    name = host.namespace
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "delete", name)
    _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    stack.callback(_ip, "link", "delete", name)  # the kernel may need a while to remove it with the namespace
    _ip("link", "set", name, "master", bridge, "up")
    _ip("-n", name, "address", "add", f"{host.address}/24", "dev", "eth0")
    for interface in ("lo", "eth0"):
        _ip("-n", name, "link", "set", interface, "up")


def _ip(*words: str) -> None:
    result = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if result.returncode:
        raise Failed(f"ip {' '.join(words)}: {result.stderr.strip()}")
