"""How fast this machine computes the run's own model: measured for a second, with PyTorch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch

from bpflow.devices import autocast, resolve_device, resolve_precision
from bpflow.models.bpnet import BPNet, BPNetConfig
from bpflow.models.chrombpnet import ChromBPNet, ChromBPNetConfig

__all__ = ["measure"]

SECONDS = 1.0
BATCH = 16


def _configs(model: Mapping[str, Any]) -> tuple[BPNetConfig, ChromBPNetConfig]:
    """Sizes of the bias model and of the whole ChromBPNet, from ``model`` of the resolved configuration."""
    lengths = {key: model[key] for key in ("input_length", "output_length")}
    bias, accessibility = (BPNetConfig(**lengths, **model[tower]) for tower in ("bias", "chrombpnet"))
    return bias, ChromBPNetConfig(accessibility=accessibility, bias=bias)


def measure(config: Mapping[str, Any], *, seconds: float = SECONDS) -> tuple[float, str]:
    """Rate of predictions by a made-up ChromBPNet of the run's size, on the run's device and in its precision.

    Parameters
    ----------
    config
        The resolved configuration.
    seconds
        How long it is measured, after one batch that does not count.

    Returns
    -------
    gigaflops, device
        10^9 operations a second, and the device's type.
    """
    device = resolve_device(config["device"])
    precision = resolve_precision(config["precision"], device)
    bias, whole = _configs(config["model"])
    network = ChromBPNet(BPNet(whole.accessibility), BPNet(bias)).eval().to(device)
    batch = torch.zeros(BATCH, 4, whole.input_length, device=device)
    done, start = 0, 0.0
    with torch.inference_mode(), autocast(device, precision):
        while done == 0 or time.perf_counter() - start < seconds:
            network(batch).log_counts.sum().item()
            start = start or time.perf_counter()
            done += 1
    elapsed = max(time.perf_counter() - start, 1e-9)
    return max(done - 1, 1) * BATCH * whole.gigaflops / elapsed, device.type
