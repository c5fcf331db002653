"""Figures hold the numbers they were given, thinned by the rule they state."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bpflow.report import figures
from bpflow.report.logos import information, logo_svg
from bpflow.report.palette import DARK, ROLES


def test_thinning_is_seeded_and_keeps_small_tables_whole():
    frame = pd.DataFrame({"value": np.arange(1000)})
    assert figures.thinned(frame, 1000) is frame
    drawn = figures.thinned(frame, 100)
    assert len(drawn) == 100
    assert drawn["value"].is_monotonic_increasing
    assert drawn["value"].is_unique
    assert drawn.equals(figures.thinned(frame, 100))


def test_profile_example_draws_expected_counts_for_probabilities_and_counts_alike():
    observed, shape = [0.0, 3.0, 1.0, 0.0], np.array([0.1, 0.6, 0.2, 0.1])
    for predicted in (shape, shape * 8):
        figure = figures.profile_example(observed, predicted, 8)
        assert list(figure.data[0].y) == [0, 3, 1, 0]
        assert np.asarray(figure.data[1].y) == pytest.approx(shape * 8)
        assert figure.data[0].x0 == -2


def test_gc_content_drops_empty_bins_and_shows_shares():
    record = {
        "bins": [0.0, 0.1, 0.2, 0.3],
        "peaks": [0, 2, 6, 0],
        "nonpeaks": [0, 5, 5, 0],
        "candidates": [0, 0, 9, 0],
    }
    figure = figures.gc_content(record)
    assert [trace.name for trace in figure.data] == ["candidates", "non-peaks", "peaks"]
    assert np.asarray(figure.data[2].x) == pytest.approx([0.1, 0.2])
    assert np.asarray(figure.data[2].y) == pytest.approx([0.25, 0.75])


def test_training_curve_marks_the_best_epoch():
    history = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [3.0, 2.0, 1.0], "valid_loss": [3.0, 2.5, 2.6]})
    figure = figures.training_curve(history, "loss", 2)
    assert np.asarray(figure.data[1].y) == pytest.approx([3, 2.5, 2.6])
    assert figure.layout.shapes[0].x0 == 2


def test_lines_of_a_figure_differ_by_more_than_their_colour():
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [3.0, 2.0], "valid_loss": [3.0, 2.5]})
    record = {"bins": [0.0, 0.1], "peaks": [1, 2], "nonpeaks": [2, 1], "candidates": [3, 4]}
    fits = {name: (pd.Series([0.1, 0.2]), role) for name, role in (("peaks", "peaks"), ("non-peaks", "nonpeaks"))}
    regions = pd.DataFrame({"observed_log_counts": [1.0, 2.0], "predicted_log_counts": [1.5, 1.8]})
    motifs = [{"name": "Y", "planted_log2_fold": 2.0, "predicted_log2_fold": 1.5, "shuffled_log2_fold": 0.1}]
    for figure in (
        figures.gc_content(record),
        figures.training_curve(history, "loss", 2),
        figures.footprint([0.1, 0.2], [0.2, 0.1]),
        figures.profile_fit(fits),
        figures.counts_scatter(regions, role="corrected"),
        figures.motif_effects(motifs),
    ):
        looks = [(trace.mode.split("+")[0], trace.line.dash, trace.marker.symbol) for trace in figure.data]
        assert len(set(looks)) == len(looks) > 1


def test_motif_effects_escape_names_and_pass_over_missing_predictions():
    motifs = [
        {"name": "<b>X</b>", "planted_log2_fold": 1.0, "predicted_log2_fold": None, "shuffled_log2_fold": 0.0},
        {"name": "Y", "planted_log2_fold": 2.0, "predicted_log2_fold": 1.5, "shuffled_log2_fold": 0.1},
    ]
    figure = figures.motif_effects(motifs)
    predicted = figure.data[2]
    assert predicted.text[0] == "&lt;b&gt;X&lt;/b&gt;"
    assert np.isnan(predicted.y[0])
    assert predicted.y[1] == 1.5


def test_colours_of_roles_differ_from_each_other():
    assert len(DARK) == len(ROLES)
    assert len(set(DARK.values())) == len(ROLES)


def test_information_is_relative_entropy_to_the_background():
    background = [0.3, 0.2, 0.2, 0.3]
    heights = information([background, [1, 0, 0, 0], [0, 2, 0, 0]], background)
    assert heights[0] == pytest.approx(np.zeros(4))
    assert heights[1] == pytest.approx([np.log2(1 / 0.3), 0, 0, 0])
    assert heights[2] == pytest.approx([0, np.log2(1 / 0.2), 0, 0])


def test_logo_is_inline_deterministic_and_escaped():
    heights = np.full((6, 4), 0.2)
    options = {"start": -3, "identity": "logo-1", "x": "position", "y": "bits", "title": 'a "logo" <x>'}
    svg = logo_svg(heights, **options)
    assert svg == logo_svg(heights, **options)
    assert svg.startswith('<svg class="logo"')
    assert "a &#34;logo&#34; &lt;x&gt;" in svg
    assert "metadata" not in svg
    assert "DOCTYPE" not in svg
    other = logo_svg(heights, **{**options, "identity": "logo-2"})
    assert _ids(svg).isdisjoint(_ids(other)) or not _ids(svg)


def _ids(svg):
    import re

    return {name for name in re.findall(r'id="([^"]+)"', svg) if re.fullmatch(r"[a-z]?[0-9a-f]{10,}", name)}
