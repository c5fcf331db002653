"""The package's floors (docs/design.md): imports go down only, and data steps run without torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "bpflow"
DATA_COMMANDS = [
    "fetch_genome",
    "doctor",
    "genome",
    "split",
    "signal",
    "check_signal",
    "peaks",
    "consensus",
    "folds",
    "bins",
    "nonpeaks",
    "select",
    "gate",
    "status",
]
FLOORS = {
    0: [
        "errors",
        "files",
        "progress",
        "chromosomes",
        "genome",
        "allocation",
        "decompression",
        "parallel",
        "interruption",
        "tables",
        "verdicts",
        "parts",
        "growing_datasets",
        "packed_arrays",
        *("genome_catalogue", "genome_cache", "downloads", "checksum_lists"),
        "bgzf_writer",
        *("hdf5_files", "new_hdf5"),
    ],
    1: [
        *("barcodes", "fragment_split"),
        *("reads", "read_lines", "alignments", "bam_records", "ends", "site_counts", "shift", "base_composition"),
        *("cut_sites", "given_signal", "signal", "signal_record", "shift_verdict", "fragment_lengths"),
        *("bigwig", "bigwig_writer", "bigwig_sections", "bigwig_trees", "bigwig_zooms"),
        *("regions", "peaks", "consensus", "enrichment", "folds", "twins", "nonpeaks", "selection"),
        *("datasets", "model_regions", "sequences", "backgrounds", "tracks_layout", "region_tracks"),
        *("stranded_ends", "signal_groups", "tag_clusters", "mappability", "mixed_training_set"),
        *("bin_targets", "bin_windows", "bin_file", "bin_datasets"),
        *("motif_files", "inserts", "locus_selection", "two_bit"),
        *("variant_headers", "variant_files", "variant_checks", "variant_survey", "variant_windows"),
        "annotated_vcf",
    ],
    2: ["models", "losses", "metrics", "bin_metrics", "halves", "rate_mixture", "significance", "formats", "shuffles"],
    3: [
        *("training", "training_state", "stepping", "batches", "world", "divergence", "averaging", "optimiser"),
        *("objectives", "bin_training", "bin_prediction"),
        *("bias_scaling", "checkpoints", "devices"),
        *("prediction", "prediction_file", "prediction_table", "predicted_tracks", "ensemble"),
        "contribution_file",
    ],
    4: [
        *("bin_evaluation", "bin_recovery"),
        *("evaluation", "evaluation_verdicts", "reference_scores", "yardsticks"),
        *("bias_choice", "sample_comparison", "tracks", "recovery", "stranded_recovery", "views", "loci"),
        *("footprints", "footprint_record", "footprint_file", "footprint_average"),
        "task_footprints",
        *("mutagenesis", "mutagenesis_file"),
        "one_call",
        *("contributions", "motif_discovery", "motif_matches", "motif_instances", "motif_record"),
        *("variants", "variant_nulls", "variant_scoring", "variant_parts"),
        *("variant_results", "variant_annotation", "variant_record", "variant_contributions"),
    ],
    5: ["cli", "report", "settings", "gates", "run_status", "doctor"],
}
FLOOR_OF = {module: floor for floor, modules in FLOORS.items() for module in modules}


def modules():
    return sorted(
        path
        for path in PACKAGE.rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py") or path.parent != PACKAGE
    )


def top_name(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bpflow."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "bpflow":
            names.update(alias.name for alias in node.names if (PACKAGE / f"{alias.name}.py").exists())
        elif isinstance(node, ast.Import):
            names.update(alias.name.split(".")[1] for alias in node.names if alias.name.startswith("bpflow."))
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    own = top_name(path)
    assert own in FLOOR_OF, f"{own} stands on no floor: name it in docs/design.md and in this test"
    higher = {name for name in imported(path) if FLOOR_OF[name] > FLOOR_OF[own]}
    assert not higher, f"{own} (floor {FLOOR_OF[own]}) imports {sorted(higher)}"


@pytest.mark.parametrize("command", DATA_COMMANDS)
def test_data_commands_run_without_torch(command):
    code = f"import sys; import bpflow.cli.{command}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
