#!/usr/bin/env python3
"""Compares logits dumped by Palier with those of transformers on the same checkpoint.

    compare_with_transformers.py CHECKPOINT_DIR DUMP.safetensors [--tolerance 1e-4]

DUMP holds, for sequences lying end to end without padding:
    input_ids  integers [tokens]     lengths  integers [sequences]     logits  float32 [tokens, classes]
and may hold `positions`, integers [rows], where logits has a row only for these tokens (the masked ones).

CHECKPOINT_DIR is opened as CamembertForTokenClassification where its config.json says so, else as CamembertForMaskedLM.
Quantizer parameters in it are extra keys; any other key that transformers does not know, or misses, is an error.
Every sequence runs alone, dropout off, in float32. Exit code 0: within tolerance of the largest logit; 1: not; 2: bad input.
"""
import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import CamembertForMaskedLM, CamembertForTokenClassification

# What may be there beyond the model's own: learned steps and offsets.
QUANTIZER_SUFFIXES = ("_quantizer.step", "_quantizer.offset")
# Tied or derived: absent or present as the writer likes, unless config.json says that the decoder has weights of its own.
TIED = ("lm_head.decoder.weight", "lm_head.decoder.bias", "lm_head.bias", "roberta.embeddings.position_ids")
UNTIED = ("roberta.embeddings.position_ids",)


def fail(text):
    print(f"compare_with_transformers: {text}", file=sys.stderr)
    sys.exit(2)


def load_model(folder):
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fail(f"{folder}/config.json: {error}")
    is_token = any("TokenClassification" in name for name in config.get("architectures") or [])
    kind = CamembertForTokenClassification if is_token else CamembertForMaskedLM
    try:
        model, info = kind.from_pretrained(folder, output_loading_info=True, dtype=torch.float32)
    except TypeError:  # transformers 4 calls it torch_dtype
        model, info = kind.from_pretrained(folder, output_loading_info=True, torch_dtype=torch.float32)
    optional = TIED if config.get("tie_word_embeddings", True) else UNTIED
    missing = [key for key in info["missing_keys"] if key not in optional]
    strange = [key for key in info["unexpected_keys"] if not key.endswith(QUANTIZER_SUFFIXES) and key not in optional]
    if missing or strange:
        fail(f"{folder}: missing {missing}, unknown {strange}")
    return model.eval(), sum(key.endswith(QUANTIZER_SUFFIXES) for key in stored_names(folder))


def stored_names(folder):
    names = []
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            names += list(tensors.keys())
    return names


def transformers_logits(model, ids, lengths):
    parts, start = [], 0
    with torch.no_grad():
        for length in lengths:
            sequence = ids[start:start + length].long().unsqueeze(0)
            parts.append(model(input_ids=sequence, attention_mask=torch.ones_like(sequence)).logits[0])
            start += length
    return torch.cat(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("dump", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="relative to the largest logit")
    arguments = parser.parse_args()

    try:
        dump = load_file(arguments.dump)
    except Exception as error:  # what the reader throws differs by version
        fail(f"{arguments.dump}: {error}")
    if absent := [key for key in ("input_ids", "lengths", "logits") if key not in dump]:
        fail(f"{arguments.dump}: lacks {absent}")
    ids, lengths, ours = dump["input_ids"].flatten(), dump["lengths"].flatten().tolist(), dump["logits"].float()
    if sum(lengths) != len(ids) or min(lengths, default=0) < 1:
        fail(f"{arguments.dump}: lengths add up to {sum(lengths)}, input_ids holds {len(ids)}")

    model, quantizer_count = load_model(arguments.checkpoint)
    theirs = transformers_logits(model, ids, lengths)
    if "positions" in dump:
        theirs = theirs[dump["positions"].flatten().long()]
    if ours.shape != theirs.shape:
        fail(f"logits: {list(ours.shape)} in the dump, {list(theirs.shape)} from transformers")
    difference, largest = (ours - theirs).abs(), theirs.abs().max().item()
    worst = difference.max().item()
    row = int(difference.max(dim=1).values.argmax())
    is_close = worst <= arguments.tolerance * largest  # a NaN is not
    print(json.dumps({
        "model": type(model).__name__, "quantizer_parameters": quantizer_count, "tokens": len(ids), "sequences": len(lengths),
        "largest_logit": largest, "worst_difference": worst, "worst_relative": worst / largest if largest else None,
        "worst_row": row, "same_argmax": (ours.argmax(1) == theirs.argmax(1)).float().mean().item(),
        "tolerance": arguments.tolerance, "within": is_close}))
    sys.exit(0 if is_close else 1)


if __name__ == "__main__":
    main()
