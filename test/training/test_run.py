# SPDX-License-Identifier: Apache-2.0
"""Runs: every task trains, an interrupted run goes on to the same losses, NaN stops it, weights come out."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from safetensors import safe_open

from prv2_ros.cli.main import main
from prv2_ros.engine.weights import load_weights
from prv2_ros.model import create_coarse
from prv2_ros.model.f2c import DEPTH_SCALE_M
from prv2_ros.training import base_module
from prv2_ros.training.base_module import NonFiniteLossError
from prv2_ros.training.callbacks import RampedEMA
from prv2_ros.training.comparison.rows import TINY
from prv2_ros.training.export import export_checkpoint
from prv2_ros.training.recipe import Recipe, RecipeError
from prv2_ros.training.run import run_recipe
from prv2_ros.training.tasks import build_module, imagenet_file

CPU = {"accelerator": "cpu", "enable_progress_bar": False}


class Losses(Callback):
    """Keeps the loss of every step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.values.append(float(outputs["loss"]))


def run(recipe: Recipe, **options: Any) -> tuple[Path, list[float]]:
    losses = Losses()
    trainer = {"trainer_options": CPU, **options}
    path = run_recipe(recipe, callbacks=[losses], **trainer)
    return path, losses.values


def test_an_interrupted_run_goes_on_to_the_same_losses(toy_recipe: Recipe, tmp_path: Path) -> None:
    # Stochastic depth and the windows of SSIGM are drawn in every step.
    toy_recipe = replace(toy_recipe, drop_path=0.3, losses={**toy_recipe.losses, "ssigm": 1.0})
    _, whole = run(replace(toy_recipe, out=str(tmp_path / "whole")))
    interrupted = replace(toy_recipe, out=str(tmp_path / "parts"))
    _, first = run(interrupted, trainer_options={**CPU, "max_epochs": 1})
    weights, second = run(interrupted, resume=True)
    assert len(whole) == 4
    assert first + second == pytest.approx(whole, rel=1e-5)
    with safe_open(tmp_path / "whole" / "weights.safetensors", "pt") as a, safe_open(weights, "pt") as b:
        name = "coarse.log_depth.weight"
        torch.testing.assert_close(a.get_tensor(name), b.get_tensor(name))


def test_weights_and_exported_checkpoints_say_where_they_come_from(toy_recipe: Recipe, tmp_path: Path) -> None:
    path, _ = run(toy_recipe)
    header, _, coarse = load_weights(path)
    assert (header.variant, header.coarse, header.process_size) == ("prv2m-narrow", "small", (64, 96))
    assert header.provenance["data"] == [{"name": "toy", "licence": "CC0", "frames": 6, "share": 1.0}]
    assert header.provenance["recipe"]["seed"] == 3
    assert header.provenance["steps"] == 4
    assert "val/toy/coarse_delta1" in header.provenance["metrics"]
    assert str(Path(toy_recipe.out).parent) not in json.dumps(header.provenance)
    create_coarse("small").load_state_dict(coarse)
    exported = export_checkpoint(Path(toy_recipe.out) / "last.ckpt", tmp_path / "again.safetensors")
    again, _, same = load_weights(exported)
    for name, tensor in coarse.items():
        torch.testing.assert_close(same[name], tensor)
    assert again.provenance["steps"] == 4
    with pytest.raises(RecipeError, match=r"nothing\.ckpt"):
        export_checkpoint(tmp_path / "nothing.ckpt", tmp_path / "x.safetensors")


@pytest.mark.parametrize("task", ["noisy_pretrain", "refine", "end_to_end", "transfer"])
def test_every_task_trains_what_it_should(toy_recipe: Recipe, tmp_path: Path, task: str) -> None:
    recipe = replace(toy_recipe, task=task, epochs=1, ema=0.0, out=str(tmp_path / task))
    path, losses = run(recipe)
    _, refiner, coarse = load_weights(path)
    assert all(math.isfinite(loss) for loss in losses)
    L.seed_everything(recipe.seed, verbose=False)
    start = build_module(recipe)
    moved = {
        part: any(
            (tensor - getattr(start, part).state_dict()[name].half().float()).abs().max() > 1e-6
            for name, tensor in state.items()
            if tensor.is_floating_point()
        )
        for part, state in (("refiner", refiner), ("coarse", coarse))
        if state
    }
    assert moved["refiner"]
    assert moved.get("coarse") == {"noisy_pretrain": None, "refine": False, "end_to_end": True, "transfer": True}[task]
    if coarse:  # its batch statistics stay as they are, trained or not
        before = start.coarse.state_dict()
        statistics = [name for name in before if name.endswith(("running_mean", "running_var"))]
        assert len(statistics) > 50
        for name in statistics:
            assert torch.equal(coarse[name], before[name].half().float()), name


