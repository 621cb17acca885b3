#!/usr/bin/env python3
"""Token classification by other engines on made-up sentences, for comparison with `palier bench tag`.

    tag_peers.py --make FOLDER                          # the models of the engines below, once
    tag_peers.py FOLDER --engine ENGINE [--palier MODEL.onnx] [--length 40] [--sentences 128] [--threads N] [--json FILE]

The model is transformers' CamembertForTokenClassification (12 layers, 768, vocabulary 32,005, 21 labels), random weights.
Sentences have one length, so that nothing is padded. Of the batch sizes (1, 8, 32) the fastest counts, of its rounds the median;
a sentence alone is timed apart. Each call is one engine in a process of its own.

  torch-float32, torch-bfloat16, torch-int8 (dynamic, all linears)
  onnx-float32, onnx-int8 (dynamic): exported by PyTorch, with and without onnxruntime's transformer optimizer; the faster counts
  openvino-float32, openvino-bfloat16, openvino-int8 (nncf's post-training quantization for transformers)
  palier-onnx, palier-openvino: --palier, a model that `palier export --onnx` wrote, in onnxruntime and in OpenVINO

OpenVINO runs with one stream on all threads and with a stream a thread; the faster one counts.
"""
import argparse
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np

ENGINES = [
    "torch-float32", "torch-bfloat16", "torch-int8", "onnx-float32", "onnx-int8", "openvino-float32",
    "openvino-bfloat16", "openvino-int8", "palier-onnx", "palier-openvino"]
VOCABULARY, LAYERS, HEADS, HIDDEN, LABELS, PAD = 32005, 12, 12, 768, 21, 1
BATCHES = (1, 8, 32)


def torch_model(attention="sdpa"):
    import torch
    from transformers import CamembertConfig, CamembertForTokenClassification

    config = CamembertConfig(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=4 * HIDDEN, max_position_embeddings=514, type_vocab_size=1, num_labels=LABELS,
        pad_token_id=PAD, attn_implementation=attention)
    torch.manual_seed(1)
    return CamembertForTokenClassification(config).eval()


def sentences(count, length, seed=2):
    generator = np.random.default_rng(seed)
    return generator.integers(7, VOCABULARY - 1, (count, length), dtype=np.int64)


# MARK: Models


