"""MultiMolecule folders of every architecture that is known here, by the one that ``config.json`` names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bpflow.errors import InputError
from bpflow.formats.basenji import MODEL_TYPE, read_basenji_folder, write_basenji_folder
from bpflow.formats.multimolecule_folder import CONFIG, WEIGHTS, read_config
from bpflow.formats.multimolecule_towers import read_towers, write_towers
from bpflow.models import ProfileModel

__all__ = ["CONFIG", "SYSTEMS", "WEIGHTS", "read_multimolecule", "write_multimolecule"]


class System(NamedTuple):
    """How folders of one architecture are read into a model in evaluation mode, by their configuration, and written."""

    read: Callable[[Mapping[str, Any], str | os.PathLike[str]], ProfileModel]
    write: Callable[[Any, str | os.PathLike[str]], None]


# By MultiMolecule's model_type, which is the kind of our model as well where NAMES has no other.
SYSTEMS: dict[str, System] = {
    "bpnet": System(read_towers, write_towers),
    "chrombpnet": System(read_towers, write_towers),
    "procapnet": System(read_towers, write_towers),
    MODEL_TYPE: System(read_basenji_folder, write_basenji_folder),
}
NAMES = {"basenji2": MODEL_TYPE}


def read_multimolecule(folder: str | os.PathLike[str]) -> ProfileModel:
    """Read a model, in evaluation mode, with its N channel unless that is empty.

    Raises
    ------
    InputError
        An unknown architecture, a weight that is missing or of a shape that does not fit, a damaged file.
    """
    config = read_config(folder)
    found = config.get("model_type")
    if not isinstance(found, str) or found not in SYSTEMS:
        raise InputError(
            f"model_type is {found!r}", where=str(Path(folder) / CONFIG), expected=f"one of {', '.join(SYSTEMS)}"
        )
    return SYSTEMS[found].read(config, folder)


def write_multimolecule(model: ProfileModel, folder: str | os.PathLike[str]) -> None:
    """Write a model in MultiMolecule's naming and layout; the same model gives the same bytes.

    A model without an N channel gets one whose weights are zeros. It adds nothing where a base is unknown, just as our
    one-hot encoding does, in which such a base is a column of zeros.

    Raises
    ------
    InputError
        A model of an architecture, or of sizes, that MultiMolecule has not.
    """
    kind = NAMES.get(model.config.kind, model.config.kind)
    if kind not in SYSTEMS:
        raise InputError(f"a model of kind {kind!r}", where=str(folder), expected=f"one of {', '.join(SYSTEMS)}")
    SYSTEMS[kind].write(model, folder)
