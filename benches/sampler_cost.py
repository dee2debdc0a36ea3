"""What the sampler costs a measured worker: the same attempt with it and without it, in turns, which of the two comes
first changing from round to round.

Two figures. The ratio of generation times, a median over rounds with a bootstrap interval: what a user would see, as
blurred as the machine is restless. And the CPU time of the orchestrator while a worker ran, as a share of that time:
exact, and with every compute thread busy the most that the worker can lose.

    cargo build --release -p anechoic -p anechoic-worker
    python benches/sampler_cost.py [--rounds 20] [--iterations 10] [--expect-share 0.005]

With an expectation the exit code is 1 when the largest share with the sampler is above it.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ANECHOIC = os.path.join(ROOT, "target", "release", "anechoic")


def attempt(results, sampler, iterations):
    """Median generation time, the orchestrator's CPU share, and the readings of one attempt."""
    subprocess.run(
        [ANECHOIC, "capture", "--results", results, "--mode", "baseline", "--model", "gpt2", "--dtype", "f32",
         "--batch-size", "4", "--prefill-tokens", "64", "--decode-tokens", "32", "--iterations", str(iterations)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "ANECHOIC_SAMPLER": sampler},
    )
    times, readings, cost = [], 0, 0
    with open(os.path.join(results, "latest", "events.jsonl"), encoding="utf-8") as events:
        for event in map(json.loads, events):
            if event["event"] == "worker" and event["message"]["type"] == "sample":
                times.append(event["message"]["sample"]["generation_ns"])
            elif event["event"] == "observed":
                readings, cost = len(event["observations"]), event["cost_ns"]
            elif event["event"] == "attempt-ended":
                share = event["orchestrator_cpu_ns"] / event["wall_ns"]
    return statistics.median(times), share, readings, cost


def interval(values, draws=4000):
    """A 95 % percentile interval of the median, seeded."""
    generator = random.Random(1)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(draws))
    return medians[int(0.025 * draws)], medians[int(0.975 * draws) - 1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--expect-share", type=float, help="largest CPU share of the orchestrator with the sampler")
    args = parser.parse_args()
    found = {"on": [], "off": []}
    with tempfile.TemporaryDirectory() as results:
        attempt(results, "on", 1)
        for round_number in range(args.rounds):
            for sampler in ("on", "off") if round_number % 2 else ("off", "on"):
                found[sampler].append(attempt(results, sampler, args.iterations))
    ratios = [on[0] / off[0] for on, off in zip(found["on"], found["off"])]
    readings = sum(each[2] for each in found["on"])
    low, high = interval(ratios)
    share = max(each[1] for each in found["on"])
    print(json.dumps({
        "rounds": args.rounds,
        "time_with_over_without": statistics.median(ratios),
        "interval_95": [low, high],
        "share_with": statistics.median(each[1] for each in found["on"]),
        "share_with_max": share,
        "share_without": statistics.median(each[1] for each in found["off"]),
        "readings": readings,
        "readings_without": sum(each[2] for each in found["off"]),
        "cpu_us_per_reading": sum(each[3] for each in found["on"]) / max(readings, 1) / 1e3,
    }, indent=2))
    if args.expect_share is not None and share > args.expect_share:
        print(f"largest CPU share: {share:.4g} is above {args.expect_share:g}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