def test_refining_starts_from_the_pretrained_parts(toy_recipe: Recipe, tmp_path: Path) -> None:
    toy_recipe = replace(toy_recipe, epochs=1, steps_per_epoch=1, validation=[])
    run(replace(toy_recipe, out=str(tmp_path / "coarse")))
    run(replace(toy_recipe, task="noisy_pretrain", out=str(tmp_path / "np")))
    recipe = replace(
        toy_recipe,
        task="refine",
        init_coarse=str(tmp_path / "coarse" / "last.ckpt"),
        init_refiner=str(tmp_path / "np" / "weights.safetensors"),
        zero_residual=True,
        out=str(tmp_path / "refine"),
    )
    path, _ = run(recipe)
    header, _, coarse = load_weights(path)
    _, _, before = load_weights(tmp_path / "coarse" / "weights.safetensors")
    torch.testing.assert_close(coarse, before)
    assert [h["part"] for h in header.provenance["started_from"]] == ["coarse", "refiner"]
    assert header.provenance["started_from"][0]["data"][0]["licence"] == "CC0"


@pytest.mark.parametrize(("every", "logged"), [(2, [False, True]), (0, [False, False])])
def test_the_coarse_depths_losses_are_computed_where_they_are_logged(
    toy_recipe: Recipe, every: int, logged: list[bool]
) -> None:
    seen: list[set[str]] = []

    class Logged(Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            seen.append(set(trainer.callback_metrics))

    recipe = replace(toy_recipe, task="refine", epochs=1, ema=0.0, validation=[])
    run_recipe(recipe, trainer_options={**CPU, "log_every_n_steps": every}, callbacks=[Logged()])
    assert all("loss/log_l1" in step for step in seen)
    assert ["loss/before_log_l1" in step for step in seen] == logged


@pytest.mark.parametrize(("task", "passes"), [("refine", 2), ("end_to_end", 4)])
def test_a_frozen_coarse_branch_runs_once_for_each_draw(toy_recipe: Recipe, task: str, passes: int) -> None:
    seen: list[int] = []

    class Counted(Callback):
        def on_fit_start(self, trainer: Any, module: Any) -> None:
            module.coarse.register_forward_hook(lambda *_: seen.append(trainer.global_step))

    recipe = replace(toy_recipe, task=task, epochs=1, steps_per_epoch=4, steps_per_draw=2, ema=0.0, validation=[])
    run_recipe(recipe, trainer_options=CPU, callbacks=[Counted()])
    assert len(seen) == passes


def test_a_nan_loss_stops_the_run_and_keeps_the_batch(toy_recipe: Recipe) -> None:
    class Poison(Callback):
        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
            if trainer.global_step == 1:
                module.coarse.log_depth.bias.data.fill_(float("nan"))

    with pytest.raises(NonFiniteLossError, match="step 1") as caught:
        run_recipe(toy_recipe, trainer_options=CPU, callbacks=[Poison()])
    file = Path(toy_recipe.out) / "nan_batch_step1_rank0.pt"
    assert str(file) in str(caught.value)
    assert torch.load(file, weights_only=True)["batch"]["rgb"].shape == (2, 3, 32, 48)


def test_on_cuda_a_nan_loss_is_noticed_a_step_later_or_at_the_epochs_end(
    toy_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(base_module._Step):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.ready = SimpleNamespace(synchronize=lambda: None)

    monkeypatch.setattr(base_module, "_Step", Late)
    recipe = replace(toy_recipe, epochs=1, steps_per_epoch=3, validation=[])
    for step in (1, 2):

        class Poison(Callback):
            seen = 0

            def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int, at: int = step) -> None:
                self.seen = index
                if index == at:
                    module.coarse.log_depth.bias.data.fill_(float("nan"))

        poison = Poison()
        with pytest.raises(NonFiniteLossError, match=f"at step {step} "):
            run_recipe(recipe, trainer_options=CPU, callbacks=[poison])
        assert poison.seen == 2 and (Path(recipe.out) / f"nan_batch_step{step}_rank0.pt").is_file()
        assert not (Path(recipe.out) / "last.ckpt").exists()


def test_the_average_is_kept_where_the_module_is() -> None:
    average, module = RampedEMA(0.9), torch.nn.BatchNorm1d(2)
    kept = SimpleNamespace(module=torch.nn.BatchNorm1d(2), n_averaged=torch.tensor(0))
    average._average_model = kept
    with torch.no_grad():
        module.weight.fill_(11.0)
        module.num_batches_tracked.fill_(7)
    for step in (1, 1, 2):  # the second call is of the same step of the optimiser
        average.on_train_batch_end(SimpleNamespace(global_step=step), module, None, None, 0)
    first = 1 + 0.9 * 10  # of 1 and 11: a tenth of the memory after no update, 2 / 11 after one
    torch.testing.assert_close(kept.module.weight.detach(), torch.full((2,), first + 9 / 11 * (11 - first)))
    assert (int(kept.n_averaged), int(kept.module.num_batches_tracked)) == (2, 7)
    average.on_train_start(None, SimpleNamespace(device=torch.device("meta")))
    assert kept.module.weight.device.type == "meta" and kept.n_averaged.device.type == "cpu"


def test_training_learns(toy_recipe: Recipe) -> None:
    recipe = replace(toy_recipe, epochs=1, steps_per_epoch=30, losses={"log_l1": 1.0}, lr=3e-3, ema=0.0, validation=[])
    _, losses = run(recipe)
    assert sum(losses[-6:]) < 0.6 * sum(losses[:6])


def test_unfitting_start_is_named(toy_recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="does not exist"):
        run_recipe(replace(toy_recipe, init_coarse=str(tmp_path / "none.ckpt")), trainer_options=CPU)


def test_a_coarse_branch_of_another_kind_is_not_refined(toy_recipe: Recipe) -> None:
    for task in ("coarse", "refine"):
        with pytest.raises(RecipeError, match="prv2s holds the coarse branch 'light', but coarse is 'small'"):
            build_module(replace(toy_recipe, task=task, init_coarse="prv2s"))


def test_a_refiners_run_tells_of_its_coarse_branch_by_that_ones_run(toy_recipe: Recipe, tmp_path: Path) -> None:
    coarse = run(replace(toy_recipe, epochs=1, validation=[], out=str(tmp_path / "coarse")))[0]
    start = replace(toy_recipe, task="refine", epochs=1, validation=[], init_coarse=str(coarse))
    refined = run(start)[0]
    (origin,) = build_module(replace(start, init_coarse=str(refined))).history[0]["started_from"]
    assert origin["part"] == "coarse" and origin["recipe"]["task"] == "coarse"


def test_steps_on_weights_that_read_metres_are_smaller(toy_recipe: Recipe) -> None:
    recipe = replace(toy_recipe, task="refine", epochs=1, steps_per_epoch=1, ema=0.0, weight_decay=0.0, validation=[])
    run(recipe)
    L.seed_everything(recipe.seed, verbose=False)
    start = build_module(recipe).state_dict()
    end = torch.load(Path(recipe.out) / "last.ckpt", weights_only=False)["state_dict"]
    name = "refiner.f2c.decoder.0.conv1.weight"
    step = (end[name] - start[name]).abs()
    assert step[:, :-2].max() > 0
    assert step[:, -2:].max() * DEPTH_SCALE_M == pytest.approx(step[:, :-2].max().item(), rel=0.05)


def test_the_command_runs_a_recipe_file(toy_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(
        f"task: coarse\nroots: {{toy: {toy_root}}}\nsets: [{{root: toy}}]\nprocess_size: [64, 96]\n"
        f"out: {tmp_path / 'cli'}\nworkers: 4\n"
    )
    assert main(["train", str(file), "--fast", "--set", "seed=9", "--trainer", "accelerator=cpu"]) == 0
    out = tmp_path / "cli_fast" / "weights.safetensors"
    assert str(out) in capsys.readouterr().out
    assert load_weights(out)[0].provenance["seed"] == 9
    assert (tmp_path / "cli_fast" / "tensorboard").is_dir()
    assert main(["train", str(tmp_path / "missing.yaml")]) == 1
    assert main(["train", "--export", str(tmp_path / "cli_fast" / "last.ckpt"), str(tmp_path / "e.safetensors")]) == 0


def test_a_refiner_starts_from_imagenet_where_a_file_is_given(toy_recipe: Recipe, tmp_path: Path) -> None:
    recipe = replace(toy_recipe, task="refine")
    encoder = build_module(recipe).refiner.encoder
    stem = next(name for name, value in encoder.backbone.state_dict().items() if value.ndim == 4)
    state = {name: value.clone() for name, value in encoder.backbone.state_dict().items()}
    state[stem] = state[stem][:, :3]
    torch.save({**state, "classifier.weight": torch.zeros(1000, 8)}, tmp_path / "net.pth")
    started = build_module(replace(recipe, init_refiner=f"imagenet:{tmp_path / 'net.pth'}")).refiner.encoder
    torch.testing.assert_close(started.stem.weight[:, :3], state[stem])
    assert not started.stem.weight[:, 3:].any()
    package = build_module(replace(recipe, variant=TINY, init_refiner="imagenet")).refiner.encoder
    classifier = torch.load(imagenet_file(), map_location="cpu", weights_only=True)
    assert torch.equal(package.stem.weight[:, :3], next(iter(classifier.values())))
    for source, words in (
        ("imagenet", "does not fit .*imagenet:FILE"),
        ("imagenet:/no.pth", "no ImageNet weights /no.pth"),
    ):
        with pytest.raises(RecipeError, match=words):
            build_module(replace(recipe, init_refiner=source))
