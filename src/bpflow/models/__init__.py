"""Model architectures. A new one is a file here and a line in the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from bpflow.errors import InputError
from bpflow.models.base import ProfileModel
from bpflow.models.basenji2 import Basenji2, Basenji2Config
from bpflow.models.bpnet import BPNet, BPNetConfig, ProCapNet, ProCapNetConfig
from bpflow.models.chrombpnet import ChromBPNet, ChromBPNetConfig
from bpflow.models.own import Own, OwnConfig
from bpflow.models.task_view import TaskView, chosen_task

__all__ = [
    "KINDS",
    "BPNet",
    "BPNetConfig",
    "Basenji2",
    "Basenji2Config",
    "ChromBPNet",
    "ChromBPNetConfig",
    "Own",
    "OwnConfig",
    "ProCapNet",
    "ProCapNetConfig",
    "ProfileModel",
    "TaskView",
    "build",
    "chosen_task",
]


def _build_basenji2(config: dict[str, Any], generator: torch.Generator | None) -> Basenji2:
    return Basenji2(Basenji2Config(**config), generator)


def _build_bpnet(config: dict[str, Any], generator: torch.Generator | None) -> BPNet:
    return BPNet(BPNetConfig(**config), generator)


def _build_procapnet(config: dict[str, Any], generator: torch.Generator | None) -> ProCapNet:
    return ProCapNet(ProCapNetConfig(**config), generator)


def _build_own(config: dict[str, Any], generator: torch.Generator | None) -> Own:
    return Own(OwnConfig(**config), generator)


def _build_chrombpnet(config: dict[str, Any], generator: torch.Generator | None) -> ChromBPNet:
    checked = ChromBPNetConfig(**config)
    return ChromBPNet(BPNet(checked.accessibility, generator), BPNet(checked.bias, generator))


Builder = Callable[[dict[str, Any], torch.Generator | None], ProfileModel]
KINDS: dict[str, Builder] = {
    "basenji2": _build_basenji2,
    "bpnet": _build_bpnet,
    "chrombpnet": _build_chrombpnet,
    "own": _build_own,
    "procapnet": _build_procapnet,
}


def build(config: dict[str, Any], generator: torch.Generator | None = None) -> ProfileModel:
    """Build a model from its configuration, as found in a model file.

    Parameters
    ----------
    config
        Sizes with a key ``kind``, one of :data:`KINDS`.
    generator
        Source of the first weights.
    """
    kind = config.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"model kind {kind!r}", expected=f"one of {', '.join(KINDS)}")
    return KINDS[kind](config, generator)
