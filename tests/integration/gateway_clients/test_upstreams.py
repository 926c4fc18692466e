"""Which addresses upstreams' names may lead to, and TLS."""

import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.gateway.clients.http1 import NotConnected, origin_of
from services.gateway.clients.upstream import UpstreamFailed, Upstreams, _PublicOnly, opening_of
from services.gateway.domain.caller_address import parse_networks
from tests.integration.gateway_clients.peer import OK, answering, get, peer, pool_of

LOOPBACK = parse_networks(("127.0.0.0/8",))


async def _asked(upstreams: Upstreams, url: str) -> bytes | None:
    try:
        head = opening_of("GET", b"/x", [(b"host", b"upstream")]) + b"\r\n"
        return (await upstreams.send("GET", url, head, None)).whole
    finally:
        await upstreams.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_private_address_is_refused_by_whatever_name(host: str) -> None:
    async with peer(answering(OK)) as made:
        url = made.url.replace("127.0.0.1", host)
        with pytest.raises(UpstreamFailed, match="private"):
            await _asked(Upstreams(most_connections=1, refuses_private=True), url)
        assert made.connections == 0


@pytest.mark.parametrize(
    "listed", [{"listed_hosts": frozenset({"localhost"})}, {"listed_networks": LOOPBACK}], ids=["host", "network"]
)
async def test_what_an_operator_lists_is_reached(listed: Any) -> None:
    async with peer(answering(OK)) as made:
        url = made.url.replace("127.0.0.1", "localhost")
        assert await _asked(Upstreams(most_connections=1, refuses_private=True, **listed), url) == b"ok"


async def test_the_addresses_that_were_judged_are_the_ones_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a public and a private address gives the public one, as a number: nothing looks it up again."""

    def two(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        assert host == "rebinding.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("10.0.0.1", "8.8.8.8")]

    class Loop:
        async def getaddrinfo(self, *given: Any, **named: Any) -> list[Any]:
            return two(*given, **named)

    monkeypatch.setattr("services.gateway.clients.upstream.asyncio.get_running_loop", Loop)
    judged = _PublicOnly(frozenset(), ())
    assert list(await judged(origin_of("http://rebinding.example"))) == ["8.8.8.8"]


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:99999", "x"])
async def test_what_is_no_url_of_https_is_no_connection(url: str) -> None:
    with pytest.raises(UpstreamFailed):
        await _asked(Upstreams(most_connections=1), url)


async def test_a_name_that_leads_nowhere_is_a_failure() -> None:
    with pytest.raises(UpstreamFailed):
        await _asked(Upstreams(most_connections=1, refuses_private=True), "http://nowhere.invalid")


def _certified(folder: Path, name: x509.GeneralName) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for `name`, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


async def test_tls_connections_are_kept_like_others(tmp_path: Path) -> None:
    server, client = _certified(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    async with peer(answering(OK), tls=server) as made, pool_of() as pool:
        pool._tls = client
        for _ in range(3):
            assert (await get(pool, made)).whole == b"ok"
        assert made.connections <= 2


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_a_certificate_for_another_name_or_from_nobody_is_no_connection(tmp_path: Path, is_trusted: bool) -> None:
    server, client = _certified(tmp_path, x509.DNSName("other.example"))
    async with peer(answering(OK), tls=server) as made, pool_of() as pool:
        if is_trusted:
            pool._tls = client
        with pytest.raises(NotConnected):
            await get(pool, made)
        assert made.heads == []
