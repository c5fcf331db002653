"""Time training and prediction, and beside them the same model as tutorials write it.

python benchmarks/training.py [--filters 64 128 512] [--layers 8] [--seconds 60] [--batch-size 64] [--device auto]
                              [--precision auto] [--threads N] [--json FILE]

One BPNet, 2114 bases to 1000, on made-up data, in one process; nothing is read and no other program is needed. First
the plain model is checked: with the same weights it must give the outputs and the losses of ours in float32 on the CPU.
Then, in turns, so that what else the machine does hits all alike (medians of the turns, after a warm-up):

train, plain_train      examples/s of training steps on data that are ready on the device: one-hot coding, forward,
                        losses, backward and Adam. Ours starts from base codes and runs in --precision; the plain model
                        starts from one-hot and runs in float32 with PyTorch's defaults (cuDNN's TF32 among them).
predict, plain_predict  examples/s from base codes, or plainly from one-hot, in host memory to predictions there.
epoch                   examples/s of one epoch of `bpflow.training.fit`, which gathers examples and averages weights;
                        validation is not counted. `waiting` = 1 - epoch / train, at least 0: the share of the time in
                        which a training does anything but steps.
matmul_tflops           10^12 operations/s of square matrix products in the precision of ours, best of several, and in
                        float32 as PyTorch does it by default. `train_share_of_matmul` is what ours reaches of it when a
                        training step counts as three forward passes, `predict_share_of_matmul` likewise.

A batch is as large as the time allows, from 16 up to --batch-size: 512 filters on a CPU take a second an example. Its
size is in the record. Figures of a GPU need a GPU; there too this is one command.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine
from torch import Tensor, nn
from torch.nn import functional

# The package of this checkout, installed or not.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from bpflow.batches import DeviceBatch
from bpflow.datasets import TrainingSet, Windows, validation_set
from bpflow.devices import resolve_device, resolve_precision, set_threads
from bpflow.losses import losses
from bpflow.models import BPNet, BPNetConfig
from bpflow.models.encoding import one_hot
from bpflow.objectives import ProfileObjective
from bpflow.optimiser import KerasAdam
from bpflow.prediction import predict_codes
from bpflow.signal import SignalTrack
from bpflow.stepping import Stepper
from bpflow.training import Recipe, fit

FILTERS = (64, 128, 512)
COUNTS_WEIGHT = 10.0
TURNS = 3
# Of the time of each thing measured, besides its turns: the warm-up and finding out how long it takes.
EXTRA = 2
# Of fewer, updating the weights is much of the work.
SMALLEST_BATCH = 16
COMPARED = 2
# A training step does the forward pass's products three times: forward, for the inputs and for the weights.
PASSES = 3
JITTER = 500
GENOME = 1 << 22
SITES_APART = 50
# Largest difference from ours, as a share of the largest value.
TOLERANCE = 1e-4
# Rows of the square matrices, and on every other device.
MATRIX = {"cpu": 2048}
LARGE_MATRIX = 8192

# Does a number of batches and gives the seconds they took.
Work = Callable[[int], float]


class PlainBPNet(nn.Module):
    """The model as tutorials write it; outputs are logits (N, output_length) and log counts (N,)."""

    def __init__(self, filters: int, layers: int, output_length: int) -> None:
        super().__init__()
        self.output_length = output_length
        self.stem = nn.Conv1d(4, filters, kernel_size=21)
        self.dilated = nn.ModuleList(
            nn.Conv1d(filters, filters, kernel_size=3, dilation=2**i) for i in range(1, layers + 1)
        )
        self.profile = nn.Conv1d(filters, 1, kernel_size=75)
        self.counts = nn.Linear(filters, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict from one-hot (N, 4, input_length)."""
        x = torch.relu(self.stem(x))
        for convolution in self.dilated:
            y = torch.relu(convolution(x))
            crop = (x.shape[-1] - y.shape[-1]) // 2
            x = x[:, :, crop:-crop] + y
        logits = self.profile(x).squeeze(1)
        crop = (logits.shape[-1] - self.output_length) // 2
        logits = logits[:, crop : crop + self.output_length]
        return logits, self.counts(x.mean(dim=-1)).squeeze(-1)


