#!/usr/bin/env python3
"""Double-precision reference of the numerics in docs/numerics.md, and the writer of the reference cases (README.md beside this).

It needs torch, numpy and safetensors (any recent versions). It is a reference for results, written for
clarity and not for speed: one sequence after another, no padding, float64 throughout, dropout off.

    qat_reference.py OUT_DIR CASE_NAME SCHEME HEAD SEED [--wide] [--variant KEY=VALUE …] [--distil KEY=VALUE …]

Variants (docs/numerics.md, "How steps move" and "Low-bit methods"): optimizer.step_rule=log with
optimizer.step_learning_rate=RATE, optimizer.step_rate_factor=F, weights.granularity=row, embeddings.granularity=row,
weights.grid=symmetric, activations.offset=integer, activations.granularity=token. Distillation, which Palier has planned: logits=WEIGHT temperature=T
hidden=WEIGHT scores=WEIGHT task=WEIGHT.

A case folder holds
  case.json            dimensions, scheme, head, variant, distillation, optimizer settings, expected scalars
  weights.safetensors  float32 parameters before the step, Hugging Face names plus quantizer parameters
  batch.safetensors    input_ids int32 [tokens], lengths int32 [sequences], labels int32 [tokens] (-100 = ignored)
  expected.safetensors float32 activations, logits, gradients ("grad." prefix), parameters after one AdamW step
                       ("after." prefix) and steps measured on this batch by the initialisation rule ("init." prefix)
  teacher.safetensors  distillation only: float32 parameters of the unquantized teacher, same dimensions and head
"""
import argparse, json, math, os
import numpy as np, torch, torch.nn.functional as F
from safetensors.numpy import save_file

torch.set_default_dtype(torch.float64)
IGNORE = -100
SCHEMES = {  # embeddings, weights, activations: (algorithm, bits)
    "fp32": (None, None, None),
    "LSQ_E8W8A8": (("lsq", 8), ("lsq", 8), ("lsq", 8)),
    "LSQ_E4W4A4": (("lsq", 4), ("lsq", 4), ("lsq", 4)),
    "LSQ_E2W2A2": (("lsq", 2), ("lsq", 2), ("lsq", 2)),
    "LSQ_E6W2A6": (("lsq", 6), ("lsq", 2), ("lsq", 6)),
    "LSQplus_E2W2A2": (("lsq", 2), ("lsq", 2), ("lsq+", 2)),
    "BitNet_E6W1.58A6": (("lsq", 6), ("absmean", None), ("absmax", 6)),
}

def bounds(bits): return -2 ** (bits - 1), 2 ** (bits - 1) - 1

