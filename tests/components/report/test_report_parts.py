"""The parts of the report: curves, measures, faces, data, lineage, times, the model card."""

import base64
import json
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from markupsafe import Markup
from PIL import Image

from components.metrics import roc
from components.report import charts, data_facts, face_pairs, lineage, times
from components.report.config import ReportConfig
from components.report.model_card import model_card, model_card_page
from components.report.report_page import report_page, slider_steps
from components.report.templates import count, number, percent
from data.synthetic import face_jpeg


def test_a_thinned_curve_keeps_its_ends_and_is_spread_along_its_length():
    # A right angle: 1 along x in 1024 steps, then 1 along y in 8. Powers of two: sums are exact.
    x = np.concatenate([np.linspace(0, 1, 1025), np.ones(8)])
    y = np.concatenate([np.zeros(1025), np.linspace(0.125, 1, 8)])
    kept = charts.thin(x, y, points=129)
    # 128 steps of 2 / 128: 16 points each along x, every point along y.
    assert kept.tolist() == [*range(0, 1025, 16), *range(1025, 1033)]


def test_a_short_curve_is_kept_whole():
    assert charts.thin(np.array([0.0, 1.0]), np.array([0.0, 1.0])).tolist() == [0, 1]


def test_a_curve_that_stands_still_does_not_divide_by_zero():
    kept = charts.thin(np.zeros(1000), np.linspace(0, 1, 1000), points=11)
    assert kept[0] == 0
    assert kept[-1] == 999
    assert len(kept) <= 12


def test_a_chart_is_svg_in_the_page_s_own_colours():
    curve = roc.sweep(np.array([0.1, 0.2, 0.3, 0.4]), np.array([1, 0, 1, 0]))
    svg = charts.roc(curve, None, (0.5, 0.5), 0.75)
    assert isinstance(svg, Markup)
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["role"] == "img"
    assert "var(--same)" in svg
    # None of the colours that stand for those of the page is left.
    assert not any(f"#0{n}0{n}0{n}" in svg for n in range(1, 8))
    assert "candidate, AUC 0.7500" in svg


def test_slider_finds_the_decision_between_two_distances():
    # 0.26 accepts the two smallest, as 0.25 (halfway) does; 0.24 accepts them too.
    curve = roc.sweep(np.array([0.1, 0.2, 0.3, 0.4]), np.array([1, 0, 1, 0]))
    for threshold in (0.24, 0.26):
        steps = slider_steps(curve, threshold, accepted=2)
        assert steps["threshold"][steps["chosen"]] == threshold
        assert (steps["tp"][steps["chosen"]], steps["fp"][steps["chosen"]]) == (1, 1)
        assert (steps["tp"][0], steps["tp"][-1]) == (0, 2)


def test_worst_pairs_by_hand():
    distances = np.array([0.5, 0.1, 0.9, 0.3, 2.0, 1.5, 0.2])
    scores = np.array([0.9, 1.0, 0.6, 1.0, 0.0, 0.1, 1.0])
    labels = np.array([0, 0, 0, 1, 1, 1, 0])
    accepts, rejects = face_pairs.worst_rows(distances, scores, labels, limit=3)
    assert accepts.tolist() == [1, 6, 0]
    assert rejects.tolist() == [4, 5]


def test_a_face_becomes_a_small_jpeg_without_metadata():
    uri = face_pairs.data_uri(face_jpeg(0, 1, 2, 96), 32)
    kind, data = uri.split(",")
    assert kind == "data:image/jpeg;base64"
    image = Image.open(BytesIO(base64.b64decode(data)))
    assert image.size == (32, 32)
    assert not image.getexif()
    # The same face, to the eye: both are scaled down from one picture.
    whole = Image.open(BytesIO(face_jpeg(0, 1, 2, 96))).convert("RGB").resize((32, 32))
    assert np.abs(np.asarray(image, float) - np.asarray(whole, float)).mean() < 6


