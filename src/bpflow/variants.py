"""What a variant does to predicted accessibility: both alleles, on both strands, by the models of one or more folds.

The models read both alleles in their genomic window and its reverse complement. Profile probabilities of the reverse
complement are flipped back and averaged with the forward ones, log counts are averaged; the mean over folds averages
again, probabilities and log counts. From these come the Jensen-Shannon distance of the alleles' profiles (square root
of the divergence, in bits: 0 to 1) and the log2 fold change of their counts.

Everything is computed in blocks of a fixed size, counted from the first variant of the file: the same alleles stand
beside each other in a batch however a file is divided into parts, so that parts give the same numbers as the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bpflow.genome import Genome
from bpflow.models import ProfileModel
from bpflow.models.encoding import reverse_complement
from bpflow.prediction import predict_on_device
from bpflow.variant_files import Allele
from bpflow.variant_windows import Windows, allele_windows

__all__ = ["BLOCK", "BothStrands", "Scores", "VariantScorer", "in_blocks", "jensen_shannon_bits"]

BLOCK = 128


class BothStrands(NamedTuple):
    """Averages of both strands, float64: of the mean over folds, then of each fold.

    Attributes
    ----------
    probabilities
        (1 + folds, N, output length), on the device.
    log_counts
        (1 + folds, N), ln(1 + insertions), on the device.
    """

    probabilities: Tensor
    log_counts: Tensor


class Scores(NamedTuple):
    """Scores of N variants by the mean over folds (column 0) and by each fold: (N, 1 + folds) float64.

    Attributes
    ----------
    reference_log_counts, alternative_log_counts
        Predicted ln(1 + insertions in the output window) with each allele.
    jsd
        Jensen-Shannon distance of the alleles' profiles, from 0 to 1.
    """

    reference_log_counts: np.ndarray
    alternative_log_counts: np.ndarray
    jsd: np.ndarray


@dataclass(frozen=True)
class VariantScorer:
    """Models of one or more folds with the same windows, and how they are computed.

    Attributes
    ----------
    models
        One a fold.
    batch_size
        Sequences computed at once, both strands counted.
    device, precision
        Where, and in which precision of the convolutions.
    """

    models: Sequence[ProfileModel]
    batch_size: int
    device: torch.device
    precision: torch.dtype

    @property
    def input_length(self) -> int:
        """Bases that the models read."""
        return self.models[0].config.input_length

    @property
    def output_length(self) -> int:
        """Bases that the models predict."""
        return self.models[0].config.output_length

    @torch.inference_mode()
    def predict(self, codes: np.ndarray) -> BothStrands:
        """Predict (N, input length) uint8 codes, N being at least 1."""
        forward = torch.from_numpy(codes).to(self.device)
        folds = [self._both_strands(model, forward) for model in self.models]
        return BothStrands(*(torch.stack([torch.stack(part).mean(0), *part]) for part in zip(*folds, strict=True)))

    def score(self, windows: Windows) -> Scores:
        """Compare the alleles of each variant."""
        probabilities, log_counts = self.predict(windows.codes)
        reference, alternative = (torch.from_numpy(rows).to(probabilities.device) for rows in windows[1:])
        distance = jensen_shannon_bits(probabilities[:, reference], probabilities[:, alternative])
        columns = log_counts[:, reference], log_counts[:, alternative], distance
        return Scores(*(column.T.cpu().numpy() for column in columns))

    def score_alleles(self, alleles: Sequence[Allele], genome: Genome) -> Scores:
        """Scores of variants that can be scored, where they are in the genome."""
        return self.score(allele_windows(alleles, genome, self.input_length))

    def _both_strands(self, model: ProfileModel, codes: Tensor) -> tuple[Tensor, Tensor]:
        profiles, log_counts = [], []
        for forward in codes.split(max(self.batch_size // 2, 1)):
            batch = torch.cat([forward, reverse_complement(forward)])
            output = predict_on_device(model, batch, device=self.device, precision=self.precision)
            # Differences between alleles are small; Apple's GPUs have no float64.
            logits, logs = (part.to("cpu" if self.device.type == "mps" else self.device).double() for part in output)
            one, other = torch.softmax(logits, dim=1).chunk(2)
            profiles.append((one + other.flip(1)) / 2)
            log_counts.append(logs.view(2, -1).mean(0))
        return torch.cat(profiles), torch.cat(log_counts)


def jensen_shannon_bits(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon distance along the last axis, with base 2: the square root of the divergence, from 0 to 1.

    As ``scipy.spatial.distance.jensenshannon(p, q, base=2)``, for rows that sum to 1.
    """
    # Where both are 0 so is their mean; the term is 0 then, and not 0 / 0.
    mean = ((p + q) / 2).clamp_min(torch.finfo(p.dtype).tiny)
    divergence = (torch.xlogy(p, p / mean) + torch.xlogy(q, q / mean)).sum(-1) / (2 * np.log(2))
    return divergence.clamp_min(0).sqrt()


def in_blocks(items: Iterable[Allele]) -> Iterator[list[Allele]]:
    """Blocks of `BLOCK` items."""
    items = iter(items)
    while block := list(islice(items, BLOCK)):
        yield block
