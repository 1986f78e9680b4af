# SPDX-License-Identifier: Apache-2.0
"""Which camera_info an image of a recording gets: by stamps, without stamps, from several threads, of many cameras."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from recordings import info_message

from prv2_ros.bags.convert import calibration
from prv2_ros.bags.convert.calibration import Calibrations, InfoCollector, Infos, fixed_info

SIZE = (64, 48)


def _info(stamp, focal):
    return info_message(stamp, "c", size=SIZE, intrinsics=(focal, focal, 32, 24))


def _collected(*messages):
    """Infos of (stamp, focal length) that arrive one after the other, at 100, 101 ..."""
    collector = InfoCollector()
    for arrival, (stamp, focal) in enumerate(messages, start=100):
        collector.add(stamp, arrival, _info(stamp, focal))
    return collector.entries()


def _focal(infos, stamp=0, arrival=0):
    known = Calibrations({"/c": infos}, rectify=True)
    return known.of_image("/c", stamp, arrival=arrival, width=64, height=48, rectified=False).focal_px[0]


def test_messages_that_arrive_out_of_order_count_by_their_stamps():
    infos = _collected((1, 50), (3, 70), (4, 70), (2, 50))
    assert [time for time, _ in infos.entries] == [1, 3]
    assert [_focal(infos, stamp) for stamp in (0, 1, 2, 3, 9)] == [50, 50, 50, 70, 70]


def test_a_change_and_its_return_count_although_they_arrived_before():
    """By arrival 50, 50, 70, in truth 50, 70, 50."""
    infos = _collected((1, 50), (3, 50), (2, 70))
    assert [_focal(infos, stamp) for stamp in (1, 2, 3)] == [50, 70, 50]


def test_messages_without_stamps_count_by_arrival():
    infos = _collected((0, 50), (0, 70), (0, 70), (0, 90))
    assert infos.by_arrival
    assert [_focal(infos, stamp=12345, arrival=at) for at in (99, 100, 101, 102, 103, 200)] == [50, 50, 70, 70, 90, 90]


def test_ten_cameras_keep_their_models():
    """A model holds maps of the size of the image: to make them anew for each image costs more than the network."""
    known = Calibrations({f"/c{index}": fixed_info(_info(0, 50 + index)) for index in range(10)}, rectify=True)

    def models():
        return [known.of_image(f"/c{i}", 0, arrival=0, width=64, height=48, rectified=False) for i in range(10)]

    assert all(one is other for one, other in zip(models(), models(), strict=True))


def test_many_threads_get_the_same_model_and_no_error(monkeypatch):
    made = []
    make = calibration.CameraModel.from_info
    monkeypatch.setattr(calibration.CameraModel, "from_info", lambda *a, **k: made.append(1) or make(*a, **k))
    known = Calibrations({"/c": _collected(*((index, 50 + index) for index in range(1, 40)))}, rectify=True)
    stamps = np.random.default_rng(0).integers(1, 40, 2000).tolist()

    def focal(stamp):
        return known.of_image("/c", stamp, arrival=0, width=64, height=48, rectified=False).focal_px[0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(focal, stamps)) == [50 + stamp for stamp in stamps]
        assert (
            len(
                {
                    id(m)
                    for m in pool.map(
                        lambda _: known.of_image("/c", 1, arrival=0, width=64, height=48, rectified=False), range(200)
                    )
                }
            )
            == 1
        )
    assert len(known._models["/c"]) == calibration._MODELS and len(made) > 100


def test_without_messages_the_camera_is_unknown():
    known = Calibrations({"/c": Infos()}, rectify=True)
    assert not known.of_image("/c", 0, arrival=0, width=64, height=48, rectified=False).calibrated
