"""Choosing where and in which precision to compute."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

import torch

from bpflow.errors import DeviceError, InputError

__all__ = [
    "CPU_PIECE",
    "PRECISIONS",
    "autocast",
    "cpu_piece",
    "has_fast_bfloat16",
    "resolve_device",
    "resolve_precision",
    "set_threads",
]

# Examples that a CPU computes at once: their activations fit its caches. Of models with so many channels, fewer: larger
# blocks of memory than 32 MiB are taken from the system, and given back, for each layer anew.
CPU_PIECE = 16
WIDE_FILTERS = 512
WIDE_CPU_PIECE = 8
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

log = logging.getLogger("bpflow")


def resolve_device(name: str = "auto") -> torch.device:
    """The device called ``auto``, ``cpu``, ``cuda`` (or ``cuda:1``) or ``mps``.

    ``auto`` is the first of CUDA, MPS and CPU that exists.

    Raises
    ------
    DeviceError
        The device is not there.
    """
    if name == "auto":
        available = ("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())
        return torch.device(next((kind for kind, there in available if there), "cpu"))
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device {name!r}", expected="auto, cpu, cuda, cuda:1 (and so on) or mps") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        built = "" if torch.backends.cuda.is_built() else " (this PyTorch was built without CUDA)"
        raise DeviceError(f"device {name!r} was asked for, but no CUDA GPU was found{built}. Use --device auto or cpu.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name!r} was asked for, but there are only {torch.cuda.device_count()} CUDA GPUs.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(f"device {name!r} was asked for, but there is no Apple GPU. Use --device auto or cpu.")
    if device.type not in {"cpu", "cuda", "mps"}:
        raise InputError(f"device {name!r}", expected="auto, cpu, cuda, cuda:1 (and so on) or mps")
    return device


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The number format of the convolutions, by name: ``auto``, ``float32`` or ``bfloat16``.

    ``auto`` is bfloat16 where the device has units for it, else float32. Losses, counts and sums are float32 always.
    """
    if name == "auto":
        return torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
    if name not in PRECISIONS:
        raise InputError(f"precision {name!r}", expected=f"auto, {' or '.join(PRECISIONS)}")
    if name == "bfloat16" and not has_fast_bfloat16(device):
        if device.type == "cuda":
            raise DeviceError("this GPU has no bfloat16 units (compute capability 8.0 or newer is needed).")
        log.warning("bfloat16 was asked for on a device without units for it: this is slower than float32")
    return PRECISIONS[name]


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether `device` computes in bfloat16 faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return bool({"avx512_bf16", "amx_bf16"} & _cpu_flags())
    return False


def autocast(device: torch.device, precision: torch.dtype) -> contextlib.AbstractContextManager:
    """A context in which convolutions run in `precision`."""
    if precision == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=precision)


def cpu_piece(parameters: Iterable[torch.Tensor]) -> int:
    """Examples that a CPU computes at once of a model with these parameters."""
    widest = max((weights.shape[0] for weights in parameters if weights.ndim), default=0)
    return WIDE_CPU_PIECE if widest >= WIDE_FILTERS else CPU_PIECE


def set_threads(threads: int | None) -> int:
    """Use this many CPU threads, if given; return how many are used (else OMP_NUM_THREADS or torch's own choice)."""
    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return set()
    return next((set(line.split(":", 1)[1].split()) for line in text.splitlines() if line.startswith("flags")), set())
