# SPDX-License-Identifier: Apache-2.0
"""Every parameter: described, limited, the same in code, yaml and documentation, and with an effect that is seen."""

import re
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="needs ROS 2")

from rcl_interfaces.msg import ParameterType
from ros_harness import NodeProcess, camera_info, cloud_array, depth_array, image_message, rgb_image, wait_until
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool

from prv2_ros.node.parameter_table import BY_NAME, CONFIGURE, LIVE, START, TABLE

TOP = Path(__file__).resolve().parents[2]
NAMES = [spec.name for spec in TABLE]
STARTED_WITH = {"min_range": 0.001, "points.stride": 1}
STUB = "stub:knows_error=1"
FOREIGN = re.compile(r"use_sim_time|start_type_description_service|qos_overrides\..*")


@pytest.fixture(scope="module")
def node(start_node):
    return start_node(parameters=STARTED_WITH | {"weights": STUB})


@pytest.fixture(scope="module")
def out(node):
    return node.outputs("depth", "info", "points", "preview", "timing", "confidence")


def test_yaml_lists_every_parameter_with_its_default():
    text = (TOP / "config" / "depth.param.yaml").read_text()
    values = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert values == {spec.name: spec.default for spec in TABLE}
    assert {name: type(value) for name, value in values.items()} == {s.name: type(s.default) for s in TABLE}


def test_documentation_lists_every_parameter_with_default_and_description():
    rows = re.findall(
        r"^\| `([a-z_.]+)` \| `([^|]*)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$",
        (TOP / "doc" / "node.md").read_text(),
        flags=re.MULTILINE,
    )
    expected = []
    for spec in TABLE:
        default = str(spec.default).lower() if isinstance(spec.default, bool) else spec.default
        default = '[""]' if default == [""] else str(default)
        limits = " ".join(spec.choices) or (f"{spec.range[0]:g} to {spec.range[1]:g}" if spec.range else "")
        expected.append((spec.name, default, limits, spec.when, spec.description))
    assert [tuple(cell.strip() for cell in row) for row in rows] == expected


@pytest.mark.parametrize("spec", TABLE, ids=NAMES)
def test_each_is_described_with_a_unit_or_choices_and_its_default_is_allowed(spec):
    assert spec.problem(spec.default) is None
    assert spec.description.endswith(".") and spec.when in (LIVE, CONFIGURE, START)
    if isinstance(spec.default, (int, float)) and not isinstance(spec.default, bool):
        assert spec.range and re.search(r"\[(m|s|ms|px|Hz|1|10\^6 px)\]", spec.description)
    if isinstance(spec.default, str):
        assert spec.choices or spec.check


# Values as people write them, and as YAML reads them.

DOCUMENTED = {
    "warm_up_size": ["off", "1280x720"],
    "output_size": ["input", "half", "640x480"],
    "grid": ["auto", "4x4"],
    "mode": ["p16", "p49", "r64"],
    "device": ["auto", "cpu", "cuda", "cuda:1"],
    "weights": ["prv2s", "/data/prv2s.safetensors", "on"],
    "intensity_range": ["full", "auto", "7000-9000"],
    "cameras": ["[front, rear]", '[""]', "front"],
}


def _written(spec):
    if isinstance(spec.default, bool):
        return ["true", "false", "off", "yes"]
    if isinstance(spec.default, float):
        whole = max(spec.range[0], 1) if spec.range[1] >= 1 else 0
        return [f"{whole:.0f}", f"{spec.default}", "1e0" if whole else "0e0"]
    if isinstance(spec.default, int):
        return [str(spec.default), f"{spec.default}.0"]
    return [*spec.choices] or DOCUMENTED.get(spec.name, [])


@pytest.mark.parametrize("spec", TABLE, ids=NAMES)
def test_every_documented_value_works_without_quotes_whatever_yaml_takes_it_for(ros, spec):
    """By ROS's own reader of the command line, which reads parameter files too."""
    from rclpy.node import Node

    from prv2_ros.node.parameters import Parameters

    assert _written(spec) or spec.default == "", "say in DOCUMENTED which values the documentation names"
    for text in _written(spec):
        arguments = ["--ros-args", "-p", f"{spec.name}:={text}"]
        others = {"preview.far": ["-p", "preview.near:=0.01"], "max_range": ["-p", "min_range:=0.0"]}
        others |= {"min_range": ["-p", "max_range:=5000.0"], "preview.near": ["-p", "preview.far:=5000.0"]}
        node = Node("documented", cli_args=arguments + others.get(spec.name, []), start_parameter_services=False)
        try:
            value = Parameters(node, is_configured=lambda: False).values[spec.name]
        finally:
            node.destroy_node()
        assert type(value) is type(spec.default)
        if isinstance(value, str):
            assert value == text
        elif isinstance(value, bool):
            assert value == (text in ("true", "yes"))
        elif isinstance(value, list):
            assert value == {"front": ["front"]}.get(text) or value == yaml.safe_load(text)
        else:
            assert value == float(text)


