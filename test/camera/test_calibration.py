# SPDX-License-Identifier: Apache-2.0
"""Which camera_info an image gets: by frame, changed at run time, and bounded in memory."""

from plain_info import plain_info as camera_info

from prv2_ros.camera import Calibration

PLUMB_BOB = [-0.3, 0.1, 0.001, -0.002, 0.01]


def _of(calibration, frame="camera_optical", **changes):
    values = {"width": 64, "height": 48, "rectify": True, "input_rectified": False, **changes}
    return calibration.of_image(frame, **values)


def test_infos_are_remembered_by_frame_and_strangers_warn_once():
    notes = []
    calibration = Calibration(lambda reason, text: notes.append(reason))
    assert not calibration.known and not _of(calibration).calibrated and notes == ["no_camera_info"]
    calibration.on_info(camera_info(fx=50, frame_id="left"))
    calibration.on_info(camera_info(fx=70, frame_id="right"))
    assert (_of(calibration, "left").focal_px, _of(calibration, "right").focal_px) == ((50, 50), (70, 70))
    assert notes == ["no_camera_info"]
    for _ in range(3):
        assert _of(calibration, "other").focal_px == (70, 70)
    assert notes == ["no_camera_info", "frame_mismatch"]


def test_a_change_at_run_time_takes_effect_and_an_old_model_is_made_once():
    calibration = Calibration(lambda reason, text: None)
    calibration.on_info(camera_info(fx=50, d=PLUMB_BOB))
    first = _of(calibration)
    calibration.on_info(camera_info(fx=50, d=PLUMB_BOB))
    assert _of(calibration) is first
    calibration.on_info(camera_info(fx=60))
    assert _of(calibration).focal_px == (60, 60) and not _of(calibration).remap


def test_invented_frames_and_sizes_do_not_fill_the_memory():
    calibration = Calibration(lambda reason, text: None)
    for number in range(200):
        calibration.on_info(camera_info(fx=float("nan") if number % 2 else 50.0 + number, frame_id=f"f{number}"))
        _of(calibration, f"g{number}", width=64 + number)
    assert len(calibration._infos) <= 16 and len(calibration._models) <= 4 and len(calibration._mismatches) <= 16
