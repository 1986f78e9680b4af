# SPDX-License-Identifier: Apache-2.0
"""Names of topics: what belongs to an image topic, and what its output topics begin with."""

from collections.abc import Sequence

from prv2_ros.bags.pictures import base_name, namespace


def output_prefixes(images: Sequence[str], prefix: str | None) -> dict[str, str]:
    """What the output topics of each image topic begin with: different for each of them.

    Args:
        images: Image topics.
        prefix: A common beginning; None is each camera's namespace.
    """
    starts = {name: (namespace(name) if prefix is None else prefix).rstrip("/") for name in images}
    found: dict[str, str] = {}
    for start in dict.fromkeys(starts.values()):
        sharing = [name for name in images if starts[name] == start]
        # What tells those apart that begin alike: nothing, the image's own name, its namespace, both, or the transport.
        ways = (
            lambda name: "",
            lambda name: "/" + base_name(name).rsplit("/", 1)[1],
            namespace,
            lambda name: base_name(name),
            lambda name: name.removeprefix(namespace(name)),
            lambda name: name,
        )
        parts = next(parts for way in ways if len(set(parts := [way(name) for name in sharing])) == len(sharing))
        found |= {name: start + part for name, part in zip(sharing, parts, strict=True)}
    return {name: found[name] for name in images}
