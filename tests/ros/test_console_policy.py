"""The page and a real policy_node: weights are chosen, refused and loaded, and what counts is shown while asked for."""

import pytest
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

pytest.importorskip("aiohttp", reason="aiohttp is not installed here (requirements/runtime.txt has it)")

from dataclasses import replace

from gato_ros.embodiments import load_embodiment
from gato_ros.models.presets import PRESETS
from gato_ros.nodes.policy.saliency_topic import saliency_topic
from tests.nodes.console.browser import Browser
from tests.ros.test_console_node import HOLD, address_of
from tests.ros.test_policy_node import random_weights

ROBOT = load_embodiment()
MAPS = [f"/sawyer/policy_node/{saliency_topic(key)}" for key in ROBOT.image_keys]
ANOTHER = "so101_rgb_stacking"


@pytest.fixture
def folder(tmp_path):
    """Weights for this robot, and for another one."""
    another, preset = load_embodiment(ANOTHER), PRESETS["debug_one_pass"]
    for name, robot in (("mine", ROBOT), ("other", another)):
        (tmp_path / name).mkdir()
        config = replace(preset, observation_keys=(robot.image_keys[0], "gripper/opening"))
        random_weights(tmp_path / name, config, robot)
    return tmp_path


class Operator:
    """A browser in command, and what it sees."""

    def __init__(self, browser, probe):
        self.browser, self._spin = browser, lambda: probe.spin(0.03)

    def wait(self, done, what: str) -> None:
        self.browser.wait(done, what, self._spin)

    @property
    def state(self) -> dict:
        return self.browser.last("state")

    def policy(self) -> tuple[str, str]:
        """Which weights policy_node has, and what it says."""
        said = self.state["policy"] or {"message": "", "values": {}}
        return said["values"].get("policy", ""), said["message"]

    def do(self, verb: str, text: str = "") -> dict:
        """Do it, and what came of it."""
        self.wait(lambda: self.state["available"].get(verb), f"somebody for {verb}")
        self.browser.say("do", verb=verb, text=text)
        before = len(self.browser.of("answer"))
        self.wait(lambda: len(self.browser.of("answer")) > before, f"the answer to {verb}")
        answer = self.browser.last("answer")
        assert answer["verb"] == verb
        return answer

    def weights(self) -> dict[str, str]:
        """Name of each listed policy -> its number."""
        self.browser.say("list", what="weights")
        listed = lambda: self.browser.of("listing") and self.browser.last("listing")["done"]
        self.wait(listed, "the list")
        return {row["name"]: str(row["number"]) for row in self.browser.last("listing")["rows"]}


def watches(probe) -> bool:
    found = [info for topic in MAPS for info in probe.node.get_subscriptions_info_by_topic(topic)]
    return any(info.node_name == "console_node" for info in found)


def test_weights_are_chosen_and_what_counts_is_shown(processes, probe, folder, compiled_as_a_users):
    # Its own operator is out of the way: the gate lets no policy begin beside two people.
    away = [part for name in ("twist", "gripper") for part in ("-r", f"human/{name}:=away/{name}")]
    processes.node("sample_robot", "-p", "operator:=false", *away)
    processes.node("guard_node", "-p", "start_armed:=true")
    processes.node("policy_node", "-p", "saliency_rate_hz:=5.0")
    console = processes.node("console_node", "-p", "port:=0", "-p", f'policies:="{folder}"', *HOLD)
    with Browser(address_of(console, probe)) as browser:
        browser.look().take()
        operator = Operator(browser, probe)
        operator.wait(lambda: operator.policy() == ("hold", "proposing"), "a policy that holds")
        numbers = operator.weights()
        assert numbers.keys() == {"mine", "other"} and not operator.state["available"]["overlay"]

        # While it is active nobody changes the weights, by whatever way.
        change = SetParameters.Request(parameters=[Parameter("policy", value=str(folder / "mine")).to_parameter_msg()])
        refused = probe.call(SetParameters, "policy_node/set_parameters", change).results[0]
        assert not refused.successful and refused.reason.startswith("expected policy_node inactive")
        assert operator.policy() == ("hold", "proposing")

        answer = operator.do("policy", numbers["other"])
        assert not answer["success"] and answer["message"].startswith("expected the embodiment of")
        operator.wait(lambda: operator.policy()[1].startswith("inactive"), "a policy that is down")
        assert operator.policy()[0] == "hold"

        # Weights that were chosen and not loaded: the old ones do not drive in their place.
        assert probe.call(SetParameters, "policy_node/set_parameters", change).results[0].successful
        assert not operator.do("bring_up")["success"]
        operator.wait(lambda: "clean up and configure first" in operator.policy()[1], "why")

        answer = operator.do("policy", numbers["mine"])
        assert answer["success"], answer
        operator.wait(lambda: operator.policy()[0] == str(folder / "mine"), "the new weights")
        assert operator.policy()[1].startswith("inactive")
        assert operator.do("bring_up")["success"]
        operator.wait(lambda: operator.policy()[1] == "proposing", "a policy that proposes")

        answer = operator.do("policy", numbers["other"])
        assert not answer["success"] and answer["message"].startswith("expected the embodiment of")
        probe.spin(0.5)
        assert operator.policy()[1] == "proposing"  # nothing is brought down for weights that do not fit

        operator.wait(lambda: operator.state["available"].get("overlay"), "maps to be offered")
        assert not watches(probe)
        browser.say("overlay", on=True)
        operator.wait(lambda: any(data[0] >= 128 for data in list(browser.pictures)), "a map")
        operator.wait(lambda: operator.state["saliency"], "its age")
        browser.say("overlay", on=False)
        probe.wait(lambda: not watches(probe), "the maps to be left alone")
        assert operator.do("bring_down")["success"]
        operator.wait(lambda: operator.policy()[1].startswith("inactive"), "a policy that is down")
