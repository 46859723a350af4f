"""policy_node/saliency: what counts in the pictures is said beside control, and only to whoever subscribes."""

import time

import numpy as np
import pytest
from sensor_msgs.msg import Image

from gato_ros.embodiments import load_embodiment
from gato_ros.models.presets import PRESETS
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.policy.saliency import OLDEST_S, PAUSE_S, SaliencyMaps
from gato_ros.nodes.policy.saliency_topic import saliency_topic
from gato_ros.nodes.policy.slack import Slack
from gato_ros.nodes.runtime.qos import CAMERA
from tests.ros.test_policy_node import Scene, random_weights

ROBOT = load_embodiment()
RATE = ("-p", "saliency_rate_hz:=5.0")


@pytest.mark.parametrize("preset", ["debug_one_pass", "debug"])
def test_maps_come_while_somebody_subscribes_and_control_goes_on(
    processes, probe, tmp_path, compiled_as_a_users, preset
):
    scene = Scene(processes, probe, random_weights(tmp_path, PRESETS[preset], ROBOT), *RATE)
    count = lambda: int(values_of(scene.status[-1][1])["saliency_maps"])
    statuses = lambda: len(scene.status)
    scene.sense_until(lambda: len(scene.proposals) > 5, "proposals")
    before = statuses()
    scene.sense_until(lambda: statuses() > before + 1, "time")
    assert count() == 0

    keys = [key for key in ROBOT.image_keys if key in PRESETS[preset].observation_keys]
    topics = [f"policy_node/{saliency_topic(key)}" for key in keys]
    maps = [probe.listen(Image, topic, CAMERA) for topic in topics]
    # One of noise and random weights may lie below the resolution of float32: the next one is of another picture.
    counts = lambda received: any(np.frombuffer(one.data, np.float32).max() > 0.0 for _, one in received)
    scene.sense_until(lambda: all(map(counts, maps)), "a map of each camera on which something counts")
    proposed = len(scene.proposals)
    for key, received in zip(keys, maps):
        message = received[-1][1]
        values = np.frombuffer(message.data, np.float32).reshape(message.height, message.width)
        assert message.encoding == "32FC1" and message.step == 4 * message.width
        assert message.header.frame_id == ROBOT.cameras[key].frame_id
        # One shape with the whole picture, so that it can be laid over it.
        assert message.height == message.width and ROBOT.cameras[key].shape[0] % message.height == 0
        assert np.isfinite(values).all() and values.min() >= 0.0
        stamps = {seconds(one.time_ref) for _, one in scene.timing}
        assert min(abs(seconds(message.header.stamp) - one) for one in stamps) < 1e-3
    scene.sense_until(lambda: len(scene.proposals) > proposed + 5 and count() > 0, "proposals beside them")

    for subscription in [one for one in probe.node.subscriptions if "saliency" in one.topic_name]:
        probe.node.destroy_subscription(subscription)
    # The one that was begun is finished.
    before = statuses()
    scene.sense_until(lambda: statuses() > before + 2, "time")
    done, before = count(), statuses()
    scene.sense_until(lambda: statuses() > before + 2, "time")
    assert count() == done


class Work:
    """Pieces that take so long [s]."""

    def __init__(self, pieces: int, piece_s: float):
        self.pieces, self.piece_s, self.done = pieces, piece_s, 0

    @property
    def waiting(self) -> bool:
        return self.done < self.pieces

    def fits(self, left_s: float) -> bool:
        return self.waiting and self.piece_s < left_s

    def work(self) -> None:
        self.done += 1


def test_the_time_goes_to_the_first_work_whose_piece_fits():
    long, short = Work(1, 0.5), Work(2, 0.1)
    slack = Slack(long, short)
    assert slack.waiting and not slack.fits(0.05)
    assert slack.fits(0.2)
    slack.work()
    assert (long.done, short.done) == (0, 1)
    assert slack.fits(1.0)
    slack.work()
    assert (long.done, short.done) == (1, 1)
    slack.work()  # in no hurry
    assert short.done == 2 and not slack.waiting and not slack.fits(9.0)
    slack.work()


def waiting(times_s, quickest_s):
    """Maps in the making, without a node: what pieces took so far."""
    maps = SaliencyMaps.__new__(SaliencyMaps)
    maps._taking, maps._pending, maps._since_s = False, iter((None,)), time.monotonic()
    maps._times_s, maps._quickest_s, maps._coarse = list(times_s), quickest_s, False
    maps._next_s, maps._period_s, maps._left_s, maps._pause_s = 0.0, 1.0, np.inf, PAUSE_S
    return maps


def test_a_piece_of_a_map_begins_only_where_it_fits_twice():
    maps = waiting((0.010, 0.011, 0.008), 0.008)
    assert maps.fits(0.023) and not maps.fits(0.022) and not maps.fits(-1.0)
    maps._pending = None
    assert not maps.fits(1.0)


def test_a_map_that_found_no_time_is_given_up_and_the_next_is_tried():
    maps = waiting((5.0,), 0.010)
    assert not maps.fits(0.030) and maps.waiting
    maps._since_s -= 1.01 * OLDEST_S
    assert not maps.fits(0.030) and not maps.waiting and maps._coarse
    maps._pending, maps._since_s = iter((None,)), time.monotonic()
    assert maps.fits(0.030) and not maps.fits(0.020)


def test_a_piece_that_took_too_long_pauses_the_maps():
    def slow():
        time.sleep(0.03)
        yield None

    maps, pauses = waiting((0.001,), 0.001), []
    for _ in range(6):
        maps._pending, maps._since_s, maps._times_s = slow(), time.monotonic(), [0.001]
        assert maps.fits(0.02)
        maps.work()
        assert not maps.waiting
        pauses.append(round(maps._next_s - time.monotonic()))
    assert pauses == [5, 10, 20, 40, 80, 80]
    maps._pending = slow()  # in no hurry, as while the policy is silent
    maps.work()
    assert maps.waiting


def test_a_policy_without_pictures_or_a_rate_of_nothing_makes_no_maps(probe):
    from gato_ros.embodiments.actions.hold import hold_policy

    for rate in (0.0, 1.0):
        maps = SaliencyMaps(probe.node, ROBOT, hold_policy(ROBOT), rate)
        maps.began()
        maps.work()
        assert not maps.waiting and not maps.fits(9.0) and maps.published == 0
    assert not [one for one in probe.node.publishers if "saliency" in one.topic_name]