def test_an_override_of_another_type_is_refused_with_the_quoted_form(ros):
    from rclpy.exceptions import InvalidParameterValueException
    from rclpy.node import Node

    from prv2_ros.node.parameters import Parameters

    for text, words in {
        "depth_encoding:=off": "takes a text, but YAML reads this as bool False.*depth_encoding: 'false'",
        "grid:=4": "takes a text, but YAML reads this as int 4.*grid: '4'",
        "max_range:=far": "takes a number, but YAML reads this as str 'far'",
        "points.stride:=1.5": "takes an integer, but YAML reads this as float 1.5",
        "rectify:=5": "takes true or false, but YAML reads this as int 5",
    }.items():
        node = Node("refused", cli_args=["--ros-args", "-p", text], start_parameter_services=False)
        try:
            with pytest.raises(InvalidParameterValueException, match=words):
                Parameters(node, is_configured=lambda: False)
        finally:
            node.destroy_node()


def test_a_running_node_takes_a_value_of_the_type_that_yaml_made_of_it(node):
    before = node.get("max_range", "points.stride", "input_rectified")
    node.must_set(max_range=70, points__stride=2.0, input_rectified=True)
    assert node.get("max_range", "points.stride", "input_rectified") == [70.0, 2, "true"]
    node.must_set(**dict(zip(("max_range", "points__stride", "input_rectified"), before, strict=True)))


def test_a_running_node_describes_what_the_table_says(node):
    assert sorted(name for name in node.list_parameters() if not FOREIGN.fullmatch(name)) == sorted(NAMES)
    for spec, descriptor in zip(TABLE, node.describe(*NAMES), strict=True):
        assert spec.description in descriptor.description
        assert descriptor.read_only == (spec.when == START)
        if spec.range and isinstance(spec.default, float):
            (limits,) = descriptor.floating_point_range
            assert (limits.from_value, limits.to_value) == spec.range
        elif spec.range:
            (limits,) = descriptor.integer_range
            assert (limits.from_value, limits.to_value) == spec.range
    kinds = {
        bool: ParameterType.PARAMETER_BOOL,
        int: ParameterType.PARAMETER_INTEGER,
        str: ParameterType.PARAMETER_STRING,
        float: ParameterType.PARAMETER_DOUBLE,
        list: ParameterType.PARAMETER_STRING_ARRAY,
    }
    assert [descriptor.type for descriptor in node.describe(*NAMES)] == [kinds[type(spec.default)] for spec in TABLE]


BAD = {
    "max_range": [-1.0, float("nan"), -5, "far", True],
    "intensity_range": ["half", "9-8"],
    "input_rectified": ["perhaps", 3],
    "min_range": [90.0],
    "depth_encoding": ["64FC1", ""],
    "output_size": ["0x10", "10", "quarter", "100000x5", "99999x99999"],
    "mask": ["/nowhere/mask.png", "0,0 1,1", "0,0 1,1 2,0"],
    "optical_frame": ["a frame"],
    "min_confidence": [1.5],
    "scale_smoothing": [1.0],
    "points.layout": ["xyzi"],
    "points.stride": [0, 65, 1.5],
    "preview.near": [60.0],
    "autostart": [False],
    "weights": ["other"],
    "cameras": [["a", "b"]],
}


@pytest.mark.parametrize("name", BAD)
def test_a_change_that_cannot_work_is_refused_with_a_reason_and_changes_nothing(node, name):
    before = node.get(name)
    for value in BAD[name]:
        ((accepted, reason),) = node.set(**{name: value})
        assert not accepted and reason, value
    assert node.get(name) == before


# Effects. A function a parameter; `send` sends an image and gives what came out of it.


def _send(node, out, rgb=None, info=None, *names):
    stamp = node.send(image_message(rgb_image() if rgb is None else rgb), info=info or camera_info())
    return {name: out[name].of_stamp(stamp) for name in names or ("depth",)}


