"""The numbers on the page against scikit-learn, and what the page may and may not hold."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.report.config import ReportConfig
from components.report.content import headlines
from components.report.report_page import report_page


class Reader(HTMLParser):
    """Collects elements with their attributes, and the text of table cells."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def values(self, attribute):
        """The data-value (or text) of each element that has an attribute, by its value."""
        return {
            attributes[attribute]: attributes["data-value"]
            for _, attributes in self.elements
            if attribute in attributes
        }


@pytest.fixture(scope="module")
def content(small_run):
    return small_run.content()


@pytest.fixture(scope="module")
def page(content):
    return report_page(content)


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


def test_headlines_equal_scikit_learn(small_run, read):
    labels, scores = small_run.pairs.labels, small_run.pairs.scores
    same = scores >= 0.5
    fmr, tpr, _ = sklearn_metrics.roc_curve(
        labels, -small_run.pairs.distances, drop_intermediate=False
    )
    # The crossing of FMR and FNMR, on the straight line between the two points around it.
    eer = np.interp(0, fmr - (1 - tpr), fmr)
    (_, fp), (fn, _) = sklearn_metrics.confusion_matrix(labels, same)
    expected = {
        "binary_accuracy": sklearn_metrics.accuracy_score(labels, same),
        "precision": sklearn_metrics.precision_score(labels, same),
        "recall": sklearn_metrics.recall_score(labels, same),
        "f1": sklearn_metrics.f1_score(labels, same),
        "auc": sklearn_metrics.roc_auc_score(labels, -small_run.pairs.distances),
        "auc_precision_recall": sklearn_metrics.average_precision_score(
            labels, -small_run.pairs.distances
        ),
        "eer": eer,
        "fmr": fp / (labels == 0).sum(),
        "fnmr": fn / (labels == 1).sum(),
        "tar_at_far_0.1": tpr[fmr <= 0.1].max(),
        "tar_at_far_0.01": tpr[fmr <= 0.01].max(),
        "brier_score": sklearn_metrics.brier_score_loss(labels, scores),
    }
    shown = read.values("data-headline")
    for key, value in expected.items():
        assert float(shown[key]) == pytest.approx(value, abs=1e-6), key
    # 200 different pairs show no FAR of one in a thousand.
    assert shown["tar_at_far_0.001"] == ""


def test_the_confusion_matrix_shows_the_counts(small_run, page):
    (tn, fp), (fn, tp) = sklearn_metrics.confusion_matrix(
        small_run.pairs.labels, small_run.pairs.scores >= 0.5
    )
    for name, count in {"tp": tp, "fp": fp, "fn": fn, "tn": tn}.items():
        assert f'<b data-count="{name}">{count}</b>' in page


def test_baseline_and_change_stand_beside_the_candidate(small_run, content):
    rows = {row.metric.name: row for row in headlines(content)}
    labels = small_run.pairs.labels
    old = sklearn_metrics.accuracy_score(labels, small_run.pairs.baseline_scores >= 0.5)
    row = rows["binary_accuracy"]
    assert (row.baseline, row.change) == (old, row.value - old)
    assert row.better == (row.value > old)
    # Of an error, less is better.
    assert rows["eer"].better == (rows["eer"].value < rows["eer"].baseline)
    assert row.low < row.value < row.high


def test_the_slider_starts_at_the_decision(small_run, read):
    steps = json.loads(next(a["data-steps"] for _, a in read.elements if "data-steps" in a))
    (_, fp), (_, tp) = sklearn_metrics.confusion_matrix(
        small_run.pairs.labels, small_run.pairs.scores >= 0.5
    )
    at = steps["chosen"]
    assert (steps["tp"][at], steps["fp"][at]) == (tp, fp)
    assert steps["threshold"][at] == pytest.approx(1.0)
    assert (steps["same"], steps["different"]) == tuple(
        int((small_run.pairs.labels == label).sum()) for label in (1, 0)
    )
    assert steps["threshold"] == sorted(steps["threshold"])


def test_the_nine_thresholds_equal_scikit_learn(small_run, page):
    table = re.search(r'<table id="reference">(.*?)</table>', page, re.DOTALL)[1]
    cells = re.findall(r'<td class="number">([^<]*)</td>', table)
    rows = [cells[start : start + 5] for start in range(0, len(cells), 5)]
    assert [row[0] for row in rows[:9]] == [f"0.{step}" for step in range(1, 10)]
    assert rows[9][0] == "1 (chosen)"
    for row in rows:
        same = small_run.pairs.distances <= float(row[0].split()[0])
        labels = small_run.pairs.labels
        assert row[1] == f"{sklearn_metrics.accuracy_score(labels, same):.4f}"
        assert row[3] == f"{sklearn_metrics.recall_score(labels, same):.4f}"


