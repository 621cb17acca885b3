#!/usr/bin/env python3
"""The base-size masked-LM training step in PyTorch, for comparison with `palier bench step`.

    torch_step.py [--mode MODE]… [--quantization none|lsq] [--head all|masked] [--labels N] [--threads N] [--json FILE]

One step: 12 sequences of 512 tokens, 15 % masked (80/10/10), dropout on, forward, backward, clipping to norm 1, AdamW.
The model is transformers' CamembertForMaskedLM (12 layers, 768, vocabulary 32,005), random weights.

  --mode          eager-float32, eager-bfloat16 (autocast), compile-float32, compile-bfloat16 (autocast); repeatable
  --quantization  lsq: E8W8A8 as in docs/numerics.md: every embedding table, the six weight matrices of a layer, the four
                  distinct inputs of a layer; fake quantization in float32, as everybody trains it in PyTorch
  --head          all: logits at every position, as transformers does; masked: at the masked positions only
  --labels N      a token classifier of so many labels at all positions, in place of the masked-LM head
  --layers, --hidden, --heads, --intermediate, --vocabulary   another shape
  --micro-batch   sequences in one forward and backward pass; gradients add up to the same step

Needs torch and transformers. Prints a line per mode, and writes JSON where asked.
"""
import argparse
import contextlib
import json
import math
import os
import platform
import resource
import time

import torch
import torch.nn.functional as F
import transformers
from torch import nn
from transformers import CamembertConfig, CamembertForMaskedLM, CamembertForTokenClassification

MODES = ["eager-float32", "eager-bfloat16", "compile-float32", "compile-bfloat16"]
PAD, FIRST_ORDINARY, IGNORED = 1, 7, -100


class LSQ(nn.Module):
    """Learned step size quantization (Esser et al. 2020): round(clip(x / s, n, p)) * s, straight through inside the clip."""

    def __init__(self, bits, features, first_value):
        super().__init__()
        self.n, self.p = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.gradient_scale = 1.0 / math.sqrt(features * self.p)
        first = 2 * first_value.detach().abs().mean() / math.sqrt(self.p)
        self.step = nn.Parameter(first.clamp(min=1e-8))

    def forward(self, x):
        s = self.step * self.gradient_scale
        s = s + (self.step - s).detach()
        clipped = torch.clamp(x / s, self.n, self.p)
        return (clipped + (torch.round(clipped) - clipped).detach()) * s


class QuantizedLinear(nn.Module):
    def __init__(self, linear, bits, quantizes_input):
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        self.weight_quantizer = LSQ(bits, linear.weight.numel(), linear.weight)
        # A unit normal, which a layer norm's output is near to: for speed the first value does not matter.
        self.input_quantizer = LSQ(bits, linear.in_features, torch.randn(4096)) if quantizes_input else nn.Identity()

    def forward(self, x):
        return F.linear(self.input_quantizer(x), self.weight_quantizer(self.weight), self.bias)


class QuantizedEmbedding(nn.Module):
    def __init__(self, embedding, bits):
        super().__init__()
        self.weight, self.padding_idx = embedding.weight, embedding.padding_idx
        self.weight_quantizer = LSQ(bits, embedding.weight.numel(), embedding.weight)

    def forward(self, ids):
        return F.embedding(ids, self.weight_quantizer(self.weight), self.padding_idx)


class QuantizedAttention(nn.Module):
    """Self-attention whose query, key and value share one quantized input."""

    def __init__(self, attention, bits):
        super().__init__()
        for name in ("query", "key", "value"):
            setattr(attention, name, QuantizedLinear(getattr(attention, name), bits, quantizes_input=False))
        self.input_quantizer = LSQ(bits, attention.query.weight.shape[1], torch.randn(4096))
        self.attention = attention

    def forward(self, x, *arguments, **named):
        return self.attention(self.input_quantizer(x), *arguments, **named)


def quantize(model, bits=8):
    embeddings = model.roberta.embeddings
    for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        setattr(embeddings, name, QuantizedEmbedding(getattr(embeddings, name), bits))
    for layer in model.roberta.encoder.layer:
        layer.attention.self = QuantizedAttention(layer.attention.self, bits)
        for owner in (layer.attention.output, layer.intermediate, layer.output):
            owner.dense = QuantizedLinear(owner.dense, bits, quantizes_input=True)


def check_quantizer():
    """The quantizer against docs/numerics.md, before anything is timed."""
    x = torch.linspace(-3, 3, 601, dtype=torch.float64).requires_grad_()
    q = LSQ(4, 601, x)
    q(x).sum().backward()
    v = x.detach() / q.step.detach()
    inside = (v >= q.n) & (v <= q.p)
    to_step = torch.where(inside, torch.round(v) - v, torch.clamp(v, q.n, q.p)).sum() * q.gradient_scale
    assert torch.equal(x.grad, inside.double()), "gradient to the values"
    assert torch.allclose(q.step.grad, to_step), "gradient to the step"


class Step(nn.Module):
    """The summed loss of some sequences over their masked positions, of a token classifier over all."""

    def __init__(self, model, head):
        super().__init__()
        self.model, self.head = model, head

    def forward(self, ids, labels, places):
        if self.head == "labels":
            logits = self.model(input_ids=ids).logits.float()
            return F.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="sum")
        states = self.model.roberta(input_ids=ids)[0]
        if self.head == "masked":
            states = states.flatten(0, 1)[places]
            labels = labels.flatten()[places]
        logits = self.model.lm_head(states).float()
        return F.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction="sum")