def _depth(node, out, rgb=None, info=None):
    return depth_array(_send(node, out, rgb, info)["depth"])


def _with(node, name, *values):
    """Set the values one after the other, and what it was before at the end."""
    before = node.get(name)[0]
    try:
        for value in values:
            node.must_set(**{name: value})
            yield value
    finally:
        node.must_set(**{name: before})


def _camera_diagnostics(node, key):
    collector = node.diagnostics()
    value = collector.wait()["camera"][2][key]
    node.probe.forget(collector)
    return value


def _is_refused(node, count):
    return int(_camera_diagnostics(node, "refused")) == count


def effect_max_input_megapixels(node, out):
    before = int(_camera_diagnostics(node, "refused"))
    for _ in _with(node, "max_input_megapixels", 0.01):
        wait_until(partial(_is_refused, node, np.zeros((101, 100, 3), np.uint8), before), period_s=0.2)
        allowed = np.zeros((100, 100, 3), np.uint8)
        assert _depth(node, out, allowed, camera_info(width=100, height=100)).shape == (100, 100)
    assert "image of 100x101 pixels" in node.wait_line("too_large")


def _is_refused(node, rgb, before):
    node.send(image_message(rgb), info=camera_info())
    return int(_camera_diagnostics(node, "refused")) > before


def _reconfigure(node, *, active=True, **values):
    """Take the node down to unconfigured, set parameters, and bring it up again."""
    for step in ("deactivate", "cleanup"):
        assert node.change(step)
    node.must_set(**values)
    return node.change("configure") and (not active or node.change("activate"))


def effect_camera_info_wait_s(node, out):
    for wait in _with(node, "camera_info_wait_s", 0.0, 1.5):
        # What was known of the camera is forgotten; the publishers stay and are matched again.
        assert _reconfigure(node)
        wait_until(lambda: node.probe.node.count_publishers(node.topic("depth/image_rect")))
        time.sleep(0.5)
        out["depth"].clear()
        start = time.monotonic()
        node.send(image_message(rgb_image()))
        while not out["depth"] and time.monotonic() < start + 10:
            time.sleep(0.01)
        took = time.monotonic() - start
        assert wait - 0.1 <= took < 10 and (wait or took < 1.4), node.log
    node.prime(out)


def effect_silent_topic_s(node, out):
    for _ in _with(node, "silent_topic_s", 0.5):
        # The first warning may say nobody: data arrives before the graph knows who sends it.
        told = f"no image on '{node.topic('image')}' .*published by: .*probe_.*sensor_msgs/msg/Image; reliable"
        node.wait_line(told, 60)
        _depth(node, out)


def _bent(**kwargs):
    return camera_info(fx=50, d=[-0.4, 0.1, 0, 0, 0], **kwargs)


def effect_rectify(node, out):
    straight = _send(node, out, None, _bent(), "depth", "info")
    for _ in _with(node, "rectify", False):
        bent = _send(node, out, None, _bent(), "depth", "info")
    assert not any(straight["info"].d) and any(bent["info"].d)
    assert not np.array_equal(depth_array(straight["depth"]), depth_array(bent["depth"]), equal_nan=True)


def effect_input_rectified(node, out):
    for _ in _with(node, "input_rectified", True):
        both = _send(node, out, None, _bent(), "depth", "info")
    assert not any(both["info"].d)
    np.testing.assert_array_equal(depth_array(both["depth"]), _depth(node, out, None, camera_info(fx=50)))


def effect_intensity_range(node, out):
    values = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)  # 5 % of full scale
    message = image_message(np.zeros((48, 64, 3), np.uint8), encoding="mono16", data=values.tobytes())

    def depths():
        message.header.stamp.sec = message.header.stamp.nanosec = 0
        return np.unique(depth_array(out["depth"].of_stamp(node.send(message, info=camera_info())))).size

    for _ in _with(node, "max_range", 10000.0):
        assert depths() == 12
        assert "intensity_range (--intensity-range) auto or" in node.wait_line("narrow_range")
        for _ in _with(node, "intensity_range", "auto"):
            assert depths() > 200


def effect_scale_depth_by_focal(node, out):
    scaled = _depth(node, out)
    for _ in _with(node, "scale_depth_by_focal", False):
        plain = _depth(node, out)
    # 50 px of 64 columns are 400 at process size, the stub's canonical focal length.
    np.testing.assert_allclose(scaled, plain, rtol=1e-6)
    np.testing.assert_allclose(_depth(node, out, None, camera_info(fx=100)), 2 * plain, rtol=1e-5)


