"""Which direction of a metric is better."""

from __future__ import annotations

import keras
import pytest

from tfmlflow.objective import by_name, resolved

UP = """
accuracy val/accuracy val/acc train/auc auc_1 sparse_categorical_accuracy top_5 top5 SparseTopKCategoricalAccuracy f1
f1_score fbeta_score f_score r2 r2_score mean_io_u binary_io_u one_hot_mean_io_u MeanIoU iou dice dice_coefficient bleu
bleu4 psnr ssim kappa cohen_kappa mcc ndcg ndcg@10 map map50 map50-95 mrr true_positives true_negatives
sensitivity_at_specificity specificity_at_sensitivity precision_at_recall recall_at_precision cosine_similarity
balanced_accuracy PearsonCorrelation concordance_correlation true_positive_rate explained_variance head_accuracy reward
"""
DOWN = """
loss val/loss train/loss head_loss mse mae val/rmse mape msle mean_squared_error mean_absolute_percentage_error
root_mean_squared_error logcosh log_cosh log_cosh_error hinge squared_hinge categorical_crossentropy
sparse_categorical_crossentropy binary_focal_crossentropy kl_divergence KLDivergence poisson perplexity nll
negative_log_likelihood false_positives false_negatives false_positive_rate wer word_error_rate cer brier_score ece
accuracy_loss huber
"""
UNKNOWN = "val/score foo my_metric metric gradient_norm temperature error_accuracy"


@pytest.mark.parametrize("name", UP.split())
def test_more_is_better(name: str) -> None:
    assert by_name(name) == "max"


@pytest.mark.parametrize("name", DOWN.split())
def test_less_is_better(name: str) -> None:
    assert by_name(name) == "min"


@pytest.mark.parametrize("name", UNKNOWN.split())
def test_a_name_that_says_nothing_has_no_direction(name: str) -> None:
    assert by_name(name) is None


def test_what_is_said_counts() -> None:
    assert (resolved("loss", "max"), resolved("loss", "auto"), resolved("foo", "auto")) == ("max", "min", None)


def test_names_of_keras_metrics_agree_with_what_keras_says_of_them() -> None:
    """Keras's own attribute is private; where it stands, our words must not contradict it."""
    made = {
        **{name: {} for name in ("MeanSquaredError", "R2Score", "CosineSimilarity", "LogCoshError", "Hinge", "AUC")},
        **{name: {} for name in ("Poisson", "KLDivergence", "BinaryCrossentropy", "F1Score", "FBetaScore", "Recall")},
        **{name: {"num_classes": 3} for name in ("MeanIoU", "OneHotMeanIoU")},
        **{name: {"target_class_ids": [0]} for name in ("BinaryIoU",)},
        **{name: {} for name in ("FalsePositives", "FalseNegatives", "TruePositives", "TrueNegatives", "Precision")},
        "SensitivityAtSpecificity": {"specificity": 0.5},
        "TopKCategoricalAccuracy": {},
    }
    for name, arguments in made.items():
        metric = getattr(keras.metrics, name)(**arguments)
        said = {"up": "max", "down": "min"}.get(getattr(metric, "_direction", None) or "")
        assert by_name(metric.name) is not None, metric.name
        assert said in (None, by_name(metric.name)), metric.name
