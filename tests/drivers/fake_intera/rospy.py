"""Stands in for ROS 1 in the agent's process: what the agent uses of it, over datagrams to fake_sawyer.py."""

import contextlib
import json
import os
import socket
import sys
import threading
import types

_subscribers = {}
_wire = None


def init_node(name, disable_signals=False):
    global _wire
    _wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    _wire.connect(("127.0.0.1", int(os.environ["FAKE_SAWYER_PORT"])))
    threading.Thread(target=_listen, daemon=True).start()
    send("hello", {})


def _listen():
    while True:
        try:
            message = json.loads(_wire.recv(65536))
        except ConnectionError:  # nobody there: a robot that is switched off
            continue
        for callback in _subscribers.get(message["topic"], ()):
            callback(message)


def send(topic, fields):
    with contextlib.suppress(ConnectionError):
        _wire.send(json.dumps({"topic": topic, **fields}).encode())


def receive(topic, callback):
    """As Subscriber, for this package: the fields as they are."""
    _subscribers.setdefault(topic, []).append(callback)


class Subscriber:
    def __init__(self, topic, kind, callback, queue_size=None, tcp_nodelay=False):
        receive(topic, lambda fields: callback(kind(**{key: value for key, value in fields.items() if key != "topic"})))


class Publisher:
    def __init__(self, topic, kind, latch=False, queue_size=None):
        self._topic = topic

    def publish(self, message):
        send(self._topic, vars(message))


class Message(types.SimpleNamespace):
    """Any message."""


def is_shutdown():
    return False


def logwarn(text):
    print(text, file=sys.stderr, flush=True)
