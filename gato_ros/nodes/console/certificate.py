"""A certificate for one run: made by openssl, signed by itself, and gone with the process."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import ssl
import subprocess
from pathlib import Path

from gato_ros.core.errors import SetupError

DAYS = 30


def make_certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """`folder`/console.crt and console.key for this address and for the machine's name.

    Raises:
        SetupError: there is no program openssl, or it fails.
    """
    certificate, key = folder / "console.crt", folder / "console.key"
    names = [f"DNS:{socket.gethostname()}", "DNS:localhost"]
    if not ipaddress.ip_address(address).is_unspecified:
        names.append(f"IP:{address}")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", str(DAYS), "-subj", "/CN=gato_ros console"]
    command += ["-addext", f"subjectAltName={','.join(names)}"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError:
        raise SetupError(
            expected="the program openssl, for a console on a network",
            got="none",
            fix="sudo apt install openssl, or leave the address at 127.0.0.1",
        ) from None
    if done.returncode:
        got = " ".join(done.stdout.split())
        raise SetupError(expected="a certificate made by openssl", got=got, fix="mend that, or use 127.0.0.1")
    key.chmod(0o600)
    return certificate, key


def fingerprint(certificate: Path) -> str:
    """SHA-256 of it, as browsers show it."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with these."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