def plain_loss(logits: Tensor, log_counts: Tensor, counts: Tensor) -> Tensor:
    """Multinomial negative log likelihood and weighted squared error of the log counts."""
    total = counts.sum(dim=-1)
    log_likelihood = torch.lgamma(total + 1) - torch.lgamma(counts + 1).sum(dim=-1)
    log_likelihood = log_likelihood + (counts * functional.log_softmax(logits, dim=-1)).sum(dim=-1)
    return -log_likelihood.mean() + COUNTS_WEIGHT * functional.mse_loss(log_counts, torch.log(total + 1))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each size, print the table and write the record."""
    args = parse(arguments)
    set_threads(args.threads)
    device = resolve_device(args.device)
    precision = resolve_precision(args.precision, device)
    rows = []
    for filters in args.filters:
        config = BPNetConfig(filters=filters, layers=args.layers)
        rows.append(Comparison(config, device, precision, args.batch_size).measure(args.seconds))
        print(json.dumps(rows[-1]), flush=True)
    print(table(rows))
    if args.json:
        record = {**machine(), **(rows[0] if len(rows) == 1 else {"runs": rows})}
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--filters", type=int, nargs="+", default=list(FILTERS), help="channels; each is measured")
    parser.add_argument("--layers", type=int, default=8, help="dilated layers")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for each number of filters")
    parser.add_argument("--batch-size", type=int, default=64, help="largest batch")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 (and so on) or mps")
    parser.add_argument("--precision", default="auto", help="of our convolutions: auto, float32 or bfloat16")
    parser.add_argument("--threads", type=int, help="CPU threads; else PyTorch's choice")
    parser.add_argument("--json", type=Path, help="record to write")
    return parser.parse_args(arguments)


class Comparison:
    """One size of our model and of the plain one, with the same weights, and the work that is timed.

    Parameters
    ----------
    config
        Sizes.
    device, precision
        Where both run, and in which precision ours does.
    largest_batch
        Examples of a batch, if there is time for so many.
    """

    def __init__(self, config: BPNetConfig, device: torch.device, precision: torch.dtype, largest_batch: int) -> None:
        self.config, self.device, self.precision = config, device, precision
        self.batch_size = largest_batch
        self.windows, self.centers = made_up_data(config)
        self.ours = BPNet(config, torch.Generator().manual_seed(1))
        self.plain = PlainBPNet(config.filters, config.layers, config.output_length)
        give_weights(self.ours, self.plain)
        require_equal(self.ours, self.plain, *self._examples(COMPARED))
        self.ours.to(device)
        self.plain.to(device)

    def measure(self, seconds: float) -> dict[str, Any]:
        """All figures of the record, in about so many seconds."""
        works: dict[str, Callable[[], Work]] = {
            # Beside each other, what is compared.
            "epoch": self.epoch,
            "train": self.train,
            "plain_train": self.plain_train,
            "predict": self.predict,
            "plain_predict": self.plain_predict,
        }
        turn = seconds / len(works) / (TURNS + EXTRA)
        self.batch_size = self._fitting_batch(turn)
        rates = examples_per_second({name: work() for name, work in works.items()}, self.batch_size, turn)
        return {**self._context(), **rates, **self._shares(rates, turn)}

    def train(self) -> Work:
        """Our steps."""
        model = copy.deepcopy(self.ours).train()
        stepper = Stepper(
            KerasAdam(model.parameters()), ProfileObjective(COUNTS_WEIGHT), device=self.device, precision=self.precision
        )
        codes, counts = self._examples(self.batch_size)
        batch = DeviceBatch(codes.to(self.device), counts.to(self.device), self.batch_size)
        return self._timed(lambda: stepper.update(model, batch))

    def plain_train(self) -> Work:
        """Plain steps."""
        model = copy.deepcopy(self.plain).train()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        codes, counts = self._examples(self.batch_size)
        x, observed = one_hot(codes).contiguous().to(self.device), counts.float().to(self.device)

        def step() -> None:
            optimizer.zero_grad()
            loss = plain_loss(*model(x), observed)
            loss.backward()
            optimizer.step()

        return self._timed(step)

    def predict(self) -> Work:
        """Our predictions."""
        codes = self._examples(self.batch_size)[0].numpy()
        options = {"batch_size": self.batch_size, "device": self.device, "precision": self.precision}
        model = copy.deepcopy(self.ours)
        return self._timed(lambda: predict_codes(model, codes, **options))

    def plain_predict(self) -> Work:
        """Plain predictions."""
        x = one_hot(self._examples(self.batch_size)[0]).contiguous()
        model = copy.deepcopy(self.plain).eval()

        @torch.no_grad()
        def batch() -> list[np.ndarray]:
            return [output.cpu().numpy() for output in model(x.to(self.device))]

        return self._timed(batch)

    def epoch(self) -> Work:
        """Our training with its data; what is timed is told by :func:`fit` itself."""
        recipe = Recipe(counts_loss_weight=COUNTS_WEIGHT, epochs=1, batch_size=self.batch_size)
        none = np.zeros(0, dtype=np.int64)
        validation = validation_set(none, self.centers[:COMPARED], negative_ratio=1, seed=0)

        def epoch(batches: int) -> float:
            centers = np.resize(self.centers, batches * self.batch_size)
            training = TrainingSet(centers, none, jitter=JITTER, seed=0)
            model = copy.deepcopy(self.ours)
            options = {"device": self.device, "precision": self.precision}
            fitted = fit(model, self.windows, training, validation, recipe, **options)
            return len(training) / fitted.examples_per_second

        return epoch

    def _timed(self, batch: Callable[[], object]) -> Work:
        def work(batches: int) -> float:
            self._synchronise()
            begin = time.perf_counter()
            for _ in range(batches):
                batch()
            self._synchronise()
            return time.perf_counter() - begin

        return work

    def _synchronise(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def _fitting_batch(self, seconds: float) -> int:
        """The largest power of two, or the batch asked for, of which a step of either takes at most so long."""
        asked, self.batch_size = self.batch_size, min(SMALLEST_BATCH, self.batch_size)
        slowest = 0.0
        for work in (self.train(), self.plain_train()):
            work(1)
            slowest = max(slowest, work(1) / self.batch_size)
        size = self.batch_size
        while size < asked and 2 * size * slowest <= seconds:
            size *= 2
        return min(size, asked)

    def _examples(self, number: int) -> tuple[Tensor, Tensor]:
        batch = self.windows.gather(self.centers[:number], np.zeros(number, dtype=bool))
        return torch.from_numpy(batch.codes), torch.from_numpy(batch.counts)

    def _context(self) -> dict[str, Any]:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else str(self.device)
        return {
            "filters": self.config.filters,
            "layers": self.config.layers,
            "batch_size": self.batch_size,
            "precision": str(self.precision).removeprefix("torch."),
            "device": str(self.device),
            "device_name": name,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "gigaflops": self.config.gigaflops,
        }

    def _shares(self, rates: Mapping[str, float], seconds: float) -> dict[str, float]:
        float32 = self._matmul_tflops(torch.float32, seconds)
        tflops = float32 if self.precision == torch.float32 else self._matmul_tflops(self.precision, seconds)
        example = self.config.gigaflops / 1000
        return {
            "waiting": max(0.0, 1 - rates["epoch"] / rates["train"]),
            "train_ratio": rates["train"] / rates["plain_train"],
            "predict_ratio": rates["predict"] / rates["plain_predict"],
            "matmul_tflops": tflops,
            "matmul_tflops_float32": float32,
            "train_share_of_matmul": PASSES * rates["train"] * example / tflops,
            "predict_share_of_matmul": rates["predict"] * example / tflops,
        }

    def _matmul_tflops(self, precision: torch.dtype, seconds: float) -> float:
        size = MATRIX.get(self.device.type, LARGE_MATRIX)
        a, b = (torch.randn(size, size, device=self.device).to(precision) for _ in range(2))
        out = torch.empty_like(a)
        work = self._timed(lambda: torch.matmul(a, b, out=out))
        work(1)
        begin, best = time.perf_counter(), work(1)
        while time.perf_counter() - begin < seconds:
            best = min(best, work(1))
        return 2e-12 * size**3 / best


def examples_per_second(works: Mapping[str, Work], batch_size: int, seconds: float) -> dict[str, float]:
    """Medians of the turns, each of as many batches as take about so many seconds."""
    batches = {}
    for name, work in works.items():
        work(1)
        batches[name] = max(1, int(seconds / work(1)))
    turns: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(TURNS):
        for name, work in works.items():
            turns[name].append(batches[name] * batch_size / work(batches[name]))
    return {name: statistics.median(rates) for name, rates in turns.items()}


def made_up_data(config: BPNetConfig) -> tuple[Windows, np.ndarray]:
    """Windows of a random genome with some insertions everywhere, and centres in it."""
    random = np.random.default_rng(0)
    genome = random.integers(0, 4, GENOME, dtype=np.uint8)
    positions = np.unique(random.integers(0, GENOME, GENOME // SITES_APART)).astype(np.uint32)
    counts = random.geometric(0.5, len(positions)).astype(np.int32)
    windows = Windows(genome, SignalTrack(positions, counts, "made up"), config.input_length, config.output_length)
    return windows, random.integers(config.input_length, GENOME - config.input_length, 4096)


def give_weights(ours: BPNet, plain: PlainBPNet) -> None:
    """Copy our weights into the plain model."""
    names = {name: name.removeprefix("tower.") for name in ours.state_dict()}
    plain.load_state_dict({names[name]: weights for name, weights in ours.state_dict().items()})


@torch.no_grad()
def require_equal(ours: BPNet, plain: PlainBPNet, codes: Tensor, counts: Tensor) -> None:
    """Stop unless both models give the same outputs and losses, so that both do the same work."""
    output, (logits, log_counts) = ours(one_hot(codes)), plain(one_hot(codes))
    pairs = {
        "profile logits": (output.profile_logits, logits),
        "log counts": (output.log_counts, log_counts),
        "loss": (losses(output, counts, COUNTS_WEIGHT).total, plain_loss(logits, log_counts, counts.float())),
    }
    for what, (one, other) in pairs.items():
        difference = ((one - other).abs().max() / one.abs().max()).item()
        if not difference <= TOLERANCE:
            raise SystemExit(f"the plain model's {what} differ from ours by {difference:.2g} of the largest")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures in Markdown."""
    text = [
        "| filters | batch | train/s | plain | times | predict/s | plain | times | epoch/s | waiting "
        "| matmul TFLOP/s | float32 | train's share | predict's share |",
        "|" + "---|" * 14,
    ]
    for row in rows:
        text.append(
            f"| {row['filters']} | {row['batch_size']} "
            f"| {row['train']:.3g} | {row['plain_train']:.3g} | {row['train_ratio']:.2f} "
            f"| {row['predict']:.3g} | {row['plain_predict']:.3g} | {row['predict_ratio']:.2f} "
            f"| {row['epoch']:.3g} | {row['waiting']:.0%} "
            f"| {row['matmul_tflops']:.3g} | {row['matmul_tflops_float32']:.3g} "
            f"| {row['train_share_of_matmul']:.0%} | {row['predict_share_of_matmul']:.0%} |"
        )
    return "\n".join(text)


if __name__ == "__main__":
    main()
