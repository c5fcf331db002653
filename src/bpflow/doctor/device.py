"""Checks of the device that models run on, and why a GPU is not seen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from bpflow.cli.train import CPU_GIGAFLOPS
from bpflow.doctor.estimate import pass_gigaflops
from bpflow.doctor.finding import Finding

__all__ = ["check_device"]

GROUP = "device"


def check_device(config: Mapping[str, Any], *, elsewhere: bool) -> Finding:
    """The device of the configuration, as this Python's PyTorch sees it.

    Parameters
    ----------
    config
        The resolved configuration.
    elsewhere
        Whether jobs run on other machines (a cluster), of which this one tells nothing.
    """
    wanted = config["device"]
    if wanted == "cpu":
        return _on_cpu(config, "the configuration says cpu")
    if elsewhere:
        return Finding(GROUP, "GPU", "good", "jobs run on other machines; each model step asks for one GPU")
    if find_spec("torch") is None:
        return Finding(
            GROUP,
            "GPU",
            "check",
            "this Python has no PyTorch, so it cannot be asked",
            "With --sdm conda the jobs have one; else install it here (make setup).",
        )
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return Finding(GROUP, "GPU", "good", f"{len(names)} seen: {', '.join(dict.fromkeys(names))}")
    if wanted in ("auto", "mps") and torch.backends.mps.is_available():
        return Finding(GROUP, "GPU", "good", "an Apple GPU is seen")
    reason, advice = _why_not(torch)
    if wanted == "auto":
        return _on_cpu(config, reason, advice)
    return Finding(GROUP, "GPU", "fail", f"device: {wanted} is asked for, but {reason}", advice)


def _why_not(torch: Any) -> tuple[str, str]:
    """Why PyTorch sees no GPU, and what to do."""
    if torch.version.cuda is None:
        return (
            f"this PyTorch ({torch.__version__}) was built without CUDA",
            "Install its CUDA build; in conda, CONDA_OVERRIDE_CUDA=12.8 picks it on a machine without a GPU.",
        )
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides all GPUs", "Unset CUDA_VISIBLE_DEVICES."
    if shutil.which("nvidia-smi") is None:
        return "this machine has no NVIDIA driver (no nvidia-smi)", "Install the driver, or run where there is a GPU."
    return (
        f"PyTorch, built for CUDA {torch.version.cuda}, finds no GPU",
        "See whether nvidia-smi lists one, and whether its driver is as new as that CUDA.",
    )


def _on_cpu(config: Mapping[str, Any], reason: str, advice: str = "") -> Finding:
    model = config["model"]
    if pass_gigaflops(model)[1] <= CPU_GIGAFLOPS:
        return Finding(GROUP, "GPU", "good" if config["device"] == "cpu" else "check", f"none: {reason}", advice)
    if model["allow_cpu"]:
        return Finding(GROUP, "GPU", "check", f"none: {reason}; model.allow_cpu trains all the same", "It takes days.")
    return Finding(
        GROUP,
        "GPU",
        "fail",
        f"none: {reason}, and a full model is not trained on a CPU unless it is asked for",
        " ".join([advice, "Or set model.preset: small, or model.allow_cpu: true."]).strip(),
    )
