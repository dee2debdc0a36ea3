"""Decode steps per second of the worker's model code against Hugging Face transformers, same weights, prompt and threads.

Both sides load the model once and then take turns, round by round, so that a change of the machine's speed meets both.
The ratio of a round is the peer's median step over ours; what is printed is the median over rounds, and its quartiles.
Greedy tokens are compared in every round.

    cargo build --release -p anechoic-worker --example decode_rate
    python benches/decode_vs_transformers.py --dtype f32 --batch 1
    python benches/decode_vs_transformers.py --dtype bf16 --batch 8 --prompt 128 --steps 64 --rounds 9

Without --model a GPT-2 of 124 M random parameters is made in a temporary folder. Exits with 1 when --expect-ratio is not
reached, or when f32 tokens differ (in bf16 a difference is only reported: roundings differ between kernels).
Needs torch and transformers for the Python that runs it.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEER = Path(__file__).with_name("decode_peer.py")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a checkpoint folder with config.json and safetensors")
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--prompt", type=int, default=64, help="tokens per prompt")
    parser.add_argument("--steps", type=int, default=64, help="decode steps per round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--expect-ratio", type=float, help="fail below this")
    parser.add_argument("--ours", default=str(ROOT / "target/release/examples/decode_rate"), help="the built example")
    return parser.parse_args()


def random_gpt2(folder, dtype, seed):
    import torch
    import transformers

    torch.manual_seed(seed)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config())
    model.to({"f32": torch.float32, "bf16": torch.bfloat16}[dtype]).save_pretrained(folder)


class Side:
    """One of the two programs, loaded and waiting for rounds."""

    def __init__(self, command, args):
        command = [*command, args.model, args.dtype, str(args.threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return json.loads(line)

    def run(self, request):
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def first_difference(ours, peer):
    """The first step at which a sequence of the batch differs, or None."""
    pairs = zip(zip(*ours["tokens"]), zip(*peer["tokens"]))
    return next((step for step, (a, b) in enumerate(pairs) if a != b), None)


def quartiles(values):
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return f"{middle:.3f} [{low:.3f}, {high:.3f}]"


def compare(ours, peer, args):
    window = json.loads((Path(args.model) / "config.json").read_text())
    draw = random.Random(args.seed)
    prompt = [[draw.randrange(window["vocab_size"]) for _ in range(args.prompt)] for _ in range(args.batch)]
    request = {"prompt": prompt, "steps": args.steps}
    for side in (ours, peer):  # warm-up, not counted
        side.run(request)
    ratios, prefill_ratios, rates, differences = [], [], ([], []), set()
    for number in range(args.rounds):
        order = (ours, peer) if number % 2 == 0 else (peer, ours)
        answers = {id(side): side.run(request) for side in order}
        a, b = answers[id(ours)], answers[id(peer)]
        steps = [statistics.median(answer["step_ns"]) for answer in (a, b)]
        for rate, step in zip(rates, steps):
            rate.append(1e9 / step)
        ratios.append(steps[1] / steps[0])
        prefill_ratios.append(b["prefill_ns"] / a["prefill_ns"])
        differences.add(first_difference(a, b))
    return ratios, prefill_ratios, rates, differences


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        if args.model is None:
            args.model = folder
            random_gpt2(folder, args.dtype, args.seed)
        ours, peer = Side([args.ours], args), Side([sys.executable, str(PEER)], args)
        try:
            ratios, prefill_ratios, rates, differences = compare(ours, peer, args)
        finally:
            ours.close()
            peer.close()
    workload = f"{args.dtype}, batch {args.batch}, prompt {args.prompt}, {args.steps} steps, {args.threads} threads"
    print(f"{workload}; {args.rounds} interleaved rounds; {peer.facts['versions']}; ours: {ours.facts['linear_path']}")
    print(f"  ours          {quartiles(rates[0])} steps/s")
    print(f"  transformers  {quartiles(rates[1])} steps/s")
    print(f"  decode ratio  {quartiles(ratios)}   prefill ratio {quartiles(prefill_ratios)}")
    same = differences == {None}
    first = min((d for d in differences if d is not None), default=None)
    print(f"  tokens        {'equal in every round' if same else f'first difference at token {first}'}")
    too_slow = args.expect_ratio is not None and statistics.median(ratios) < args.expect_ratio
    sys.exit(1 if too_slow or (args.dtype == "f32" and not same) else 0)


if __name__ == "__main__":
    main()