def test_statistics_and_counts(small_run):
    found = data_facts.read_statistics(small_run.folders["image_statistics"], ["hair", "age"])
    assert found["measures"] == [
        {
            "name": "brightness",
            "split": "test",
            "low": 0.125,
            "median": 0.4375,
            "mean": 0.5,
            "deviation": 0.0,
            "high": 0.875,
        }
    ]
    assert list(found["attributes"]) == ["hair"]
    assert found["attributes"]["hair"]["test"][0] == ("dark", 0.75)
    counts = data_facts.read_counts(small_run.folders["images"], small_run.folders["pairs"])
    assert counts["splits"]["train"]["pair_sets"]["sampled"]["different"] == 200
    assert (counts["quarantined"], counts["quarantine"][0]["reason"]) == (1, "not an image")


def test_the_commit_says_whether_files_differ_from_it(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert lineage.git_commit(tmp_path) is None
    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-qm", "one")
    commit = git("rev-parse", "HEAD")
    assert lineage.git_commit(tmp_path) == commit
    (tmp_path / "file").write_text("two")
    assert lineage.git_commit(tmp_path) == f"{commit} (with uncommitted changes)"


def test_times_go_where_the_page_has_a_place_for_them():
    page = f"<h1>a</h1>{times.no_times()}<p>z</p>"
    components = [
        times.ComponentTime("Trainer", "COMPLETE", 62.54, "Model 11"),
        times.ComponentTime("Transform", "CACHED", 0.01, "TransformGraph 10"),
        times.ComponentTime("<b>", "COMPLETE", 31.27, ""),
    ]
    found = times.with_times(page, components, "2030-01-02 03:04", 100.06)
    assert found.startswith("<h1>a</h1>")
    assert found.endswith("<p>z</p>")
    assert "make report" not in found
    assert ">62.5</td>" in found
    assert ">cached</td>" in found
    assert "100.1 s" in found
    assert "width: 50.0%" in found
    assert "&lt;b&gt;" in found
    # And again, since a run's page may be shown twice.
    assert times.with_times(found, components, "2030-01-02 03:04", 100.06) == found


def test_a_page_without_a_place_for_times_is_refused():
    with pytest.raises(ValueError, match="run the pipeline again"):
        times.with_times("<p></p>", [], "", 0.0)


def test_the_model_card_has_the_same_numbers(small_run):
    config = ReportConfig(faces=False, owner="A & B", intended_use="Doors.", data_licence="CC0")
    content = small_run.content(config)
    card = model_card(content)
    overall = content.overall
    low, high = overall["intervals"]["binary_accuracy"]
    baseline = content.summary["baseline"]["binary_accuracy"]
    row = (
        f"| Accuracy | {overall['binary_accuracy']:.4f} | {low:.4f} – {high:.4f} | {baseline:.4f} |"
    )
    assert row in card.splitlines()
    assert "A &amp; B" in card
    assert "Doors." in card
    assert "Licence: CC0" in card
    assert "/secret" not in card
    assert "`faces/here`" in card
    page = model_card_page("small", card)
    assert page.count("<table>") == 3
    assert "<script" not in page
    assert f'<td style="text-align: right;">{overall["binary_accuracy"]:.4f}</td>' in page


def test_a_run_without_epochs_says_that_nothing_was_trained(small_run, tmp_path):
    content = small_run.content(ReportConfig(faces=False))
    training = content.training | {"history": {}, "best_epoch": 0, "comparer_note": "Few people"}
    (tmp_path / "training.json").write_text(json.dumps(training))
    content = replace(content, folders=content.folders | {"model_run": tmp_path})
    card = model_card(content)
    assert "embedding of 8 numbers;" in card
    assert "The network was trained by others and is used as it is. Few people." in card
    assert "epochs" not in card
    words = "<p>The network was trained by others and is used as it is.</p>"
    assert words in report_page(content)
    assert words not in report_page(small_run.content(ReportConfig(faces=False)))


def test_numbers_for_people():
    assert number(0.12345) == "0.1235"
    assert number(None) == number(float("nan")) == "–"
    assert percent(0.125, 1) == "12.5 %"
    assert count(1234567) == "1\u202f234\u202f567"
