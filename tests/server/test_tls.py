"""A server that speaks TLS, and a worker that trusts it, or does not."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from server_process import server_process
from statekeep_command import Statekeep

pytestmark = pytest.mark.slow


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "statekeep tests")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.pem", folder / "server.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


def test_a_worker_that_trusts_the_certificate_works_and_another_says_why_not(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    with (
        tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as temporary,
        server_process(tmp_path, tls_certificate=str(certificate), tls_key=str(key)) as server,
    ):
        worker = Statekeep(tmp_path, Path(temporary))
        worker.use_server(server)
        worker.environ["STATEKEEP__API__URL"] = server.url.replace("http:", "https:")
        untrusted = worker.shell("echo ran")
        assert untrusted.returncode == 78
        assert untrusted.stdout == ""
        assert "its certificate is not one that this machine trusts" in untrusted.stderr
        trusted = worker.shell(
            "statekeep state set k 1 && statekeep state get k", SSL_CERT_FILE=str(certificate)
        )
        assert (trusted.returncode, trusted.stdout, trusted.stderr) == (0, "1\n", "")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("CERTIFICATE", "the certificate /nowhere/server.pem cannot be used: No such file"),
        ("KEY", "the key /nowhere/server.pem cannot be used: no certificate goes with it; set [server]"),
    ],
)
def test_a_certificate_that_is_not_there_is_said_and_nothing_is_served(
    tmp_path: Path, option: str, said: str
) -> None:
    with server_process(tmp_path) as server:
        server.stop()
        refused = subprocess.run(
            [sys.executable, "-m", "statekeep", "server"],
            check=False,
            capture_output=True,
            text=True,
            env=server.environ | {f"STATEKEEP__SERVER__TLS_{option}": "/nowhere/server.pem"},
        )
    assert refused.returncode == 78
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
