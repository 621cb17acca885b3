#!/usr/bin/env python3
"""Token classification by other engines on made-up sentences, for comparison with `palier bench tag`.

    torch_tag.py [--engine ENGINE]… [--lengths 40] [--sentences 256] [--threads N] [--json FILE]

The model is transformers' CamembertForTokenClassification (12 layers, 768, vocabulary 32,005, 21 labels), random weights.
Sentences of one length need no padding; of several, they are sorted by length and padded within a batch, and the tokens that
count are the real ones. Of the batch sizes tried (1, 8, 32) the fastest counts; a sentence alone is timed apart.

  --engine  torch-float32, torch-bfloat16, torch-int8 (dynamic, the linears), onnx-float32, onnx-int8 (dynamic; with
            onnxruntime and onnx installed)

Needs torch and transformers. Prints a line per engine, and writes JSON where asked.
"""
import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

import torch
import transformers
from transformers import CamembertConfig, CamembertForTokenClassification

ENGINES = ["torch-float32", "torch-bfloat16", "torch-int8", "onnx-float32", "onnx-int8"]
PAD = 1


def model():
    config = CamembertConfig(
        vocab_size=32005, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        max_position_embeddings=514, type_vocab_size=1, num_labels=21, pad_token_id=PAD)
    torch.manual_seed(1)
    return CamembertForTokenClassification(config).eval()


def sentences(count, lengths):
    generator = torch.Generator().manual_seed(2)
    made = [torch.randint(7, 32004, (lengths[i % len(lengths)],), generator=generator) for i in range(count)]
    return sorted(made, key=len)


def batches(made, size):
    for first in range(0, len(made), size):
        part = made[first:first + size]
        ids = torch.full((len(part), max(len(s) for s in part)), PAD)
        for row, sentence in zip(ids, part):
            row[:len(sentence)] = sentence
        yield ids, (ids != PAD).long()


def torch_engine(kind):
    net = model()
    if kind == "torch-bfloat16":
        net = net.to(torch.bfloat16)
    if kind == "torch-int8":
        net = torch.ao.quantization.quantize_dynamic(net, {torch.nn.Linear}, dtype=torch.qint8)

    def run(ids, mask):
        with torch.inference_mode():
            return net(input_ids=ids, attention_mask=mask).logits.argmax(-1)
    return run


def onnx_engine(kind, threads):
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder = Path(tempfile.mkdtemp(prefix="palier-onnx-"))
    plain, small = folder / "model.onnx", folder / "int8.onnx"
    ids = torch.randint(7, 32004, (2, 16))
    torch.onnx.export(
        model(), (ids, torch.ones_like(ids)), str(plain), input_names=["ids", "mask"], output_names=["logits"],
        dynamic_axes={"ids": {0: "b", 1: "t"}, "mask": {0: "b", 1: "t"}}, opset_version=17, dynamo=False)
    if kind == "onnx-int8":
        quantize_dynamic(str(plain), str(small), weight_type=QuantType.QInt8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(small if kind == "onnx-int8" else plain), options, providers=["CPUExecutionProvider"])
    return lambda ids, mask: session.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})[0].argmax(-1)


def measure(run, made, rounds):
    tokens = sum(len(s) for s in made)
    best = (0, 0)
    for size in (1, 8, 32):
        work = list(batches(made, size))
        run(*work[0])
        seconds = []
        for _ in range(rounds):
            start = time.perf_counter()
            for batch in work:
                run(*batch)
            seconds.append(time.perf_counter() - start)
        best = max(best, (tokens / statistics.median(seconds), size))
    alone = []
    for sentence in made[:50]:
        batch = next(batches([sentence], 1))
        start = time.perf_counter()
        run(*batch)
        alone.append(time.perf_counter() - start)
    return {"tokens_per_second": best[0], "batch": best[1], "latency_seconds": statistics.median(alone)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--engine", action="append", choices=ENGINES)
    parser.add_argument("--lengths", default="40")
    parser.add_argument("--sentences", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    made = sentences(arguments.sentences, [int(n) for n in arguments.lengths.split(",")])
    found = {}
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {arguments.threads} threads")
    for engine in arguments.engine or ENGINES[:3]:
        run = torch_engine(engine) if engine.startswith("torch") else onnx_engine(engine, arguments.threads)
        found[engine] = figures = measure(run, made, arguments.rounds)
        print(
            f"{engine:15} {figures['tokens_per_second']:8.0f} tokens/s in batches of {figures['batch']}, "
            f"one sentence {1e3 * figures['latency_seconds']:.0f} ms", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"machine": platform.processor(), "engines": found}, indent=2))


if __name__ == "__main__":
    main()
