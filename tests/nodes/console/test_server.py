"""The server without ROS: what it serves, whom it refuses, and what comes of a click."""

import contextlib
import random
import socket
import time

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed here (requirements/runtime.txt has it)")

from gato_ros.nodes.console.access import HEADERS
from gato_ros.nodes.console.page_files import page_files
from gato_ros.nodes.console.visit import MOST_BAD
from tests.nodes.console.browser import Browser
from tests.nodes.console.running import Running


@pytest.fixture(scope="module")
def here():
    running = Running()
    yield running
    running.close()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    running = Running(folder=tmp_path_factory.mktemp("keys"), as_network=True)
    yield running
    running.close()


def test_every_answer_has_the_strict_headers(here):
    with here.browser() as one:
        answers = [one.get(path) for path in ("/", "/files/console.js", "/nothing", "/socket")]
        answers.append(one.get("/", Host="evil.example"))
    assert [answer[0] for answer in answers] == [200, 200, 404, 403, 421]
    for _, headers, _ in answers:
        assert {name: headers.get(name) for name in HEADERS} == HEADERS


def test_the_page_has_nothing_from_elsewhere():
    for name, file in page_files().items():
        text = file.content.decode().replace("http://www.w3.org/2000/svg", "")  # a name, not a place
        words = ("http://", "https://", "//cdn", "@import", "eval(", "innerHTML", "style=", "onclick")
        assert [word for word in words if word in text] == [], name


def test_every_module_that_the_page_loads_is_there():
    files = page_files()
    for name, file in files.items():
        for part in file.content.decode().split("/files/")[1:]:
            assert part.split('"')[0] in files, f"{name} loads it"


@pytest.mark.parametrize(
    "path",
    ["/files/../server.py", "/files/%2e%2e/server.py", "/files/..%2fserver.py", "/files//etc/passwd", "/etc/passwd",
     "/files/%2fetc%2fpasswd", "/files/", "/files", "/files/__init__.py", "/files/index.html%00.js", "/..%5cserver.py"],
)  # fmt: skip
def test_no_path_reaches_the_file_system(here, path):
    with here.browser() as one:
        assert one.get(path)[0] in (400, 404)


def test_nothing_can_be_sent_to_the_page(here):
    with here.browser() as one:
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):

            async def send(method=method):
                async with one._session.request(method, f"{one.url}/", data=b"x") as answer:
                    return answer.status

            assert one._run(send()) == 405


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1"])
def test_a_page_from_elsewhere_opens_no_socket(here, origin):
    with here.browser(origin=origin) as one:
        assert one.open().status == 403


def test_one_commands_the_others_watch_and_all_may_stop(here):
    here.orders()
    with here.browser() as first, here.browser() as second:
        first.look().take()
        second.look()
        second.say("do", verb="reset", text="")
        second.wait(lambda: second.of("refused"), "the refusal")
        assert second.last("refused")["why"] == "not_in_command" and here.orders() == []
        second.say("do", verb="stop", text="")
        first.say("do", verb="ask", text="what do you see?")
        first.wait(lambda: here.desk.orders.qsize() == 2, "two orders")
        assert sorted(here.orders()) == [("ask", "what do you see?"), ("stop", "")]
        second.say("take")
        first.wait(lambda: first.last("roles")["asking"] is not None, "the question for command")
        first.say("give")
        second.wait(lambda: second.last("roles")["commander"] == second.last("roles")["you"], "command")


def test_a_commander_who_is_gone_commands_no_more(here):
    with here.browser() as watcher:
        watcher.look()
        with here.browser() as first:
            first.look().take()
            first.hold(1, "up")
            first.wait(lambda: here.desk.hold.active, "the button")
        watcher.wait(lambda: watcher.last("roles")["commander"] is None, "nobody in command")
        assert not here.desk.hold.active and here.desk.hold.ended == "gone" and not here.desk.commanded


def test_a_hidden_page_lets_go_and_gets_nothing(here):
    with here.browser() as one:
        one.look().take()
        one.hold(1, "up")
        one.wait(lambda: here.desk.hold.active, "the button")
        one.say("look", on=False)
        one.wait(lambda: not here.desk.looking, "nobody to look")
        assert here.desk.hold.ended == "hidden"
        time.sleep(0.2)
        before = len(one.of("state"))
        time.sleep(0.3)
        assert len(one.of("state")) == before


def test_a_watcher_holds_no_button(here):
    with here.browser() as one:
        one.look()
        one.hold(1, "up")
        one.wait(lambda: one.of("refused"), "the refusal")
        assert not here.desk.hold.active


def test_pictures_come_while_somebody_looks_and_takes_them(here):
    here.desk.shelf.put("left", lambda: np.full((16, 16, 3), 90, np.uint8))
    with here.browser() as one:
        one.look()
        one.wait(lambda: one.pictures, "a picture")
        assert one.pictures[0][:3] == b"\x00\xff\xd8"
        here.desk.shelf.put("left", lambda: np.full((16, 16, 3), 20, np.uint8))
        one.wait(lambda: len(one.pictures) == 2, "the next picture")


def test_on_a_network_nothing_is_served_without_the_token(network):
    with network.browser() as one:
        for path in (
            "/",
            "/files/console.js",
            "/socket",
            "/nothing",
            "/archive/episodes/1/page",
            "/archive/episodes/1/picture",
            "/?token=",
            "/?token=wrong",
            "/files/console.js?token=",
        ):
            assert one.get(path)[0] == 403, path
        assert one.get(f"/files/console.js?token={network.access.token}")[0] == 403
        assert one.open().status == 403
    with network.browser(cookies={"gato_ros_console": "wrong"}) as one:
        assert one.get("/")[0] == 403 and one.open().status == 403