def test_slices_equal_scikit_learn(small_run, read):
    dark = small_run.pairs.slices["hair"] == b"dark"
    found = sklearn_metrics.accuracy_score(
        small_run.pairs.labels[dark], small_run.pairs.scores[dark] >= 0.5
    )
    text = [part.strip() for part in read.text if part.strip()]
    at = text.index("hair:dark")
    assert text[at + 1 : at + 3] == [f"{dark.sum()}", f"{found:.4f}"]


def test_nothing_is_loaded_from_elsewhere(page, read):
    links = [a[key] for _, a in read.elements for key in ("src", "href", "xlink:href") if key in a]
    neighbours = {"model_card.html", "tfma.html"}
    assert {link for link in links if not link.startswith(("data:", "#"))} == neighbours
    # What is left are names of XML, which no browser opens.
    assert set(re.findall(r'https?://[^"\s]+', page)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "url(" not in re.sub(r"url\(#\w+\)", "", page)
    assert "default-src 'none'" in next(
        a["content"] for tag, a in read.elements if a.get("http-equiv")
    )


def test_ids_are_unique_and_every_reference_has_one(page):
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([\w-]+)', page)) <= set(ids)


def test_names_from_data_are_text(page):
    assert "<script>alert" not in page
    assert "hair:&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_worst_pairs_have_their_faces(small_run, content, read):
    accepts, rejects = content.worst
    distances = small_run.pairs.distances[
        (small_run.pairs.labels == 0) & (small_run.pairs.scores >= 0.5)
    ]
    expected = np.sort(distances)[:5]
    np.testing.assert_array_equal([np.float32(pair.distance) for pair in accepts], expected)
    faces = [a for tag, a in read.elements if tag == "img"]
    assert len(faces) == 2 * (len(accepts) + len(rejects))
    assert all(face["src"].startswith("data:image/jpeg;base64,") for face in faces)


def test_faces_can_be_left_out(small_run):
    content = small_run.content(ReportConfig(faces=False, worst_pairs=5))
    page = report_page(content)
    assert len(content.worst[0]) == 5
    assert "<img" not in page
    assert "data:image" not in page
    assert "report.faces is false" in page


def test_data_lineage_and_verdict_are_there(page, read):
    text = " ".join(" ".join(read.text).split())
    for expected in (
        "p1/broken.jpg : not an image",
        "pairs, val, label: New column. A column that the schema does not have.",
        "brightness test 0.125 0.4375 0.5 0 0.875",
        "dark 75 %",
        "0123456789abcdef",
        "c0ffee",
        "/runs/model/7",
        "data.seed 5",
        "Blessed",
    ):
        assert expected in text, expected


def test_reasons_say_why_not(small_run):
    reasons = ["auc is 0.5 on all test pairs; it must be at least 0.6"]
    page = report_page(small_run.content(blessed=False, reasons=reasons))
    assert "Not blessed" in page
    assert reasons[0] in page


def test_the_page_says_what_the_decision_rests_on(small_run):
    content = small_run.content()
    text = " ".join(" ".join(Reader(report_page(content)).text).split())
    # From conftest: 60 people of the val pairs, two kinds of images.
    assert "validation pairs: 60 people, 140 couples of people, 300 pairs" in text
    assert "1, 95 % over people: 0.9 to 1.1" in text
    assert "blur blurred 0.9 25.000 % 50.000 %" in text
    assert "FMR asked" not in text
    # Ten people in the test pairs.
    assert "the test pairs show 10 people, too few to show small rates" in text


def test_the_page_sets_the_rate_that_was_asked_for_against_the_one_found(small_run):
    threshold = small_run.content().summary["threshold"]
    changed = threshold | {"asked_fmr": 0.001, "granted_fmr": 0.0125, "test_fmr": [0.5, 0.25, 0.75]}
    page = report_page(small_run.content(threshold=changed))
    text = " ".join(" ".join(Reader(page).text).split())
    assert "FMR asked 0.100 %" in text
    assert "FMR granted 1.250 %" in text
    assert "50.000 %, 95 % over 10 people: 25.000 % to 75.000 %" in text
