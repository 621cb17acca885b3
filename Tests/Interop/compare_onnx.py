#!/usr/bin/env python3
"""Runs an ONNX model that `palier export --onnx` wrote and compares it with what Palier computes.

    compare_onnx.py MODEL.onnx DUMP.safetensors [--tags TAGS.jsonl --pieces sentencepiece.bpe.model]

DUMP is what `palier logits` wrote of the checkpoint: input_ids [tokens], lengths [sequences], logits [tokens, classes]. The
sequences go through in batches of --batch, padded. Checked: onnx.checker takes the model; every label, the class of the largest
logit, is the same; the largest difference of logits, relative to the largest logit.

TAGS is what `palier tag --words` wrote: tokens and labels, a line each. Words are encoded here with SentencePiece, and the label
of each word's first piece is compared.

Activation codes are made by the same division, clip and rounding, but norms, softmax and GELU differ in the last bit, so that a
value beside a tie can take the other code: logits are compared with a tolerance, and a label may differ where its two largest
logits lie within it. Half of the tokens must be much closer than that: an engine that computes something else is off everywhere.
Prints one JSON object; exit code 0: all as it should be, 1: not.

  --engine  onnxruntime (default) or openvino.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from safetensors.numpy import load_file

BEGIN, END, UNKNOWN, PIECES_BEFORE = 5, 6, 3, 4  # of CamemBERT's ids


def engine(name, path, threads):
    """A function from ids and mask, both [batch, sequence], to logits [batch, sequence, classes]; and its version."""
    if name == "openvino":
        import openvino

        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        return lambda ids, mask: compiled({"input_ids": ids, "attention_mask": mask})[0], f"openvino {openvino.__version__}"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return (
        lambda ids, mask: session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0],
        f"onnxruntime {onnxruntime.__version__}")


def logits(run, sequences, pad, batch):
    """Logits of each sequence, [tokens, classes]."""
    found = []
    for first in range(0, len(sequences), batch):
        part = sequences[first:first + batch]
        ids = np.full((len(part), max(map(len, part))), pad, np.int64)
        mask = np.zeros_like(ids)
        for row, sequence in enumerate(part):
            ids[row, :len(sequence)], mask[row, :len(sequence)] = sequence, 1
        found += [theirs[:len(sequence)] for theirs, sequence in zip(run(ids, mask), part)]
    return found


def compare_logits(run, dump, pad, batch):
    ends = np.cumsum(dump["lengths"])[:-1]
    sequences = np.split(dump["input_ids"].astype(np.int64), ends)
    ours = dump["logits"].astype(np.float32)
    theirs = np.concatenate(logits(run, sequences, pad, batch))
    difference = np.abs(ours - theirs)
    other = ours.argmax(1) != theirs.argmax(1)
    # How far apart the two labels' logits are here, where they are not the same.
    gap = [float(row.max() - row[label]) for row, label in zip(ours[other], theirs[other].argmax(1))]
    largest = float(np.abs(ours).max())
    return {
        "tokens": len(ours), "same_labels": int((~other).sum()), "largest_gap_of_other_labels": max(gap, default=0.0),
        "worst_difference": float(difference.max()), "median_of_tokens": float(np.median(difference.max(1))),
        "largest_logit": largest, "worst_relative": float(difference.max()) / largest}


def compare_tags(run, tags, pieces, metadata, batch):
    """Labels of words."""
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
    names = json.loads(metadata["id2label"])
    sequences, places, expected = [], [], []
    for line in tags.read_text(encoding="utf-8").splitlines():
        tagged = json.loads(line)
        ids, firsts, labels = [BEGIN], [], []
        for word, label, score in zip(tagged["tokens"], tagged["labels"], tagged["scores"]):
            found = [piece + PIECES_BEFORE if piece else UNKNOWN for piece in model.encode(word)]
            if (score is None) != (not found):
                sys.exit(f"{tags}: {word!r} has {len(found)} pieces here, and the score {score}")
            if found:
                firsts.append(len(ids))
                labels.append(label)
                ids += found
        # Longer ones go through palier tag in windows.
        if len(ids) < int(metadata["longest_sequence"]):
            sequences.append(np.array(ids + [END], np.int64))
            places.append(firsts)
            expected.append(labels)
    same = words = entities = 0
    for theirs, firsts, labels in zip(logits(run, sequences, int(metadata["pad_token_id"]), batch), places, expected):
        for place, label in zip(firsts, labels):
            words += 1
            same += names[str(theirs[place].argmax())] == label
            entities += label != "O"
    return {"words": words, "same_word_labels": same, "words_in_entities": entities}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("dump", type=Path)
    parser.add_argument("--tags", type=Path)
    parser.add_argument("--pieces", type=Path, help="the tokenizer's sentencepiece.bpe.model")
    parser.add_argument("--engine", choices=["onnxruntime", "openvino"], default="onnxruntime")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tolerance", type=float, default=0.05, help="relative to the largest logit")
    parser.add_argument("--median", type=float, default=1e-4, help="the same of the median token; deep models need more")
    arguments = parser.parse_args()
    model = onnx.load(str(arguments.model))
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    run, version = engine(arguments.engine, arguments.model, arguments.threads)
    pad = int(metadata["pad_token_id"])
    result = {"engine": version, "scheme": metadata["scheme"], "nodes": len(model.graph.node)}
    result |= compare_logits(run, load_file(arguments.dump), pad, arguments.batch)
    if arguments.tags:
        result |= compare_tags(run, arguments.tags, arguments.pieces, metadata, arguments.batch)
    limit = arguments.tolerance * result["largest_logit"]
    result["good"] = result["worst_difference"] <= limit and result["largest_gap_of_other_labels"] <= limit
    result["good"] &= result["median_of_tokens"] <= arguments.median * result["largest_logit"]
    if arguments.tags:
        # Of a label that is not the same nothing tells the gap here: as few as there are tokens with another label.
        result["good"] &= result["words"] - result["same_word_labels"] <= max(1, 0.002 * result["words"])
    print(json.dumps(result))
    sys.exit(0 if result["good"] else 1)


if __name__ == "__main__":
    main()
