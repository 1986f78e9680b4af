# SPDX-License-Identifier: Apache-2.0
"""A Scene in MuJoCo: compiled once, then drawn from any camera as colour and exact depth."""

import numpy as np

from prv2_ros.render.builder import Light, Material, Scene
from prv2_ros.render.camera import Camera, Pose
from prv2_ros.render.gl import import_mujoco, make_renderer
from prv2_ros.render.shapes import Shape, join
from prv2_ros.render.sky import sky_cube
from prv2_ros.render.textures import FULL_PX, texture

NEAR_M, FAR_M = 0.05, 3000.0
"""Clipping planes. MuJoCo's reversed 32-bit depth buffer keeps its relative precision over all of this range."""

SHADOW_HALF_M = 28.0
"""Half the side of the square around the camera in which the sun casts shadows."""

MAX_MATERIALS = 900
"""MuJoCo's classic renderer draws at most 999."""


class SceneRenderer:
    """Draws one Scene at one image size; close it, or use it as a context manager.

    Args:
        scene: what to draw.
        width, height: image size in pixels.
        samples: multisampling of the colour image; depth is always taken at pixel centres.
        shadow_size: side of the shadow map in pixels; 0 disables shadows.
        texture_px: side of the texture images; smaller is faster and less detailed.

    Raises:
        RenderError: there is no OpenGL.
    """

    def __init__(
        self, scene: Scene, width: int, height: int, *, samples=4, shadow_size=2048, texture_px=FULL_PX
    ) -> None:
        self._mujoco = import_mujoco()
        self.scene = scene
        self.model = _compile(self._mujoco, scene, width, height, samples, max(shadow_size, 1), texture_px)
        self.data = self._mujoco.MjData(self.model)
        self._samples = samples
        self._renderer = make_renderer(self._mujoco, self.model, height, width)
        flags = self._mujoco.mjtRndFlag
        self._renderer.scene.flags[flags.mjRND_SHADOW] = shadow_size > 0
        self._renderer.scene.flags[flags.mjRND_REFLECTION] = self._renderer.scene.flags[flags.mjRND_HAZE] = False
        self.set_time(0.0)

    def set_time(self, seconds: float) -> None:
        """Move the scene's moving bodies to their positions at a time."""
        for number, velocity in enumerate(self.scene.velocity.values()):
            self.data.mocap_pos[number] = np.asarray(velocity) * seconds

    def _aim(self, pose: Pose, camera: Camera) -> None:
        model = self.model
        axes = pose.axes()
        self._mujoco.mju_mat2Quat(model.cam_quat[0], axes.ravel())
        model.cam_pos[0] = pose.position
        model.cam_fovy[0] = camera.fovy_deg
        ahead = np.asarray(pose.position) - axes[:, 2] * (1, 1, 0) * SHADOW_HALF_M * 0.75
        for number, light in enumerate(self.scene.lights):
            if light.kind == "sun":
                model.light_pos[number] = ahead - np.asarray(light.direction) * SHADOW_HALF_M * 2
        self._mujoco.mj_kinematics(model, self.data)
        self._mujoco.mj_comPos(model, self.data)
        self._mujoco.mj_camlight(model, self.data)
        self._renderer.update_scene(self.data, 0)

    def colour(self, pose: Pose, camera: Camera) -> np.ndarray:
        """uint8 RGB (H, W, 3), without haze and sensor."""
        self._aim(pose, camera)
        self._set_samples(self._samples)
        return self._renderer.render()

    def depth(self, pose: Pose, camera: Camera) -> np.ndarray:
        """float32 metres along the optical axis (H, W) at pixel centres; infinite where there is only sky."""
        self._aim(pose, camera)
        self._set_samples(0)
        self._renderer.enable_depth_rendering()
        depth = self._renderer.render()
        self._renderer.disable_depth_rendering()
        depth[depth > FAR_M * 0.99] = np.inf
        return depth

    def glance(self, pose: Pose, camera: Camera, divisor: int = 12) -> np.ndarray:
        """Depth at 1 / divisor of the size, for choosing camera places."""
        renderer, rect = self._renderer, self._renderer._rect
        whole = renderer._width, renderer._height
        renderer._width, renderer._height = rect.width, rect.height = whole[0] // divisor, whole[1] // divisor
        try:
            return self.depth(pose, camera)
        finally:
            renderer._width, renderer._height = rect.width, rect.height = whole

    def _set_samples(self, samples: int) -> None:
        """Change the frame buffer's multisampling: multisampled depth belongs to a corner of the pixel."""
        context = self._renderer._mjr_context
        if context.offSamples != samples:
            width, height = context.offWidth, context.offHeight
            context.offSamples = samples
            context.offWidth = 0  # mjr_resizeOffscreen rebuilds only on a change of size
            self._mujoco.mjr_resizeOffscreen(width, height, context)

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()

    def __enter__(self) -> "SceneRenderer":
        return self

    def __exit__(self, *_error) -> None:
        self.close()