class Quantizer:
    """One quantizer site. `features` is the N of the LSQ gradient scale g = 1/sqrt(N*p). With `rows` every row of the tensor has
    a step of its own (N is then a row's length); `symmetric` puts levels at half-integers (no zero level); `integer_offset` makes
    LSQ+'s offset a whole number of steps."""
    def __init__(self, name, spec, features, params, rows=False, symmetric=False, integer_offset=False):
        self.name, self.spec, self.features = name, spec, features
        self.params, self.margin, self.init = params, [], {}
        self.rows, self.half, self.integer_offset = rows, 0.5 if symmetric else 0.0, integer_offset
    def __call__(self, x):
        if self.spec is None: return x
        algorithm, bits = self.spec
        if algorithm == "absmean":
            gamma = (x.detach().abs().mean(dim=1, keepdim=True) if self.rows else x.detach().abs().mean()).clamp(min=1e-5)
            v = x.detach() / gamma
            self.note(v, -1, 1, clip=False)
            return (torch.round(torch.clamp(v, -1, 1)) * gamma - x).detach() + x
        if algorithm == "absmax":
            p = bounds(bits)[1]
            scale = p / x.detach().abs().amax(dim=-1, keepdim=True).clamp(min=1e-5)
            v = x.detach() * scale
            self.note(v, -p, p, clip=False)
            return (torch.clamp(torch.round(v), -p, p) / scale - x).detach() + x
        n, p = bounds(bits)
        self.measure(x.detach(), algorithm, n, p)
        step, offset = self.params[self.name + ".step"], self.params.get(self.name + ".offset")
        g = 1.0 / math.sqrt(self.features * p)
        s = step * g + (step - step * g).detach()
        if self.rows: s = s[:, None]
        if offset is None:
            v = x / s - self.half
            self.note(v.detach(), n, p)
            c = torch.clamp(v, n, p)
            return (c + (torch.round(c) - c).detach() + self.half) * s
        b = offset * g + (offset - offset * g).detach()
        if self.integer_offset:  # z = round(-b/s), whose gradient goes to the offset alone
            ratio = -b / s.detach()
            self.note_zero_point(ratio.detach())
            z = ratio + (torch.round(ratio) - ratio).detach()
            v = x / s + z
            self.note(v.detach(), n, p)
            c = torch.clamp(v, n, p)
            return (c + (torch.round(c) - c).detach() - z) * s
        v = (x - b) / s
        self.note(v.detach(), n, p)
        c = torch.clamp(v, n, p)
        return (c + (torch.round(c) - c).detach()) * s + b
    def measure(self, x, algorithm, n, p):
        """What the initialisation rule gives on this tensor."""
        if algorithm == "lsq":
            mean = x.abs().mean(dim=1) if self.rows else x.abs().mean()
            self.init[self.name + ".step"] = (2 * mean / math.sqrt(p + self.half)).clamp(min=1e-8)
        else:
            s = ((x.max() - x.min()) / (p - n)).clamp(min=1e-8)
            self.init[self.name + ".step"], self.init[self.name + ".offset"] = s, x.min() - n * s
    def note_zero_point(self, ratio):
        self.margin.append((ratio - torch.floor(ratio) - 0.5).abs().item())
    def note(self, v, n, p, clip=True):
        """Distance of every value to the nearest rounding boundary (and, where the gradient is clipped, to the
        clipping boundary), in quanta, relative to magnitude."""
        inside = v[(v > n - 0.5) & (v < p + 0.5)]
        edge = (inside - torch.floor(inside) - 0.5).abs()
        if inside.numel(): self.margin.append((edge / (1 + inside.abs())).min().item())
        if clip: self.margin.append((torch.minimum((v - n).abs(), (v - p).abs()) / (1 + abs(n))).min().item())

