#!/usr/bin/env python3
"""Scores dumped predictions with seqeval (entities) and scikit-learn (parts of speech).

    score_with_seqeval.py PREDICTIONS.jsonl [--task entities|pos]

Every line: {"tokens": [...], "reference": [...], "predicted": [...]}, three lists of one length, labels by name. Without
--task, labels that are all O, B-… or I-… make it entities.

Prints one JSON object. Entities: micro precision, recall, F1 and support, "lenient" (seqeval's default: an I- may open a
span) and "strict" (mode="strict", IOB2), and per type under each. Parts of speech: accuracy and weighted F1 over tokens.
"""
import argparse
import json
import sys
import warnings

from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score


def fail(text):
    print(f"score_with_seqeval: {text}", file=sys.stderr)
    sys.exit(2)


def read(path):
    """Reference and predicted labels by sentence."""
    reference, predicted = [], []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    sentence = json.loads(line)
                    lists = [sentence[key] for key in ("tokens", "reference", "predicted")]
                except (ValueError, KeyError, TypeError) as error:
                    fail(f"{path}:{number}: {error!r}")
                if len({len(part) for part in lists}) != 1:
                    fail(f"{path}:{number}: {', '.join(str(len(part)) for part in lists)} tokens, reference, predicted")
                reference.append(lists[1])
                predicted.append(lists[2])
    except OSError as error:
        fail(str(error))
    if not any(reference):
        fail(f"{path}: no token")
    return reference, predicted


def are_entities(sentences):
    return all(label == "O" or label[:2] in ("B-", "I-") for labels in sentences for label in labels)


def entity_scores(reference, predicted, **mode):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # types never predicted or never in the reference: their scores are 0
        report = classification_report(reference, predicted, output_dict=True, zero_division=0, **mode)
    def plain(row):
        return {"precision": float(row["precision"]), "recall": float(row["recall"]), "f1": float(row["f1-score"]),
                "support": int(row["support"])}
    averages = ("micro avg", "macro avg", "weighted avg")
    return plain(report["micro avg"]) | {"labels": {k: plain(v) for k, v in report.items() if k not in averages}}


def score(reference, predicted, task):
    sentences = {"sentences": len(reference), "tokens": sum(map(len, reference))}
    if task == "pos":
        truth = [label for labels in reference for label in labels]
        guess = [label for labels in predicted for label in labels]
        return sentences | {"task": "pos", "accuracy": float(accuracy_score(truth, guess)),
                            "weighted_f1": float(f1_score(truth, guess, average="weighted", zero_division=0))}
    return sentences | {"task": "entities", "lenient": entity_scores(reference, predicted),
                        "strict": entity_scores(reference, predicted, mode="strict", scheme=IOB2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions")
    parser.add_argument("--task", choices=["entities", "pos"])
    arguments = parser.parse_args()
    reference, predicted = read(arguments.predictions)
    task = arguments.task or ("entities" if are_entities(reference + predicted) else "pos")
    print(json.dumps(score(reference, predicted, task), ensure_ascii=False))


if __name__ == "__main__":
    main()
