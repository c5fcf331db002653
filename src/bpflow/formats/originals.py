"""Models of other programs, told by what a file holds and read by whatever reads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bpflow.formats import basenji, keras, keras_bpnet
from bpflow.formats.keras_configuration import EXPECTED, Tree, weights_tree
from bpflow.formats.multimolecule import read_multimolecule
from bpflow.formats.procapnet import is_torch_file, read_procapnet
from bpflow.hdf5_files import StoredFile, is_hdf5, opened_hdf5
from bpflow.models import ProfileModel

__all__ = ["KERAS_SUFFIXES", "Original", "read_original"]

KERAS_SUFFIXES = (".h5", ".hdf5")
# What 'bpflow train' calls the kinds of models that official files hold.
TRAINED_AS = {"bias": "bias", "nobias": "chrombpnet_nobias", "chrombpnet": "chrombpnet"}


class Original(NamedTuple):
    """A model in evaluation mode, and what is known of where it comes from.

    Attributes
    ----------
    model
        The model.
    origin
        ``model``: which system it is of, or which part of a ChromBPNet; ``source``: the program that wrote it; and
        what it takes to write the file again, if that can be done.
    """

    model: ProfileModel
    origin: dict[str, Any]


def read_original(path: str | os.PathLike[str]) -> Original | None:
    """Read a model that another program wrote; None if the file is of none that is known here.

    Raises
    ------
    InputError
        A file of such a program that is damaged or not what is expected of it.
    """
    path = Path(path)
    if path.is_dir():
        model = read_multimolecule(path)
        return Original(model, {"model": model.config.kind, "source": "multimolecule"})
    if not path.is_file():
        return None
    if path.suffix in KERAS_SUFFIXES or is_hdf5(path):
        with opened_hdf5(path, EXPECTED) as stored:
            top = weights_tree(stored, path)
            return next(read for belongs, read in KERAS_READERS if belongs(top))(stored, top, path)
    if is_torch_file(path):
        return Original(read_procapnet(path), {"model": "procapnet", "source": "pytorch"})
    return None


def _read_bpnet(stored: StoredFile, top: Tree, path: Path) -> Original:
    return Original(keras_bpnet.read_stored(stored, top, path), {"model": "bpnet", "source": "keras"})


def _read_basenji(stored: StoredFile, top: Tree, path: Path) -> Original:
    return Original(basenji.read_stored(stored, top, path), {"model": "basenji2", "source": "keras"})


def _read_official(stored: StoredFile, top: Tree, path: Path) -> Original:
    model, layout = keras.read_stored(stored, top, path)
    return Original(model, {"model": TRAINED_AS[layout.kind], "source": "keras", "keras": layout.as_dict()})


Reader = Callable[[StoredFile, Tree, Path], Original]
# What tells a file by its layers, and what reads it; the last one says what is wrong with a file of no known program.
KERAS_READERS: tuple[tuple[Callable[[Tree], bool], Reader], ...] = (
    (basenji.is_basenji, _read_basenji),
    (keras_bpnet.is_bpnet, _read_bpnet),
    (lambda top: True, _read_official),
)
