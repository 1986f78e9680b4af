# SPDX-License-Identifier: Apache-2.0
"""Published checkpoints: read safely, recognised, written as weights that the engine runs."""

import os
import pickle

import cv2
import golden_baselines
import numpy as np
import pytest
import reference_layouts
import torch

pytest.importorskip("transformers")

from prv2_ros.cli.main import main
from prv2_ros.engine import DepthEngine
from prv2_ros.engine.published import import_checkpoint, read_tensors
from prv2_ros.engine.weights import load_weights
from prv2_ros.errors import WeightsError
from prv2_ros.model.coarse import peers, relative

# As wide as ViT-S, by which it is recognised; otherwise tiny.
TINY_VIT = {"hidden": 384, "heads": 6, "layers": 4, "stages": (1, 2, 3, 4), "neck": (8, 8, 8, 8), "fusion": 16}
SIZE = (56, 84)


@pytest.fixture(scope="module", autouse=True)
def tiny_vit():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(peers.DEPTH_ANYTHING, "small", TINY_VIT)
        patch.setitem(relative.VITS, "vits", ("small", TINY_VIT["stages"]))
        yield


def noise(shapes):
    return golden_baselines._fill.fill_shapes(shapes)


def depth_network():
    return noise(reference_layouts.zoedepth_on_dino(width=384, layers=4, neck=(8, 8, 8, 8), fused=16))


def narrow(shape: tuple[int, ...], widths: dict[int, int]) -> tuple[int, ...]:
    return tuple(widths.get(side, side) for side in shape)


@pytest.fixture(scope="module")
def prv1_files(tmp_path_factory):
    """Refiner and coarse checkpoint in the form of the published ones, with 16 channels instead of 256."""
    folder = tmp_path_factory.mktemp("prv1")
    widths = {256: 16, 512: 32, 258: 18, 514: 34, 290: 50}
    fusion = {name: narrow(shape, widths) for name, shape in golden_baselines.shapes("prv1").items()}
    state = noise(fusion) | {f"refiner_fine_branch.{name}": t for name, t in depth_network().items()}
    torch.save({"model_state_dict": state, "epoch": 36}, folder / "checkpoint_36.pth")
    torch.save({"model_state_dict": depth_network()}, folder / "checkpoint_24.pth")
    return folder / "checkpoint_36.pth", folder / "checkpoint_24.pth"


def test_prv1_runs_as_weights_of_ours(prv1_files, tmp_path, capsys):
    refiner, coarse = prv1_files
    out = tmp_path / "prv1.safetensors"
    arguments = ["import", str(refiner), str(out), "--coarse", str(coarse), "--process-size", "56x84"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "prv1 with zoedepth-vits, tiles of 56x84" in said
    assert "licence of the weights: MIT" in said
    header, tensors, _ = load_weights(out)
    assert header.provenance["licence"].startswith("MIT")
    assert [file["file"] for file in header.provenance["imported_from"]] == [refiner.name, coarse.name]
    given = read_tensors(refiner)
    assert torch.equal(
        tensors["f2c.decoder.0.conv2.weight"], given["refiner_fusion_model.decoder_layers.4.conv.double_conv.2.weight"]
    )
    key = given["refiner_fine_branch.core.core.pretrained.blocks.1.attn.qkv.weight"][384:768]
    assert torch.equal(tensors["fine.relative.network.backbone.encoder.layer.1.attention.k_proj.weight"], key)
    engine = DepthEngine.load(out, device="cpu", precision="fp32", grid=(2, 2))
    rgb = np.random.default_rng(0).integers(0, 255, (112, 168, 3), dtype=np.uint8)
    depth, timing = engine(rgb)
    assert timing.tiles == 4 and np.isfinite(depth).all() and np.ptp(depth) > 0
    assert not np.allclose(depth, engine.coarse(rgb))
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), rgb)
    command = ["depth", str(picture), "-o", str(tmp_path / "depth.png"), "--weights", str(out), "--also", "ply"]
    assert main(command) == 1
    assert "prv1 has no focal length of its own: a cloud needs --focal-px" in capsys.readouterr().err
    assert main([*command, "--focal-px", "150"]) == 0
    assert (tmp_path / "depth.ply").is_file()