def test_on_a_network_the_token_becomes_a_cookie_and_leaves_the_address(network):
    with network.browser() as one:
        status, headers, _ = one.get(f"/?token={network.access.token}")
        assert (status, headers["Location"]) == (303, "/")
        for part in ("HttpOnly", "Secure", "SameSite=Strict"):
            assert part in headers["Set-Cookie"]
        assert one.get("/")[0] == 200 and one.look().status == 101


def test_on_a_network_plain_http_gets_nothing(network):
    plain = Browser(network.url.replace("https", "http"))
    with plain, pytest.raises(Exception, match=r"disconnected|reset|400|Expected"):
        assert plain.get("/")[0] == 400
        raise AssertionError("400, as aiohttp answers")


def test_read_only_lets_nobody_command_or_stop():
    running = Running(read_only=True)
    try:
        with running.browser() as one:
            one.look()
            for said in (
                {"kind": "take"},
                {"kind": "do", "verb": "stop", "text": ""},
                {"kind": "do", "verb": "reset", "text": ""},
            ):
                before = len(one.of("refused"))
                one.say(**said)
                one.wait(lambda before=before: len(one.of("refused")) > before, "the refusal")
                assert one.last("refused")["why"] == "read_only"
            one.hold(1, "up")
            one.wait(lambda: len(one.of("refused")) == 4, "the refusal")
            assert running.orders() == [] and not running.desk.hold.active and one.last("roles")["read_only"]
    finally:
        running.close()


def test_fuzzed_sockets_do_nothing_and_end(here):
    rng = random.Random(0)
    here.orders()
    pieces = [
        '{"kind":',
        '"do"',
        '"hold"',
        "{",
        "}",
        "[",
        '"verb":"stop"',
        "null",
        "1e999",
        "\x00",
        "é",
        '"press":-1',
        ",",
    ]
    with here.browser() as watcher:
        watcher.look()
        for _ in range(5):
            with here.browser() as one:
                one.open()
                for _ in range(MOST_BAD):
                    if rng.random() < 0.3:
                        one.say_bytes(rng.randbytes(rng.randrange(200)))
                    else:
                        one.say_text("".join(rng.choices(pieces, k=rng.randrange(12))))
                one.wait(lambda one=one: one.closed, "the end of the socket")
        with here.browser() as one:
            one.open()
            one.say_text("x" * 10_000)
            one.wait(lambda: one.closed, "the end of the socket")
        watcher.wait(lambda: watcher.last("roles")["browsers"] == 1, "the others to be gone")
        count = len(watcher.of("state"))
        watcher.wait(lambda: len(watcher.of("state")) > count, "the state, still")
    assert here.orders() == [] and not here.desk.hold.active


def test_a_verb_that_does_not_exist_is_refused(here):
    with here.browser() as one:
        one.look().take()
        one.say("do", verb="format_disk", text="")
        one.wait(lambda: one.of("refused"), "the refusal")
        assert one.last("refused")["why"] == "bad_request" and here.orders() == []


def test_maps_of_what_counts_come_to_who_asks_and_at_no_other_time(here):
    effects = np.ones((8, 8), np.float32)
    here.desk.overlays.put("left", lambda: effects)
    with here.browser() as one, here.browser() as other:
        one.look()
        other.look()
        assert not here.desk.overlaying
        one.say("overlay", on=True)
        one.wait(lambda: here.desk.overlaying, "the wish")
        maps = lambda browser: [data for data in list(browser.pictures) if data[0] == 128]
        here.desk.shelf.put("left", lambda: np.full((16, 16, 3), 90, np.uint8))
        one.wait(lambda: maps(one), "a map")
        assert maps(one)[0][1:5] == b"\x89PNG" and not maps(other)
        one.say("overlay", on=False)
        one.wait(lambda: not here.desk.overlaying, "the end")
        count = len(maps(one))
        here.desk.overlays.put("left", lambda: effects)
        time.sleep(0.2)
        assert len(maps(one)) == count
        one.say("overlay", on=True)
        one.wait(lambda: here.desk.overlaying, "the wish")
    with here.browser() as watcher:
        watcher.look()
        watcher.wait(lambda: not here.desk.overlaying, "nobody to see it")


REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET /socket HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    b'\x81\x28{"kind":"do","verb":"reset","text":""}     ',
    b"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9999999999\r\n\r\n{}",
    b"GET /archive/episodes/1/page HTTP/1.1\r\nHost: {host}\r\nCookie: gato_ros_console=x\r\n\r\n",
)


def test_fuzzed_requests_do_nothing_and_the_page_is_still_served(here):
    rng = random.Random(1)
    here.orders()
    host = here.url.split("//")[1]
    place = ("127.0.0.1", int(host.rsplit(":", 1)[1]))
    answers = 0
    for _ in range(120):
        request = bytearray(rng.choice(REQUESTS).replace(b"{host}", host.encode()))
        for _ in range(rng.choice((1, 2, 8, 64))):
            at = rng.randrange(len(request))
            request[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
        with socket.create_connection(place, timeout=10.0) as raw:
            raw.sendall(request)
            raw.settimeout(0.1)
            with contextlib.suppress(ConnectionResetError, TimeoutError):  # who sends nonsense may be told nothing
                answers += raw.recv(64).startswith(b"HTTP/1.1 ")
    assert answers > 5
    with here.browser() as one:
        assert one.get("/")[0] == 200 and one.look().status == 101
    assert here.orders() == [] and not here.desk.hold.active and not here.desk.commanded
