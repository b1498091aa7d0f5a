"""The fixed thresholds beside the chosen one."""

from components.decision.reference import format_reference_table, reference_sweep


def test_reference_sweep_by_hand():
    rows = reference_sweep([0.05, 0.35, 0.55, 2.0], [1, 1, 0, 0])
    assert [row.threshold for row in rows] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert [row.accuracy for row in rows] == [0.75] * 3 + [1.0] * 2 + [0.75] * 4
    assert [row.recall for row in rows] == [0.5] * 3 + [1.0] * 6
    assert [row.precision for row in rows] == [1.0] * 5 + [2 / 3] * 4
    assert [row.fmr for row in rows] == [0.0] * 5 + [0.5] * 4


def test_reference_table_shows_the_choice_beside_the_grid():
    distances, labels = [1.0, 2.0, 3.0], [1, 0, 0]
    rows = reference_sweep(distances, labels, thresholds=(0.5, 2.0))
    chosen = {"tp": 1, "fp": 0, "fn": 0, "tn": 2}
    assert format_reference_table(rows, 1.5, chosen, "accuracy").splitlines() == [
        "threshold  accuracy  precision  recall     FMR",
        "   0.5000    0.6667          -  0.0000  0.0000",
        "   2.0000    0.6667     0.5000  1.0000  0.5000",
        "   1.5000    1.0000     1.0000  1.0000  0.0000  <- accuracy",
    ]
