"""Makes scores.json: random tag sequences and what seqeval 1.2.2 and scikit-learn 1.9.1 say of them.

python make_scores.py > scores.json
"""
import json, random, warnings
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as lenient_by_type, get_entities
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_by_type
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score as sk_f1, precision_recall_fscore_support as by_label

warnings.filterwarnings("ignore")
draw = random.Random(7)


def sequences(labels, count, noise):
    weights = [4] + [1] * (len(labels) - 1)
    reference, predicted = [], []
    for _ in range(count):
        tags = draw.choices(labels, weights, k=draw.randint(1, 14))
        reference.append(tags)
        predicted.append([t if draw.random() > noise else draw.choice(labels) for t in tags])
    return reference, predicted


def types(by_type, reference, predicted, **more):
    names = sorted({e[0] for e in get_entities(reference)} | {e[0] for e in get_entities(predicted)})
    if more:
        from seqeval.scheme import Entities
        names = sorted(Entities(reference, IOB2).unique_tags | Entities(predicted, IOB2).unique_tags)
    p, r, f, n = by_type(reference, predicted, average=None, **more)
    return {name: [float(p[i]), float(r[i]), float(f[i]), int(n[i])] for i, name in enumerate(names)}


def entities(labels, count, noise, strict):
    reference, predicted = sequences(labels, count, noise)
    case = {
        "labels": labels, "reference": [" ".join(s) for s in reference], "predicted": [" ".join(s) for s in predicted],
        "lenient": [m(reference, predicted) for m in (precision_score, recall_score, f1_score)],
        "lenientTypes": types(lenient_by_type, reference, predicted),
    }
    if strict:
        mode = dict(mode="strict", scheme=IOB2)
        case["strict"] = [m(reference, predicted, **mode) for m in (precision_score, recall_score, f1_score)]
        case["strictTypes"] = types(strict_by_type, reference, predicted, scheme=IOB2)
    case = json.loads(json.dumps(case, default=float))
    return case


def tags(labels, count, noise):
    reference, predicted = sequences(labels, count, noise)
    flat, found = sum(reference, []), sum(predicted, [])
    p, r, f, n = by_label(flat, found, labels=labels, zero_division=0)
    return {
        "labels": labels, "reference": [" ".join(s) for s in reference], "predicted": [" ".join(s) for s in predicted],
        "accuracy": float(accuracy_score(flat, found)), "weightedF1": float(sk_f1(flat, found, average="weighted")),
        "perLabel": {l: [float(p[i]), float(r[i]), float(f[i]), int(n[i])] for i, l in enumerate(labels)},
    }


iob2 = ["O", "B-ANAT", "I-ANAT", "B-CHEM", "I-CHEM", "B-DISO", "I-DISO"]
odd = ["O", "B-X-Y", "I-X-Y", "B-X", "I-X", "B-", "I-", "B", "I"]
mixed = ["O", "B-A", "I-A", "E-A", "S-A", "DISO", "DANAT", "OBJC", "I-B", "E-B", ".", "X-A"]
out = {
    "entities": [
        entities(iob2, 60, 0.3, True), entities(iob2, 40, 0.95, True), entities(odd, 50, 0.4, True),
        entities(mixed, 80, 0.3, False), entities(iob2 + ["B-NEVER", "I-NEVER"], 1, 0.0, True),
    ],
    "tags": [tags(["ADJ", "ADP", "NOUN", "VERB", "X"], 40, 0.3), tags(["NOUN", "VERB", "INTJ"], 5, 1.0)],
}
print(json.dumps(out, indent=0))
