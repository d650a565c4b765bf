"""A self-signed certificate made at run time, for mail over STARTTLS."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory


@dataclass(frozen=True, slots=True)
class Certificate:
    pem: str
    """The certificate alone, for clients that are to trust it."""
    server: ssl.SSLContext


def self_signed(host: str = "127.0.0.1") -> Certificate:
    """Needs `cryptography`, which comes with the `local` extra; it says so where that is missing."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise RuntimeError("mail over STARTTLS needs the package `cryptography`: install jobmedic[local]") from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host)), x509.DNSName("localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _loaded(certificate.public_bytes(encoding).decode(), secret)


def _loaded(pem: str, key: bytes) -> Certificate:
    """The ssl module reads certificates from files only."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder, "sandbox.pem")
        path.touch(mode=0o600)
        path.write_bytes(pem.encode() + key)
        server.load_cert_chain(path)
    return Certificate(pem, server)
