# SPDX-License-Identifier: Apache-2.0
"""Names of topics: what belongs to an image topic, and what its output topics begin with."""

from collections.abc import Sequence

COMPRESSED = "/compressed"


def namespace_of(image: str) -> str:
    """Namespace of an image topic, raw or compressed."""
    return image.removesuffix(COMPRESSED).rsplit("/", 1)[0]


def output_prefixes(images: Sequence[str], prefix: str | None) -> dict[str, str]:
    """What the output topics of each image topic begin with: different for each of them.

    Args:
        images: Image topics.
        prefix: A common beginning; None is each camera's namespace.
    """
    starts = {name: (namespace_of(name) if prefix is None else prefix).rstrip("/") for name in images}
    found: dict[str, str] = {}
    for start in dict.fromkeys(starts.values()):
        sharing = [name for name in images if starts[name] == start]
        # What tells those apart that begin alike: nothing, the image's own name, its namespace, both, or the transport.
        ways = (
            lambda name: "",
            lambda name: "/" + name.removesuffix(COMPRESSED).rsplit("/", 1)[1],
            namespace_of,
            lambda name: name.removesuffix(COMPRESSED),
            lambda name: name.removeprefix(namespace_of(name)),
            lambda name: name,
        )
        parts = next(parts for way in ways if len(set(parts := [way(name) for name in sharing])) == len(sharing))
        found |= {name: start + part for name, part in zip(sharing, parts, strict=True)}
    return {name: found[name] for name in images}
