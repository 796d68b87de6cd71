"""A certificate authority of our own, for a secured stack and for tests."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local_stack.env_file import write_private

VALID = timedelta(days=3650)
USES = {
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
}
USES_OF_AUTHORITY = {"key_cert_sign", "crl_sign"}


class Authority:
    """An authority with a folder for what it signs. Its own key is never written, so nobody can sign later."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _name(name)
        uses = x509.KeyUsage(**{use: use in USES_OF_AUTHORITY for use in USES})
        certificate = self._builder(name, self._key.public_key(), is_authority=True).add_extension(uses, critical=True)
        self.file = folder / "ca.pem"
        """The certificate of the authority, which its clients trust."""
        self._write(self.file, certificate)

    def sign(self, name: str, *hosts: str) -> tuple[Path, Path]:
        """Make a certificate for host names and IP addresses, and its key.

        Returns their files, `<name>.pem` and `<name>.key`. Only the owner can read the key, which is in PKCS#8.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(name, key.public_key(), is_authority=False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), False)
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        self._write(files[0], builder)
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        write_private(files[1], key.private_bytes(*form).decode())
        return files

    def _builder(self, name: str, key: ec.EllipticCurvePublicKey, *, is_authority: bool) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + VALID)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _write(self, file: Path, builder: x509.CertificateBuilder) -> None:
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
