# SPDX-License-Identifier: Apache-2.0
"""Quality of service of every endpoint, and words for it: what users of camera nodes stumble over most.

Inputs take whatever a camera offers (best effort, depth 1); outputs are reliable, because rviz and most tools ask for
that by default (REP 2003). Both can be overridden by parameters `qos_overrides.<topic>.<publisher|subscription>.*`.
"""

from collections.abc import Iterable
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # ROS 2 Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

__all__ = [
    "SubscriptionEventCallbacks",
    "describe_publishers",
    "describe_qos",
    "input_qos",
    "is_latched",
    "latched_qos",
    "output_qos",
    "overridable",
    "policy_name",
    "publisher_events",
]


def input_qos() -> QoSProfile:
    """Sensor data with room for one message: the newest is the only one of interest."""
    return QoSProfile(
        depth=1,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )


def output_qos() -> QoSProfile:
    """Reliable with room for one message."""
    return QoSProfile(
        depth=1,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
    )


def latched_qos() -> QoSProfile:
    """Reliable, and asks for what was sent before: only publishers that keep it (transient local) match."""
    return QoSProfile(
        depth=1,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def is_latched(info: Any) -> bool:
    """Whether a publisher keeps what it sent, and a reliable subscription gets it."""
    profile = info.qos_profile
    return profile.durability == DurabilityPolicy.TRANSIENT_LOCAL and profile.reliability == ReliabilityPolicy.RELIABLE


def overridable() -> QoSOverridingOptions:
    """History, depth, reliability and durability of an endpoint become parameters."""
    kinds = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY)
    return QoSOverridingOptions(kinds)


def describe_qos(profile: QoSProfile) -> str:
    """Short words for a profile, e.g. "best_effort, volatile"."""
    return f"{profile.reliability.name.lower()}, {profile.durability.name.lower()}"


def describe_endpoint(info: Any) -> str:
    """Short words for a publisher of a topic (`rclpy.topic_endpoint_info.TopicEndpointInfo`)."""
    name = f"{info.node_namespace.rstrip('/')}/{info.node_name}"
    return f"{name} ({info.topic_type}; {describe_qos(info.qos_profile)})"


def publisher_events(*, incompatible_qos: Any, matched: Any) -> PublisherEventCallbacks:
    """Callbacks for a publisher; that a subscriber has come or gone is told since ROS 2 Iron."""
    events = PublisherEventCallbacks(incompatible_qos=incompatible_qos)
    if hasattr(events, "matched"):
        events.matched = matched
    return events


def describe_publishers(infos: Iterable[Any]) -> str:
    """Words for all publishers of a topic, or for there being none."""
    return ", ".join(sorted(map(describe_endpoint, infos))) or "nobody (is the name remapped, the domain the same?)"


def policy_name(event: Any) -> str:
    """Name of the policy that an incompatible-QoS event is about."""
    from rclpy.qos import qos_policy_name_from_kind

    return qos_policy_name_from_kind(event.last_policy_kind)
