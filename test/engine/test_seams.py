# SPDX-License-Identifier: Apache-2.0
"""What a tile's padding does to its border is bridged; everything else stays."""

import pytest
import torch

from prv2_ros.engine.seams import SEAM, mend_seams


def inverse_plane(height=48, width=64):
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return 1.0 / (0.05 + 0.01 * rows + 0.004 * columns)


def with_seams(depth, grid, by=1.5):
    """The outermost pixels of each tile are off."""
    height, width = depth.shape[0] // grid[0], depth.shape[1] // grid[1]
    bad = depth.clone()
    for row in range(grid[0]):
        for column in range(grid[1]):
            tile = bad[row * height : (row + 1) * height, column * width : (column + 1) * width]
            inner = tile[SEAM:-SEAM, SEAM:-SEAM].clone()
            tile *= by
            tile[SEAM:-SEAM, SEAM:-SEAM] = inner
    return bad


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (3, 4)])
def test_a_plane_comes_back_from_under_its_seams(grid):
    plane = inverse_plane()
    bad = with_seams(plane, grid)
    before = bad.clone()
    mended = mend_seams(bad, grid)
    assert torch.equal(bad, before)
    inner = slice(SEAM, -SEAM)
    torch.testing.assert_close(mended[inner, inner], plane[inner, inner], rtol=1e-5, atol=0)
    # Beyond the last known pixel nothing is known but that pixel.
    assert torch.equal(mended[inner, 0], mended[inner, SEAM]) and torch.equal(
        mended[-1, inner], mended[-1 - SEAM, inner]
    )


def test_depth_zero_beside_a_seam_gives_no_nan():
    depth = torch.zeros(16, 24)
    depth[:, 12:] = 5.0
    assert mend_seams(depth, (2, 2)).isfinite().all()


def test_what_lies_between_the_seams_stays_to_the_bit():
    depth = torch.rand(48, 64, generator=torch.Generator().manual_seed(0)) + 1.0
    mended = mend_seams(depth, (2, 2))
    changed = (mended != depth).nonzero()
    near_a_seam = torch.zeros(48, 64, dtype=torch.bool)
    for at in (0, 24, 48):
        near_a_seam[max(at - SEAM, 0) : at + SEAM] = True
    for at in (0, 32, 64):
        near_a_seam[:, max(at - SEAM, 0) : at + SEAM] = True
    assert near_a_seam[changed[:, 0], changed[:, 1]].all()
    assert len(changed) > 0.9 * near_a_seam.sum()
