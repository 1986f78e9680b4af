# SPDX-License-Identifier: Apache-2.0
"""Quality of service of every endpoint, and readable descriptions of it: the most common problem with camera nodes.

Inputs accept whatever a camera offers (best effort, depth 1). Outputs are reliable, because rviz and most tools request
that by default (REP 2003). The parameters `qos_overrides.<topic>.<publisher|subscription>.*` override both.
"""

from collections.abc import Callable, Iterable
from typing import Any

from rclpy.qos import (
    DurabilityPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # ROS 2 Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks


def _profile(reliability: ReliabilityPolicy, durability: DurabilityPolicy = DurabilityPolicy.VOLATILE) -> QoSProfile:
    """A new profile, since rclpy writes overrides into it; one message, since only the newest is of interest."""
    return QoSProfile(depth=1, reliability=reliability, durability=durability)


def output_qos() -> QoSProfile:
    """Profile of every output."""
    return _profile(ReliabilityPolicy.RELIABLE)


def overridable() -> QoSOverridingOptions:
    """Options that turn history, depth, reliability and durability of an endpoint into parameters."""
    kinds = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY)
    return QoSOverridingOptions(kinds)


def subscribe(
    node: Any, message_type: type, topic: str, callback: Callable, on_incompatible: Callable[[Any, str], None]
) -> Any:
    """Input subscription; `on_incompatible` is called with the event and the topic."""
    return node.create_subscription(
        message_type,
        topic,
        callback,
        _profile(ReliabilityPolicy.BEST_EFFORT),
        event_callbacks=SubscriptionEventCallbacks(incompatible_qos=lambda event: on_incompatible(event, topic)),
        qos_overriding_options=overridable(),
    )


def subscribe_latched(node: Any, message_type: type, topic: str, callback: Callable) -> Any:
    """Subscription to messages that publishers keep; others do not matter here, so nothing warns about them."""
    quiet = SubscriptionEventCallbacks(incompatible_qos=lambda event: None)
    profile = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
    return node.create_subscription(message_type, topic, callback, profile, event_callbacks=quiet)


def publisher_events(*, incompatible_qos: Any, matched: Any) -> PublisherEventCallbacks:
    """Callbacks of a publisher; `matched` (a subscriber appears or leaves) exists since ROS 2 Iron."""
    events = PublisherEventCallbacks(incompatible_qos=incompatible_qos)
    if hasattr(events, "matched"):
        events.matched = matched
    return events


def is_latched(info: Any) -> bool:
    """Whether a publisher keeps its messages for reliable subscriptions that come later."""
    profile = info.qos_profile
    return profile.durability == DurabilityPolicy.TRANSIENT_LOCAL and profile.reliability == ReliabilityPolicy.RELIABLE


def describe_qos(profile: QoSProfile) -> str:
    """A profile in short, e.g. "best_effort, volatile"."""
    return f"{profile.reliability.name.lower()}, {profile.durability.name.lower()}"


def describe_publishers(infos: Iterable[Any]) -> str:
    """All publishers of a topic (`TopicEndpointInfo`) with type and QoS, or a hint that there is none."""
    texts = [
        f"{info.node_namespace.rstrip('/')}/{info.node_name} ({info.topic_type}; {describe_qos(info.qos_profile)})"
        for info in infos
    ]
    return ", ".join(sorted(texts)) or "nobody (check the topic name and ROS_DOMAIN_ID)"


def policy_name(event: Any) -> str:
    """Name of the policy that an incompatible-QoS event is about."""
    return qos_policy_name_from_kind(event.last_policy_kind)
