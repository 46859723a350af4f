"""Topics by name and fields over the real rospy: what fake_intera/intera_interface.py speaks (see fake_ros/wire.py)."""

import threading

import rospy
import topics

_publishers = {}
_lock = threading.Lock()


def receive(topic, callback):
    """Call `callback` with the fields of every message of the topic."""
    rospy.Subscriber(
        topic,
        topics.STATES[topic],
        lambda message: callback(topics.fields(topic, message)),
        queue_size=1,
        tcp_nodelay=True,
    )


def send(topic, fields):
    """Publish a message with these fields."""
    with _lock:
        if topic not in _publishers:
            _publishers[topic] = rospy.Publisher(
                topic, topics.COMMANDS[topic], queue_size=1, tcp_nodelay=True, latch=topic in topics.LATCHED
            )
    _publishers[topic].publish(topics.message(topic, fields))
