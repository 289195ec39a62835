"""Times bert-score on pairs of texts read from standard input; prints {"seconds", "cpuSeconds", "f1"}.

    python bench/peer_similarity.py ENCODER-DIRECTORY LAYER THREADS < PAIRS

The model is opened once and computed in f32, as by transformers 4; a first call on other pairs warms up.
"""

import json
import sys
import time

import bert_score.utils
import torch
from transformers import AutoModel, AutoTokenizer

encoder, layer, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
given = json.load(sys.stdin)

tokenizer = AutoTokenizer.from_pretrained(encoder)
model = AutoModel.from_pretrained(encoder, dtype=torch.float32).eval()
model.encoder.layer = model.encoder.layer[:layer]
weights = bert_score.utils.defaultdict(lambda: 1.0, {tokenizer.sep_token_id: 0, tokenizer.cls_token_id: 0})


def score(pairs):
    references, candidates = ([pair[side] for pair in pairs] for side in ("reference", "candidate"))
    return bert_score.utils.bert_cos_score_idf(
        model, references, candidates, tokenizer, weights, batch_size=64, device="cpu"
    )


score(given["warmUp"])
began, used = time.perf_counter(), time.process_time()
scores = score(given["pairs"])
result = {"seconds": time.perf_counter() - began, "cpuSeconds": time.process_time() - used}
print(json.dumps({**result, "f1": scores[:, 2].mean().item()}))
