#!/usr/bin/env python3
"""A complete worker: times the product of two square matrices, with PyTorch where it is installed.

docs/protocol.md has the rules, docs/workers.md the way through this file; `anechoic worker check` says whether it keeps them.
"""
import importlib.util
import json
import os
import random
import sys
import threading
import time

# Before anything else: the real standard output is for messages alone, and whatever prints goes to the log.
MESSAGES = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
os.dup2(2, 1)

PROTOCOL = 1
HAS_TORCH = importlib.util.find_spec("torch") is not None
SPEAKING = threading.Lock()
has_ended = False


class Failure(Exception):
    """A kind of docs/failures.md and a message."""


def say(message, last=False):
    """Sends a message, and after the last one nothing more. Says whether it was sent."""
    global has_ended
    with SPEAKING:
        if has_ended:
            return False
        has_ended = last
        MESSAGES.write(json.dumps(message) + "\n")
        MESSAGES.flush()
        return True


def fail(kind, message):
    return say({"type": "failed", "kind": kind, "message": message}, last=True)


def stop_when_input_closes():
    """Closed input means stop, whatever the main thread computes. After the last message it means nothing."""
    while os.read(0, 4096):
        pass
    if fail("stopped", "standard input was closed"):
        os._exit(1)


def check(job):
    """Refuses what this worker cannot do: it must not measure something else. Returns the one parameter."""
    work = job["work"]
    if job["protocol"] != PROTOCOL:
        raise Failure("invalid-job", f"the job is of protocol {job['protocol']}, this worker speaks {PROTOCOL}")
    if work["benchmark"] != "custom":
        raise Failure("invalid-job", f"`{work['benchmark']}` is none of this worker's benchmarks")
    if job["device"] != "cpu":
        raise Failure("device-unavailable", f"this worker computes on the CPU, not on {job['device']}")
    if not HAS_TORCH and job["threads"] != 1:
        raise Failure("invalid-job", "without PyTorch this worker computes with one thread: set `threads = 1`")
    size = work["parameters"].get("size", 64)
    if set(work["parameters"]) - {"size"} or type(size) is not int or not 1 <= size <= 4096:
        raise Failure("invalid-job", "the only parameter is `size`, a whole number from 1 to 4096")
    return size


def times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


class Product:
    """The thing measured, by PyTorch or by hand."""

    def __init__(self, torch, size, seed, threads):
        source = random.Random(seed)
        vectors = [[source.uniform(-1.0, 1.0) for _ in range(size)] for _ in range(2 * size + 1)]
        self.a, self.b, self.vector = vectors[:size], vectors[size:-1], vectors[-1]
        self.columns = list(zip(*self.b))
        self.torch = torch
        if self.torch:
            self.torch.set_num_threads(threads)
            self.tensors = [self.torch.tensor(matrix, dtype=self.torch.float32) for matrix in (self.a, self.b)]

    def compute(self):
        if self.torch:
            return self.tensors[0] @ self.tensors[1]
        return [times(self.columns, row) for row in self.a]

    def verify(self):
        """(A B) v against A (B v), which never forms the product."""
        product = self.compute()
        found = times(product.tolist() if self.torch else product, self.vector)
        reference = times(self.a, times(self.b, self.vector))
        error = max(abs(x - y) for x, y in zip(found, reference)) / max(map(abs, reference))
        tolerance = 1e-4 if self.torch else 1e-9
        if not error <= tolerance:
            raise Failure("verification", f"a relative error of {error}, and {tolerance} is accepted")
        return {"method": "product times a vector against each matrix in turn times it", "compared": len(found),
                "max_relative_error": error, "tolerance": tolerance}


def carry_out(job):
    size = check(job)
    # Before the first phase: while Python imports such a library, no other thread runs and closed input goes unseen.
    torch = importlib.import_module("torch") if HAS_TORCH else None
    say({"type": "phase", "phase": "load"})
    product = Product(torch, size, job["seed"], job["threads"])
    say({"type": "phase", "phase": "verify"})
    verification = product.verify()
    say({"type": "phase", "phase": "warm-up"})
    warmed_up = 0
    for warmed_up in range(1, job["work"]["warmup_iterations"] + 1):
        product.compute()
    say({"type": "phase", "phase": "measure"})
    for iteration in range(1, job["work"]["iterations"] + 1):
        start = time.perf_counter_ns()
        product.compute()
        time_ns = time.perf_counter_ns() - start
        sample = {"benchmark": "custom", "iteration": iteration, "time_ns": time_ns}
        say({"type": "sample", "sample": {**sample, "values": {"products_per_second": 1e9 / max(time_ns, 1)}}})
    say({"type": "phase", "phase": "stop"})
    # The echo: what was really used, of the parameters that the job names.
    parameters = {"size": len(product.a)} if "size" in job["work"]["parameters"] else {}
    work = {"benchmark": "custom", "parameters": parameters, "warmup_iterations": warmed_up, "iterations": iteration}
    echo = {"protocol": PROTOCOL, "case": job["case"], "attempt": job["attempt"], "device": "cpu",
            "threads": product.torch.get_num_threads() if product.torch else 1, "seed": job["seed"], "work": work}
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    return {"used": echo, "verification": verification, "memory": {"peak_resident_bytes": peak},
            "environment": {"torch": product.torch and product.torch.__version__, "device": "cpu"}}


def main():
    say({"type": "hello", "protocol": PROTOCOL, "worker": {"name": "example-worker-py", "version": "1.0"},
         "devices": [{"device": "cpu", "description": "this machine's CPU", "total_memory_bytes": None}],
         "benchmarks": ["custom"]})
    line = os.fdopen(os.dup(0), "rb", buffering=0).readline()
    if not line:
        return 0  # Nothing was asked.
    try:
        job = json.loads(line)
        threading.Thread(target=stop_when_input_closes, daemon=True).start()
        return 0 if say({"type": "finished", "result": carry_out(job)}, last=True) else 1
    except json.JSONDecodeError as error:
        fail("invalid-job", f"the job is no JSON: {error}")
    except Failure as failure:
        fail(*failure.args)
    except MemoryError:
        fail("out-of-memory", "Python has no memory left")
    except Exception as error:
        fail("internal", repr(error))
    return 1


sys.exit(main())
