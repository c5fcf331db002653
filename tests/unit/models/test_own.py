"""A network of the user's own: made, kept and read again, and refused where it is not what is asked for."""

from __future__ import annotations

import pytest
import torch

from bpflow.checkpoints import load_model, save_model
from bpflow.errors import InputError
from bpflow.models import Own, OwnConfig, chosen_task

CODE = """
import torch


class Net(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.outputs = config.outputs
        self.profile = torch.nn.Conv1d(4, self.outputs.tracks, 5, padding=2)
        self.counts = torch.nn.Linear(4, self.outputs.groups)

    def forward(self, one_hot):
        margin = (one_hot.shape[2] - self.outputs.length) // 2
        logits = self.profile(one_hot)[..., margin : margin + self.outputs.length]
        return logits, self.counts(one_hot.mean(2))


class Short(Net):
    def forward(self, one_hot):
        logits, log_counts = super().forward(one_hot)
        return logits[..., 1:], log_counts


def function(config):
    return config
"""
ASKED = {"input_length": 60, "output_length": 40, "tasks": ("a", "b"), "strands": 2, "shared_strands": False}


@pytest.fixture
def code(tmp_path, monkeypatch):
    path = tmp_path / "net.py"
    path.write_text(CODE)
    monkeypatch.setenv("BPFLOW_ARCHITECTURE", f"{path}:Net")
    return path


def made(**changes):
    return Own(OwnConfig(**{**ASKED, **changes}), torch.Generator().manual_seed(3)).eval()


def test_outputs_have_the_layout_that_is_asked_for(code):
    output = made()(torch.rand(3, 4, 60))
    assert output.profile_logits.shape == (3, 4, 40)
    assert output.log_counts.shape == (3, 4)
    assert made(shared_strands=True, tasks=("",))(torch.rand(3, 4, 60)).profile_logits.shape == (3, 80)


def test_first_weights_are_the_seeds(code):
    torch.manual_seed(1)
    first = made().state_dict()
    torch.manual_seed(2)
    second = made().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_task_stands_for_the_whole(code):
    model, x = made(), torch.rand(2, 4, 60)
    one = chosen_task(model, "b")(x)
    assert one.profile_logits.shape == (2, 80)
    total = torch.expm1(model(x).log_counts[:, 2:]).clamp_min(1e-6).sum(1)
    torch.testing.assert_close(one.log_counts, torch.log1p(total))


def test_it_is_read_again_only_where_its_code_is_named(code, tmp_path, monkeypatch):
    model = made()
    save_model(model, tmp_path / "m.safetensors", metadata={"model": "bpnet"})
    again, metadata = load_model(tmp_path / "m.safetensors")
    assert metadata["architecture"]["architecture"] == "Net"
    x = torch.rand(2, 4, 60)
    torch.testing.assert_close(again(x).profile_logits, model(x).profile_logits)
    monkeypatch.setenv("BPFLOW_ARCHITECTURE", f"{code}:Short")
    with pytest.raises(InputError, match=r"the class Short\. Expected Net"):
        load_model(tmp_path / "m.safetensors")
    monkeypatch.delenv("BPFLOW_ARCHITECTURE")
    with pytest.raises(InputError, match=r"an architecture of its own, Net.*Set BPFLOW_ARCHITECTURE=FILE:CLASS"):
        load_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("net.py:Absent", "no class Absent"),
        ("absent.py:Net", "no such file"),
        ("Net", "an architecture of its own"),
        ("net.py:function", "makes a OwnConfig"),
    ],
)
def test_what_is_no_network_is_refused(code, monkeypatch, named, said):
    monkeypatch.chdir(code.parent)
    monkeypatch.setenv("BPFLOW_ARCHITECTURE", named)
    with pytest.raises(InputError, match=said):
        made()


def test_other_shapes_are_refused(code, monkeypatch):
    monkeypatch.setenv("BPFLOW_ARCHITECTURE", f"{code}:Short")
    with pytest.raises(InputError, match=r"Short gives \(1, 4, 39\)"):
        made()(torch.rand(1, 4, 60))
