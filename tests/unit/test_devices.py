from __future__ import annotations

import logging

import pytest
import torch

from bpflow import devices
from bpflow.errors import DeviceError, InputError

CPU = torch.device("cpu")


def test_auto_is_the_best_device_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.resolve_device("auto") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.resolve_device("auto").type == "cuda"


@pytest.mark.parametrize("name", ["cuda", "cuda:3", "mps"])
def test_an_absent_device_is_an_error_with_advice(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=name):
        devices.resolve_device(name)


def test_a_gpu_that_is_not_there_among_others(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match="only 2"):
        devices.resolve_device("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "vulkan", ""])
def test_a_name_that_is_no_device(name):
    with pytest.raises(InputError, match="Expected auto"):
        devices.resolve_device(name)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx512_bf16 sse", torch.bfloat16),
        ("amx_bf16 amx_tile", torch.bfloat16),
        ("avx2 avx512f", torch.float32),
    ],
)
def test_auto_precision_follows_the_units_of_the_cpu(monkeypatch, flags, expected):
    monkeypatch.setattr(devices, "_cpu_flags", lambda: set(flags.split()))
    assert devices.resolve_precision("auto", CPU) == expected


def test_auto_precision_on_a_gpu(monkeypatch):
    for capability, expected in (((8, 0), torch.bfloat16), ((7, 5), torch.float32)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, found=capability: found)
        assert devices.resolve_precision("auto", torch.device("cuda")) == expected
    with pytest.raises(DeviceError, match="bfloat16"):
        devices.resolve_precision("bfloat16", torch.device("cuda"))


def test_bfloat16_without_units_for_it_is_allowed_with_a_warning(monkeypatch, caplog):
    monkeypatch.setattr(devices, "_cpu_flags", lambda: {"avx2"})
    with caplog.at_level(logging.WARNING, logger="bpflow"):
        assert devices.resolve_precision("bfloat16", CPU) == torch.bfloat16
    assert "slower" in caplog.text


def test_unknown_precision_is_refused():
    with pytest.raises(InputError, match="float16"):
        devices.resolve_precision("float16", CPU)


def test_autocast_changes_what_convolutions_compute_in():
    x, weight = torch.ones(1, 2, 5), torch.ones(2, 2, 3)
    with devices.autocast(CPU, torch.bfloat16):
        assert torch.nn.functional.conv1d(x, weight).dtype == torch.bfloat16
    with devices.autocast(CPU, torch.float32):
        assert torch.nn.functional.conv1d(x, weight).dtype == torch.float32


def test_threads_are_set_and_reported():
    before = torch.get_num_threads()
    try:
        assert devices.set_threads(1) == torch.get_num_threads() == 1
        assert devices.set_threads(None) == 1
    finally:
        torch.set_num_threads(before)