def effect_min_range(node, out):
    for limit in _with(node, "min_range", 6.0):
        assert (np.isneginf(_depth(node, out))).any(), limit
    assert not np.isneginf(_depth(node, out)).any()


def effect_max_range(node, out):
    for limit in _with(node, "max_range", 6.0):
        assert np.isposinf(_depth(node, out)).any(), limit
    assert not np.isposinf(_depth(node, out)).any()


def effect_depth_encoding(node, out):
    for _ in _with(node, "depth_encoding", "16UC1"):
        assert _send(node, out)["depth"].encoding == "16UC1"
    assert _send(node, out)["depth"].encoding == "32FC1"


def effect_output_size(node, out):
    assert [_depth(node, out).shape for _ in _with(node, "output_size", "half", "20x10")] == [(24, 32), (10, 20)]


def _ramp():
    rgb = rgb_image(50)
    rgb[:] = (50, 0, 0)
    rgb[:, 30], rgb[:, 31:] = (100, 0, 0), (200, 0, 0)
    return rgb


def effect_scale_smoothing(node, out):
    """A scale that steps up by a tenth arrives at once, or by and by."""
    for share in _with(node, "scale_smoothing", 0.0, 0.5):
        depths = [_depth(node, out, None, camera_info()) for _ in range(2)]
        brighter = np.concatenate([rgb_image(50), rgb_image(50)])[:48].copy()
        brighter[..., 0] = (brighter[..., 0] * 1.1).astype(np.uint8)
        ratio = np.median(_depth(node, out, brighter) / depths[1])
        assert ratio == pytest.approx(1.1**0.5 if share else 1.1, rel=0.01)


def _unsure(blue):
    rgb = rgb_image(50, blue=blue)
    rgb[:, :32, 2] = 0
    return rgb


def effect_min_confidence(node, out):
    for _ in _with(node, "min_confidence", 0.6):
        both = _send(node, out, _unsure(10), None, "depth", "confidence")
        depth, confidence = depth_array(both["depth"]), depth_array(both["confidence"])
    assert np.isfinite(depth[:, :32]).all() and np.isnan(depth[:, 32:]).all()
    assert (confidence[:, :32] == 1).all() and (confidence[:, 32:] == 0).all()
    both = _send(node, out, _unsure(10), None, "depth", "confidence")
    np.testing.assert_allclose(depth_array(both["confidence"])[:, 32:], 0.5)
    assert np.isfinite(depth_array(both["depth"])).all()


def effect_mask(node, out):
    for _ in _with(node, "mask", "0,0.75 1,0.75 1,1 0,1"):
        depth = _depth(node, out)
    assert np.isnan(depth[36:]).all() and np.isfinite(depth[:34]).all()


def effect_optical_frame(node, out):
    for _ in _with(node, "optical_frame", "robot_optical"):
        both = _send(node, out, None, None, "depth", "points")
        assert both["depth"].header.frame_id == both["points"].header.frame_id == "robot_optical"
    assert _send(node, out)["depth"].header.frame_id == "camera_optical"


def _skipped(node):
    return int(_camera_diagnostics(node, "skipped"))


def effect_enabled(node, out):
    before, count = _skipped(node), len(out["depth"])
    for _ in _with(node, "enabled", False):
        for _ in range(3):
            node.send(image_message(rgb_image()), info=camera_info())
            time.sleep(0.05)
        wait_until(lambda: _skipped(node) > before, period_s=0.2)
        assert len(out["depth"]) == count
    _depth(node, out)
    answer = node.probe.call(SetBool, f"{node.name}/enable", SetBool.Request(data=False))
    assert answer.success and node.get("enabled") == [False]
    assert node.probe.call(SetBool, f"{node.name}/enable", SetBool.Request(data=True)).success


def effect_max_rate(node, out):
    for rate in _with(node, "max_rate", 1.0, 0.0):
        count = len(out["timing"])
        for _ in range(8):
            node.send(image_message(rgb_image()), info=camera_info())
            time.sleep(0.1)
        time.sleep(0.3)
        got = len(out["timing"]) - count
        assert (1 <= got <= 2) if rate else got >= 5, (rate, got)


