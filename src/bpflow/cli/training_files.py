"""What a training leaves behind: models, the table of epochs, the record, curves for TensorBoard."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpflow.errors import InputError

if TYPE_CHECKING:
    from bpflow.cli.model_options import Computing
    from bpflow.genome import Genome
    from bpflow.models import ProfileModel
    from bpflow.training import Fitted, Recipe
    from bpflow.training_state import HistoryRow

__all__ = ["curves", "digests", "write_history", "write_last_good", "write_record", "write_trained"]


def digests(args: argparse.Namespace, genome: Genome) -> dict[str, str]:
    """SHA-256 of each input file, by option; of several files of one, with commas between."""
    from bpflow.files import sha256

    names = ("signal", "peaks", "nonpeaks", "fold", "selection", "bias_model", "control", "mappability", "bins")
    given = {name: getattr(args, name) for name in names if getattr(args, name, None)}
    given |= {f"task {name}": files for name, *files in getattr(args, "task", ())}
    if architecture := getattr(args, "architecture", None):
        given["architecture"] = architecture.rpartition(":")[0]
    files = {name: [value] if isinstance(value, str) else value for name, value in given.items()}
    return {"genome": genome.digest, **{name: ",".join(map(sha256, paths)) for name, paths in files.items()}}


def write_trained(
    args: argparse.Namespace,
    model: ProfileModel,
    recipe: Recipe,
    computing: Computing,
    inputs: dict[str, str],
    fitted: Fitted,
    more: dict[str, Any],
) -> None:
    """Write the model, and of a ChromBPNet its bias-corrected part; `more` is what the file is to say besides."""
    from bpflow.checkpoints import save_model
    from bpflow.models import ChromBPNet

    metadata = {
        **more,
        "model": args.model,
        "seed": recipe.seed,
        "recipe": recipe.as_dict(),
        "precision": computing.precision_name,
        "best_epoch": fitted.best_epoch,
        "history": [_timeless(row) for row in fitted.history],
        "inputs": inputs,
    }
    save_model(model, args.output, metadata=metadata)
    if isinstance(model, ChromBPNet):
        save_model(model.accessibility, args.output_nobias, metadata={**metadata, "model": "chrombpnet_nobias"})


def write_last_good(args: argparse.Namespace, model: ProfileModel, recipe: Recipe, best_epoch: int) -> Path:
    """Write the best weights of a training that failed, under a name of their own."""
    from bpflow.checkpoints import save_model

    path = Path(args.output).with_suffix(".last_good.safetensors")
    metadata = {"model": args.model, "seed": recipe.seed, "recipe": recipe.as_dict(), "best_epoch": best_epoch}
    save_model(model, path, metadata=metadata)
    return path


def write_history(path: str, history: Sequence[HistoryRow]) -> None:
    """Write the losses of each epoch so far as a table."""
    from bpflow.files import atomic_path
    from bpflow.training_state import HISTORY_COLUMNS

    lines = ["\t".join(HISTORY_COLUMNS), *("\t".join(f"{value:.8g}" for value in row) for row in history)]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def write_record(
    args: argparse.Namespace,
    model: ProfileModel,
    recipe: Recipe,
    computing: Computing,
    inputs: dict[str, str],
    fitted: Fitted,
    processes: int,
) -> None:
    """Write the record of a training, for the report."""
    from bpflow.files import stamp, write_json

    sizes = [(weights.numel(), weights.requires_grad) for weights in model.parameters()]
    write_json(
        args.qc,
        stamp(
            "train",
            model=args.model,
            parameters=sum(size for size, _ in sizes),
            trainable_parameters=sum(size for size, trained in sizes if trained),
            architecture=model.config.model_dump(),
            recipe=recipe.as_dict(),
            device=_device_name(computing),
            processes=processes,
            precision=computing.precision_name,
            threads=computing.threads,
            epochs_run=len(fitted.history),
            best_epoch=fitted.best_epoch,
            best_valid_loss=fitted.best_valid_loss,
            flat_valid_loss=fitted.flat_loss,
            stopped=fitted.stopped,
            examples_per_epoch=fitted.examples_per_epoch,
            examples_per_second=fitted.examples_per_second,
            examples_at_once=fitted.piece or recipe.batch_size,
            seconds=fitted.seconds,
            environment=_environment(),
            inputs=inputs,
            messages=_messages(fitted, recipe),
        ),
    )


def curves(folder: str) -> Callable[[HistoryRow], None]:
    """A function that adds an epoch's losses to TensorBoard's files in `folder`.

    Raises
    ------
    InputError
        The package that writes them is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise InputError(
            "tensorboardX is not installed", where="--tensorboard", mend="pip install 'bpflow[tensorboard]'"
        ) from None
    writer = SummaryWriter(folder)

    def add(row: HistoryRow) -> None:
        for name, value in _timeless(row).items():
            if name != "epoch":
                part, _, loss = name.partition("_")
                writer.add_scalar(f"{loss}/{part}", value, row.epoch)
        writer.flush()

    return add


def _timeless(row: HistoryRow) -> dict[str, Any]:
    # Seconds differ from run to run; without them equal trainings give equal files.
    return {key: value for key, value in row._asdict().items() if key != "seconds"}


def _messages(fitted: Fitted, recipe: Recipe) -> list[str]:
    messages = []
    if fitted.stopped == "epochs" and fitted.best_epoch == len(fitted.history):
        messages.append(
            f"The validation loss was still falling in the last of {recipe.epochs} epochs: "
            "more epochs may give a better model."
        )
    if fitted.best_valid_loss >= fitted.flat_loss:
        messages.append(
            f"The best validation loss, {fitted.best_valid_loss:.4g}, is not below that of a flat profile and the mean "
            f"count, {fitted.flat_loss:.4g}: the model has learnt nothing that holds on other chromosomes."
        )
    return messages


def _device_name(computing: Computing) -> str:
    import torch

    if computing.device.type == "cuda":
        return f"{computing.device} ({torch.cuda.get_device_name(computing.device)})"
    return str(computing.device)


def _environment() -> dict[str, str]:
    import platform

    import numpy
    import torch

    from bpflow import __version__

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "bpflow": __version__,
    }
