"""Who reaches the page: address, Host, Origin and token."""

import ipaddress
import socket
import ssl

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.nodes.console.access import HEADERS, Access, checked_address, is_loopback
from gato_ros.nodes.console.certificate import fingerprint, make_certificate, server_context

HERE = Access.of("127.0.0.1", 8088)
NETWORK = Access.of("192.168.7.5", 8088)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.4.5.6", "::1"])
def test_loopback_needs_no_token_and_no_tls(address):
    access = Access.of(checked_address(address), 8088)
    assert is_loopback(address) and not access.token and access.scheme == "http" and not access.token_refused(None)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.7.5", "10.0.0.1"])
def test_a_network_needs_a_token_and_tls(address):
    access = Access.of(checked_address(address), 8088)
    assert len(access.token) >= 32 and access.scheme == "https" and access.token in access.url
    assert Access.of(address, 8088).token != access.token
    for wrong in (None, "", access.token[:-1], access.token + "x", "é"):
        assert access.token_refused(wrong)
    assert not access.token_refused(access.token)


def test_the_token_is_not_shown_by_accident():
    assert NETWORK.token not in repr(NETWORK) and NETWORK.token not in str(NETWORK)


def test_localhost_is_an_address_and_names_are_not():
    assert checked_address("localhost") == "127.0.0.1"
    for wrong in ("robot.local", "", "127.0.0.1:80", "1.2.3"):
        with pytest.raises(SetupError, match="expected an IP address"):
            checked_address(wrong)


@pytest.mark.parametrize("host", ["127.0.0.1:8088", "localhost:8088", "[::1]:8088"])
def test_own_hosts_are_served(host):
    assert not HERE.host_refused(host)


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:8088", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8088.evil.example",
     "127.0.0.1.evil.example:8088", "localhost@evil.example:8088", "user@127.0.0.1:8088", "192.168.7.5:8088",
     "127.0.0.1:8088/x", "127.0.0.1:99999", "[::1", "a b"],
)  # fmt: skip
def test_a_name_that_was_made_to_point_here_is_refused(host):
    assert HERE.host_refused(host)


def test_on_a_network_digits_and_the_own_name_are_served():
    for host in ("192.168.7.5:8088", "10.1.2.3:8088", f"{socket.gethostname().lower()}:8088", "localhost:8088"):
        assert not NETWORK.host_refused(host)
    for host in ("evil.example:8088", "192.168.7.5", "192.168.7.5.evil.example:8088"):
        assert NETWORK.host_refused(host)


def test_a_socket_is_opened_by_our_own_page_only():
    host = "127.0.0.1:8088"
    assert not HERE.origin_refused(f"http://{host}", host)
    for origin in (
        None,
        "",
        "null",
        f"https://{host}",
        "http://evil.example",
        "http://127.0.0.1:8089",
        f"http://{host}/",
    ):
        assert HERE.origin_refused(origin, host)


def test_the_policy_lets_nothing_in_from_elsewhere():
    policy = HEADERS["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert set(rules.values()) == {"'self'", "'none'"} and "unsafe" not in policy


def test_a_certificate_names_the_address_and_serves(tmp_path):
    certificate, key = make_certificate(tmp_path, "192.168.7.5")
    server_context(certificate, key)
    assert key.stat().st_mode & 0o077 == 0
    shown = fingerprint(certificate)
    assert len(shown) == 95 and shown.count(":") == 31
    client = ssl.create_default_context(cafile=str(certificate))
    assert ipaddress.ip_address("192.168.7.5").packed in ssl.PEM_cert_to_DER_cert(certificate.read_text())
    assert client.verify_mode is ssl.CERT_REQUIRED


def test_a_certificate_without_openssl_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="expected the program openssl"):
        make_certificate(tmp_path, "0.0.0.0")