class Model:
    def __init__(self, dims, scheme, head, params, variant={}):
        self.d, self.head, self.p, self.sites, self.variant = dims, head, params, [], variant
        self.e, self.w, self.a = SCHEMES[scheme]
        if self.variant.get("activations.granularity") == "token": self.a = ("absmax", self.a[1])
    def site(self, name, spec, features, **kinds):
        q = Quantizer(name, spec, features, self.p, **kinds); self.sites.append(q); return q
    def weight(self, name, spec, part):
        w, rows = self.p[name + ".weight"], self.variant.get(part + ".granularity") == "row"
        symmetric = part == "weights" and self.variant.get("weights.grid") == "symmetric"
        return self.site(name + ".weight_quantizer", spec, w.shape[1] if rows else w.numel(), rows=rows, symmetric=symmetric)(w)
    def activation(self, name, x):
        return self.site(name + ".input_quantizer", self.a, x.shape[-1],
                         integer_offset=self.variant.get("activations.offset") == "integer")(x)
    def table(self, name): return self.weight(name, self.e, "embeddings")
    def linear(self, name, x_hat): return F.linear(x_hat, self.weight(name, self.w, "weights"), self.p[name + ".bias"])
    def norm(self, name, x):
        return F.layer_norm(x, (x.shape[-1],), self.p[name + ".weight"], self.p[name + ".bias"], self.d["layer_norm_eps"])
    def encode(self, ids, lengths):
        """ids [tokens] of all sequences end to end; returns hidden states after embeddings and each layer."""
        positions = torch.cat([torch.arange(n) for n in lengths]) + self.d["pad_token_id"] + 1
        r = "roberta.embeddings."
        x = self.table(r + "word_embeddings")[ids] + self.table(r + "position_embeddings")[positions] \
            + self.table(r + "token_type_embeddings")[torch.zeros_like(ids)]
        x = self.norm(r + "LayerNorm", x)
        states, self.scores = [x], []
        h, heads = self.d["hidden_size"], self.d["num_attention_heads"]
        for i in range(self.d["num_hidden_layers"]):
            l = f"roberta.encoder.layer.{i}."
            xq = self.activation(l + "attention.self", x)
            q, k, v = (self.linear(l + "attention.self." + n, xq) for n in ("query", "key", "value"))
            parts, start = [], 0
            for n in lengths:
                sl = slice(start, start + n); start += n
                qs, ks, vs = (t[sl].view(n, heads, h // heads).transpose(0, 1) for t in (q, k, v))
                scores = qs @ ks.transpose(1, 2) / math.sqrt(h // heads)
                self.scores.append(scores)
                a = torch.softmax(scores, dim=-1)
                parts.append((a @ vs).transpose(0, 1).reshape(n, h))
            c = self.activation(l + "attention.output.dense", torch.cat(parts))
            x = self.norm(l + "attention.output.LayerNorm", self.linear(l + "attention.output.dense", c) + x)
            f = self.activation(l + "intermediate.dense", x)
            f = F.gelu(self.linear(l + "intermediate.dense", f))
            f = self.activation(l + "output.dense", f)
            x = self.norm(l + "output.LayerNorm", self.linear(l + "output.dense", f) + x)
            states.append(x)
        return states
    def logits(self, x):
        if self.head == "mlm":
            y = F.gelu(F.linear(x, self.p["lm_head.dense.weight"], self.p["lm_head.dense.bias"]))
            y = self.norm("lm_head.layer_norm", y)
            return F.linear(y, self.p["roberta.embeddings.word_embeddings.weight"], self.p["lm_head.bias"])
        return F.linear(x, self.p["classifier.weight"], self.p["classifier.bias"])

def parameters(d, scheme, head, gen):
    def w(*shape): return (0.25 * torch.randn(*shape, generator=gen)).to(torch.float32).double()
    def near_one(n): return (1 + 0.1 * torch.randn(n, generator=gen)).to(torch.float32).double()
    h, m = d["hidden_size"], d["intermediate_size"]
    p = {}
    r = "roberta.embeddings."
    for name, rows in (("word_embeddings", d["vocab_size"]), ("position_embeddings", d["max_position_embeddings"]), ("token_type_embeddings", 1)):
        p[r + name + ".weight"] = w(rows, h)
    p[r + "LayerNorm.weight"], p[r + "LayerNorm.bias"] = near_one(h), 0.1 * w(h)
    for i in range(d["num_hidden_layers"]):
        l = f"roberta.encoder.layer.{i}."
        for name, o, n in (("attention.self.query", h, h), ("attention.self.key", h, h), ("attention.self.value", h, h),
                           ("attention.output.dense", h, h), ("intermediate.dense", m, h), ("output.dense", h, m)):
            p[l + name + ".weight"], p[l + name + ".bias"] = w(o, n), 0.2 * w(o)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            p[l + name + ".weight"], p[l + name + ".bias"] = near_one(h), 0.1 * w(h)
    if head == "mlm":
        p["lm_head.dense.weight"], p["lm_head.dense.bias"] = w(h, h), 0.2 * w(h)
        p["lm_head.layer_norm.weight"], p["lm_head.layer_norm.bias"] = near_one(h), 0.1 * w(h)
        p["lm_head.bias"] = 0.2 * w(d["vocab_size"])
    else:
        p["classifier.weight"], p["classifier.bias"] = w(d["num_labels"], h), 0.2 * w(d["num_labels"])
    return {k: v.to(torch.float32).double() for k, v in p.items()}

def loss_of(model, states, logits, labels, distil, teacher, ids, lengths):
    """Task loss plus distillation; every mean is over the global batch. Returns the loss and its parts."""
    parts = {"task": F.cross_entropy(logits, labels, ignore_index=IGNORE)}
    if distil:
        with torch.no_grad():
            t_states = teacher.encode(ids, lengths); t_logits = teacher.logits(t_states[-1]); t_scores = teacher.scores
        chosen, temperature = labels != IGNORE, distil["temperature"]
        soft = F.softmax(t_logits[chosen] / temperature, -1)
        parts["logits"] = -temperature ** 2 * (soft * F.log_softmax(logits[chosen] / temperature, -1)).sum(-1).mean()
        parts["hidden"] = sum(F.mse_loss(a, b) for a, b in zip(states, t_states))
        per_layer, count = len(lengths), model.d["num_hidden_layers"]
        total = 0.0
        for i in range(count):  # one mean a layer, over heads and all pairs of positions of a sequence, of all sequences
            a, b = model.scores[i * per_layer:(i + 1) * per_layer], t_scores[i * per_layer:(i + 1) * per_layer]
            total = total + sum(((x - y) ** 2).sum() for x, y in zip(a, b)) / sum(x.numel() for x in a)
        parts["scores"] = total
    weights = {"task": 1.0, **{k: v for k, v in distil.items() if k != "temperature"}} if distil else {"task": 1.0}
    return sum(weights.get(k, 0.0) * v for k, v in parts.items()), parts

def build(scheme, head, seed, wide, variant={}):
    gen = torch.Generator().manual_seed(seed)
    d = dict(hidden_size=48 if wide else 32, num_attention_heads=6 if wide else 4, intermediate_size=112 if wide else 64,
             num_hidden_layers=3 if wide else 2, vocab_size=73 if wide else 60, max_position_embeddings=20, type_vocab_size=1,
             pad_token_id=1, layer_norm_eps=1e-5, num_labels=7 if wide else 5)
    lengths = [5, 11, 1, 9] if wide else [7, 3, 10]
    ids = torch.randint(5, d["vocab_size"], (sum(lengths),), generator=gen)
    labels = torch.full_like(ids, IGNORE)
    chosen = torch.rand(ids.shape, generator=gen) < (0.4 if head == "mlm" else 0.8)
    chosen[0] = True
    labels[chosen] = torch.randint(0, d["vocab_size"] if head == "mlm" else d["num_labels"], (int(chosen.sum()),), generator=gen)
    p = parameters(d, scheme, head, gen)
    probe = Model(d, scheme, head, p, variant)
    # Steps start off their initial value, so that clipping and rounding both happen and neither is at rest.
    e, wq, a = SCHEMES[scheme]
    if e or wq or a: calibrate(probe, ids, lengths, gen)
    return d, lengths, ids, labels, p

def calibrate(model, ids, lengths, gen):
    """Fill every step (and offset) by the initialisation rule, in order of use, then move it by up to 20 percent."""
    original = Quantizer.__call__
    def filling(self, x):
        if self.spec and self.spec[0] in ("lsq", "lsq+"):
            self.measure(x.detach(), self.spec[0], *bounds(self.spec[1]))
            for k, v in self.init.items():
                factor = 0.8 + 0.4 * torch.rand(v.shape, generator=gen)
                self.params[k] = (v * factor).to(torch.float32).double()
        return original(self, x)
    Quantizer.__call__ = filling
    with torch.no_grad(): model.encode(ids, lengths)
    Quantizer.__call__ = original

def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out"); ap.add_argument("name"); ap.add_argument("scheme", choices=SCHEMES); ap.add_argument("head", choices=["mlm", "token"])
    ap.add_argument("seed", type=int); ap.add_argument("--wide", action="store_true")
    ap.add_argument("--variant", nargs="*", default=[]); ap.add_argument("--distil", nargs="*", default=[])
    a = ap.parse_args()
    variant = dict(x.split("=") for x in a.variant)
    distil = {"temperature": 1.0, **{k: float(v) for k, v in (x.split("=") for x in a.distil)}} if a.distil else {}
    step_rate = float(variant.pop("optimizer.step_rate_factor", 1.0))
    log_steps = variant.pop("optimizer.step_rule", "linear") == "log"
    log_rate = float(variant.pop("optimizer.step_learning_rate", 1e-3))
    best = None
    for attempt in range(60):  # prefer a batch where no value sits on a rounding boundary, so float32 cannot flip it
        seed = a.seed * 1000 + attempt
        d, lengths, ids, labels, p = build(a.scheme, a.head, seed, a.wide, variant)
        m = Model(d, a.scheme, a.head, p, variant)
        with torch.no_grad(): m.encode(ids, lengths)
        margin = min((x for s in m.sites for x in s.margin), default=1.0)
        if best is None or margin > best[0]: best = (margin, seed)
    margin, seed = best
    d, lengths, ids, labels, p = build(a.scheme, a.head, seed, a.wide, variant)
    for v in p.values(): v.requires_grad_(True)
    m = Model(d, a.scheme, a.head, p, variant)
    states = m.encode(ids, lengths)
    logits = m.logits(states[-1])
    teacher = None
    if distil:
        gen = torch.Generator().manual_seed(seed + 7)
        # A teacher near the student: its parameters moved a little, unquantized.
        t = {k: (v.detach() + 0.05 * torch.randn(v.shape, generator=gen)).to(torch.float32).double() for k, v in p.items() if "quantizer" not in k}
        teacher = Model(d, "fp32", a.head, t)
    loss, parts = loss_of(m, states, logits, labels, distil, teacher, ids, lengths)
    loss.backward()
    expected = {f"hidden.{i}": s for i, s in enumerate(states)}
    expected["logits"] = logits
    used = {k: v for k, v in p.items() if v.grad is not None}
    for k, v in used.items(): expected["grad." + k] = v.grad
    for s in m.sites:
        for k, v in s.init.items(): expected["init." + k] = v
    lr, clip, decay = 1e-3, 1.0, 0.01
    def decays(k): return k.endswith(".weight") and "LayerNorm" not in k and "layer_norm" not in k
    def optimised(k, v):
        """Gradient in the coordinate that AdamW moves: ln s for steps and beta/s for offsets under the log rule, else v itself."""
        if not log_steps: return v.grad
        if k.endswith(".step"): return v.grad * v.detach()
        if k.endswith(".offset"): return v.grad * p[k.replace(".offset", ".step")].detach()
        return v.grad
    g = {k: optimised(k, v) for k, v in used.items()}
    norm = math.sqrt(sum((x ** 2).sum().item() for x in g.values()))
    scale = min(1.0, clip / (norm + 1e-6))
    def moved(k):
        """The first AdamW direction, beta 0.9 / 0.98, eps 1e-8, bias-corrected."""
        x = g[k] * scale
        mh, vh = (1 - 0.9) * x / (1 - 0.9), (1 - 0.98) * x * x / (1 - 0.98)
        return mh / (vh.sqrt() + 1e-8)
    for k, v in used.items():
        if log_steps and k.endswith(".step"): new = v.detach() * torch.exp(-log_rate * moved(k))
        elif log_steps and k.endswith(".offset"):
            n, top = bounds(SCHEMES[a.scheme][2][1]); step = k.replace(".offset", ".step")
            s_old, s_new = p[step].detach(), p[step].detach() * torch.exp(-log_rate * moved(step))
            new = (v.detach() / s_old - log_rate * (top - n) * moved(k)) * s_new
        else:
            rate = lr * step_rate if k.endswith((".step", ".offset")) else lr
            new = v.detach() * (1 - rate * (decay if decays(k) else 0)) - rate * moved(k)
        expected["after." + k] = new.clamp(min=1e-8) if k.endswith(".step") else new
    out = os.path.join(a.out, a.name); os.makedirs(out, exist_ok=True)
    f32 = lambda t: np.ascontiguousarray(t.detach().to(torch.float32).numpy())
    save_file({k: f32(v) for k, v in p.items()}, out + "/weights.safetensors")
    save_file({"input_ids": ids.to(torch.int32).numpy(), "lengths": np.array(lengths, np.int32), "labels": labels.to(torch.int32).numpy()}, out + "/batch.safetensors")
    save_file({k: f32(v) for k, v in expected.items()}, out + "/expected.safetensors")
    if teacher: save_file({k: f32(v) for k, v in teacher.p.items()}, out + "/teacher.safetensors")
    extra = {"variant": variant} if variant else {}
    if distil: extra |= {"distillation": distil, "loss_parts": {k: v.item() for k, v in parts.items()}}
    json.dump({"scheme": a.scheme, "head": a.head, "seed": seed, "dimensions": d, "loss": loss.item(), "gradient_norm": norm, **extra,
               "labelled_tokens": int((labels != IGNORE).sum()), "boundary_margin": margin,
               "optimizer": {"learning_rate": lr, "beta1": 0.9, "beta2": 0.98, "epsilon": 1e-8, "weight_decay": decay, "max_gradient_norm": clip, **({"step_rate_factor": step_rate} if step_rate != 1 else {}),
                             **({"step_rule": "log", "step_learning_rate": log_rate} if log_steps else {})}},
              open(out + "/case.json", "w"), indent=1)
    print(f"{a.name:28s} loss {loss.item():.6f} |g| {norm:.4f} margin {margin:.2e} seed {seed} params {len(p)}")

if __name__ == "__main__":
    main()
