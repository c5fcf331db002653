"""Runs that are killed, and go on where they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import QUICK, Run, kill_once

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("stage", "output", "finished"),
    [
        ("peaks", "demo/peaks/peaks.narrowPeak", "demo/signal/insertions.bw"),
        ("train_chrombpnet", "demo/fold_0/models/chrombpnet.safetensors", "demo/fold_0/models/bias.safetensors"),
    ],
)
def test_a_killed_run_goes_on_where_it_was(tmp_path, small_data, stage, output, finished):
    run = Run(tmp_path, "config/demo/config.yaml", {**QUICK, "data": str(small_data)})
    log = run.results / f"logs/{stage}"
    kill_once(run, lambda: log.is_dir() and any(path.stat().st_size for path in log.iterdir()), "train")
    assert not (run.results / output).exists()
    kept = (run.results / finished).stat().st_mtime_ns
    run.snakemake("--unlock")
    shown = run.snakemake("train")
    assert (run.results / output).exists()
    assert (run.results / finished).stat().st_mtime_ns == kept
    assert f"rule {Path(finished).stem.replace('insertions', 'signal')}:" not in shown
    assert not list(run.results.rglob("*.part"))


def test_a_training_cut_off_goes_on_from_its_checkpoint(tmp_path, small_data):
    long = {**QUICK, "training": {**QUICK["training"], "epochs": 30}}
    run = Run(tmp_path, "config/demo/config.yaml", {**long, "data": str(small_data)})
    models = run.results / "demo/fold_0/models"
    kill_once(run, lambda: (models / "bias.checkpoint").exists(), "bias")
    assert not (models / "bias.safetensors").exists()
    run.snakemake("--unlock")
    run.snakemake("bias")
    assert "continuing from" in (run.results / "logs/train_bias/demo.fold_0.log").read_text()
    assert (models / "bias.safetensors").exists()
    assert not list(models.glob("*.checkpoint"))
