# SPDX-License-Identifier: Apache-2.0
"""People: bodies from tubes and blobs."""

import numpy as np

from prv2_ros.render.builder import SceneBuilder

_HATS = ((0.9, 0.8, 0.1), (0.9, 0.9, 0.9), (0.1, 0.2, 0.5))


def person(b: SceneBuilder) -> None:
    """Pedestrian or worker with random clothes, stride and arms, sometimes a bag, hat or vest."""
    rng = b.rng
    tall = rng.uniform(1.5, 1.95)
    skin = b.plain(np.array([0.85, 0.65, 0.52]) * rng.uniform(0.4, 1.1), 0.1)
    shirt = b.material("fabric", 0.6, 0.2, specular=0.02) if b.chance(0.6) else b.plain(specular=0.02)
    trousers = b.material("fabric", 0.6, 0.2, rng.uniform(0.2, 0.6, 3), specular=0.02)
    shoe = b.plain(rng.uniform(0.02, 0.4, 3))
    stride, swing, elbow = rng.uniform(-0.35, 0.35), rng.uniform(-0.4, 0.4), rng.uniform(0, 0.9)
    hip, neck, broad = tall * 0.52, tall * 0.83, tall * rng.uniform(0.105, 0.13)
    for side, phase in ((-1, 1), (1, -1)):
        foot = np.array([phase * stride * 0.7, side * 0.1, 0.07])
        knee = np.array([phase * stride * 0.4 + 0.05 * abs(stride), side * 0.1, hip * 0.53])
        b.tube([(0, side * 0.09, hip), knee, foot], np.array([0.092, 0.07, 0.052]) * tall / 1.7, trousers, 9)
        b.blob(foot + (0.06, 0, -0.025), (0.14, 0.05, 0.05), shoe, detail=6)
        shoulder = np.array([0, side * broad * 1.5, neck - 0.07])
        arm = shoulder + (-phase * swing * 0.35, side * 0.06, -0.29)
        hand = arm + (-phase * swing * 0.3 + elbow * 0.15, 0, -0.25 + elbow * 0.15)
        b.tube([shoulder, arm, hand], [0.055, 0.045, 0.038], shirt, 8)
        b.blob(hand, (0.045, 0.035, 0.055), skin, detail=6)
    middle, half = (hip + neck) / 2, (neck - hip) / 2
    b.blob((0, 0, middle), (broad * 0.95, broad * 1.5, half * 1.12), shirt, detail=10)
    b.blob((0, 0, neck - 0.1), (broad * 0.75, broad * 1.75, 0.1), shirt, detail=10)
    b.blob((0, 0, hip - 0.01), (broad * 0.8, broad * 1.12, 0.13), trousers, detail=9)
    b.cylinder((0, 0, neck - 0.02), 0.1, 0.05, skin, 8)
    b.blob((0.015, 0, tall - 0.12), (0.1, 0.078, 0.125), skin, detail=9)
    hair = b.plain(np.array([0.35, 0.22, 0.13]) * rng.uniform(0.1, 1.8), 0.05)
    b.blob((-0.02, 0, tall - 0.085), (0.1, 0.085, 0.1), hair, detail=8)
    extra = rng.integers(5)
    if extra == 0:
        b.box((-0.2, 0, neck - 0.3), (0.16, 0.3, 0.42), b.plain())
    elif extra == 1:
        b.box((0.02, broad * 1.5 + 0.16, hip - 0.1), (0.36, 0.1, 0.28), b.plain())
    elif extra == 2:
        b.blob((0, 0, tall - 0.05), (0.125, 0.11, 0.09), b.plain(b.pick(_HATS)), detail=8)
