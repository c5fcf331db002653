"""MultiMolecule folders of profile models, made here; golden predictions are compared in tests/unit/models."""

from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch
from torch.nn import functional

from bpflow.errors import InputError
from bpflow.formats.multimolecule import read_multimolecule, write_multimolecule
from bpflow.models import BPNet, BPNetConfig, ChromBPNet, ProCapNet, ProCapNetConfig
from bpflow.models.encoding import one_hot

SYSTEMS = ("bpnet", "procapnet", "chrombpnet")
KERNELS = {"first_kernel": 5, "profile_kernel": 7}
# 60 bases, less 4 of the stem, 12 of the dilated layers and 6 of the profile.
SMALL = {"filters": 4, "layers": 2, **KERNELS, "input_length": 60, "output_length": 38}
TASKS = {"tasks": ("young", "old"), "strands": 2, "shared_strands": False, "same": True}


def drawn(model, seed=3):
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.randn(weights.shape, generator=random))
    return model.eval()


def bpnet(**options):
    return drawn(BPNet(BPNetConfig(**{**SMALL, "output_length": 60, **TASKS, **options})))


def procapnet(**options):
    return drawn(ProCapNet(ProCapNetConfig(**{**SMALL, **options})))


def chrombpnet(**options):
    parts = BPNetConfig(**SMALL, **options), BPNetConfig(**{**SMALL, "filters": 3, "layers": 1}, **options)
    return drawn(ChromBPNet(*map(BPNet, parts)))


MAKE = {"bpnet": bpnet, "procapnet": procapnet, "chrombpnet": chrombpnet}


@pytest.fixture
def folder(tmp_path):
    """A ChromBPNet's."""
    write_multimolecule(chrombpnet(n_channel=True), tmp_path / "m")
    return tmp_path / "m"


def content(folder):
    return json.loads((folder / "config.json").read_text()), safetensors.torch.load_file(folder / "model.safetensors")


def change(folder, config=None, tensors=None):
    old_config, old_tensors = content(folder)
    (folder / "config.json").write_text(json.dumps({**old_config, **(config or {})}))
    safetensors.torch.save_file(old_tensors if tensors is None else tensors, folder / "model.safetensors")


def assert_same(one, other):
    assert type(one) is type(other)
    assert one.config == other.config
    assert not other.training
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, other.state_dict()[name]), name


