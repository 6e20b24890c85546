"""Answers, with NumPy, for the cases of metrics.multiclass.test.ts: JSON on stdin, JSON on stdout.

The formulas are those of scikit-learn's metrics (accuracy_score, balanced_accuracy_score, f1_score with all labels and zero_division=0,
top_k_accuracy_score, log_loss with Keras' epsilon, cohen_kappa_score, roc_auc_score one against the rest) and of Guo et al. 2017.
"""

import json
import sys

import numpy as np


def share(part, whole):
    return float(part / whole) if whole else 0.0


def pairwise_auc(positive, scores):
    ours, others = scores[positive], scores[~positive]
    if not len(ours) or not len(others):
        return None
    difference = ours[:, None] - others[None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def calibration(confidence, right, bins=15):
    edges = np.linspace(0, 1, bins + 1)
    members = [(confidence > low) & (confidence <= high) for low, high in zip(edges[:-1], edges[1:])]
    gaps = [abs(right[own].mean() - confidence[own].mean()) * own.mean() for own in members if own.any()]
    return float(sum(gaps)), [int(own.sum()) for own in members]


def answer(case):
    width = len(case["classes"])
    times = np.array(case["weights"], "int32")
    # Repeating pictures leaves no doubt of what a weight means.
    labels = np.repeat(np.array(case["labels"]).reshape(-1, width).argmax(axis=1), times)
    probabilities = np.repeat(np.array(case["probabilities"], "float32").reshape(-1, width), times, axis=0)
    answers = probabilities.argmax(axis=1)
    count = len(labels)
    confusion = np.zeros((width, width), int)
    np.add.at(confusion, (labels, answers), 1)
    found, support, called = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    own = probabilities[np.arange(count), labels].astype("float64")
    ranks = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    expected = float((support * called).sum()) / count**2
    observed = found.sum() / count
    aucs = [pairwise_auc(labels == index, probabilities[:, index]) for index in range(width)]
    known = [auc for auc in aucs if auc is not None]
    ece, in_bins = calibration(probabilities.max(axis=1).astype("float64"), answers == labels)
    return {
        "loss": float(-np.log(np.clip(own, np.float32(1e-7), np.float32(1 - 1e-7))).mean()),
        "accuracy": float(observed),
        "balancedAccuracy": float((found[support > 0] / support[support > 0]).mean()),
        "f1Macro": float(np.mean([share(2 * found[i], support[i] + called[i]) for i in range(width)])),
        "top2Accuracy": float((ranks == labels[:, None]).any(axis=1).mean()),
        "ece": ece,
        "kappa": share(observed - expected, 1 - expected),
        "auc": float(np.mean(known)) if known else None,
        "confusion": confusion.tolist(),
        "bins": in_bins,
        "perClass": [
            {
                "precision": share(found[i], called[i]),
                "recall": share(found[i], support[i]),
                "f1": share(2 * found[i], support[i] + called[i]),
                "auc": aucs[i],
                "support": int(support[i]),
            }
            for i in range(width)
        ],
    }


json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
