#!/usr/bin/env python3
"""Opens a packed folder in an unmodified transformers and compares it with what Palier computes.

    compare_packed.py PACKED DUMP.safetensors [--tolerance 0.05]

DUMP is what `palier logits` wrote of the folder or of its checkpoint: input_ids [tokens], lengths [sequences], logits
[tokens, classes]. Checked: no key is missing or unexpected; every code of the file, unpacked here bit by bit, is the code of the
weight that transformers computes with; the labels; the largest difference of logits, relative to the largest logit.

Activation codes are made there by the same division, clip and rounding, but norms, softmax and GELU differ in the last bit, so
that a value that lies on a tie can fall to the other side: logits are compared with a tolerance. Prints one JSON object; exit code
0: all as it should be, 1: not.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file


def unpack(words, shape, bits):
    """Codes of `bits` bits, least significant first, stored as code + 2^(bits-1)."""
    rows, columns = shape
    words = words.numpy().view(np.uint32).astype(np.uint64)
    bit = (words[:, :, None] >> np.arange(32, dtype=np.uint64)) & 1
    stored = bit.reshape(rows, -1)[:, : columns * bits].reshape(rows, columns, bits)
    codes = (stored << np.arange(bits, dtype=np.uint64)).sum(-1).astype(np.int64)
    return torch.from_numpy(codes - (1 << (bits - 1)))


def open_model(folder, config):
    is_token = any("TokenClassification" in name for name in config["architectures"])
    kind = transformers.AutoModelForTokenClassification if is_token else transformers.AutoModelForMaskedLM
    return kind.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)


def bits_of(name, groups):
    part = "embeddings" if ".embeddings." in name else "linears" if ".encoder." in name else "heads"
    return groups[part]["weights"]["num_bits"]


def compare_weights(model, folder, config):
    """Matrices whose weights in transformers are not code·scale of the file."""
    groups = config["quantization_config"]["config_groups"]
    tensors = load_file(folder / "model.safetensors")
    modules, wrong, codes = dict(model.named_modules()), [], 0
    for key in sorted(tensors):
        if not key.endswith(".weight_packed"):
            continue
        name = key[: -len(".weight_packed")]
        shape = tensors[name + ".weight_shape"].tolist()
        expected = unpack(tensors[key], shape, bits_of(name, groups))
        codes += expected.numel()
        scale = tensors[name + ".weight_scale"]
        weight = getattr(modules[name], "weight", None)
        if weight is None or tuple(weight.shape) != tuple(shape):
            wrong.append(f"{name}: no weight of {shape}")
        elif not torch.equal(weight.detach().float(), expected.float() * scale):
            wrong.append(name)
        elif not torch.equal(torch.round(weight.detach().float() / scale).long(), expected):
            wrong.append(name + ": codes")
    return wrong, codes


def logits(model, ids, lengths):
    parts, start = [], 0
    with torch.no_grad():
        for length in lengths:
            sequence = ids[start : start + length].long().unsqueeze(0)
            parts.append(model(input_ids=sequence, attention_mask=torch.ones_like(sequence)).logits[0])
            start += length
    return torch.cat(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packed", type=Path)
    parser.add_argument("dump", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.05, help="relative to the largest logit")
    arguments = parser.parse_args()
    config = json.loads((arguments.packed / "config.json").read_text(encoding="utf-8"))
    model, info = open_model(arguments.packed, config)
    model.eval()
    missing = sorted(info["missing_keys"])
    unexpected = sorted(info["unexpected_keys"])
    dump = load_file(arguments.dump)
    theirs = logits(model, dump["input_ids"], dump["lengths"].tolist())
    wrong, codes = compare_weights(model, arguments.packed, config)
    ours = dump["logits"].float()
    difference, largest = (ours - theirs).abs(), ours.abs().max().item()
    worst, median = difference.max().item(), difference.max(dim=1).values.median().item()
    labels = (ours.argmax(1) == theirs.argmax(1)).float().mean().item()
    good = not missing and not unexpected and not wrong and worst <= arguments.tolerance * largest
    print(json.dumps({
        "transformers": transformers.__version__, "scheme": config["palier"]["scheme"], "codes": codes,
        "missing": missing, "unexpected": unexpected, "wrong_weights": wrong[:4], "tokens": len(ours),
        "same_labels": labels, "worst_difference": worst, "median_of_tokens": median, "largest_logit": largest,
        "worst_relative": worst / largest if largest else None,
        "equal_bits": bool(torch.equal(ours, theirs)), "good": good}))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