@pytest.mark.parametrize("n_channel", [False, True])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_model_comes_back_as_it_was(tmp_path, system, n_channel):
    model = MAKE[system](n_channel=n_channel)
    for name in ("m", "again"):
        write_multimolecule(model, tmp_path / name)
        assert_same(model, read_multimolecule(tmp_path / name))
    for file in ("config.json", "model.safetensors"):
        assert (tmp_path / "m" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


@pytest.mark.parametrize("system", SYSTEMS)
def test_golden_folders_come_back_bit_for_bit(shared_data, tmp_path, system):
    golden = shared_data / "golden" / "multimolecule-0.2.2" / system
    model = read_multimolecule(golden)
    assert model.config.channels == 5
    write_multimolecule(model, tmp_path)
    (theirs, before), (ours, after) = content(golden), content(tmp_path)
    del theirs["transformers_version"]
    assert ours == theirs
    assert set(after) == set(before)
    for name, weights in before.items():
        assert weights.numpy().tobytes() == after[name].numpy().tobytes(), name
    assert_same(model, read_multimolecule(tmp_path))


@pytest.mark.parametrize(("system", "parameters"), [("bpnet", 132_560), ("procapnet", 6_427_139)])
def test_published_sizes_with_an_n_channel(tmp_path, system, parameters):
    config = BPNetConfig.published() if system == "bpnet" else ProCapNetConfig()
    model = (BPNet if system == "bpnet" else ProCapNet)(config)
    write_multimolecule(model, tmp_path)
    written, tensors = content(tmp_path)
    assert sum(weights.numel() for weights in tensors.values()) == parameters
    # What MultiMolecule does not know is written only where it is not what it takes for granted.
    assert not {"task_names"} & set(written)
    assert ("sequence_length" in written) == (system == "procapnet")


def test_the_empty_n_channel_gives_what_a_column_of_zeros_gives(tmp_path):
    model = bpnet()
    write_multimolecule(model, tmp_path)
    weights = content(tmp_path)[1]["model.encoder.stem.conv.weight"]
    assert weights.shape == (4, 5, 5)
    assert not weights[:, 4].any()
    codes = torch.randint(0, 5, (2, 60), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with_n = functional.conv1d(one_hot(codes, 5), weights)
    torch.testing.assert_close(with_n, functional.conv1d(one_hot(codes), model.tower.stem.weight))


def test_unknown_bases_have_their_own_weights(folder):
    model = read_multimolecule(folder)
    known, unknown = torch.zeros(1, 60, dtype=torch.uint8), torch.full((1, 60), 4, dtype=torch.uint8)
    none = torch.cat([one_hot(unknown), torch.zeros(1, 1, 60)], dim=1)
    outputs = [model(x).log_counts.item() for x in (one_hot(known, 5), one_hot(unknown, 5), none)]
    assert len({round(value, 4) for value in outputs}) == 3


def test_profile_heads_are_transposed_convolutions(tmp_path):
    """One of their heads, applied as MultiMolecule does, gives the logits of that task."""
    model = bpnet(n_channel=True)
    write_multimolecule(model, tmp_path)
    tensors = content(tmp_path)[1]
    x = one_hot(torch.randint(0, 5, (2, 60), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)), 5)
    logits, log_counts = model(x)
    h = model.tower(x)
    for task in (0, 1):
        head = f"profile_count_head.profile.{task}"
        theirs = functional.conv_transpose1d(h, tensors[f"{head}.weight"], tensors[f"{head}.bias"], padding=3)
        torch.testing.assert_close(logits[:, 2 * task : 2 * task + 2], theirs, rtol=1e-4, atol=1e-3)
        head = f"profile_count_head.count.{task}"
        theirs = functional.linear(h.mean(2), tensors[f"{head}.weight"], tensors[f"{head}.bias"])
        torch.testing.assert_close(log_counts[:, 2 * task : 2 * task + 2], theirs, rtol=1e-4, atol=1e-4)


def test_a_control_is_left_out_and_said_so(tmp_path, caplog):
    model = bpnet(control=True)
    write_multimolecule(model, tmp_path)
    assert "without the control's weights" in caplog.text
    again = read_multimolecule(tmp_path)
    x = one_hot(torch.zeros(1, 60, dtype=torch.uint8))
    assert not again.config.control
    assert torch.equal(again(x).profile_logits, model(x).profile_logits)


def test_names_without_the_outer_prefix_are_read(folder):
    _, tensors = content(folder)
    change(folder, tensors={name.removeprefix("model."): tensor for name, tensor in tensors.items()})
    assert torch.equal(read_multimolecule(folder).bias.profile.weight, tensors["model.bias.profile.0.weight"])


def test_half_precision_is_read(folder):
    _, tensors = content(folder)
    change(folder, tensors={name: tensor.half() for name, tensor in tensors.items()})
    found = read_multimolecule(folder).bias.profile.weight
    assert found.dtype == torch.float32
    assert torch.equal(found, tensors["model.bias.profile.0.weight"].half().float())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "enformer"}, "model_type is 'enformer'. Expected one of bpnet, chrombpnet"),
        ({"model_type": ["bpnet"]}, "model_type is"),
        ({"vocab_size": 26}, "vocab_size is 26"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"num_strands": 2}, "num_strands is 2"),
        ({"hidden_size": 7}, r"model.accessibility.layer.0.conv.bias is of shape \(4,\). Expected \(7,\)|stem.conv"),
        ({"num_dilated_layers": 3, "sequence_length": 76}, "no weight model.accessibility.layer.2.conv.weight"),
        ({"num_dilated_layers": 1}, "the weight model.accessibility.layer.1.conv.bias"),
        ({"sequence_length": 30}, "input_length"),
        ({"hidden_size": "six"}, "filters"),
        ({"profile_length": None}, "output_length"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(folder, changes, message):
    change(folder, changes)
    with pytest.raises(InputError, match=message):
        read_multimolecule(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_tasks": 3, "task_names": None}, "task_names is None"),
        ({"num_tasks": 3}, "task_names is .*Expected 3 names"),
        ({"num_tasks": 10**12}, "num_tasks is 1000000000000"),
        ({"num_tasks": "two"}, "num_tasks is 'two'"),
        ({"num_strands": 3}, "strands"),
        ({"task_names": ["old", "old"]}, "a name of its own"),
        ({"sequence_length": 61}, "an even number of bases"),
    ],
)
def test_tasks_that_do_not_fit_are_refused(tmp_path, changes, message):
    write_multimolecule(bpnet(), tmp_path)
    change(tmp_path, changes)
    with pytest.raises(InputError, match=message):
        read_multimolecule(tmp_path)


def test_counts_of_a_procapnet_pool_what_its_profile_sees(tmp_path):
    write_multimolecule(procapnet(), tmp_path)
    change(tmp_path, {"profile_length": 36})
    with pytest.raises(InputError, match="a tower that gives 44 positions, of which the profile sees 42"):
        read_multimolecule(tmp_path)
    with pytest.raises(InputError, match="positions"):
        write_multimolecule(procapnet(output_length=36), tmp_path / "m")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BPNet(BPNetConfig(**SMALL)), "a bpnet that MultiMolecule has no architecture for"),
        (lambda: bpnet(shared_strands=True), "counts each strand"),
        (lambda: bpnet(output_length=40), "keeps its lengths"),
        (lambda: procapnet(tasks=("a", "b")), "one task, whose strands share a count"),
        (
            lambda: ChromBPNet(BPNet(BPNetConfig(**SMALL)), BPNet(BPNetConfig(**{**SMALL, "first_kernel": 3}))),
            "kernel 3",
        ),
    ],
)
def test_what_multimolecule_has_not_is_refused(tmp_path, make, message):
    with pytest.raises(InputError, match=message):
        write_multimolecule(make(), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_what_is_missing_or_damaged_is_named(folder):
    config, tensors = content(folder)
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "bias_hidden_size"}))
    with pytest.raises(InputError, match="no key bias_hidden_size"):
        read_multimolecule(folder)
    (folder / "config.json").write_text("[]")
    with pytest.raises(InputError, match="not the configuration"):
        read_multimolecule(folder)
    (folder / "config.json").write_text(json.dumps(config))
    change(folder, tensors={**tensors, "model.bias.count.0.bias": torch.zeros(1, dtype=torch.int32)})
    with pytest.raises(InputError, match="of the type I32"):
        read_multimolecule(folder)
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-50])
    with pytest.raises(InputError, match="damaged"):
        read_multimolecule(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no such file"):
        read_multimolecule(folder)
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        read_multimolecule(folder)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "m").write_text("a file")
    with pytest.raises(InputError, match="Expected a folder"):
        write_multimolecule(bpnet(), tmp_path / "m")
