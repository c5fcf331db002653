"""ProCapNet's own files: the weights that PyTorch saved of its class (``*.state_dict.torch``)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bpflow.errors import InputError
from bpflow.files import DAMAGED
from bpflow.models import BPNetConfig, ProCapNet, ProCapNetConfig

__all__ = ["check_pooled_positions", "is_torch_file", "read_procapnet"]

# PyTorch saves an archive; before version 1.6 it was a row of pickles, whose first is this number.
ARCHIVE, PICKLES = b"PK\x03\x04", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
LAYER = re.compile(r"rconvs\.(\d+)\.weight")
MODULES = {"tower.stem": "iconv", "profile": "fconv", "counts": "linear"}
EXPECTED = "the weights of a ProCapNet (iconv, rconvs, fconv, linear)"


def is_torch_file(path: str | os.PathLike[str]) -> bool:
    """Tell what PyTorch saved by its first bytes."""
    with open(path, "rb") as handle:
        return handle.read(len(PICKLES)).startswith((ARCHIVE, PICKLES))


def read_procapnet(path: str | os.PathLike[str]) -> ProCapNet:
    """Read a ProCapNet, in evaluation mode, from a state dict that PyTorch 1.6 or newer saved.

    No code in the file is run. Sizes follow from the weights' shapes; window lengths are the published ones, for the
    file does not hold them.

    Raises
    ------
    InputError
        A whole module rather than its weights, a damaged file, a weight that is missing, not known or of a shape that
        does not fit.
    """
    where = str(path)
    tensors = _read(path, where)
    layers = len([name for name in tensors if LAYER.fullmatch(name)])
    modules = {**MODULES, **{f"tower.dilated.{i}": f"rconvs.{i}" for i in range(layers)}}
    names = {f"{ours}.{kind}": f"{its}.{kind}" for ours, its in modules.items() for kind in ("weight", "bias")}
    missing, unknown = set(names.values()) - set(tensors), set(tensors) - set(names.values())
    if missing or unknown:
        found = f"no weight {min(missing)}" if missing else f"the weight {min(unknown)}"
        raise InputError(found, where=where, expected=EXPECTED)
    config = _config(tensors, layers, where)
    check_pooled_positions(config, where)
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in ProCapNet(config).state_dict().items()}
    for ours, its in names.items():
        if tuple(tensors[its].shape) != shapes[ours]:
            raise _wrong_shape(its, tensors[its], f"{shapes[ours]}, which fits the other weights", where)
    model = ProCapNet(config)
    model.load_state_dict({ours: tensors[its].float() for ours, its in names.items()})
    return model.eval()


def check_pooled_positions(config: BPNetConfig, where: str) -> None:
    """Stop at a ProCapNet whose counts pool over more positions than its profile sees.

    The original crops what its padded tower gives to the positions that the profile needs, and pools those; ours pools
    all that its tower gives. With the published sizes they are the same.
    """
    seen = config.output_length + config.profile_kernel - 1
    if config.lengths[-1] != seen:
        raise InputError(
            f"a tower that gives {config.lengths[-1]} positions, of which the profile sees {seen}",
            where=where,
            expected="sizes by which it sees all of them, as the published ones, since counts are pooled over those",
        )


def _read(path: str | os.PathLike[str], where: str) -> Mapping[str, Tensor]:
    with open(path, "rb") as handle:
        if handle.read(len(PICKLES)) == PICKLES:
            raise InputError(
                "a file of a PyTorch before version 1.6",
                where=where,
                expected="one of a newer version",
                mend="Load its weights with PyTorch and save them again: torch.save(model.state_dict(), path)",
            )
    try:
        # Mapped, no storage can claim more than the file holds.
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # whatever a damaged archive makes torch raise
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise InputError(
            f"not the weights of a model alone, or a damaged file ({first})",
            where=where,
            expected=EXPECTED,
            mend=f"Of a whole module save the weights: torch.save(model.state_dict(), path). {DAMAGED}",
        ) from None
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        raise InputError(f"a saved {type(content).__name__}", where=where, expected=EXPECTED)
    for name, tensor in content.items():
        if not (isinstance(tensor, Tensor) and tensor.layout == torch.strided and tensor.is_floating_point()):
            raise InputError(f"{name} holds no floating-point numbers", where=where, expected=EXPECTED)
        stored, needed = tensor.untyped_storage().nbytes(), tensor.numel() * tensor.element_size()
        if tensor.device.type != "cpu" or stored != needed:
            raise InputError(
                f"{name} takes {needed} bytes, of which {stored} are stored",
                where=where,
                expected=EXPECTED,
                mend=DAMAGED,
            )
    return content


def _config(tensors: Mapping[str, Tensor], layers: int, where: str) -> ProCapNetConfig:
    for name in ("iconv.weight", "rconvs.0.weight", "fconv.weight"):
        if name not in tensors:
            raise InputError(f"no weight {name}", where=where, expected=EXPECTED)
        if tensors[name].dim() != 3:
            raise _wrong_shape(name, tensors[name], "(out, in, width)", where)
    first, dilated, profile = (tensors[name] for name in ("iconv.weight", "rconvs.0.weight", "fconv.weight"))
    if first.shape[1] != 4:
        raise _wrong_shape("iconv.weight", first, "4 input channels", where)
    sizes: dict[str, Any] = {
        "filters": first.shape[0],
        "layers": layers,
        "first_kernel": first.shape[2],
        "dilated_kernel": dilated.shape[2],
        "profile_kernel": profile.shape[2],
        "strands": profile.shape[0],
    }
    return ProCapNetConfig(**sizes)


def _wrong_shape(name: str, tensor: Tensor, expected: str, where: str) -> InputError:
    return InputError(f"{name} is of shape {tuple(tensor.shape)}", where=where, expected=expected)
