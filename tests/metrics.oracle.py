"""Answers, with Keras and NumPy, for the cases of metrics.keras.test.ts: JSON on stdin, JSON on stdout."""

import json
import sys

import numpy as np
from keras import losses, metrics


def evaluated(metric, labels, probabilities, weights=None):
    metric.update_state(labels, probabilities, sample_weight=weights)
    return np.asarray(metric.result()).tolist()


def pairwise_auc(labels, probabilities, weights):
    positive, negative = labels == 1, labels == 0
    if not positive.any() or not negative.any():
        return None
    difference = probabilities[positive][:, None] - probabilities[negative][None, :]
    pair_weights = weights[positive][:, None] * weights[negative][None, :]
    return float((((difference > 0) + 0.5 * (difference == 0)) * pair_weights).sum() / pair_weights.sum())


def calibration_error(labels, probabilities):
    """Guo et al.'s equation 3, over single labels in 15 bins (low, high]."""
    labels, probabilities = labels.ravel(), probabilities.ravel().astype("float64")
    bins = np.clip(np.ceil(probabilities * 15) - 1, 0, 14)
    shares = [(bins == index).mean() * abs(labels[bins == index].mean() - probabilities[bins == index].mean()) for index in set(bins)]
    return float(sum(shares))


def answer(case):
    width = len(case["classes"])
    labels = np.array(case["labels"], "float32").reshape(-1, width)
    probabilities = np.array(case["probabilities"], "float32").reshape(-1, width)
    times = np.array(case["weights"], "int32")
    cell_times = np.repeat(times, width).astype("float64")
    threshold = case["threshold"]
    # Weighted means divide by the weights in some Keras metrics and by the count in others: repeating pictures leaves no doubt.
    labels, probabilities = np.repeat(labels, times, axis=0), np.repeat(probabilities, times, axis=0)
    picture_weights = np.where(labels.any(axis=1), 1.0, case["negativeWeight"]).astype("float32")
    present = probabilities >= np.float32(threshold)
    return {
        "loss": float(losses.BinaryCrossentropy()(labels, probabilities, sample_weight=picture_weights)),
        "binaryAccuracy": evaluated(metrics.BinaryAccuracy(threshold=threshold), labels, probabilities),
        "aucKeras": evaluated(metrics.AUC(num_thresholds=200), labels, probabilities),
        "auc": pairwise_auc(
            np.array(case["labels"]), np.array(case["probabilities"], "float32"), cell_times
        ),
        "f1Macro": evaluated(metrics.F1Score("macro", threshold), labels, present.astype("float32")),
        "f1Micro": evaluated(metrics.F1Score("micro", threshold), labels, present.astype("float32")),
        "hammingLoss": float((present != labels).mean()),
        "ece": calibration_error(labels, probabilities),
        "exactMatch": float((present == labels).all(axis=1).mean()),
        "perClass": [
            {
                "precision": evaluated(metrics.Precision(0.5), labels[:, index], present[:, index]),
                "recall": evaluated(metrics.Recall(0.5), labels[:, index], present[:, index]),
                "auc": pairwise_auc(labels[:, index], probabilities[:, index], np.ones(len(labels))),
            }
            for index in range(width)
        ],
    }


json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
