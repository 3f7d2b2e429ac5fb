"""The review site of an embedded cloud over real TLS, under the very name that the stack says.

    with site(cloud) as found:
        answer = found.get("/")                      # a request as it is
        browser.launch(args=found.chromium())        # or a browser, which then goes to found.url

The name leads to AWS, so a client is told to go to the loopback instead. TLS ends in this process,
and what is inside is passed on to the cloud byte by byte: cookies `__Host-…` work as on AWS.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pixelgate.sandbox.cloud import EmbeddedCloud
from support.login_browser import press

CHUNK = 64 * 1024


@dataclass(frozen=True)
class Certificate:
    """A certificate that vouches for itself.

    Attributes:
        file: its PEM.
        key: its private key's PEM.
        fingerprint: the Base64 of its public key's SHA-256, as Chromium wants it.
    """

    file: Path
    key: Path
    fingerprint: str


@dataclass(frozen=True)
class Site:
    """A review site that can be reached.

    Attributes:
        url: its address, as the stack's output has it, without "/" at the end.
        port: where it is on the loopback.
        certificate: what it shows.
    """

    url: str
    port: int
    certificate: Certificate

    @property
    def host(self) -> str:
        return self.url.removeprefix("https://")

    def chromium(self) -> list[str]:
        """Arguments with which Chromium finds the site and takes its certificate, and no other."""
        return [
            f"--host-resolver-rules=MAP {self.host}:443 127.0.0.1:{self.port}",
            f"--ignore-certificate-errors-spki-list={self.certificate.fingerprint}",
            # S3 is plain http of the loopback here. On AWS there is nothing to upgrade.
            "--disable-features=AutoupgradeMixedContent",
        ]

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Sends one request as it is written here, and follows no redirect.

        Args:
            method: such as "GET".
            target: path and query, percent-encoded.
            headers: more of them, or another Host.
            body: what is sent.
        """
        with urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            self.port,
            server_hostname=self.host,
            assert_hostname=self.host,
            ca_certs=str(self.certificate.file),
        ) as pool:
            return pool.urlopen(
                method,
                target,
                body=body,
                headers={"Host": self.host, **(headers or {})},
                redirect=False,
                retries=False,
                timeout=60,
            )

    def get(self, target: str, **headers: str) -> urllib3.BaseHTTPResponse:
        """GET; a header's name has "_" for "-"."""
        return self.ask("GET", target, {name.replace("_", "-"): v for name, v in headers.items()})


@dataclass
class Visitor:
    """Somebody at the site, without a browser: keeps cookies, and goes where it is told.

    Attributes:
        site: the site.
        cookies: what it has set.
    """

    site: Site
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Sends one request with the cookies, and keeps those of the answer."""
        crumbs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**({"Cookie": crumbs} if crumbs else {}), **(headers or {})}
        answer = self.site.ask(method, target, sent, body)
        for cookie in answer.headers.getlist("Set-Cookie"):
            pair, *settings = cookie.split("; ")
            name, _, value = pair.partition("=")
            if "Max-Age=0" in settings:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def get(self, target: str) -> urllib3.BaseHTTPResponse:
        return self.ask("GET", target)

    def page(self, target: str) -> str:
        """The page that one ends up on."""
        answer = self.get(target)
        if answer.status == HTTPStatus.FOUND:
            return self.page(self.path(answer.headers["Location"]))
        assert answer.status == HTTPStatus.OK, (target, answer.status, answer.data)
        return answer.data.decode()

    def path(self, location: str) -> str:
        """The path of an address of the site."""
        assert location.startswith(("/", f"{self.site.url}/")), location
        return location.removeprefix(self.site.url)

    def post(
        self, target: str, content: Mapping[str, Any], csrf: str, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        """What a report's script sends; a header's name has "_" for "-"."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {
            "Content-Type": "application/json",
            "Origin": self.site.url,
            "X-Pixelgate-Csrf": csrf,
            **more,
        }
        return self.ask("POST", target, sent, json.dumps(content).encode())

    def log_in(self, person: str, to: str = "/") -> str:
        """Logs in from a page of the site that needs it; returns the path that it leads back to."""
        asked = self.get(to)
        assert asked.status == HTTPStatus.FOUND, (asked.status, asked.data)
        begun = self.get(self.path(asked.headers["Location"]))
        assert begun.status == HTTPStatus.FOUND, (begun.status, begun.data)
        back = self.path(press(begun.headers["Location"], person))
        done = self.get(back)
        assert done.status == HTTPStatus.FOUND, (done.status, done.data)
        return self.path(done.headers["Location"])


@contextmanager
def site(cloud: EmbeddedCloud) -> Iterator[Site]:
    """The site of the cloud's latest stack, until the block ends."""
    url = cloud.stack.outputs["SiteUrl"]
    behind = int(cloud.endpoint_url.rpartition(":")[2])
    with TemporaryDirectory() as folder:
        made = certificate(url.removeprefix("https://"), Path(folder))
        with tls_in_front(behind, made) as port:
            yield Site(url, port, made)


def certificate(host: str, folder: Path) -> Certificate:
    """Makes a certificate for a host name, valid for this week."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "embedded cloud")])
    public, now = key.public_key(), datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "crl_sign", "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=6))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True
        )
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "certificate.pem", folder / "key.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    spki = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Certificate(file, key_file, base64.b64encode(hashlib.sha256(spki).digest()).decode())


@contextmanager
def tls_in_front(behind: int, shown: Certificate) -> Iterator[int]:
    """A port of the loopback that speaks TLS and passes on to another one, until the block ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.file, shown.key)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            await _join(reader, writer, behind)
        except (OSError, asyncio.CancelledError):
            pass  # one of the two is gone
        finally:
            busy.discard(task)
            writer.close()  # what was written is sent first

    async def start() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        for task in list(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: int) -> None:
    """Passes bytes both ways until either end closes."""
    from_cloud, to_cloud = await asyncio.open_connection("127.0.0.1", behind)
    ways = [
        asyncio.create_task(_pass_on(reader, to_cloud)),
        asyncio.create_task(_pass_on(from_cloud, writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        to_cloud.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
