# SPDX-License-Identifier: Apache-2.0
"""A Scene in MuJoCo: compiled once, then drawn from any camera as colour and exact depth."""

import numpy as np

from prv2_ros.render.builder import Material, Scene
from prv2_ros.render.camera import Camera, Pose
from prv2_ros.render.gl import import_mujoco, make_renderer
from prv2_ros.render.shapes import Shape, join
from prv2_ros.render.sky import FACE, sky_cube
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
        shadow_size: side of the shadow map in pixels; 0 switches shadows off.
        texture_px: side of the texture images; less is faster and plainer.

    Raises:
        RenderError: there is no OpenGL.
    """

    def __init__(
        self,
        scene: Scene,
        width: int,
        height: int,
        *,
        samples: int = 4,
        shadow_size: int = 2048,
        texture_px: int = FULL_PX,
    ) -> None:
        self._mujoco = import_mujoco()
        self.scene = scene
        self.model = _compile(self._mujoco, scene, width, height, samples, max(shadow_size, 1), texture_px)
        self.data = self._mujoco.MjData(self.model)
        self._samples = samples
        self._renderer = make_renderer(self._mujoco, self.model, height, width)
        flags = self._mujoco.mjtRndFlag
        for flag, on in (
            (flags.mjRND_SHADOW, shadow_size > 0),
            (flags.mjRND_REFLECTION, False),
            (flags.mjRND_HAZE, False),
        ):
            self._renderer.scene.flags[flag] = on
        self.set_time(0.0)

    def set_time(self, seconds: float) -> None:
        """Move the scene's moving bodies to where they are at a time."""
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
        rect, whole = self._renderer._rect, (self._renderer._width, self._renderer._height)
        self._renderer._width, self._renderer._height = whole[0] // divisor, whole[1] // divisor
        rect.width, rect.height = self._renderer._width, self._renderer._height
        try:
            return self.depth(pose, camera)
        finally:
            self._renderer._width, self._renderer._height = whole
            rect.width, rect.height = whole

    def _set_samples(self, samples: int) -> None:
        """Change the frame buffer's multisampling: a resolved multisampled depth is a corner's, not the centre's."""
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
    """The scene's batches with at most MAX_MATERIALS: beyond it, tints of one texture fall together."""
    if sum(len(batches) for batches in scene.batches.values()) <= MAX_MATERIALS:
        return scene.batches
    few: dict[str, dict[Material, list[Shape]]] = {}
    for group, batches in scene.batches.items():
        merged = few.setdefault(group, {})
        first: dict[tuple, Material] = {}
        for material, shapes in batches.items():
            rough = tuple(round(c * 4) for c in material.rgb)
            key = (
                (material.kind, material.index, material.tile_m, material.emission > 0)
                if material.kind
                else rough + (material.emission > 0,)
            )
            merged.setdefault(first.setdefault(key, material), []).extend(shapes)
    return few


def _compile(mujoco, scene: Scene, width: int, height: int, samples: int, shadow_size: int, texture_px: int):
    """MjModel of a scene. Texture pixels are written into the compiled model: passing them through MjSpec is slow."""
    spec = mujoco.MjSpec()
    visual = spec.visual
    visual.global_.offwidth, visual.global_.offheight = width, height
    visual.quality.offsamples, visual.quality.shadowsize = samples, shadow_size
    spec.stat.extent, visual.map.znear, visual.map.zfar = 1.0, NEAR_M, FAR_M
    visual.map.shadowclip = SHADOW_HALF_M
    air = scene.atmosphere
    visual.headlight.active = 1
    visual.headlight.ambient = (np.asarray(air.ambient_rgb) * air.ambient).tolist()
    visual.headlight.diffuse = [air.headlight] * 3
    visual.headlight.specular = [air.headlight * 0.3] * 3

    batches_of = _few_materials(scene)
    images = {}

    def add_texture(name: str, image: np.ndarray, kind) -> None:
        images[name] = image
        flat = mujoco.mjtBuiltin.mjBUILTIN_FLAT
        spec.add_texture(name=name, type=kind, width=image.shape[1], height=image.shape[1], nchannel=3, builtin=flat)

    sun = next((-np.asarray(light.direction) for light in scene.lights if light.kind == "sun"), np.array([0, 0, 1.0]))
    add_texture("sky", sky_cube(air, sun / np.linalg.norm(sun)), mujoco.mjtTexture.mjTEXTURE_SKYBOX)
    materials = {}
    for group, batches in batches_of.items():
        body = spec.worldbody if not group else spec.worldbody.add_body(name=group, mocap=True)
        for material, shapes in batches.items():
            number = len(materials)
            materials[number] = material
            item = spec.add_material(
                name=f"m{number}",
                rgba=[*material.rgb, 1.0],
                specular=material.specular,
                shininess=material.shininess,
                emission=material.emission,
            )
            if material.kind:
                name = f"{material.kind}{material.index}"
                if name not in images:
                    add_texture(
                        name, texture(material.kind, material.index, texture_px), mujoco.mjtTexture.mjTEXTURE_2D
                    )
                item.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
            shape = join(shapes)
            spec.add_mesh(
                name=f"mesh{number}",
                uservert=shape.vertices.ravel(),
                usernormal=shape.normals.ravel(),
                usertexcoord=(shape.uv * (1, -1)).ravel(),  # image rows run down
                userface=shape.faces.ravel(),
                inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
            )
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_MESH,
                meshname=f"mesh{number}",
                material=f"m{number}",
                contype=0,
                conaffinity=0,
            )
    for light in scene.lights:
        kinds = mujoco.mjtLightType
        item = spec.worldbody.add_light(
            type={"sun": kinds.mjLIGHT_DIRECTIONAL, "lamp": kinds.mjLIGHT_POINT, "spot": kinds.mjLIGHT_SPOT}[
                light.kind
            ],
            pos=light.position,
            dir=light.direction,
            diffuse=light.rgb,
            specular=(np.asarray(light.rgb) * 0.5).tolist(),
            ambient=[0, 0, 0],
            castshadow=light.shadow,
        )
        if light.kind == "spot":
            item.cutoff, item.exponent = 70.0, 1.0
        if light.range_m:
            item.attenuation = [0.6, 0.4 / light.range_m, 1.2 / light.range_m**2]
    spec.worldbody.add_camera(name="camera", fovy=50)
    model = spec.compile()
    for number in range(model.ntex):
        image = images[model.texture(number).name]
        start = model.tex_adr[number]
        model.tex_data[start : start + image.size] = image.ravel()
    assert images["sky"].shape[0] == 6 * FACE
    return model
