# SPDX-License-Identifier: Apache-2.0
"""Triangle geometry as arrays: every function returns a Shape in metres with flat or smooth normals.

Texture coordinates are in metres along the surface (the builder divides by the material's tile size),
except where `fit` asks for 0..1 over the whole face.
"""

from typing import NamedTuple

import numpy as np

CELL_M = 4.0


class Shape(NamedTuple):
    """vertices (n, 3), normals (n, 3), uv (n, 2), faces (m, 3) of vertex indices, counter-clockwise outside."""

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: np.ndarray


def join(shapes: list[Shape]) -> Shape:
    """One shape out of several."""
    offsets = np.cumsum([0] + [len(s.vertices) for s in shapes[:-1]])
    return Shape(
        np.concatenate([s.vertices for s in shapes]),
        np.concatenate([s.normals for s in shapes]),
        np.concatenate([s.uv for s in shapes]),
        np.concatenate([s.faces + o for s, o in zip(shapes, offsets, strict=True)]),
    )


def transform(shape: Shape, position=(0, 0, 0), yaw: float = 0.0, scale: float = 1.0) -> Shape:
    """Scaled, turned about z (radians), then moved."""
    position = np.asarray(position, float)
    if not yaw and scale == 1.0:
        return shape._replace(vertices=shape.vertices + position)
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    vertices = shape.vertices * scale @ turn + position
    return Shape(vertices, shape.normals @ turn, shape.uv * scale, shape.faces)


def quad(origin, side_u, side_v, fit: bool = False) -> Shape:
    """Parallelogram from a corner and two sides; normal = side_u x side_v. Subdivided to CELL_M, because MuJoCo
    lights vertices, not pixels."""
    origin, side_u, side_v = (np.asarray(v, float) for v in (origin, side_u, side_v))
    length_u, length_v = np.linalg.norm(side_u), np.linalg.norm(side_v)
    nu, nv = max(1, int(np.ceil(length_u / CELL_M))), max(1, int(np.ceil(length_v / CELL_M)))
    a, b = np.meshgrid(np.linspace(0, 1, nu + 1), np.linspace(0, 1, nv + 1))
    a, b = a.ravel(), b.ravel()
    vertices = origin + a[:, None] * side_u + b[:, None] * side_v
    normal = cross(side_u, side_v)
    normal = normal / (np.linalg.norm(normal) + 1e-12)
    uv = np.stack([a, b], 1) * (1.0 if fit else np.array([length_u, length_v]))
    return Shape(vertices, np.tile(normal, (len(vertices), 1)), uv, grid_faces(nv + 1, nu + 1))


def grid_faces(rows: int, columns: int) -> np.ndarray:
    """Triangles of a rows x columns vertex grid."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


_CUBE = [  # origin, u, v of each face of the unit cube: right, left, back, front, top, bottom
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0, 1, 0), (0, -1, 0), (0, 0, 1)),
    ((1, 1, 0), (-1, 0, 0), (0, 0, 1)),
    ((0, 0, 0), (1, 0, 0), (0, 0, 1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ((0, 1, 0), (1, 0, 0), (0, -1, 0)),
]


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """np.cross for (..., 3) arrays without its overhead, which matters for thousands of small shapes."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    out[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    out[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    out[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return out


_FACES = np.array(_CUBE, float)
_CORNERS = (
    _FACES[:, 0, None]
    + np.array([0, 1, 1, 0])[None, :, None] * _FACES[:, 1, None]
    + np.array([0, 0, 1, 1])[None, :, None] * _FACES[:, 2, None]
)
_CUBE_VERTICES = _CORNERS.reshape(-1, 3) - 0.5
_CUBE_NORMALS = np.repeat(cross(_FACES[:, 1], _FACES[:, 2]), 4, 0)
_CUBE_UV = np.tile(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), (6, 1))
_CUBE_TRIANGLES = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(6)])


def box(center, size, yaw: float = 0.0, fit: bool = False) -> Shape:
    """Box of full side lengths `size` about `center`."""
    size = np.asarray(size, float)
    if size.max() <= CELL_M:
        lengths = np.stack([np.abs(_FACES[:, 1]) @ size, np.abs(_FACES[:, 2]) @ size], 1)
        uv = _CUBE_UV if fit else _CUBE_UV * np.repeat(lengths, 4, 0)
        return transform(Shape(_CUBE_VERTICES * size, _CUBE_NORMALS, uv, _CUBE_TRIANGLES), center, yaw)
    faces = [quad((np.array(o) - 0.5) * size, np.array(u) * size, np.array(v) * size, fit) for o, u, v in _CUBE]
    return transform(join(faces), center, yaw)


