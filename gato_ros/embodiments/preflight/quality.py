"""Judgements of quality of service before a robot may move: DDS connects only what fits."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gato_ros.core.check_result import Finding, green, red, yellow
from gato_ros.embodiments.preflight.robot_snapshot import Quality, RobotSnapshot, Topic
from gato_ros.embodiments.preflight.wire import matters


def clash(offered: Quality, requested: Quality) -> str:
    """Why DDS does not connect a publisher with a subscription, or nothing."""
    if requested.reliable and not offered.reliable:
        return "best effort is offered, reliable requested"
    if requested.kept and not offered.kept:
        return "durability volatile is offered, transient local requested"
    if offered.deadline_s > requested.deadline_s:
        return f"a deadline of {offered.deadline_s:g} s is offered, {requested.deadline_s:g} s requested"
    if requested.manual_liveliness and not offered.manual_liveliness:
        return "liveliness automatic is offered, manual requested"
    if offered.lease_s > requested.lease_s:
        return f"a liveliness lease of {offered.lease_s:g} s is offered, {requested.lease_s:g} s requested"
    return ""


def judge_quality(seen: RobotSnapshot, topics: Iterable[str], obeyed: Collection[str]) -> list[Finding]:
    """Publishers and subscriptions of one type that DDS will not connect; `obeyed` are the topics that are commands."""
    found, pairs = [], 0
    for name in topics:
        topic = seen.topics.get(name, Topic())
        for publisher in topic.publishers:
            for listener in topic.subscribers:
                pairs += 1
                why = clash(publisher.quality, listener.quality) if publisher.kind == listener.kind else ""
                if why:
                    row = red if matters(listener, seen, name in obeyed) else yellow
                    found.append(
                        row(
                            f"{name}: quality of service",
                            f"{listener.node} receives nothing from {publisher.node}: {why}",
                            "give both the profile of gato_ros/nodes/runtime/qos.py",
                        )
                    )
    return found or [green("quality of service", f"{pairs} pairs of publisher and subscription fit")]
