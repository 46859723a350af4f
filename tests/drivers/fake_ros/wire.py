"""Topics by name and fields, over datagrams to fake_sawyer.py: what fake_intera/intera_interface.py speaks."""

import contextlib
import json
import os
import socket
import threading

_subscribers = {}
_socket = None


def open_socket():
    """As init_node: from now on there are messages."""
    global _socket
    _socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    _socket.connect(("127.0.0.1", int(os.environ["FAKE_SAWYER_PORT"])))
    threading.Thread(target=_listen, daemon=True).start()
    send("hello", {})


def _listen():
    while True:
        try:
            message = json.loads(_socket.recv(65536))
        except ConnectionError:  # nobody there: a robot that is switched off
            continue
        for callback in _subscribers.get(message["topic"], ()):
            callback(message)


def send(topic, fields):
    with contextlib.suppress(ConnectionError):
        _socket.send(json.dumps({"topic": topic, **fields}).encode())


def receive(topic, callback):
    """Call `callback` with the fields of every message of the topic."""
    _subscribers.setdefault(topic, []).append(callback)
