"""The peer of worker/examples/decode_rate.rs: Hugging Face transformers, one forward call per token over a DynamicCache.

Speaks the same lines on standard input and output; see there. Needs torch and transformers.

    python benches/decode_peer.py MODEL f32|bf16 THREADS
"""

import json
import sys
import time

import torch
import transformers

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def reply(message):
    print(json.dumps(message), flush=True)


def run(model, request):
    prompt = torch.tensor(request["prompt"])
    cache = transformers.DynamicCache(config=model.config)

    def greedy(ids):
        logits = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
        return logits[:, -1].argmax(-1, keepdim=True)

    start = time.perf_counter_ns()
    tokens = [greedy(prompt)]
    prefill_ns = time.perf_counter_ns() - start
    step_ns = []
    for _ in range(request["steps"]):
        start = time.perf_counter_ns()
        tokens.append(greedy(tokens[-1]))
        step_ns.append(time.perf_counter_ns() - start)
    return {"prefill_ns": prefill_ns, "step_ns": step_ns, "tokens": torch.cat(tokens, 1).tolist()}


def main():
    folder, dtype, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=DTYPES[dtype]).eval()
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    reply({"ready": True, "versions": versions, "attention": model.config._attn_implementation})
    with torch.inference_mode():
        for line in sys.stdin:
            reply(run(model, json.loads(line)))


if __name__ == "__main__":
    main()