def batch(arguments, sequences, generator):
    """Ids and labels. The count of masked places is the same for every micro-batch: one compilation."""
    tokens, mask = arguments.tokens, arguments.vocabulary - 1
    ids = torch.randint(FIRST_ORDINARY, mask, (sequences, tokens), generator=generator)
    if arguments.labels:
        return ids, torch.randint(0, arguments.labels, (sequences, tokens), generator=generator)
    labels = torch.full_like(ids, IGNORED)
    count = round(0.15 * tokens)
    for row in range(sequences):
        chosen = torch.randperm(tokens, generator=generator)[:count].sort().values
        labels[row, chosen] = ids[row, chosen]
        kind = torch.rand(count, generator=generator)
        ids[row, chosen[kind < 0.8]] = mask
        random = chosen[kind >= 0.9]
        ids[row, random] = torch.randint(FIRST_ORDINARY, mask, random.shape, generator=generator)
    return ids, labels


def train_step(step, optimizer, parameters, ids, labels, micro_batch, autocast):
    total = (labels != IGNORED).sum()
    loss = 0.0
    for part_ids, part_labels in zip(ids.split(micro_batch), labels.split(micro_batch)):
        places = (part_labels.flatten() != IGNORED).nonzero().squeeze(1)
        with autocast():
            part = step(part_ids, part_labels, places) / total
        part.backward()
        loss += part.item()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss


def measure(mode, arguments):
    torch.manual_seed(1)
    kind, precision = mode.split("-")
    config = CamembertConfig(
        vocab_size=arguments.vocabulary, hidden_size=arguments.hidden, num_hidden_layers=arguments.layers,
        num_attention_heads=arguments.heads, intermediate_size=arguments.intermediate, max_position_embeddings=514,
        num_labels=arguments.labels or 2, type_vocab_size=1, layer_norm_eps=1e-5,
        pad_token_id=PAD, bos_token_id=5, eos_token_id=6, attn_implementation=arguments.attention)
    model = (CamembertForTokenClassification if arguments.labels else CamembertForMaskedLM)(config).train()
    if arguments.quantization == "lsq":
        quantize(model)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=5e-6, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    step = Step(model, "labels" if arguments.labels else arguments.head)
    if kind == "compile":
        step = torch.compile(step, dynamic=False)

    def autocast():
        return torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bfloat16" else contextlib.nullcontext()

    generator = torch.Generator().manual_seed(2)
    started = time.perf_counter()
    # The warm-up is one micro-batch: it compiles, makes the optimizer's state and touches all memory.
    ids, labels = batch(arguments, arguments.micro_batch, generator)
    train_step(step, optimizer, parameters, ids, labels, arguments.micro_batch, autocast)
    warm_up = time.perf_counter() - started
    seconds, shares, losses = [], [], []
    for _ in range(arguments.steps):
        ids, labels = batch(arguments, arguments.sequences, generator)
        started, worked = time.perf_counter(), time.process_time()
        losses.append(train_step(step, optimizer, parameters, ids, labels, arguments.micro_batch, autocast))
        seconds.append(time.perf_counter() - started)
        shares.append((time.process_time() - worked) / seconds[-1] / torch.get_num_threads())
    expected = math.log(arguments.labels or config.vocab_size)
    assert all(abs(loss - expected) < 1 for loss in losses), f"losses {losses}, expected about {expected:.2f}"
    return {
        "mode": mode, "quantization": arguments.quantization, "head": arguments.head, "labels": arguments.labels,
        "layers": arguments.layers, "hidden": arguments.hidden, "vocabulary": arguments.vocabulary, "sequences": arguments.sequences, "tokens": arguments.tokens, "micro_batch": arguments.micro_batch,
        "attention": arguments.attention, "threads": torch.get_num_threads(), "warm_up_seconds": round(warm_up, 2),
        "seconds_per_step": [round(s, 3) for s in seconds],
        "tokens_per_second": round(arguments.sequences * arguments.tokens / min(seconds), 1),
        # Well below 1: other programs took the cores, and the figure says little.
        "processor_share": round(shares[seconds.index(min(seconds))], 2), "losses": losses, "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def machine():
    with open("/proc/cpuinfo") as file:
        lines = file.read().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return {
        "cpu": model, "cores": len(os.sched_getaffinity(0)),
        "instructions": [f for f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile") if f in flags],
        "python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--quantization", choices=["none", "lsq"], default="lsq")
    parser.add_argument("--head", choices=["all", "masked"], default="all")
    parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--labels", type=int, default=0)
    for name, default in [("layers", 12), ("hidden", 768), ("heads", 12), ("intermediate", 3072), ("vocabulary", 32005)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--sequences", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--micro-batch", type=int, default=6)
    parser.add_argument("--steps", type=int, default=2, help="steps timed; the best counts")
    parser.add_argument("--json", help="write the results here")
    arguments = parser.parse_args()
    if arguments.sequences % arguments.micro_batch:
        parser.error("--micro-batch must divide --sequences")
    torch.set_num_threads(arguments.threads)
    check_quantizer()
    result = {"machine": machine(), "steps": []}
    print(json.dumps(result["machine"]), flush=True)
    for mode in arguments.mode or MODES:
        figures = measure(mode, arguments)
        result["steps"].append(figures)
        print(f"{mode:17s} {arguments.quantization:5s} head {arguments.head:7s} {figures['tokens_per_second']:8.1f} tokens/s  "
              f"{min(figures['seconds_per_step']):7.2f} s/step  "
              f"processors {figures['processor_share']:.0%}  peak {figures['peak_memory_gb']:.2f} GB", flush=True)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
