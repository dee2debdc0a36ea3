"""What the orchestrator adds to a worker: time to `hello` against a bare spawn, and its own CPU time while workers run.

The bare worker and an attempt under `anechoic run` take turns. The time to `hello` under the orchestrator is the one in
its event log, from spawn to the message's arrival. The CPU share is that of each of several longer attempts.

    cargo build --release -p anechoic -p anechoic-worker
    python benches/orchestrator_cost.py [--rounds 15] [--attempts 3] [--expect-hello-ms 10] [--expect-share 0.01]

With an expectation the exit code is 1 when the median difference to hello, or the largest share, is above it.
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
RELEASE = os.path.join(ROOT, "target", "release")


def bare_hello(worker):
    start = time.perf_counter()
    with subprocess.Popen([worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        line = process.stdout.readline()
        elapsed = time.perf_counter() - start
        process.stdin.close()
    assert b'"hello"' in line, line
    return elapsed


def supervised(results, case):
    """For each attempt: time to hello, seconds in the worker, and the orchestrator's CPU seconds meanwhile."""
    subprocess.run(
        [os.path.join(RELEASE, "anechoic"), "capture", "--results", results, *case],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    attempts = []
    with open(os.path.join(results, "latest", "events.jsonl"), encoding="utf-8") as events:
        for event in map(json.loads, events):
            if event["event"] == "worker" and event["message"]["type"] == "hello":
                hello = event["since_spawn_ns"] / 1e9
            if event["event"] == "attempt-ended":
                attempts.append((hello, event["wall_ns"] / 1e9, event["orchestrator_cpu_ns"] / 1e9))
    return attempts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--attempts", type=int, default=3, help="longer attempts, for the CPU share")
    parser.add_argument("--expect-hello-ms", type=float, help="most that the orchestrator may add to hello")
    parser.add_argument("--expect-share", type=float, help="largest CPU share of any attempt")
    args = parser.parse_args()
    worker = os.path.join(RELEASE, "anechoic-worker")
    short = ["--mode", "baseline", "--model", "gpt2-tiny", "--dtype", "f32", "--batch-size", "1", "--prefill-tokens", "4",
             "--decode-tokens", "2", "--iterations", "1"]
    real = ["--mode", "all-layers", "--model", "gpt2", "--dtype", "f32", "--batch-size", "4", "--prefill-tokens", "64",
            "--decode-tokens", "32", "--iterations", "5", "--attempts", str(args.attempts)]
    with tempfile.TemporaryDirectory() as results:
        bare_hello(worker)
        rounds = [(bare_hello(worker), supervised(results, short)[0][0]) for _ in range(args.rounds)]
        longer = supervised(results, real)
    added_ms = 1e3 * statistics.median(ours - bare for bare, ours in rounds)
    shares = [cpu / wall for _, wall, cpu in longer]
    print(json.dumps({
        "rounds": len(rounds),
        "bare_hello_ms": 1e3 * statistics.median(bare for bare, _ in rounds),
        "supervised_hello_ms": 1e3 * statistics.median(ours for _, ours in rounds),
        "median_difference_ms": added_ms,
        "attempts": len(longer),
        "worker_s": sum(wall for _, wall, _ in longer),
        "orchestrator_cpu_s": sum(cpu for _, _, cpu in longer),
        "orchestrator_cpu_share": statistics.median(shares),
        "orchestrator_cpu_share_min": min(shares),
        "orchestrator_cpu_share_max": max(shares),
    }, indent=2))
    return check("median difference to hello, ms", added_ms, args.expect_hello_ms) \
        | check("largest CPU share", max(shares), args.expect_share)


def check(name, found, most):
    """The exit code: 1 when the figure is above what is expected."""
    if most is None or found <= most:
        return 0
    print(f"{name}: {found:.4g} is above {most:g}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
