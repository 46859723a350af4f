"""A policy on a server decides as it would here; what is late, lost or a lie is no decision."""

import sys
import time

import numpy as np
import pytest

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision
from gato_ros.core.errors import SetupError
from gato_ros.core.policy import Policy, PolicyUnavailable
from gato_ros.core.prompt import Prompt
from gato_ros.drivers.sawyer_agent.keys import make_keys
from gato_ros.remote import host, link
from gato_ros.remote.address import Address
from gato_ros.remote.credentials import client_credentials, server_credentials
from gato_ros.remote.grpc_package import require_grpc
from gato_ros.remote.policy import RemotePolicyError
from gato_ros.remote.terms import prompt_from
from gato_ros.remote.wire import WireError, decode, encode
from tests.remote.conftest import DIGEST, ROBOT, CountingPolicy, observation, until

STEP_MM_S = 1e-3


def speed(decision) -> float:
    return round(float(decision.action.values["twist"][0]) / STEP_MM_S)


def demonstration(steps):
    seen = tuple(observation(step) for step in range(steps))
    return Prompt(seen, tuple(ArmAction(np.zeros(4), 0.04) for _ in seen), "one", "cd" * 32, "the start")


# --- as it would be here ---


def test_it_decides_as_the_policy_itself_and_carries_the_trace(counting, serve, connect):
    remote, here = connect(serve(counting)), CountingPolicy()
    assert isinstance(remote, Policy) and remote.observation_keys == here.observation_keys
    here.reset()
    for step in range(4):
        mine, theirs = here.act(observation(step)), remote.act(observation(step))
        assert theirs.action == mine.action
        for name in ("ids", "entropy_nat", "probability", "logit_margin", "context_tokens", "ticks", "compiled"):
            np.testing.assert_array_equal(getattr(theirs.trace, name), getattr(mine.trace, name), err_msg=name)
        assert theirs.trace.tokens.ids.tolist() == mine.trace.tokens.ids.tolist()
        assert theirs.trace.tokens.patches_crc32 == mine.trace.tokens.patches_crc32
    info = remote.info
    assert (info.digest, info.remembers, info.prompt_steps, info.reach_steps) == (DIGEST, True, 8, 9)
    assert info.served.policy == "counting" and info.served.packages == host.installed_versions()


def test_a_reset_begins_the_memory_over_there(counting, serve, connect):
    remote = connect(serve(counting))
    assert [speed(remote.act(observation())) for _ in range(3)] == [1, 2, 3]
    remote.reset()
    assert speed(remote.act(observation())) == 1


def test_a_prompt_is_sent_once_and_is_the_same_object_after(counting, serve, connect, monkeypatch):
    remote, prompt, sent = connect(serve(counting)), demonstration(3), []
    monkeypatch.setattr(host, "prompt_from", lambda message: sent.append(1) or prompt_from(message))
    for _ in range(2):
        remote.reset(prompt)
        assert speed(remote.act(observation())) == 4
    assert len(sent) == 1 and counting.resets[-1] is counting.resets[-2]
    arrived = counting.resets[-1]
    assert (arrived.name, arrived.digest, arrived.taken, len(arrived)) == ("one", "cd" * 32, "the start", 3)
    assert arrived.actions == prompt.actions and arrived.observations[2].stamp_s == 3.0


def test_what_the_policy_refuses_is_refused_here(counting, serve, connect):
    remote = connect(serve(counting))
    remote.check_prompt(demonstration(8))
    with pytest.raises(SetupError, match="a prompt of at most 8 steps; got 9"):
        remote.check_prompt(demonstration(9))
    remote.check_texts({"task/text": np.zeros(4, np.uint8)})
    with pytest.raises(SetupError, match="texts that this policy knows"):
        remote.check_texts({"task/text": np.ones(4, np.uint8)})


# --- late, lost and back again ---


def test_a_late_answer_is_none_and_the_memory_begins_again(counting, serve, connect):
    remote = connect(serve(counting), limit_s=2.0)
    assert speed(remote.act(observation())) == 1
    counting.act_s = 3.0
    began_s = time.monotonic()
    with pytest.raises(PolicyUnavailable, match="no answer within 2000 ms"):
        remote.act(observation())
    assert time.monotonic() - began_s < 2.9
    counting.act_s = 0.0
    with pytest.raises(PolicyUnavailable, match="has to begin again"):
        remote.act(observation())
    until(lambda: counting.remembered == 2, "the lost step, which counts over there")
    remote.reset()
    assert speed(remote.act(observation())) == 1