def tube(points, radius, sides: int = 8, caps: bool = True) -> Shape:
    """Round tube along a polyline: points (n, 3), radius a number or (n,)."""
    points = np.asarray(points, float)
    radius = np.broadcast_to(np.asarray(radius, float), (len(points),))
    direction = np.gradient(points, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-12
    helper = np.where(np.abs(direction[:, 2:]) > 0.9, np.array([[1.0, 0, 0]]), np.array([[0, 0, 1.0]]))
    side = cross(direction, helper)
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-12
    up = cross(side, direction)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    vertices = points[:, None] + ring * radius[:, None, None]
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    around = 2 * np.pi * radius.max()
    uv = np.stack(np.broadcast_arrays(angle[None] / (2 * np.pi) * around, along[:, None]), -1)
    faces = grid_faces(len(points), sides + 1)[:, ::-1]
    shapes = [Shape(vertices.reshape(-1, 3), ring.reshape(-1, 3), uv.reshape(-1, 2), faces)]
    if caps:
        for end, sign in ((0, -1), (-1, 1)):
            rim = vertices[end, :-1]
            normal = np.tile(direction[end] * sign, (sides, 1))
            fan = np.stack([np.zeros(sides - 2, int), np.arange(1, sides - 1), np.arange(2, sides)], 1)
            uv = np.stack([ring[end, :-1, 0], ring[end, :-1, 1]], 1) * radius[end]
            shapes.append(Shape(rim, normal, uv, fan[:, ::-sign]))
    return join(shapes)


def cylinder(base, height: float, radius: float, sides: int = 16, top_radius: float | None = None) -> Shape:
    """Upright cylinder or cone."""
    base = np.asarray(base, float)
    return tube([base, base + [0, 0, height]], [radius, radius if top_radius is None else top_radius], sides)


def blob(center, radii, rng: np.random.Generator | None = None, rough: float = 0.0, detail: int = 12) -> Shape:
    """Ellipsoid; `rough` adds smooth noise to its radius (rocks, cushions, shrubs)."""
    theta = np.linspace(0, np.pi, detail + 1)
    phi = np.linspace(0, 2 * np.pi, 2 * detail + 1)
    theta, phi = np.meshgrid(theta, phi, indexing="ij")
    unit = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    factor = np.ones(theta.shape)
    if rough and rng is not None:
        for octave in range(1, 5):
            axes = rng.normal(0, 1.6**octave, (3, 3))
            factor += rough / 1.5**octave * np.sin(unit @ axes.T + rng.uniform(0, 6.3, 3)).sum(-1) / 2
    vertices = unit * np.maximum(factor, 0.2)[..., None] * np.asarray(radii, float)
    faces = grid_faces(*theta.shape)
    normals = smooth_normals(vertices.reshape(-1, 3), faces)
    if (normals * vertices.reshape(-1, 3)).sum() < 0:  # inward
        faces, normals = faces[:, ::-1], -normals
    uv = np.stack([phi, theta], -1).reshape(-1, 2) * float(np.mean(radii))
    return Shape(vertices.reshape(-1, 3) + np.asarray(center, float), normals, uv, faces)


def smooth_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted vertex normals."""
    corners = vertices[faces]
    face_normal = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, faces[:, k], face_normal)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def terrain(height: np.ndarray, size_x: float, size_y: float) -> Shape:
    """Height field (rows, columns) in metres over a rectangle about the origin, rows along y."""
    rows, columns = height.shape
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, columns) * size_x, np.linspace(-0.5, 0.5, rows) * size_y)
    vertices = np.stack([x, y, height], -1).reshape(-1, 3)
    faces = grid_faces(rows, columns)
    return Shape(vertices, smooth_normals(vertices, faces), vertices[:, :2].copy(), faces)


def leaf_cluster(rng: np.random.Generator, count: int, radii, leaf: float, hollow: float = 0.55) -> Shape:
    """Two-sided leaves scattered in an ellipsoid about the origin; lit as if the crown were round."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    shell = direction * np.asarray(radii, float) * rng.uniform(hollow, 1, (count, 1))
    center = shell * rng.uniform(0.85, 1.1, (count, 1))
    u = rng.normal(size=(count, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = cross(u, rng.normal(size=(count, 3)))
    v /= np.linalg.norm(v, axis=1, keepdims=True) + 1e-9
    length = leaf * rng.uniform(0.6, 1.5, (count, 1))
    u, v = u * length, v * length * 0.45
    corners = np.stack([center - u, center + v, center + u, center - v], 1)
    normal = direction + rng.normal(0, 0.35, (count, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    start = np.arange(count)[:, None] * 4
    front = np.concatenate([start + [0, 1, 2], start + [0, 2, 3]])
    uv = np.tile([[0, 0], [1, 0], [1, 1], [0, 1]], (count, 1)) * leaf + np.repeat(rng.random((count, 2)), 4, 0)
    return Shape(corners.reshape(-1, 3), np.repeat(normal, 4, 0), uv, np.concatenate([front, front[:, ::-1]]))


def hexahedron(bottom, top) -> Shape:
    """Solid between two quadrilaterals (4, 3), both counter-clockwise seen from above (car bodies, roofs, wedges)."""
    bottom, top = np.asarray(bottom, float), np.asarray(top, float)
    sides = [(bottom[k], bottom[(k + 1) % 4], top[(k + 1) % 4], top[k]) for k in range(4)]
    shapes = []
    for corners in [*sides, tuple(top), tuple(bottom[::-1])]:
        corners = np.stack(corners)
        normal = cross(corners[2] - corners[0], corners[3] - corners[1])
        normal = normal / (np.linalg.norm(normal) + 1e-12)
        u = corners[1] - corners[0]
        u = u / (np.linalg.norm(u) + 1e-12)
        v = cross(normal, u)
        local = corners - corners[0]
        uv = np.stack([local @ u, local @ v], 1)
        shapes.append(Shape(corners, np.tile(normal, (4, 1)), uv, np.array([[0, 1, 2], [0, 2, 3]])))
    return join(shapes)


def frustum(base, bottom_size, top_size, height: float, shift: float = 0.0) -> Shape:
    """Box whose top rectangle differs from its bottom one; the top is moved by `shift` along x."""
    corner = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    base = np.asarray(base, float)
    bottom = np.column_stack([corner * bottom_size, np.zeros(4)]) + base
    top = np.column_stack([corner * top_size + [shift, 0], np.full(4, height)]) + base
    return hexahedron(bottom, top)
