# SPDX-License-Identifier: Apache-2.0
import pytest

from prv2_ros.tiling.grid import Box, blended_boxes, choose_grid, random_boxes, regular_boxes, tiled_size


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((1080, 1920), (2, 2)),
        ((2160, 3840), (4, 4)),
        ((4320, 7680), (8, 8)),
        ((480, 640), (1, 1)),
        ((375, 1242), (1, 1)),
        ((1200, 1920), (2, 2)),
        ((40, 40), (1, 1)),
    ],
)
def test_a_raw_tile_is_about_540x960(size, grid):
    assert choose_grid(*size) == grid


def test_regular_boxes_cover_every_pixel_once():
    hits = [[0] * 12 for _ in range(8)]
    for box in regular_boxes((4, 4)):
        rows, columns = box.pixels(8, 12)
        for y in range(8)[rows]:
            for x in range(12)[columns]:
                hits[y][x] += 1
    assert all(hit == 1 for row in hits for hit in row)


def test_shifted_grids_are_right_down_both():
    boxes = blended_boxes((4, 4))
    assert len(boxes) == 12 + 12 + 9
    assert boxes[0] == Box(0.125, 0.0, 0.25, 0.25)
    assert boxes[12] == Box(0.0, 0.125, 0.25, 0.25)
    assert boxes[24] == Box(0.125, 0.125, 0.25, 0.25)
    assert max(b.x + b.width for b in boxes) <= 1 and max(b.y + b.height for b in boxes) <= 1
    assert blended_boxes((1, 1)) == []


def test_random_boxes_lie_on_pixels_inside_the_frame_and_repeat_with_the_seed():
    boxes = random_boxes(50, (432, 768), (4, 4), seed=3)
    assert boxes == random_boxes(50, (432, 768), (4, 4), seed=3) != random_boxes(50, (432, 768), (4, 4), seed=4)
    for box in boxes:
        rows, columns = box.pixels(432, 768)
        assert rows.stop - rows.start == 108 and columns.stop - columns.start == 192
        assert rows.start >= 0 and rows.stop <= 432 and columns.start >= 0 and columns.stop <= 768


def test_odd_frames_grow_to_what_the_tiles_divide():
    assert tiled_size(401, 533, (4, 4), halves=False) == (404, 536)
    assert tiled_size(401, 533, (4, 4), halves=True) == (408, 536)
    assert tiled_size(2160, 3840, (4, 4), halves=True) == (2160, 3840)
