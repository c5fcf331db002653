"""ProCapNet's own files: weights of its class as PyTorch saves them, made here in its naming."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional

from bpflow.checkpoints import load_model, save_model
from bpflow.errors import InputError
from bpflow.models import ProCapNet, ProCapNetConfig
from bpflow.models.encoding import one_hot


class Original(nn.Module):
    """The original's layers: padded, then cropped to what the profile needs, which the counts pool as well."""

    def __init__(self, filters=4, layers=8, strands=2):
        super().__init__()
        self.iconv = nn.Conv1d(4, filters, 21, padding=10)
        self.rconvs = nn.ModuleList(
            nn.Conv1d(filters, filters, 3, padding=2**i, dilation=2**i) for i in range(1, layers + 1)
        )
        self.fconv = nn.Conv1d(filters, strands, 75)
        self.linear = nn.Linear(filters, 1)

    def forward(self, x):
        h = self.iconv(x).relu()
        for layer in self.rconvs:
            h = h + layer(h).relu()
        h = functional.pad(h, (-520, -520))
        return self.fconv(h), self.linear(h.mean(2))


@pytest.fixture
def original():
    torch.manual_seed(4)
    return Original().eval()


def saved(path, content, **options):
    torch.save(content, path, **options)
    return path


def test_the_original_predicts_the_same(tmp_path, original):
    model, metadata = load_model(saved(tmp_path / "fold_0.state_dict.torch", original.state_dict()))
    assert isinstance(model, ProCapNet)
    assert metadata["model"] == "procapnet"
    assert metadata["source"] == "pytorch"
    assert not model.training
    codes = torch.randint(0, 5, (2, 2114), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits, log_counts = original(one_hot(codes))
        found = model(one_hot(codes))
    torch.testing.assert_close(found.profile_logits, logits.flatten(1), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.log_counts, log_counts[:, 0], rtol=0, atol=1e-6)


def test_published_sizes(tmp_path):
    model, _ = load_model(saved(tmp_path / "m.torch", Original(512).state_dict()))
    assert model.config == ProCapNetConfig()
    assert sum(weights.numel() for weights in model.parameters()) == 6_416_387


def test_the_file_is_told_by_its_content(tmp_path, original):
    assert isinstance(load_model(saved(tmp_path / "model.bin", original.state_dict())).model, ProCapNet)
    save_model(load_model(tmp_path / "model.bin").model, tmp_path / "ours.torch", metadata={})
    assert isinstance(load_model(tmp_path / "ours.torch").model, ProCapNet)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("linear.bias"), "no weight linear.bias"),
        (lambda weights: weights.pop("iconv.weight"), "no weight iconv.weight"),
        (lambda weights: weights.pop("rconvs.7.weight"), "the weight rconvs.7.bias"),
        (lambda weights: weights.pop("rconvs.3.weight"), "no weight rconvs.3.weight|rconvs"),
        (lambda weights: weights.update(extra=torch.ones(2)), "the weight extra"),
        (lambda weights: weights.update({"iconv.weight": torch.ones(4, 5, 21)}), "4 input channels"),
        (lambda weights: weights.update({"iconv.weight": torch.ones(4, 4)}), r"Expected \(out, in, width\)"),
        (lambda weights: weights.update({"fconv.weight": torch.ones(3, 4, 75)}), "strands"),
        (lambda weights: weights.update({"fconv.weight": torch.ones(2, 4, 51)}), "of which the profile sees 1050"),
        (lambda weights: weights.update({"linear.weight": torch.ones(1, 5)}), r"linear.weight is of shape \(1, 5\)"),
        (lambda weights: weights.update({"linear.weight": torch.ones(1, 4).long()}), "no floating-point numbers"),
        (lambda weights: weights.update({"linear.weight": torch.ones(1, 4).to_sparse()}), "no floating-point numbers"),
        (lambda weights: weights.update({"linear.weight": torch.ones(1, 4, device="meta")}), "takes 16 bytes"),
        (lambda weights: weights.update({"linear.weight": torch.ones(1, 1).expand(1, 4)}), "of which 4 are stored"),
        (lambda weights: weights.update({"linear.weight": "text"}), "linear.weight holds no floating-point numbers"),
        (lambda weights: weights.update({"linear.bias": torch.full((1,), torch.nan)}), "not finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, original, change, message):
    weights = original.state_dict()
    change(weights)
    with pytest.raises(InputError, match=message):
        load_model(saved(tmp_path / "m.torch", weights))


def test_other_layers_than_the_published_ones_are_refused(tmp_path):
    with pytest.raises(InputError, match="a tower that gives 1586 positions"):
        load_model(saved(tmp_path / "m.torch", Original(layers=7).state_dict()))


def test_what_is_no_state_dict_is_refused(tmp_path, original):
    with pytest.raises(InputError, match="a saved list"):
        load_model(saved(tmp_path / "list.torch", [torch.ones(2)]))
    with pytest.raises(InputError, match="not the weights of a model alone"):
        load_model(saved(tmp_path / "module.torch", original))
    with pytest.raises(InputError, match="a PyTorch before version"):
        load_model(saved(tmp_path / "old.torch", original.state_dict(), _use_new_zipfile_serialization=False))


class Harmful:
    def __reduce__(self):
        return pytest.fail, ("code of the file was run",)


def test_no_code_in_the_file_is_run(tmp_path):
    path = saved(tmp_path / "m.torch", {"iconv.weight": Harmful()})
    with pytest.raises(InputError, match="not the weights of a model alone"):
        load_model(path)
    (tmp_path / "plain.torch").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(InputError, match="not a safetensors file"):
        load_model(tmp_path / "plain.torch")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_damaged_files_are_refused(tmp_path, original, share):
    content = saved(tmp_path / "m.torch", original.state_dict()).read_bytes()
    (tmp_path / "m.torch").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match="not the weights of a model alone, or a damaged file"):
        load_model(tmp_path / "m.torch")
