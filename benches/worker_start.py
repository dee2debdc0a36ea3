"""Time from exec to the first tensor operation: the worker against `python -c "import torch; torch.ones(1)"`.

Both are timed as whole processes, from spawn to exit, in turns; what is printed is the median ratio of a round. The worker
does more than one operation: it loads a tiny checkpoint, passes two tokens through it and writes a file.

    cargo build --release -p anechoic-worker
    python benches/worker_start.py [--python PYTHON] [--rounds 15] [--expect-ratio 0.5]

PYTHON needs torch of the same version as the worker's libtorch. With --expect-ratio the exit code is 1 when the median
ratio is above it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHECKPOINT = os.path.join(ROOT, "worker", "tests", "fixtures", "gpt2")


def timed(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--worker", default=os.path.join(ROOT, "target", "release", "anechoic-worker"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--expect-ratio", type=float, help="largest median ratio, worker to python")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "out.safetensors")
        ours = [args.worker, "forward", "--model", CHECKPOINT, "--tokens", "1,2", "--output", output]
        theirs = [args.python, "-c", "import torch; torch.ones(1)"]
        timed(ours), timed(theirs)  # files into memory
        rounds = [(timed(ours), timed(theirs)) for _ in range(args.rounds)]
    ratios = sorted(a / b for a, b in rounds)
    median = statistics.median(ratios)
    print(json.dumps({
        "rounds": len(rounds),
        "worker_s": statistics.median(a for a, _ in rounds),
        "python_s": statistics.median(b for _, b in rounds),
        "ratio_median": median,
        "ratio_quartiles": [ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]],
    }, indent=2))
    if args.expect_ratio is not None and median > args.expect_ratio:
        print(f"median ratio: {median:.4g} is above {args.expect_ratio:g}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
