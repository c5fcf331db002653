from __future__ import annotations

import numpy as np
import pytest
import torch

from bpflow.checkpoints import load_model, save_model
from bpflow.errors import InputError
from bpflow.models import Basenji2, Basenji2Config, build
from bpflow.models.basenji2 import dilations, tower_widths
from bpflow.models.encoding import one_hot
from bpflow.sequences import read_sequences

SMALL = {
    "input_length": 512,
    "targets": 3,
    "crop_bins": 4,
    "stem_filters": 8,
    "tower_filters": (8, 10),
    "bottleneck": 6,
    "dilated_layers": 3,
    "head_filters": 12,
}


def small(seed=1, **changes) -> Basenji2:
    return Basenji2(Basenji2Config(**{**SMALL, **changes}), torch.Generator().manual_seed(seed))


def sequences(number=2):
    codes = torch.randint(0, 5, (number, 512), dtype=torch.uint8, generator=torch.Generator().manual_seed(7))
    return one_hot(codes)


@pytest.mark.parametrize(
    ("sizes", "trained", "statistics"),
    [
        ({}, 30_088_228, 35_356),
        ({"targets": 1643}, 24_447_438, 35_356),
        ({"n_channel": True}, 30_092_548, 35_356),
    ],
)
def test_published_sizes(sizes, trained, statistics):
    with torch.device("meta"):
        model = Basenji2(Basenji2Config(**sizes))
    assert sum(weights.numel() for weights in model.parameters()) == trained
    assert sum(tensor.numel() for name, tensor in model.named_buffers() if "running" in name) == statistics


def test_published_schedule_and_arithmetic():
    config = Basenji2Config()
    assert tower_widths() == (339, 399, 470, 554, 652, 768)
    assert dilations(11) == [1, 2, 3, 4, 6, 9, 14, 21, 32, 48, 72]
    assert (config.bin_width, config.bins, config.output_length) == (128, 896, 114_688)
    assert config.gigaflops == pytest.approx(2 * 116.6, abs=0.1)


def test_predictions_equal_those_of_multimolecule(shared_data):
    folder = shared_data / "golden" / "multimolecule-0.2.2" / "basenji"
    model = load_model(folder).model
    codes = np.stack([row for _, row in read_sequences(folder / "sequences.fa", model.config.input_length)])
    with np.load(folder / "predictions.npz") as arrays:
        # The file has what comes before softplus: a third of it is below 0.
        logits = torch.from_numpy(arrays["tracks"])
    with torch.inference_mode():
        x = one_hot(torch.from_numpy(codes), 5)
        found = {model.logits(x): logits, model(x): torch.nn.functional.softplus(logits)}
    for ours, theirs in found.items():
        assert ours.shape == theirs.shape == (len(codes), model.config.bins, model.config.targets)
        assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def test_output_is_positive_float32_whatever_the_precision_is():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = small()(sequences())
    assert output.shape == (2, 512 // 8 - 8, 3)
    assert output.dtype == torch.float32
    assert (output > 0).all()


def test_first_weights():
    model = small(stem_filters=64, tower_filters=(64, 64), bottleneck=64, head_filters=256)
    state = model.state_dict()
    for name, fan_in in (("stem", 4 * 15), ("tower.1", 64 * 5), ("blocks.2.narrow", 64 * 3), ("head", 64)):
        weights = state[f"{name}.convolution.weight"]
        deviation = (2 / fan_in) ** 0.5
        assert weights.std().item() == pytest.approx(deviation, rel=0.05), name
        assert weights.abs().max().item() <= 2 * deviation / 0.8796 + 1e-6, name
    assert state["targets.weight"].std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.1)
    assert not state["targets.bias"].any()
    for name, scale in state.items():
        if name.endswith("norm.weight"):
            assert (scale == (0 if ".wide." in name else 1)).all(), name
    assert {module.eps for module in model.modules() if isinstance(module, torch.nn.BatchNorm1d)} == {1e-3}


def test_a_new_dilated_block_is_the_identity():
    block = small().eval().blocks[1]
    x = torch.randn(2, 10, 20, generator=torch.Generator().manual_seed(3))
    assert torch.equal(block(x), x)


def test_the_same_seed_gives_the_same_weights():
    one, other, third = small(5), small(5), small(6)
    assert torch.equal(one.stem.convolution.weight, other.stem.convolution.weight)
    assert not torch.equal(one.stem.convolution.weight, third.stem.convolution.weight)


def test_training_moves_statistics_by_a_tenth():
    model = small().train()
    with torch.no_grad():
        before = model.stem.convolution(torch.nn.functional.gelu(sequences(), approximate="tanh"))
        model(sequences())
    expected = 0.1 * before.mean((0, 2))
    torch.testing.assert_close(model.stem.norm.running_mean, expected, rtol=1e-4, atol=1e-6)


def test_a_model_comes_back_as_it_was_with_its_statistics(tmp_path):
    model = small().train()
    model(sequences())
    model.eval()
    save_model(model, tmp_path / "m.safetensors", metadata={"model": "basenji2"})
    loaded = load_model(tmp_path / "m.safetensors").model
    assert loaded.config == model.config
    assert loaded.stem.norm.num_batches_tracked.item() == 1
    assert torch.equal(loaded(sequences()), model(sequences()))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"input_length": 500}, "multiple of the bin width, 8"),
        ({"crop_bins": 32}, "more than 64 bins"),
        ({"stem_kernel": 14}, "odd"),
        ({"dropout": 1.0}, "dropout"),
        ({"tower_filters": (8,) * 13}, "tower_filters"),
        ({"targets": 0}, "targets"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        Basenji2Config(**{**SMALL, **wrong})


def test_sequences_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"\(N, 4, 512\)"):
        small()(torch.zeros(1, 4, 500))


def test_the_registry_builds_it():
    config = Basenji2Config(**SMALL)
    assert build(config.model_dump()).config == config
