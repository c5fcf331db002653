"""Arrays inside JSON, in few bytes: base64 of little-endian numbers, which a browser's typed arrays read."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np

__all__ = ["pack", "unpack"]


def pack(values: np.ndarray) -> dict[str, str]:
    """Integers of 0 and more in the narrowest type that holds them, other numbers as float16 (3 significant digits).

    Parameters
    ----------
    values
        (N,) numbers; NaN stands for none.

    Returns
    -------
    dict
        dtype (``u1``, ``u2``, ``u4`` or ``f2``) and data (base64).
    """
    whole = np.issubdtype(values.dtype, np.integer)
    kind = np.min_scalar_type(int(values.max(initial=0))) if whole else np.dtype(np.float16)
    data = values.astype(kind.newbyteorder("<")).tobytes()
    return {"dtype": f"{kind.kind}{kind.itemsize}", "data": base64.b64encode(data).decode()}


def unpack(packed: Mapping[str, str]) -> np.ndarray:
    """What :func:`pack` packed; numbers that were no integers come as float32."""
    values = np.frombuffer(base64.b64decode(packed["data"]), dtype=f"<{packed['dtype']}")
    return values.astype(np.float32) if values.dtype.kind == "f" else values
