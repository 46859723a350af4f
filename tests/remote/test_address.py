"""Names of policy servers."""

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.remote.address import Address, is_remote, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port", "only_here"),
    [
        ("grpc://127.0.0.1:7412", "127.0.0.1", 7412, True),
        ("localhost:1", "localhost", 1, True),
        ("grpc://[::1]:65535", "::1", 65535, True),
        ("grpc://0.0.0.0:7412", "0.0.0.0", 7412, False),
        ("grpc://gpu.lab:7412", "gpu.lab", 7412, False),
    ],
)
def test_an_address_is_read_and_knows_who_reaches_it(text, host, port, only_here):
    address = parse_address(text)
    assert (address.host, address.port, address.only_here) == (host, port, only_here)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "grpc://", "grpc://host", "host:", ":7412", "host:0", "host:65536", "host:x", "a b:1", "u@h:1", "h/x:1",
     "host:-1", "host:\u0663", "host:1\n", "n" * 300, "\udcff:1"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_one_line(text):
    with pytest.raises(SetupError) as found:
        parse_address(text)
    assert "HOST:PORT" in str(found.value) and "\n" not in str(found.value) and len(str(found.value)) < 200


def test_a_server_may_take_any_free_port():
    assert parse_address("127.0.0.1:0", lowest_port=0) == Address("127.0.0.1", 0)


def test_only_such_names_are_remote():
    assert is_remote("grpc://h:1") and not any(map(is_remote, ("hold", "sawyer_mastery", "out/grpc", "")))
