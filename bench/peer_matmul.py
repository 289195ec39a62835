"""Times torch's matrix products. Prints one JSON line a shape: {"dtype", "m", "k", "n", "gflops", "threads"}.

    python bench/peer_matmul.py [--threads 2] [--seconds 1] [--only DTYPE,M,K,N]

Right operand as torch is given it, [k, n] row-major: what mm packs is packed in every call. Median of samples of 10 ms.
"""

import argparse
import json
import statistics
import time

import torch

SHAPES = ["bf16,2048,1024,4096", "f32,2048,1024,4096", "bf16,16,576,1536", "f32,16,576,1536"]


def gflops(dtype, m, k, n, seconds):
    kind = {"bf16": torch.bfloat16, "f32": torch.float32}[dtype]
    a = (torch.rand(m, k) - 0.5).to(kind)
    b = (torch.rand(k, n) - 0.5).to(kind)
    out = torch.empty(m, n, dtype=kind)

    def sample(calls):
        start = time.perf_counter()
        for _ in range(calls):
            torch.mm(a, b, out=out)
        return (time.perf_counter() - start) / calls

    sample(1)
    calls = max(1, min(1000, round(0.01 / sample(1))))
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        times.append(sample(calls))
    return 2e-9 * m * k * n / statistics.median(times)


parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seconds", type=float, default=1)
parser.add_argument("--only", action="append")
options = parser.parse_args()
torch.set_num_threads(options.threads)
for shape in options.only or SHAPES:
    dtype, *sizes = shape.split(",")
    m, k, n = map(int, sizes)
    result = gflops(dtype, m, k, n, options.seconds)
    print(json.dumps({"dtype": dtype, "m": m, "k": k, "n": n, "gflops": result, "threads": options.threads}), flush=True)
