#!/usr/bin/env python3
"""Writes a very small CamembertForMaskedLM whose decoder is not tied, as transformers saves it, with its logits.

    write_untied_checkpoint.py FOLDER

Made Tests/ModelsTests/Fixtures/untied-camembert (torch 2.13.0, transformers 5.23.0). Every tensor is random, so that the
decoder's two biases, lm_head.bias and lm_head.decoder.bias, differ: which one the logits follow is transformers' own answer.
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CamembertConfig, CamembertForMaskedLM

torch.manual_seed(9)
config = CamembertConfig(
    vocab_size=17, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
    max_position_embeddings=14, type_vocab_size=1, pad_token_id=1, bos_token_id=5, eos_token_id=6,
    tie_word_embeddings=False)
model = CamembertForMaskedLM(config).eval()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(0.5 * torch.randn_like(parameter))
folder = Path(sys.argv[1])
model.save_pretrained(folder)
lengths = [5, 9]
ids = torch.randint(2, 17, (sum(lengths),))
with torch.no_grad():
    rows = [model(input_ids=part.unsqueeze(0)).logits[0] for part in ids.split(lengths)]
save_file(
    {"input_ids": ids, "lengths": torch.tensor(lengths), "logits": torch.cat(rows).contiguous()},
    folder / "logits.safetensors")
(folder / "generation_config.json").unlink(missing_ok=True)
print(json.dumps(sorted(model.state_dict())))
