"""bpflow: base-resolution models of chromatin accessibility, from reads to report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os

__all__ = ["__version__", "load"]

__version__ = "0.1.0"


def load(path: str | os.PathLike[str], *, device: str = "auto", precision: str = "float32") -> Any:
    """Load a model, to be called with strings of DNA: see :func:`bpflow.one_call.load`."""
    from bpflow import one_call

    return one_call.load(path, device=device, precision=precision)
