"""What a control experiment adds to a BPNet's predictions (Avsec et al. 2021): the shape and size of its own signal."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bpflow.models.initial_weights import glorot_uniform_
from bpflow.models.outputs import Output, Outputs

__all__ = ["Control"]

# Bases that the smoothed control is summed over.
BOX = 50


class Control(nn.Module):
    """A weighted sum of the control's strands and of their smoothed sum, added to logits, and of log counts alike.

    Each task has its own weights, and adds the same to both strands. There are no intercepts: zeros add nothing.

    Parameters
    ----------
    tasks
        How many.
    """

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.profile = nn.Parameter(torch.zeros(tasks, 3))
        self.counts = nn.Parameter(torch.zeros(tasks, 2))

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw new weights, Glorot uniform for each task."""
        for weight in (*self.profile.detach().split(1), *self.counts.detach().split(1)):
            glorot_uniform_(weight, generator)

    def forward(self, output: Output, control: Tensor, outputs: Outputs) -> Output:
        """Add a control's (N, 2, O) counts to a prediction."""
        control = control.float()
        sides = (BOX - 1) // 2, BOX // 2
        smooth = functional.avg_pool1d(functional.pad(control.sum(1, keepdim=True), sides), BOX, stride=1) * BOX
        # Summed in float32 as the heads are.
        with torch.autocast(control.device.type, enabled=False):
            shapes = torch.einsum("tc,nco->nto", self.profile, torch.cat([control, smooth], dim=1))
            sizes = torch.log1p(control.sum(2)) @ self.counts.t()
        shared = outputs.groups // outputs.tasks
        logits, log_counts = outputs.by_track(output.profile_logits), output.log_counts.reshape(len(control), -1)
        logits = logits + shapes.repeat_interleave(outputs.strands, dim=1)
        return outputs.laid_out(logits, log_counts + sizes.repeat_interleave(shared, dim=1))
