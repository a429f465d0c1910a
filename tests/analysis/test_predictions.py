"""Numbers of predictions, beside what scikit-learn makes of the same."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn import metrics
from sklearn.calibration import calibration_curve

from tfmlflow.analysis.predictions import classification, regression
from tfmlflow.analysis.predictions.classified import Classified, Unfit
from tfmlflow.analysis.predictions.regression import Regressed
from tfmlflow.analysis.run_report import content


def logits(classes: int, examples: int = 400) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Outputs that are often right, and the true classes; the last class has no example."""
    rng = np.random.default_rng(classes)
    true = rng.integers(0, classes - 1, examples)
    given = rng.normal(size=(examples, classes))
    given[np.arange(examples), true] += 1.5
    return given, true


def test_classes_are_told_apart_as_scikit_learn_counts_it() -> None:
    given, true = logits(5)
    of = Classified.of(given, true, "logits", 5, ("a", "b", "c", "d", "e"))
    np.testing.assert_allclose(of.shares, softmax(given, axis=1))
    each = classification.by_class(classification.confusion(of))
    expected = metrics.precision_recall_fscore_support(true, given.argmax(axis=1), labels=range(5), zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(each[name], values)
    roc, rates = classification.curves(of)
    assert sorted(roc) == sorted(rates) == [0, 1, 2, 3]  # nothing to be drawn of a class without examples
    for place, curve in roc.items():
        assert curve.area == pytest.approx(metrics.roc_auc_score(true == place, of.shares[:, place]))
    for place, curve in rates.items():
        precision, recall, _ = metrics.precision_recall_curve(true == place, of.shares[:, place])
        assert curve.area == pytest.approx(metrics.auc(recall, precision))
    said = classification.summary(of, classification.confusion(of), roc)
    assert said["balanced accuracy"] == pytest.approx(metrics.balanced_accuracy_score(true, of.chosen))


def test_one_output_stands_for_the_second_of_two_classes() -> None:
    given, true = np.random.default_rng(0).normal(size=(300, 1)), np.arange(300)[:, None] % 2
    of = Classified.of(given, true, "logits", 2, ("no", "yes"))
    np.testing.assert_allclose(of.shares[:, 1], expit(given[:, 0]))
    assert (of.chosen == (given[:, 0] > 0)).all()
    roc, _ = classification.curves(of)
    assert list(roc) == [1]
    assert roc[1].area == pytest.approx(metrics.roc_auc_score(true[:, 0], given[:, 0]))


def test_the_calibration_is_that_of_scikit_learn_and_its_error_the_weighted_gap() -> None:
    given, true = logits(4, 1000)
    of = Classified.of(given, true, "logits", 4)
    found = classification.calibration(of)
    right = of.chosen == of.true
    accuracy, confidence = calibration_curve(right, of.confidence, n_bins=classification.BINS)
    there = found.counts > 0
    np.testing.assert_allclose(found.accuracy[there], accuracy)
    np.testing.assert_allclose(found.confidence[there], confidence)
    assert found.counts.sum() == 1000
    by_hand = sum(
        abs(right[bin_].mean() - of.confidence[bin_].mean()) * bin_.sum() / 1000
        for low in np.arange(0, 1, 0.1)
        if (bin_ := (of.confidence > low) & (of.confidence <= low + 0.1)).any()
    )
    assert found.error == pytest.approx(by_hand)


def test_the_worst_are_the_surest_mistakes_and_then_what_is_hardest() -> None:
    shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.51, 0.49], [0.99, 0.01]])
    of = Classified.of(shares, np.array([1, 0, 0, 0, 0]), "probabilities", 2)
    confident, hardest = classification.worst(of, 2)
    assert confident.tolist() == [0, 1]
    assert hardest.tolist() == [2, 3]
    assert classification.most_confused(classification.confusion(of)) == [(0, 1, 2), (1, 0, 1)]


def test_what_is_no_classification_is_refused_with_its_reason() -> None:
    given, true = logits(3)
    with pytest.raises(Unfit, match="3 outputs, the data have 4 classes"):
        Classified.of(given, true, "logits", 4)
    with pytest.raises(Unfit, match="several labels"):
        Classified.of(given, np.tile([1, 1, 0], (len(given), 1)), "logits", 3)
    with pytest.raises(Unfit, match="no numbers"):
        Classified.of(given * np.nan, true, "logits", 3)
    one_hot = Classified.of(given, np.eye(3)[true], "logits", 3)
    assert (one_hot.true == true).all()
    given[7] = np.nan
    partly = Classified.of(given, true, "logits", 3)
    assert (partly.lost, 7 in partly.rows, len(partly.true)) == (1, False, len(true) - 1)


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    given, true = logits(3)
    of = Classified.of(given, true, "scores", 3)
    counts = classification.confusion(of)
    assert content.classes(of, counts, *classification.curves(of))["calibration"] is None


def test_errors_of_a_regression_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(200, 2)) * [1, 100]
    predicted = true + rng.normal(size=(200, 2)) * [0.1, 30]
    predicted[3, 1] += 900
    of = Regressed.of(predicted, true)
    said = regression.summary(of, 1)
    assert said["R²"] == pytest.approx(metrics.r2_score(true[:, 1], predicted[:, 1]))
    assert said["root mean squared error"] == pytest.approx(
        metrics.root_mean_squared_error(true[:, 1], predicted[:, 1])
    )
    assert said["mean of predicted minus true"] == pytest.approx((predicted - true)[:, 1].mean())
    assert regression.worst(of, 1).tolist() == [3]
    counts, edges = regression.histogram(of, 0)
    assert counts.sum() == 200
    assert edges[0] == of.residuals[:, 0].min()
    assert np.isnan(regression.summary(Regressed.of(np.ones((2, 1)), np.zeros((2, 1))), 0)["R²"])
    with pytest.raises(Unfit, match="2 outputs"):
        Regressed.of(predicted, true[:, 0])
