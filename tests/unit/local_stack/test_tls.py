"""The certificates of a secured stack."""

import ssl
from pathlib import Path

import pytest

from local_stack.authority import Authority
from local_stack.tls import make_certificates


def shakes_hands(name: str, authority: Path, certificate: Path, key: Path) -> bool:
    """Whether a strict client that trusts the authority takes the server for the one of this name."""
    trusting, serving = ssl.create_default_context(cafile=authority), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    serving.load_cert_chain(certificate, key)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.version() == "TLSv1.3"


def test_each_server_proves_each_of_its_names_and_no_other(tmp_path: Path) -> None:
    make_certificates(tmp_path, "127.0.0.1", "localhost")
    authority, kafka = tmp_path / "ca.pem", tmp_path / "kafka.pem"
    for name in ("127.0.0.1", "localhost"):
        assert shakes_hands(name, authority, tmp_path / "postgres.pem", tmp_path / "postgres.key")
        assert shakes_hands(name, authority, kafka, kafka)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shakes_hands("other.example", authority, kafka, kafka)
    stranger = Authority(tmp_path / "stranger", "web-traffic").file
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        shakes_hands("localhost", stranger, kafka, kafka)


def test_only_the_owner_reads_the_keys_and_the_one_of_the_authority_is_not_kept(tmp_path: Path) -> None:
    make_certificates(tmp_path, "localhost")
    with_key = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir() if "PRIVATE" in file.read_text()}
    assert with_key == {"kafka.pem": 0o600, "postgres.key": 0o600}


def test_certificates_are_made_once_and_half_made_ones_again(tmp_path: Path) -> None:
    make_certificates(tmp_path, "localhost")
    first = (tmp_path / "ca.pem").read_text()
    make_certificates(tmp_path, "localhost")
    assert (tmp_path / "ca.pem").read_text() == first
    (tmp_path / "pg_hba.conf").unlink()  # it is made last
    make_certificates(tmp_path, "localhost")
    assert (tmp_path / "ca.pem").read_text() != first