def make(folder):
    """exported.onnx, optimized.onnx, float32, and with int8- before their names; openvino/float32.xml and int8.xml."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    ids = torch.randint(7, VOCABULARY - 1, (2, 16))
    sizes = {0: "batch", 1: "sequence"}
    torch.onnx.export(
        torch_model("eager"), (ids, torch.ones_like(ids)), str(folder / "exported.onnx"),
        input_names=["input_ids", "attention_mask"], output_names=["logits"],
        dynamic_axes={"input_ids": sizes, "attention_mask": sizes}, opset_version=17, dynamo=False)
    make_onnx(folder)
    make_openvino(folder / "exported.onnx", folder / "openvino")


def make_onnx(folder):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model

    exported = str(folder / "exported.onnx")
    optimized = optimize_model(exported, model_type="bert", num_heads=HEADS, hidden_size=HIDDEN, use_gpu=False)
    print("onnxruntime's optimizer fused:", json.dumps(optimized.get_fused_operator_statistics()))
    optimized.save_model_to_file(str(folder / "optimized.onnx"))
    # Types do not follow from the optimizer's own operators.
    types = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    for name in ("exported.onnx", "optimized.onnx"):
        quantize_dynamic(
            str(folder / name), str(folder / ("int8-" + name)), weight_type=QuantType.QInt8, extra_options=types)


def make_openvino(exported, folder):
    import nncf
    import openvino

    model = openvino.Core().read_model(str(exported))
    openvino.save_model(model, str(folder / "float32.xml"), compress_to_fp16=False)
    samples = [{"input_ids": row[None], "attention_mask": np.ones_like(row[None])} for row in sentences(32, 40, seed=3)]
    quantized = nncf.quantize(model, nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER, subset_size=32)
    openvino.save_model(quantized, str(folder / "int8.xml"), compress_to_fp16=False)


# MARK: Engines: each a list of ways to run batches, of which the fastest counts


def torch_ways(engine, threads):
    import torch

    torch.set_num_threads(threads)
    model = torch_model()
    if engine == "torch-bfloat16":
        model = model.to(torch.bfloat16)
    if engine == "torch-int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)

    def run(batches):
        with torch.inference_mode():
            for ids in batches:
                ids = torch.from_numpy(ids)
                model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.argmax(-1)

    return [run], f"torch {torch.__version__}"


def onnx_ways(paths, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads

    def way(path):
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

        def run(batches):
            for ids in batches:
                session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0].argmax(-1)

        return run

    return [way(path) for path in paths], f"onnxruntime {onnxruntime.__version__}"


def openvino_ways(path, threads, precision):
    import openvino

    def settings(streams):
        return {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams}

    core = openvino.Core()
    whole = core.compile_model(str(path), "CPU", settings(1))
    apart = core.compile_model(str(path), "CPU", settings(threads))
    queue = openvino.AsyncInferQueue(apart, threads)
    queue.set_callback(lambda request, _: request.get_output_tensor(0).data.argmax(-1))

    def inputs(ids):
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}

    def run(batches):
        for ids in batches:
            whole(inputs(ids))[0].argmax(-1)

    def run_streams(batches):
        for ids in batches:
            queue.start_async(inputs(ids))
        queue.wait_all()

    return [run, run_streams], f"openvino {openvino.__version__.split('-')[0]}"


def ways(arguments):
    engine, folder, threads = arguments.engine, arguments.folder, arguments.threads
    if engine.startswith("torch"):
        return torch_ways(engine, threads)
    if engine == "palier-openvino":
        return openvino_ways(arguments.palier, threads, "f32")
    if engine == "palier-onnx":
        return onnx_ways([arguments.palier], threads)
    if engine.startswith("onnx"):
        kind = "int8-" if engine == "onnx-int8" else ""
        return onnx_ways([folder / f"{kind}exported.onnx", folder / f"{kind}optimized.onnx"], threads)
    name = "int8.xml" if engine == "openvino-int8" else "float32.xml"
    # What is not int8 may run in bfloat16, as OpenVINO chooses by itself on CPUs that have it.
    return openvino_ways(folder / "openvino" / name, threads, "f32" if engine == "openvino-float32" else "bf16")


# MARK: Measuring


def measure(run_ways, made, arguments):
    best = {"tokens_per_second": 0.0}
    for number, run in enumerate(run_ways):
        for size in BATCHES:
            batches = [made[first:first + size] for first in range(0, len(made), size)]
            if size > BATCHES[0] and size > len(made):
                continue
            run(batches)
            seconds, worked = [], time.process_time()
            for _ in range(arguments.rounds):
                start = time.perf_counter()
                run(batches)
                seconds.append(time.perf_counter() - start)
            share = (time.process_time() - worked) / sum(seconds) / arguments.threads
            rate = made.size / statistics.median(seconds)
            print(f"  way {number}, batches of {size}: {rate:.0f} tokens/s, processors {share:.0%}", flush=True)
            if rate > best["tokens_per_second"]:
                best = {"tokens_per_second": rate, "batch": size, "processor_share": round(share, 2)}
    return best | {"latency_seconds": min(latency(run, made, arguments.singles) for run in run_ways)}


def latency(run, made, count):
    """The median of sentences alone."""
    seconds = []
    for row in range(count + 3):
        start = time.perf_counter()
        run([made[row % len(made)][None]])
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[3:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--make", type=Path, metavar="FOLDER")
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--palier", type=Path, help="a model of palier export --onnx")
    parser.add_argument("--length", type=int, default=40)
    parser.add_argument("--sentences", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--singles", type=int, default=50)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.make:
        return make(arguments.make)
    if not arguments.folder or not arguments.engine:
        parser.error("FOLDER and --engine")
    run_ways, version = ways(arguments)
    figures = measure(run_ways, sentences(arguments.sentences, arguments.length), arguments)
    figures |= {"engine": arguments.engine, "version": version, "threads": arguments.threads, "length": arguments.length}
    print(json.dumps(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
