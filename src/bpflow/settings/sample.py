"""A sample of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Sample"]


@dataclass(frozen=True)
class Sample:
    """One row of the sample sheet, or one cluster of a row's cells, with its lists split and its paths filled in.

    Attributes
    ----------
    peak_set
        Samples that name the same one share their peaks.
    cells, fragments, barcodes
        Of a cluster of single cells: name of the row that it is of, the read files that are split by barcode, and the
        files of barcodes.
    bias_from
        Name of the sample whose bias models are this one's too.
    train
        ``"all"`` models, or the ``"bias"`` models alone, for other samples.
    config_file, config
        The file of keys that this sample has otherwise than the run; its configuration, with them.
    """

    name: str
    assay: str
    reads: tuple[str, ...] = ()
    format: str = "auto"
    shifts: tuple[str, ...] = ("auto",)
    cells: str | None = None
    fragments: tuple[str, ...] = ()
    barcodes: tuple[str, ...] = ()
    signal: str | None = None
    peaks: str | None = None
    peak_set: str | None = None
    bias_model: str | None = None
    bias_from: str | None = None
    train: str = "all"
    config_file: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def trains_bias(self) -> bool:
        """Whether bias models are trained for this sample by itself."""
        return not (self.bias_model or self.bias_from)

    def bias_model_for(self, fold: int | str) -> str | None:
        """Path of the bias model that the sheet gives for `fold`, if it gives one."""
        return self.bias_model and self.bias_model.replace("{fold}", str(fold))