def test_a_step_of_another_memory_is_not_answered(counting, serve, connect):
    remote = connect(serve(counting))
    remote.act(observation())
    remote._step += 1
    with pytest.raises(PolicyUnavailable, match=r"episode and step \(0, 2\) were asked for"):
        remote.act(observation())
    assert counting.remembered == 1


def test_a_server_that_ends_is_noticed_and_one_that_comes_back_is_taken(counting, serve, connect):
    server = serve(counting)
    remote, port = connect(server), server.address.port
    remote.act(observation())
    server.close()
    until(lambda: not remote._link.session, "the end of the session")
    began_s = time.monotonic()
    with pytest.raises(PolicyUnavailable, match=f"policy server 127.0.0.1:{port}"):
        remote.act(observation())
    assert time.monotonic() - began_s < 1.0, "it waits for no connection"
    serve(CountingPolicy(), port)
    until(lambda: remote._link.session, "the connection")
    with pytest.raises(PolicyUnavailable, match="has to begin again"):
        remote.act(observation())
    remote.reset()
    assert speed(remote.act(observation())) == 1


def test_a_server_that_comes_back_with_other_weights_is_refused(counting, serve, connect):
    server = serve(counting)
    remote, port = connect(server), server.address.port
    server.close()
    other = serve(CountingPolicy("cd" * 32), port)
    until(lambda: remote._link.refusal is not None, "the refusal")
    for call in (lambda: remote.act(observation()), remote.reset):
        with pytest.raises(SetupError, match="expected weights with sha256 abababababab.*got cdcdcdcdcdcd"):
            call()
    other.close()
    serve(CountingPolicy(), port)
    until(lambda: remote._link.session, "the right server")
    remote.reset()
    remote.act(observation())


def test_one_client_at_a_time_and_the_next_after_it(counting, serve, connect, monkeypatch):
    server = serve(counting)
    first = connect(server)
    with pytest.raises(SetupError, match="got one that serves ipv4:127.0.0.1"):
        connect(server)
    first.act(observation())
    first.close()
    monkeypatch.setattr(link, "FIRST_LIMIT_S", 30.0)
    connect(server).act(observation())


# --- lies ---


def spoil_from_the_second(monkeypatch, change):
    """What a host that is made later answers to every act but the first is changed."""
    real, answers = host.PolicyHost._act, []

    def act(self, message):
        answers.append(real(self, message))
        return answers[0] if len(answers) == 1 else change(answers[-1])

    monkeypatch.setattr(host.PolicyHost, "_act", act)


def header_with(**changed):
    def change(answer):
        found = decode(answer)
        return encode(found.header | changed, found.arrays)

    return change


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: Decision(ArmAction(np.array([np.nan, 0, 0, 0]), 0.04)), "expected a finite twist"),
        (lambda: Decision(ArmAction(np.zeros(4), np.inf)), "expected a finite gripper"),
        (lambda: Decision(ArmAction(np.array([9.0, 0, 0, 0]), 0.04)), "expected twist in"),
        (
            lambda: Decision(Action({"twist": np.zeros(6), "gripper": 0.04})),
            r"expected twist of shape \(4,\), got \(6,\)",
        ),
        (lambda: Decision(Action({"twist": np.zeros(4)})), "expected twist, gripper, got twist"),
        (
            lambda: Decision(Action({"gripper": 0.04, "twist": np.zeros(4)})),
            "expected twist, gripper, got gripper, twist",
        ),
    ],
)
def test_an_action_that_the_robot_does_not_have_is_none(counting, serve, connect, answer, words):
    remote = connect(serve(counting))
    counting.fault = answer
    with pytest.raises(WireError, match=words):
        remote.act(observation())
    counting.fault = None
    with pytest.raises(PolicyUnavailable, match="begin again"):
        remote.act(observation())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (header_with(step=0), r"answers episode and step \(0, 0\), and \(0, 1\) was asked"),
        (header_with(episode=7), "answers episode and step"),
        (header_with(number=1), "answers call 1, not"),
        (header_with(trace=3), "trace"),
        (lambda answer: answer[:-8], "no message of a policy server"),
        (lambda answer: b"\x80\x04evil", "no message of a policy server"),
        (lambda answer: b"", "no message of a policy server"),
    ],
)
def test_an_answer_to_another_question_is_none(counting, serve, connect, monkeypatch, change, words):
    spoil_from_the_second(monkeypatch, change)
    remote = connect(serve(counting))
    remote.act(observation())
    with pytest.raises(WireError, match=words):
        remote.act(observation())