def effect_always_compute(node, out):
    fresh = NodeProcess(node.probe)
    try:
        fresh.publisher(Image, "image")
        collector = fresh.diagnostics()

        def counts():
            fresh.send(image_message(rgb_image()), info=camera_info())
            return {key: int(collector[-1]["camera"][2][key]) for key in ("received", "computed", "skipped")}

        collector.wait()
        nobody = wait_until(lambda: (c := counts())["received"] > 3 and c, period_s=0.2)
        assert nobody["computed"] == 0 and nobody["skipped"] == nobody["received"]
        fresh.must_set(always_compute=True)
        wait_until(lambda: counts()["computed"] > 2, period_s=0.2)
    finally:
        fresh.stop()


def effect_sharpen_edges(node, out):
    names = [
        _send(node, out, None, None, "timing")["timing"].weights for _ in _with(node, "sharpen_edges", True, False)
    ]
    assert [name.endswith(" soft") for name in names] == [False, True]


def effect_flying_pixels_filter(node, out):
    assert not np.isnan(_depth(node, out, _ramp())).any()
    for _ in _with(node, "flying_pixels.filter", True):
        assert np.isnan(_depth(node, out, _ramp())).nonzero()[1].tolist() == [30] * 48


def effect_flying_pixels_max_relative_jump(node, out):
    for _ in _with(node, "flying_pixels.filter", True):
        holes = [
            np.isnan(_depth(node, out, _ramp())).sum() for _ in _with(node, "flying_pixels.max_relative_jump", 0.9, 1.1)
        ]
    assert holes == [48, 0]


def _cloud(node, out):
    return _send(node, out, None, None, "points")["points"]


def effect_points_stride(node, out):
    assert [_cloud(node, out).width for _ in _with(node, "points.stride", 2, 3)] == [32, 22]


def effect_points_rate(node, out):
    for rate in _with(node, "points.rate", 0.5, 0.0):
        expected = (1, 2) if rate else (6, 6)
        time.sleep(2.1 if rate else 0.0)
        before = len(out["points"])
        for _ in range(6):
            _send(node, out, None, None, "timing")
        time.sleep(0.3)
        assert expected[0] <= len(out["points"]) - before <= expected[1], rate


def effect_points_max_range(node, out):
    for _ in _with(node, "points.max_range", 6.0):
        cloud = _send(node, out, None, None, "points", "depth")
    z = cloud_array(cloud["points"])[..., 2]
    assert np.nanmax(z) <= 6.0 and np.isnan(z).any() and np.isfinite(depth_array(cloud["depth"])).all()


def effect_points_layout(node, out):
    clouds = {layout: _cloud(node, out) for layout in _with(node, "points.layout", "xyz", "xyzirc", "xyzrgb")}
    names = {layout: [field.name for field in cloud.fields] for layout, cloud in clouds.items()}
    assert names == {
        "xyz": ["x", "y", "z"],
        "xyzirc": ["x", "y", "z", "intensity", "return_type", "channel"],
        "xyzrgb": ["x", "y", "z", "rgb"],
    }
    assert [cloud.point_step for cloud in clouds.values()] == [12, 16, 16]


def effect_points_sky_range(node, out):
    rgb = rgb_image()
    rgb[:5, :, 2] = 255  # sky
    z = [
        cloud_array(_send(node, out, rgb, None, "points")["points"])[..., 2]
        for _ in _with(node, "points.sky_range", 0.0, 90.0)
    ]
    assert np.isnan(z[0][:5]).all() and (z[1][:5] == 90).all()
    np.testing.assert_array_equal(z[0][5:], z[1][5:])


def _preview(node, out):
    return bytes(_send(node, out, None, None, "preview")["preview"].data)


def effect_preview_near(node, out):
    pictures = [_preview(node, out) for _ in _with(node, "preview.near", 0.5, 5.0)]
    assert pictures[0] != pictures[1]


def effect_preview_far(node, out):
    pictures = [_preview(node, out) for _ in _with(node, "preview.far", 50.0, 8.0)]
    assert pictures[0] != pictures[1]


def _levels(node, out, *parameters):
    """Diagnostic level of the camera after frames of 60 ms."""
    collector = node.diagnostics()
    for _ in range(3):
        _send(node, out)
    collector.clear()
    level = collector.wait()["camera"][0]
    node.probe.forget(collector)
    return level


def effect_diagnostics_max_allowed_processing_time_ms(node, out):
    limits = _with(node, "diagnostics.max_allowed_processing_time_ms", 5000.0, 0.001)
    assert [_levels(node, out) for _ in limits] == [0, 1]