def _few_materials(scene: Scene) -> dict[str, dict[Material, list[Shape]]]:
    """The scene's batches with at most MAX_MATERIALS: above it, tints of one texture are merged."""
    if sum(len(batches) for batches in scene.batches.values()) <= MAX_MATERIALS:
        return scene.batches
    few: dict[str, dict[Material, list[Shape]]] = {}
    for group, batches in scene.batches.items():
        merged = few.setdefault(group, {})
        first: dict[tuple, Material] = {}
        for material, shapes in batches.items():
            textured = (material.kind, material.index, material.tile_m)
            key = textured if material.kind else tuple(round(c * 4) for c in material.rgb)
            merged.setdefault(first.setdefault((*key, material.emission > 0), material), []).extend(shapes)
    return few


def _compile(mujoco, scene: Scene, width: int, height: int, samples: int, shadow_size: int, texture_px: int):
    """MjModel of a scene. Texture pixels are written into the compiled model: passing them through MjSpec is slow."""
    spec = mujoco.MjSpec()
    visual, air = spec.visual, scene.atmosphere
    visual.global_.offwidth, visual.global_.offheight = width, height
    visual.quality.offsamples, visual.quality.shadowsize = samples, shadow_size
    spec.stat.extent, visual.map.znear, visual.map.zfar = 1.0, NEAR_M, FAR_M
    visual.map.shadowclip = SHADOW_HALF_M
    visual.headlight.active = 1
    visual.headlight.ambient = (np.asarray(air.ambient_rgb) * air.ambient).tolist()
    visual.headlight.diffuse = [air.headlight] * 3
    visual.headlight.specular = [air.headlight * 0.3] * 3

    sun = next((-np.asarray(light.direction) for light in scene.lights if light.kind == "sun"), np.array([0, 0, 1.0]))
    images = {"sky": sky_cube(air, sun / np.linalg.norm(sun))}
    _add_texture(mujoco, spec, "sky", images["sky"], mujoco.mjtTexture.mjTEXTURE_SKYBOX)
    number = 0
    for group, batches in _few_materials(scene).items():
        body = spec.worldbody if not group else spec.worldbody.add_body(name=group, mocap=True)
        for material, shapes in batches.items():
            item = spec.add_material(name=f"m{number}", rgba=[*material.rgb, 1.0])
            item.specular, item.shininess, item.emission = material.specular, material.shininess, material.emission
            if material.kind:
                name = f"{material.kind}{material.index}"
                if name not in images:
                    images[name] = texture(material.kind, material.index, texture_px)
                    _add_texture(mujoco, spec, name, images[name], mujoco.mjtTexture.mjTEXTURE_2D)
                item.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
            shape = join(shapes)
            mesh = spec.add_mesh(name=f"mesh{number}", inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)
            mesh.uservert, mesh.usernormal = shape.vertices.ravel(), shape.normals.ravel()
            mesh.usertexcoord, mesh.userface = (shape.uv * (1, -1)).ravel(), shape.faces.ravel()  # image rows run down
            geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=mesh.name, material=item.name)
            geom.contype = geom.conaffinity = 0
            number += 1
    for light in scene.lights:
        _add_light(mujoco, spec, light)
    spec.worldbody.add_camera(name="camera", fovy=50)
    model = spec.compile()
    for number in range(model.ntex):
        image = images[model.texture(number).name]
        start = model.tex_adr[number]
        model.tex_data[start : start + image.size] = image.ravel()
    return model


def _add_texture(mujoco, spec, name: str, image: np.ndarray, kind) -> None:
    side, flat = image.shape[1], mujoco.mjtBuiltin.mjBUILTIN_FLAT
    spec.add_texture(name=name, type=kind, width=side, height=side, nchannel=3, builtin=flat)


def _add_light(mujoco, spec, light: Light) -> None:
    kinds = mujoco.mjtLightType
    types = {"sun": kinds.mjLIGHT_DIRECTIONAL, "lamp": kinds.mjLIGHT_POINT, "spot": kinds.mjLIGHT_SPOT}
    item = spec.worldbody.add_light(type=types[light.kind], pos=light.position, dir=light.direction)
    item.diffuse, item.specular = light.rgb, (np.asarray(light.rgb) * 0.5).tolist()
    item.ambient, item.castshadow = [0, 0, 0], light.shadow
    if light.kind == "spot":
        item.cutoff, item.exponent = 70.0, 1.0
    if light.range_m:
        item.attenuation = [0.6, 0.4 / light.range_m, 1.2 / light.range_m**2]