def test_what_the_policy_raises_there_is_said_here(counting, serve, connect):
    remote = connect(serve(counting))
    counting.fault = lambda: (_ for _ in ()).throw(FloatingPointError("the logits are not finite"))
    with pytest.raises(RemotePolicyError, match="FloatingPointError: the logits are not finite"):
        remote.act(observation())


# --- who may talk to whom ---


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"version": "0.0.1"}, "expected gato_ros .* got 0.0.1"),
        ({"wire": 99}, r"got .* \(wire 99\)"),
    ],
)
def test_another_version_is_refused_on_either_side(counting, serve, connect, monkeypatch, told, words):
    server = serve(counting)
    with monkeypatch.context() as patched:
        patched.setattr(link, "WIRE_VERSION" if "wire" in told else "__version__", next(iter(told.values())))
        with pytest.raises(SetupError, match=words):
            connect(server)
    about = host.PolicyHost._about
    monkeypatch.setattr(host.PolicyHost, "_about", lambda self: about(self) | told)
    with pytest.raises(SetupError, match=words):
        connect(server)
    until(lambda: not server._host._session, "the server to be free")


def test_other_weights_than_those_that_are_wanted_are_refused(counting, serve, connect):
    server = serve(counting)
    with pytest.raises(SetupError, match="expected weights with sha256 cd.*got abababababab"):
        connect(server, digest="cd")
    until(lambda: not server._host._session, "the server to be free")
    connect(server, digest=DIGEST[:7]).act(observation())


def test_a_server_for_another_robot_is_refused_and_says_where(counting, serve, connect):
    faster = ROBOT.model_copy(update={"control_rate_hz": 10.0})
    with pytest.raises(SetupError, match="expected the policy server to serve sawyer_rgb_stacking, with .*rate.* 20"):
        connect(serve(counting, contract=faster))


def test_keys_let_in_who_has_them_and_nobody_else(counting, serve, connect, monkeypatch, tmp_path):
    monkeypatch.setattr(link, "FIRST_LIMIT_S", 20.0)
    for name in ("ours", "others"):
        make_keys(tmp_path / name)
    server = serve(counting, keys=str(tmp_path / "ours/agent"))
    connect(server, keys=str(tmp_path / "ours/driver")).act(observation())
    for keys in ("", str(tmp_path / "others/driver")):
        with pytest.raises(SetupError, match="expected a policy server at 127.0.0.1"):
            connect(server, keys=keys)


@pytest.mark.parametrize("keys", ["", "{empty}", "{junk}"])
def test_an_address_of_other_machines_wants_keys_on_both_sides(keys, tmp_path):
    pytest.importorskip("grpc", reason="needs gRPC: pip install -r requirements/remote.txt")
    (tmp_path / "empty").mkdir()
    (tmp_path / "junk").mkdir()
    for name in ("agent.key", "agent.crt", "driver.key", "driver.crt"):
        (tmp_path / "junk" / name).write_bytes(b"\x00junk")
    folder = keys.format(empty=tmp_path / "empty", junk=tmp_path / "junk")
    for credentials in (server_credentials, client_credentials):
        with pytest.raises(SetupError, match="sawyer_agent.keys FOLDER"):
            credentials(folder, Address("192.0.2.1", 7412))


def test_nobody_there_is_said_at_once_in_one_line(serve, connect, counting):
    server = serve(counting)
    server.close()
    with pytest.raises(SetupError, match="expected a policy server at 127.0.0.1.*start one with") as found:
        connect(server)
    assert "\n" not in str(found.value)


def test_without_grpc_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(SetupError, match=r"expected the package grpcio.*pip install gato_ros\[remote\]"):
        require_grpc()