def effect_diagnostics_max_acceptable_consecutive_delay_ms(node, out):
    for _ in _with(node, "diagnostics.max_allowed_processing_time_ms", 0.001):
        time.sleep(0.3)
        levels = [
            _levels(node, out) for _ in _with(node, "diagnostics.max_acceptable_consecutive_delay_ms", 1e6, 100.0)
        ]
    assert levels == [1, 2]


def _reconfigured(node, out, name, value):
    """What `timing.weights` says after configuring with another value: the stub writes there what it was given."""
    default = node.get(name)[0]
    text = None
    if _reconfigure(node, **{name: value}):
        node.prime({"timing": out["timing"]})
        timing = _send(node, out, None, None, "timing")["timing"]
        text = f"{timing.weights} precision={timing.precision}"
        assert _reconfigure(node, **{name: default})
    else:
        node.must_set(**{name: default})
        assert node.change("configure") and node.change("activate")
    node.prime(out)
    return text


def effect_weights(node, out):
    assert _reconfigured(node, out, "weights", "stub:knows_error=1,delay_ms=1").startswith("stub:knows_error=1,d")
    assert _reconfigured(node, out, "weights", "nowhere.safetensors") is None
    node.wait_line("configure failed: nowhere.safetensors: no such weights file")


def effect_coarse(node, out):
    assert "coarse=None" in _reconfigured(node, out, "weights", STUB)
    assert "coarse=models/depth" in _reconfigured(node, out, "coarse", "models/depth")
    assert _reconfigure(node, coarse="topic")
    wait_until(lambda: node.probe.node.count_subscribers(node.topic("coarse_depth")) == 1)
    assert _reconfigure(node, coarse="")
    node.prime(out)


def effect_coarse_max_age_s(node, out):
    """test_coarse_topic.py pairs images with it; without measured depth it is only kept."""
    for value in _with(node, "coarse_max_age_s", 0.5):
        assert node.get("coarse_max_age_s")[0] == value


def effect_device(node, out):
    assert "device=cpu" in _reconfigured(node, out, "device", "cuda")
    node.wait_line("CUDA is not available: falls back to the CPU")


def effect_precision(node, out):
    assert "precision=bf16" in _reconfigured(node, out, "precision", "bf16")


def effect_grid(node, out):
    assert "grid=(2, 3)" in _reconfigured(node, out, "grid", "2x3")


def effect_mode(node, out):
    assert "mode=r64" in _reconfigured(node, out, "mode", "r64")


def effect_latency_budget_ms(node, out):
    timings = [_send(node, out, None, None, "timing")["timing"] for _ in _with(node, "latency_budget_ms", 0.0, 0.01)]
    assert [(t.tiles_refined, t.tiles_total) for t in timings] == [(16, 16), (1, 16)]


def effect_runtime(node, out):
    assert "runtime=onnxruntime" in _reconfigured(node, out, "runtime", "onnxruntime")


def effect_warm_up_size(node, out):
    assert "warm=320x240" in _reconfigured(node, out, "warm_up_size", "320x240")
    assert "warm=" not in _reconfigured(node, out, "warm_up_size", "off")


def effect_cameras(node, out):
    assert _reconfigure(node, cameras=["left", "right/far"])
    wanted = {node.topic("left/depth/image_rect"), node.topic("right/far/points")}
    wait_until(lambda: wanted <= {name for name, _ in node.probe.node.get_topic_names_and_types()})
    assert _reconfigure(node, cameras=[""])
    node.prime(out)


def effect_image_transport(node, out):
    assert _reconfigure(node, image_transport="compressed")
    wait_until(lambda: node.probe.node.count_subscribers(node.topic("image/compressed")) == 1)
    assert _reconfigure(node, image_transport="raw")
    node.prime(out)


def effect_autostart(node, out):
    assert node.state() == "active"
    fresh = NodeProcess(node.probe, parameters={"autostart": False}, ready=False)
    fresh.wait_line("waiting to be configured")
    state = fresh.state()
    fresh.stop()
    assert state == "unconfigured"


@pytest.mark.parametrize("name", NAMES)
def test_each_has_an_effect(node, out, name):
    globals()["effect_" + name.replace(".", "_")](node, out)
    assert node.get(name)[0] == {
        "min_range": 0.001,
        "points.stride": 1,
        "weights": STUB,
        "camera_info_wait_s": 0.2,
    }.get(name, BY_NAME[name].default)
