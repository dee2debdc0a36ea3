#!/bin/sh
# A small worker in plain shell: times how long adding up the numbers to `size` takes. It needs `date` with nanoseconds,
# whose start is part of the time. It finds the fields of its job by their text, so it takes jobs only as anechoic writes
# them: one line, without blanks. docs/protocol.md has the rules.

trap '' PIPE
exec 4<&0 3>&1 1>&2 # Messages go to descriptor 3, the real standard output; whatever prints goes to the log.

# Leaves nothing behind: what it started ends before it does.
leave() { [ -z "$watcher" ] || { kill "$watcher"; wait "$watcher"; } 2>/dev/null; exit "$1"; }
say() { printf '%s\n' "$1" >&3 || leave 1; }
phase() { say "{\"type\":\"phase\",\"phase\":\"$1\"}"; }
fail() { trap '' USR1; say "{\"type\":\"failed\",\"kind\":\"$1\",\"message\":\"$2\"}"; leave 1; }

# Puts the whole number behind a name of the job into `value`.
number() {
    value=${job#*\""$1"\":} value=${value%%[,\}]*}
    case $value in '' | *[!0-9]*) fail invalid-job "no whole number: $1" ;; esac
}

add_up() { i=0 sum=0; while [ $i -lt $size ]; do i=$((i + 1)) sum=$((sum + i)); done; }

say '{"type":"hello","protocol":1,"worker":{"name":"example-worker-sh","version":"1.0"},"devices":[{"device":"cpu","description":"one thread","total_memory_bytes":null}],"benchmarks":["custom"]}'
IFS= read -r job || exit 0 # Nothing was asked.

# Closed input means stop: somebody has to wait for it while the work goes on.
trap 'fail stopped "standard input was closed"' USR1
{ while read -r _; do :; done; kill -USR1 $$; } <&4 3>&- &
watcher=$!

# What this worker cannot do, it refuses.
number protocol; [ "$value" = 1 ] || fail invalid-job "this worker speaks version 1"
case $job in *'"work":{"benchmark":"custom",'*) ;; *) fail invalid-job "the only benchmark is custom" ;; esac
case $job in *'"device":"cpu"'*) ;; *) fail device-unavailable "this worker computes on the CPU" ;; esac
number threads; [ "$value" = 1 ] || fail invalid-job "this worker has one thread: set threads = 1"
case $job in
*'"parameters":{}'*) size=10000 parameters='{}' ;;
*'"parameters":{"size":'[0-9]*) number size; size=$value parameters="{\"size\":$size}" ;;
*) fail invalid-job "the only parameter is size" ;;
esac
number attempt; attempt=$value
number seed; seed=$value
number warmup_iterations; warm_ups=$value
number iterations; iterations=$value
name=${job#*\"case\":\"} name=${name%%\"*}

phase load
phase verify
add_up
[ "$sum" = $((size * (size + 1) / 2)) ] || fail verification "the sum is not n (n + 1) / 2"
phase warm-up
warmed_up=0
while [ $warmed_up -lt "$warm_ups" ]; do add_up; warmed_up=$((warmed_up + 1)); done
phase measure
measured=0
while [ $measured -lt "$iterations" ]; do
    start=$(date +%s%N)
    add_up
    time=$(($(date +%s%N) - start))
    measured=$((measured + 1))
    say "{\"type\":\"sample\",\"sample\":{\"benchmark\":\"custom\",\"iteration\":$measured,\"time_ns\":$time,\"values\":{}}}"
done
phase stop
while read -r field peak _; do [ "$field" = VmHWM: ] && break; done </proc/$$/status

work="{\"benchmark\":\"custom\",\"parameters\":$parameters,\"warmup_iterations\":$warmed_up,\"iterations\":$measured}"
used="{\"protocol\":1,\"case\":\"$name\",\"attempt\":$attempt,\"device\":\"cpu\",\"threads\":1,\"seed\":$seed,\"work\":$work}"
verification='{"method":"the sum against n (n + 1) / 2","compared":1,"max_relative_error":0,"tolerance":0}'
rest="\"environment\":{\"device\":\"cpu\"},\"memory\":{\"peak_resident_bytes\":$((peak * 1024))}"
trap '' USR1
say "{\"type\":\"finished\",\"result\":{\"used\":$used,\"verification\":$verification,$rest}}"
leave 0
