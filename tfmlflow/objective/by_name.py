"""Which direction of a metric is better, by its name; loads nothing.

A metric that nothing is known of has no direction: whoever needs one asks for it, since a wrong guess keeps the worst
epoch and calls it the best.
"""

from __future__ import annotations

import re
from typing import Literal

Mode = Literal["min", "max"]

_HIGHER = (
    "accuracy acc auc auroc auprc auprg aupr prauc precision recall f1 f2 fbeta r2 top iou miou giou jaccard "
    "similarity sensitivity specificity tpr tnr ppv npv ap map mar ndcg dcg mrr hitrate dice bleu chrf rouge meteor "
    "cider psnr ssim snr kappa mcc matthews pearson spearman kendall concordance correlation reward likelihood"
)
_LOWER = (
    "loss losses error err cost mse mae rmse msle rmsle mape smape wape nrmse rse logcosh huber hinge crossentropy bce "
    "cce entropy logloss nll perplexity ppl kl kld divergence poisson fid kid lpips wer cer ter brier ece deviance "
    "distance fpr fnr eer miss"
)
HIGHER, LOWER = frozenset(_HIGHER.split()), frozenset(_LOWER.split())
PHRASES = {  # whose words say nothing, or the opposite, each by itself
    "true_positives": "max",
    "true_negatives": "max",
    "false_positives": "min",
    "false_negatives": "min",
    "true_positive_rate": "max",
    "true_negative_rate": "max",
    "false_positive_rate": "min",
    "false_negative_rate": "min",
    "explained_variance": "max",
    "hit_rate": "max",
    "word_error_rate": "min",
    "negative_log_likelihood": "min",
    "cohen_kappa": "max",
    "io_u": "max",  # Keras's name of intersection over union
    "cross_entropy": "min",
    "log_cosh": "min",
    "f_score": "max",
    "f_beta": "max",
    "mean_squared_error": "min",
    "mean_absolute_error": "min",
}

CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # MeanIoU, KLDivergence


def by_name(metric: str) -> Mode | None:
    """`max` for `val/accuracy` and `top5`, `min` for `val/loss`; None where the name says neither, or both."""
    name = CAMEL.sub("_", metric.split("/")[-1])
    words = re.findall(r"[a-z0-9]+", name.lower())
    said = "_".join(["", *words, ""])
    found: set[str] = set()
    for phrase, mode in PHRASES.items():
        if f"_{phrase}_" in said:
            found.add(mode)
            said = said.replace(f"_{phrase}_", "_")
    for word in said.split("_"):
        for known in (word, word.rstrip("0123456789")):  # auc_1, top5, map50; f1 and r2 are words
            found |= {"max"} if known in HIGHER else {"min"} if known in LOWER else set()
    if words and words[-1] in ("loss", "error"):  # accuracy_loss
        return "min"
    if found == {"max"}:
        return "max"
    return "min" if found == {"min"} else None


def resolved(metric: str, mode: str) -> Mode | None:
    """`mode` where it is min or max; of `auto` what the metric's name says, None if that is nothing."""
    return mode if mode in ("min", "max") else by_name(metric)  # type: ignore[return-value]
