#!/usr/bin/env python3
"""A worker that breaks the rules, to see that `anechoic worker check` names them.

    anechoic worker check --timeout 2s -- python3 examples/bad_worker.py            # every fault at once
    anechoic worker check -- python3 examples/bad_worker.py deaf noise              # these alone

Measure nothing with it, and copy nothing from it: examples/worker.py is the one to start from.
"""
import json
import os
import select
import signal
import subprocess
import sys
import time

FAULTS = {
    "waits-for-job": "says hello only once it has its job",
    "nameless": "has neither a name nor a version",
    "angry-goodbye": "ends with code 1 where it gets no job",
    "noise": "prints on standard output",
    "silent": "does not announce its warm-up",
    "short": "sends a sample too few",
    "lies": "echoes another seed than it was given",
    "trusts-itself": "verifies nothing",
    "repeats": "sends its result twice",
    "exit-code": "ends with code 3 after its result",
    "strict": "refuses fields that it does not know",
    "impatient": "takes the first piece of a job for the whole",
    "greedy": "does a second job",
    "any-benchmark": "measures whatever it is asked for",
    "any-device": "computes on the CPU whatever it is asked for",
    "any-version": "takes a job of every version",
    "hopeful": "waits for another job where one is no JSON",
    "deaf": "does not notice that its input is closed",
    "immortal": "ignores SIGTERM",
    "shouts-on": "does not notice that nobody reads",
    "litters": "leaves a process behind",
}
chosen = set(sys.argv[1:]) or set(FAULTS)
if chosen - set(FAULTS):
    sys.exit(f"no fault: {', '.join(sorted(chosen - set(FAULTS)))}; there are: {', '.join(FAULTS)}")


def say(message):
    write((json.dumps(message) + "\n").encode())


def write(line):
    try:
        os.write(1, line)
    except BrokenPipeError:
        if "shouts-on" not in chosen:
            os._exit(1)


def fail(kind, message):
    say({"type": "failed", "kind": kind, "message": message})
    sys.exit(1)


def hello():
    name = "" if "nameless" in chosen else "bad-worker"
    worker = {"name": name, "version": "1.0"}
    say({"type": "hello", "protocol": 1, "worker": worker, "benchmarks": ["custom"]})


def phase(name):
    if name != "warm-up" or "silent" not in chosen:
        say({"type": "phase", "phase": name})


def read_line():
    """A line, in one piece or in many; empty at the end of the input."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1 << 16 if "impatient" in chosen else 1)
        line += piece
        if not piece or "impatient" in chosen:
            break
    return line


def read_job():
    while True:
        line = read_line()
        if not line:
            return None
        try:
            return json.loads(line.splitlines()[0])
        except ValueError as error:
            if "hopeful" not in chosen:
                fail("invalid-job", str(error))


def check(job):
    if job["protocol"] != 1 and "any-version" not in chosen:
        fail("invalid-job", "not this version")
    if job["work"]["benchmark"] != "custom" and "any-benchmark" not in chosen:
        fail("invalid-job", "not this benchmark")
    if job["device"] != "cpu" and "any-device" not in chosen:
        fail("device-unavailable", "not this device")
    known = {"protocol", "case", "attempt", "device", "threads", "seed", "work"}
    if "strict" in chosen and set(job) - known:
        fail("internal", "what is this?")


def iterate(count):
    """The work: a pause, in which the end of the input is noticed by those that listen."""
    for iteration in range(1, count + 1):
        time.sleep(0.001)
        if "deaf" not in chosen and input_is_closed():
            fail("stopped", "standard input was closed")
        yield iteration


def input_is_closed():
    poll = select.poll()
    poll.register(0, 0)
    return bool(poll.poll(0))  # POLLHUP; what else comes is left for those that are greedy.


def work(job):
    for name in ["load", "verify", "warm-up"]:
        phase(name)
    for _ in iterate(job["work"].get("warmup_iterations", 1)):
        pass
    phase("measure")
    if "noise" in chosen:
        write(b"measuring ...\n")
    count = job["work"].get("iterations", 2)
    for iteration in iterate(count - ("short" in chosen)):
        sample = {"benchmark": "custom", "iteration": iteration, "time_ns": 1_000_000, "values": {}}
        say({"type": "sample", "sample": sample})
    phase("stop")
    used = {**job, "seed": 7} if "lies" in chosen else job
    result = {"used": used, "environment": {"device": "cpu"}, "memory": {"peak_resident_bytes": 1}}
    if "trusts-itself" not in chosen:
        result["verification"] = {"method": "none", "compared": 1, "max_relative_error": 0.0, "tolerance": 0.0}
    if "litters" in chosen:
        subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, start_new_session=True)
    for _ in range(1 + ("repeats" in chosen)):
        say({"type": "finished", "result": result})


def main():
    if "immortal" in chosen:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "waits-for-job" not in chosen:
        hello()
    job = read_job()
    if "waits-for-job" in chosen:
        hello()
    if job is None:
        return 1 if "angry-goodbye" in chosen else 0
    check(job)
    work(job)
    second = read_job() if "greedy" in chosen else None
    if second:
        work(second)
    return 3 if "exit-code" in chosen else 0


sys.exit(main())
