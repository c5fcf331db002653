from __future__ import annotations

import pytest
import torch

from bpflow.doctor import device
from bpflow.settings import PRESETS


def config(wanted="auto", preset="small", *, allow_cpu=False):
    sizes = {key: PRESETS[preset][key] for key in ("input_length", "output_length", "bias", "chrombpnet")}
    return {"device": wanted, "model": {"preset": preset, "allow_cpu": allow_cpu, **sizes}}


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("built", "visible", "driver", "words"),
    [
        (None, None, None, "built without CUDA"),
        ("12.8", "", "/usr/bin/nvidia-smi", "CUDA_VISIBLE_DEVICES hides all GPUs"),
        ("12.8", None, None, "no NVIDIA driver"),
        ("12.8", None, "/usr/bin/nvidia-smi", "built for CUDA 12.8, finds no GPU"),
    ],
)
def test_why_no_gpu_is_seen(monkeypatch, no_gpu, built, visible, driver, words):
    monkeypatch.setattr(torch.version, "cuda", built)
    monkeypatch.setattr(device.shutil, "which", lambda _: driver)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    finding = device.check_device(config("cuda"), elsewhere=False)
    assert finding.grade == "fail"
    assert words in finding.found
    assert finding.advice
    assert device.check_device(config(), elsewhere=False).grade == "check"


def test_a_gpu_that_is_seen(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "H100")
    finding = device.check_device(config(), elsewhere=False)
    assert (finding.grade, finding.found) == ("good", "2 seen: H100")


@pytest.mark.parametrize(
    ("settings", "grade"),
    [
        (config("cpu"), "good"),
        (config("cpu", "full"), "fail"),
        (config("auto", "full"), "fail"),
        (config("auto", "full", allow_cpu=True), "check"),
    ],
)
def test_full_models_are_not_for_a_cpu(no_gpu, settings, grade):
    finding = device.check_device(settings, elsewhere=False)
    assert finding.grade == grade
    assert grade != "fail" or "model.preset: small" in finding.advice


def test_other_machines_are_not_judged(no_gpu):
    assert device.check_device(config("cuda", "full"), elsewhere=True).grade == "good"


def test_without_pytorch(monkeypatch):
    monkeypatch.setattr(device, "find_spec", lambda _: None)
    finding = device.check_device(config(), elsewhere=False)
    assert finding.grade == "check"
    assert "--sdm conda" in finding.advice