def test_whole_patchfusion_of_the_hub_runs_in_every_mode(tmp_path):
    widths = {256: 16, 512: 32, 768: 48, 544: 64, 1024: 64}
    fusion = {}
    for name, shape in golden_baselines.shapes("patchfusion").items():
        head = name.split(".")[0] in golden_baselines.DOUBLED
        # the head's own widths are the same whatever the maps'
        shape = narrow(shape, {} if head else widths)
        if head and len(shape) == 4 and "_net.0" in name and shape[1] == 256:
            shape = (shape[0], 16, 1, 1)
        fusion[name] = shape
    sizes = [(2, 3), (4, 6), (8, 12), (16, 24), (32, 48), (56, 84)]
    for level, (height, width) in enumerate(sizes):
        group = f"guided_fusion.g2l_list.{level}"
        channels = 16 if level < 5 else 32
        fusion[f"{group}.absolute_pos_embed"] = (1, height * width, channels)
        for name in fusion:
            if name.startswith(group) and name.endswith("bias_table"):
                fusion[name] = (529, 16 if level in (0, 1) else fusion[name][1])
    state = noise(fusion)
    for branch in ("coarse_branch", "fine_branch"):
        state |= {f"{branch}.{name}": t for name, t in depth_network().items()}
    (tmp_path / "hub").mkdir()
    torch.save(state, tmp_path / "hub" / "pytorch_model.bin")
    out = tmp_path / "patchfusion.safetensors"
    header = import_checkpoint(tmp_path / "hub", out, process_size=SIZE, dtype=torch.float16).header
    assert header.feature_sizes == tuple(reversed(sizes))
    engine = DepthEngine.load(out, device="cpu", precision="fp32", grid=(2, 2), sharpen_edges=False)
    rgb = np.random.default_rng(0).integers(0, 255, (112, 168, 3), dtype=np.uint8)
    for mode, tiles in (("p16", 4), ("p49", 9), ("r2", 11)):
        engine.mode = mode
        depth, timing = engine(rgb)
        assert timing.tiles == tiles and np.isfinite(depth).all() and depth.min() >= 0
    engine.close()


class _Harm:
    def __reduce__(self):
        return os.system, ("touch /tmp/prv2_import_was_run",)


def test_what_is_no_checkpoint_of_tensors_is_refused(prv1_files, tmp_path, capsys):
    refiner, coarse = prv1_files
    harmful = tmp_path / "harmful.pth"
    torch.save({"model_state_dict": {"a": _Harm()}}, harmful)
    plain = tmp_path / "plain.pth"
    plain.write_bytes(pickle.dumps(_Harm()))
    for file in (harmful, plain):
        assert main(["import", str(file), str(tmp_path / "o.safetensors")]) == 1
        assert f"{file} is refused" in capsys.readouterr().err
    assert not os.path.exists("/tmp/prv2_import_was_run")
    with pytest.raises(WeightsError, match="holds no coarse network: name its checkpoint, such as --coarse"):
        import_checkpoint(refiner, tmp_path / "o.safetensors")
    with pytest.raises(WeightsError, match=r"holds a depth network alone \(zoedepth-vits\)"):
        import_checkpoint(coarse, tmp_path / "o.safetensors")
    torch.save({"weight": torch.zeros(1)}, plain)
    with pytest.raises(WeightsError, match="not a checkpoint of PatchRefiner V1 or PatchFusion; its tensors: weight"):
        import_checkpoint(plain, tmp_path / "o.safetensors")
    torch.save({"weight": torch.zeros(1), "epoch": 3}, plain)
    with pytest.raises(WeightsError, match="epoch is not a tensor"):
        import_checkpoint(plain, tmp_path / "o.safetensors")
    with pytest.raises(WeightsError, match="no checkpoint "):
        import_checkpoint(tmp_path, tmp_path / "o.safetensors")
    assert not (tmp_path / "o.safetensors").exists()
