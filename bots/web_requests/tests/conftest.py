"""Servers on real sockets, with certificates of a made-up authority, and a resolver that a test controls."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bots.web_requests.allow_list import AllowList
from bots.web_requests.requests import Request, Response, send_request

HOST = "shop.example"
OTHER_HOST = "other.example"
YEAR = datetime.timedelta(days=365)


@dataclass
class Received:
    """A request as the server received it. Names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[socket.socket, Received], None]


def ok(body: bytes = b"{}", status: int = 200, **headers: str) -> bytes:
    """Returns a whole response."""
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Server:
    """Responds to each connection with the next of `responses`, the last one for ever: bytes, or a function that writes to the
    connection. Then it closes the connection."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, address: str = "127.0.0.1", port: int = 0) -> None:
        self.responses: list[bytes | Script] = [ok()]
        self.requests: list[Received] = []
        self.connections = 0
        self.closed = threading.Event()
        self._tls = tls
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._sockets.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._sockets.append(connection)
            with connection, connection.makefile("rb") as reader:
                request = read_request(reader)
                self.requests.append(request)
                response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
                if isinstance(response, bytes):
                    connection.sendall(response)
                else:
                    response(connection, request)

    def close(self) -> None:
        self.closed.set()
        for sock in (self._listener, *self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)


def read_request(reader: BinaryIO) -> Received:
    method, target, _ = reader.readline().decode().split()
    lines = iter(lambda: reader.readline().decode().strip(), "")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Received(method, target, headers, reader.read(int(headers.get("content-length", 0))))


@dataclass
class Names:
    """A resolver. Each name has a list of responses, the last one for ever."""

    addresses: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, name: str, _port: int) -> Sequence[str]:
        self.asked.append(name)
        if name not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        responses = self.addresses[name]
        return responses.pop(0) if len(responses) > 1 else responses[0]


@dataclass(frozen=True)
class Authority:
    """Issues certificates that `client` trusts."""

    key: ec.EllipticCurvePrivateKey
    name: x509.Name
    client: ssl.SSLContext
    folder: Path

    def server(self, *names: str, expires_in: datetime.timedelta = YEAR) -> ssl.SSLContext:
        """Returns the TLS side of a server with a certificate for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subjects = [_subject(name) for name in names]
        certificate = (
            _certificate(_name("Server"), key, expires_in)
            .issuer_name(self.name)
            .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = self.folder / f"{key.public_key().public_numbers().x}.pem"
        path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _subject(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certificate(name: x509.Name, key: ec.EllipticCurvePrivateKey, expires_in: datetime.timedelta) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * YEAR)
        .not_valid_after(now + expires_in)
    )


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Authority of tests")
    certificate = (
        _certificate(name, key, YEAR)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    client = ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())
    return Authority(key, name, client, tmp_path_factory.mktemp("certificates"))


StartServer = Callable[..., Server]


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts servers that end with the test."""
    servers: list[Server] = []

    def start(tls: ssl.SSLContext | None = None, *, address: str = "127.0.0.1", port: int = 0) -> Server:
        servers.append(Server(tls, address=address, port=port))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(start_server: StartServer, authority: Authority) -> Server:
    """A TLS server for HOST, OTHER_HOST and 127.0.0.1."""
    return start_server(authority.server(HOST, OTHER_HOST, "127.0.0.1"))


@pytest.fixture
def names() -> Names:
    return Names({HOST: [["127.0.0.1"]], OTHER_HOST: [["127.0.0.1"]]})


@dataclass
class Client:
    """Sends requests to `server`, whose address is the only one of this machine that is allowed."""

    server: Server
    names: Names
    tls: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.server.port}"

    @property
    def other_url(self) -> str:
        return f"https://{OTHER_HOST}:{self.server.port}"

    def send(self, method: str = "GET", url: str = "", allowed: Sequence[str] = (), **fields: object) -> Response:
        entries = allowed or [f"127.0.0.1/32:{self.server.port}"]
        request = Request(method, url or f"{self.url}/", **fields)  # type: ignore[arg-type]  # fields of Request
        return send_request(request, allowed=AllowList.parse(entries), resolve=self.names, tls=self.tls)


@pytest.fixture
def client(server: Server, names: Names, authority: Authority) -> Client:
    return Client(server, names, authority.client)
