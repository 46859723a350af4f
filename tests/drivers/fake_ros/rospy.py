"""Stands in for ROS 1 in the agent's process: what the agent uses of it, over datagrams to fake_sawyer.py."""

import sys
import types

import wire


def init_node(name, disable_signals=False):
    wire.open_socket()


class Subscriber:
    def __init__(self, topic, kind, callback, queue_size=None, tcp_nodelay=False):
        wire.receive(topic, lambda fields: callback(kind(**{k: value for k, value in fields.items() if k != "topic"})))


class Publisher:
    def __init__(self, topic, kind, latch=False, queue_size=None):
        self._topic = topic

    def publish(self, message):
        wire.send(self._topic, vars(message))


class Message(types.SimpleNamespace):
    """Any message."""


def is_shutdown():
    return False


def logwarn(text):
    print(text, file=sys.stderr, flush=True)
