"""A model by its path and a string of DNA: the example of each model's card, and what may be given."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

import bpflow
from bpflow.checkpoints import save_model
from bpflow.errors import DeviceError, InputError
from bpflow.formats.multimolecule import write_multimolecule
from bpflow.models import Basenji2, Basenji2Config, BPNet, BPNetConfig, ChromBPNet, ProCapNet, ProCapNetConfig
from bpflow.models.encoding import one_hot

SMALL = {"input_length": 300, "output_length": 100, "filters": 4, "layers": 2}
SEQUENCE = "ACGT" * 75


def seeded(number=1):
    return torch.Generator().manual_seed(number)


def small_chrombpnet():
    return ChromBPNet(BPNet(BPNetConfig(**SMALL), seeded(1)), BPNet(BPNetConfig(**SMALL), seeded(2)))


@pytest.fixture
def saved(tmp_path):
    """Save a model; returns the path."""

    def save(model, system=None):
        save_model(model, tmp_path / "m.safetensors", metadata={"model": system} if system else {})
        return tmp_path / "m.safetensors"

    return save


def test_the_card_of_bpnet(tmp_path):
    write_multimolecule(BPNet(BPNetConfig.published(), seeded()), tmp_path / "bpnet")

    model = bpflow.load(tmp_path / "bpnet")
    out = model("ACGTNACGTN" * 100)
    assert out.profile_logits.shape == (1, 1000, 8)
    assert out.log_counts.shape == (1, 8)
    assert out.track.shape == (1, 1000, 8)
    assert out.track_names[:3] == ("Oct4.plus", "Oct4.minus", "Sox2.plus")
    np.testing.assert_allclose(out.track.sum(1), np.exp(out.log_counts), rtol=1e-5)


def test_the_card_of_basenji2(saved):
    sizes = {"input_length": 1024, "targets": 3, "crop_bins": 8, "stem_filters": 4, "tower_filters": (4, 4, 4)}
    network = Basenji2(Basenji2Config(**sizes, bottleneck=4, dilated_layers=1, head_filters=4), seeded()).eval()

    model = bpflow.load(saved(network, "basenji2"))
    out = model("ACGT" * 256)
    assert out.track.shape == (1, 48, 3)
    assert out.track_names == ("", "", "")
    with torch.no_grad():
        expected = network(one_hot(torch.arange(1024, dtype=torch.uint8)[None] % 4)).numpy()
    np.testing.assert_allclose(out.track, expected, rtol=1e-5)
    both = model(["ACGT" * 256, "GATTACAN" * 128], batch_size=1, shifts=(-1, 1))
    assert both.track.shape == (2, 48, 3)
    assert not np.allclose(both.track[0], out.track[0])


def test_the_card_of_procapnet(saved):
    path = saved(ProCapNet(ProCapNetConfig(filters=8), seeded()), "procapnet")

    model = bpflow.load(path)
    out = model(("ACGT" * 529)[:2114])
    assert out.profile_logits.shape == (1, 1000, 2)
    assert out.log_counts.shape == (1, 1)
    assert out.track.shape == (1, 1000, 2)
    assert out.track_names == ("plus", "minus")
    # Both strands share one profile and one count.
    np.testing.assert_allclose(out.track.sum((1, 2)), np.expm1(out.log_counts[:, 0]), rtol=1e-4)


def test_the_card_of_chrombpnet(saved):
    towers = BPNet(BPNetConfig(filters=8), seeded(1)), BPNet(BPNetConfig(filters=4, layers=4), seeded(2))
    path = saved(ChromBPNet(*towers), "chrombpnet")

    model = bpflow.load(path)
    out = model(("ACGT" * 529)[:2114])
    assert out.profile_logits.shape == (1, 1000, 1)
    assert out.log_counts.shape == (1, 1)
    assert out.track.shape == (1, 1000, 1)
    assert out.track_names == ("with_bias",)
    corrected = model(("ACGT" * 529)[:2114], bias=False)
    assert corrected.track_names == ("corrected",)
    assert corrected.log_counts[0, 0] < out.log_counts[0, 0]


def test_with_bias_is_the_sum_of_its_parts(saved):
    whole = small_chrombpnet()
    model = bpflow.load(saved(whole, "chrombpnet"), device="cpu")
    parts = []
    for part, name in ((whole.accessibility, "chrombpnet_nobias"), (whole.bias, "bias")):
        parts.append(bpflow.load(saved(part, name), device="cpu")(SEQUENCE))
    with_bias, corrected = model(SEQUENCE, bias=True), model(SEQUENCE, bias=False)
    assert [part.track_names for part in parts] == [("corrected",), ("bias",)]
    np.testing.assert_array_equal(corrected.track, parts[0].track)
    np.testing.assert_array_equal(with_bias.profile_logits, parts[0].profile_logits + parts[1].profile_logits)
    np.testing.assert_allclose(
        with_bias.log_counts, np.logaddexp(parts[0].log_counts, parts[1].log_counts), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("system", ["bpnet", "procapnet", "chrombpnet", "bias"])
def test_scales_differ_by_one_read_a_group(saved, system):
    stranded = {"tasks": ("a", "b"), "strands": 2, "shared_strands": False, "same": True}
    model = {
        "bpnet": lambda: BPNet(BPNetConfig(**{**SMALL, "output_length": 300}, **stranded), seeded()),
        "procapnet": lambda: ProCapNet(ProCapNetConfig(**SMALL), seeded()),
        "chrombpnet": small_chrombpnet,
        "bias": lambda: BPNet(BPNetConfig(**SMALL), seeded()),
    }[system]()
    loaded = bpflow.load(saved(model, system), device="cpu")
    usual, exp, expm1 = (loaded(SEQUENCE, **options) for options in ({}, {"scale": "exp"}, {"scale": "expm1"}))
    groups = exp.log_counts.shape[1]
    np.testing.assert_allclose((exp.track - expm1.track).sum(), groups, rtol=1e-4)
    np.testing.assert_array_equal(usual.track, (exp if system == "bpnet" else expm1).track)
    with pytest.raises(InputError, match="the scale 'log'"):
        loaded(SEQUENCE, scale="log")


def test_several_sequences_are_those_one_by_one(saved):
    model = bpflow.load(saved(ProCapNet(ProCapNetConfig(**SMALL), seeded())), device="cpu")
    sequences = ["".join(np.random.default_rng(seed).choice(list("ACGTN"), 300)) for seed in range(5)]
    together = model(sequences, batch_size=2)
    for number, sequence in enumerate(sequences):
        for ours, alone in zip(together[:3], model(sequence)[:3], strict=True):
            np.testing.assert_allclose(ours[number], alone[0], rtol=1e-5, atol=1e-6)


def test_letters(saved):
    model = bpflow.load(saved(BPNet(BPNetConfig(**SMALL), seeded())), device="cpu")
    np.testing.assert_array_equal(model(SEQUENCE.lower()).track, model(SEQUENCE).track)
    unknown = model("N" * 300)
    np.testing.assert_array_equal(unknown.track, model("R" * 300).track)
    # An unknown base is a column of zeros, so all that is left are the intercepts, which are zero at first.
    assert np.ptp(unknown.profile_logits) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("ACGT", "the sequence '1' has 4 bases. Expected 300, the model's input length"),
        ([SEQUENCE, SEQUENCE[1:]], "the sequence '2' has 299 bases"),
        (SEQUENCE[:-1] + "!", "the letter '!' at position 300 of '1' is no DNA"),
        (SEQUENCE[:-1] + "ä", "the letter 'ä' at position 300 of '1' is no DNA"),
        ([], "sequences: no sequence"),
        ([SEQUENCE, SEQUENCE.encode()], "sequences: bytes. Expected a string of DNA"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(saved, given, message):
    model = bpflow.load(saved(BPNet(BPNetConfig(**SMALL))), device="cpu")
    assert model.input_length == 300
    with pytest.raises(InputError) as refused:
        model(given)
    assert message in str(refused.value)


def test_batches_devices_and_precisions(saved):
    path = saved(BPNet(BPNetConfig(**SMALL), seeded()))
    with pytest.raises(InputError, match="a batch of 0 sequences"):
        bpflow.load(path, device="cpu")(SEQUENCE, batch_size=0)
    with pytest.raises(InputError, match="device 'tpu'"):
        bpflow.load(path, device="tpu")
    with pytest.raises(InputError, match="precision 'half'"):
        bpflow.load(path, device="cpu", precision="half")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="no CUDA GPU was found"):
            bpflow.load(path, device="cuda")
    full, half = (bpflow.load(path, device="cpu", precision=name)(SEQUENCE) for name in ("float32", "bfloat16"))
    assert half.track.dtype == np.float32
    np.testing.assert_allclose(half.log_counts, full.log_counts, atol=0.05)
    assert not np.array_equal(half.profile_logits, full.profile_logits)


def test_paths_without_a_model_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        bpflow.load(tmp_path / "absent")
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        bpflow.load(tmp_path)


def test_importing_bpflow_loads_no_library():
    heavy = ("torch", "numpy", "h5py", "pandas")
    code = f"import sys, bpflow; bpflow.load; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
