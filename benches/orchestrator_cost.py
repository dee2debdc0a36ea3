"""What the orchestrator adds to a worker: time to `hello` against a bare spawn, and its own CPU time while workers run.

The bare worker and an attempt under `anechoic run` take turns. The time to `hello` under the orchestrator is the one in
its event log, from spawn to the message's arrival.

    cargo build --release -p anechoic -p anechoic-worker
    python benches/orchestrator_cost.py [--rounds 15]
"""

import argparse
import json
import os
import statistics
import subprocess
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
    """Times to hello, seconds in workers, and the orchestrator's CPU seconds meanwhile."""
    subprocess.run(
        [os.path.join(RELEASE, "anechoic"), "capture", "--results", results, *case],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    hellos, workers, cpu = [], 0, 0
    with open(os.path.join(results, "latest", "events.jsonl"), encoding="utf-8") as events:
        for event in map(json.loads, events):
            if event["event"] == "worker" and event["message"]["type"] == "hello":
                hellos.append(event["since_spawn_ns"] / 1e9)
            if event["event"] == "attempt-ended":
                workers += event["wall_ns"]
                cpu += event["orchestrator_cpu_ns"]
    return hellos, workers / 1e9, cpu / 1e9


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    worker = os.path.join(RELEASE, "anechoic-worker")
    short = ["--mode", "baseline", "--model", "gpt2-tiny", "--dtype", "f32", "--batch-size", "1", "--prefill-tokens", "4",
             "--decode-tokens", "2", "--iterations", "1"]
    real = ["--mode", "all-layers", "--model", "gpt2", "--dtype", "f32", "--batch-size", "4", "--prefill-tokens", "64",
            "--decode-tokens", "32", "--iterations", "5"]
    with tempfile.TemporaryDirectory() as results:
        bare_hello(worker)
        rounds = [(bare_hello(worker), supervised(results, short)[0][0]) for _ in range(args.rounds)]
        _, workers, cpu = supervised(results, real)
    print(json.dumps({
        "rounds": len(rounds),
        "bare_hello_ms": 1e3 * statistics.median(bare for bare, _ in rounds),
        "supervised_hello_ms": 1e3 * statistics.median(ours for _, ours in rounds),
        "median_difference_ms": 1e3 * statistics.median(ours - bare for bare, ours in rounds),
        "worker_s": workers,
        "orchestrator_cpu_s": cpu,
        "orchestrator_cpu_share": cpu / workers,
    }, indent=2))


if __name__ == "__main__":
    main()
