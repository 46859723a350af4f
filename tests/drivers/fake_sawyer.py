"""A model of what a Sawyer does with commands, as a process of its own: `python fake_sawyer.py` prints its UDP port.

It models modes, timeouts, enabling, emergency stop, homing, cuff and gripper as the Intera SDK's sources and pages tell
them, not dynamics. It is what the author believes of the robot, so a test against it proves no more than that. Topics
go as JSON datagrams to everybody who has said hello; a test acts by `control` messages and sees by `truth`.
"""

import json
import math
import random
import socket
import time

NAMES = [f"right_j{i}" for i in range(7)]
POSITION, VELOCITY, TORQUE, TRAJECTORY = 1, 2, 3, 4
TICK_S = 0.01
HOMING_S, ACKNOWLEDGE_S, FINGER_SPEED_M_S = 0.3, 0.1, 0.1


class Sawyer:
    """Time [s] is an argument."""

    def __init__(self, now):
        self.position = dict.fromkeys(NAMES, 0.0) | {"right_j1": -0.5, "right_j3": 1.2}
        self.velocity = dict.fromkeys(NAMES, 0.0)
        self.mode, self.until_s, self.timeout_s, self.reached_s = POSITION, -math.inf, 0.2, now
        self.last_command_s, self.held_s = None, None
        self.goal = dict(self.position)
        self.commands, self.too_early, self.odd = {}, 0, []
        self.enabled = self.stopped = self.error = self.cuff = self.collided = False
        self.homed, self.homing_until_s = True, None
        self.button, self.source = 0, 0
        self.calibrated, self.opening_m, self.opening_goal_m = False, 0.02, 0.02
        self.acknowledge_s, self.acknowledged = {}, []
        self.mute = set()

    @property
    def ready(self):
        return self.enabled and self.homed and not (self.stopped or self.error)

    def advance(self, now):
        moved_s = now - self.reached_s
        if self.mode == VELOCITY:
            moved_s = max(0.0, min(now, self.until_s) - self.reached_s)
        if not self.ready or self.cuff:
            self._hold(now)
        if self.mode in (VELOCITY, TRAJECTORY):
            for name, value in self.velocity.items():
                self.position[name] += moved_s * value
        elif self.mode == POSITION:
            for name, goal in self.goal.items():
                self.position[name] += max(-0.5 * moved_s, min(0.5 * moved_s, goal - self.position[name]))
        if self.mode == VELOCITY and now > self.until_s:
            self._hold(now)
        if self.homing_until_s is not None and now > self.homing_until_s:
            self.homed, self.homing_until_s = True, None
        step_m = FINGER_SPEED_M_S * (now - self.reached_s) * self.calibrated
        self.opening_m += max(-step_m, min(step_m, self.opening_goal_m - self.opening_m))
        self.acknowledged = [number for number, due_s in self.acknowledge_s.items() if due_s <= now][-100:]
        self.reached_s = now

    def _hold(self, now):
        if self.mode != POSITION:
            self.mode, self.goal, self.held_s = POSITION, dict(self.position), now
        self.velocity = dict.fromkeys(NAMES, 0.0)

    def command(self, message, now):
        mode = message["mode"]
        self.commands[mode] = self.commands.get(mode, 0) + 1
        self.too_early += not self.ready
        if not self.ready or self.cuff:
            return
        self.mode, self.last_command_s = mode, now
        if mode == VELOCITY:
            self.velocity = self.velocity | dict(zip(message["names"], message["velocity"]))
            self.until_s = now + self.timeout_s
        elif mode == TRAJECTORY:  # goes on for ever: nothing ends it
            self.velocity = self.velocity | dict(zip(message["names"], message["velocity"]))
        elif mode == POSITION:
            self.goal = self.goal | dict(zip(message["names"], message["position"]))

    def receive(self, message, now):
        self.advance(now)
        topic = message["topic"]
        if topic == "control":
            self.control(message["what"], message["value"], now)
        elif topic == "/robot/limb/right/joint_command":
            self.command(message, now)
        elif topic == "/robot/limb/right/joint_command_timeout":
            self.timeout_s = message["data"]
        elif topic == "/robot/set_super_enable":
            self.enabled = message["data"] and not self.stopped
        elif topic == "/robot/set_super_reset":
            if self.stopped and self.button != 1:
                self.stopped = self.error = False
                self.button = self.source = 0
        elif topic == "/robot/set_super_stop":
            self.control("button", 2, now)
        elif topic == "/robot/set_homing_mode":
            if self.enabled and not self.homed and self.homing_until_s is None:
                self.homing_until_s = now + HOMING_S
        elif topic == "/io/end_effector/right_gripper/command":
            # The SDK repeats a command until it is acknowledged.
            self.acknowledge_s.setdefault(message["number"], now + ACKNOWLEDGE_S)
            if "calibrate" in message["set"]:
                self.calibrated = True
            if "position_m" in message["set"] and self.calibrated:
                self.opening_goal_m = message["set"]["position_m"]
        else:
            self.odd.append(topic)

    def control(self, what, value, now):
        if what == "button":
            self.button, self.source = value, 1
            if value in (1, 2):
                self.stopped, self.enabled = True, False
                self._hold(now)
        elif what == "mute":
            self.mute = set(value)
        else:
            setattr(self, what, value)

    def said(self, now):
        """Topic -> message."""
        names = ["head_pan", *NAMES]
        random.shuffle(names)
        q, dq = self.position | {"head_pan": 0.0}, self.velocity | {"head_pan": 0.0}
        return {
            "/robot/joint_states": {
                "name": names,
                "position": [q[name] for name in names],
                "velocity": [dq[name] for name in names],
                "effort": [0.0] * 8,
            },
            "/robot/state": {
                "homed": self.homed,
                "ready": self.ready,
                "enabled": self.enabled,
                "stopped": self.stopped,
                "error": self.error,
                "estop_button": self.button,
                "estop_source": self.source,
            },
            "/robot/homing_states": {"name": NAMES, "state": [0 if self.homed else 2] * 7},
            "/io/robot/cuff/state": {"right_cuff": self.cuff},
            "/robot/limb/right/collision_detection_state": {"collision_state": self.collided},
            "/io/end_effector/right_gripper/state": {
                "is_calibrated": self.calibrated,
                "force_response_n": 0.0,
                "position_response_m": self.opening_m,
                # The SDK sets no signal that is not among these.
                "position_m": self.opening_goal_m,
                "calibrate": False,
                "has_error": False,
                "acknowledged": self.acknowledged,
            },
            "truth": {
                "now_s": now,
                "position": self.position,
                "velocity": self.velocity,
                "mode": self.mode,
                "commands": self.commands,
                "too_early": self.too_early,
                "timeout_s": self.timeout_s,
                "last_command_s": self.last_command_s,
                "held_s": self.held_s,
                "opening_m": self.opening_m,
                "odd": self.odd,
            },
        }


def main():
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind(("127.0.0.1", 0))
    print(wire.getsockname()[1], flush=True)
    robot, listeners, due_s = Sawyer(time.monotonic()), set(), time.monotonic()
    while True:
        wire.settimeout(max(0.0001, due_s - time.monotonic()))
        try:
            data, sender = wire.recvfrom(65536)
            message = json.loads(data)
            if message.get("topic") == "hello":
                listeners.add(sender)
            else:
                robot.receive(message, time.monotonic())
        except (TimeoutError, ConnectionError):
            pass
        now_s = time.monotonic()
        if now_s < due_s:
            continue
        due_s = max(due_s + TICK_S, now_s)
        robot.advance(now_s)
        for topic, message in robot.said(now_s).items():
            if topic in robot.mute:
                continue
            for listener in list(listeners):
                try:
                    wire.sendto(json.dumps({"topic": topic, **message}).encode(), listener)
                except ConnectionError:
                    listeners.discard(listener)


if __name__ == "__main__":
    main()
