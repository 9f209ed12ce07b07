#!/usr/bin/env bash
# Tollgate and Kamailio in turn, with the same calls, prefixes and rates: CPU per call, failed calls, memory per held call,
# delay added. The switch has core 1, SIPp core 0. Needs root for what is missing in apt and for the delay (capture).
#
#   benches/switch/run.sh [-p "kamailio tollgate"] [-r "1000 2000"] [-n RUNS] [-s SECONDS] [-m HELD_CALLS] [-H]
#
# -m 0 leaves memory out, -d 0 the delay; -H adds `kamailio-hiding`, Kamailio with its topology hidden as ours always is.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../.ci/prepare"
source "$here/peers.sh"

peers="kamailio tollgate" rates="1000 2000" runs=3 seconds=5 held=10000 delay_calls=1500
while getopts p:r:n:s:m:d:H flag; do
    case $flag in
        p) peers=$OPTARG ;; r) rates=$OPTARG ;; n) runs=$OPTARG ;; s) seconds=$OPTARG ;;
        m) held=$OPTARG ;; d) delay_calls=$OPTARG ;; H) peers="$peers kamailio-hiding" ;; *) exit 2 ;;
    esac
done

need sipp sip-tester taskset util-linux
case $peers in *kamailio*) need kamailio kamailio sqlite3 sqlite3
    [ -e /usr/share/kamailio/db_sqlite ] || need "no such command" kamailio-sqlite-modules ;; esac
[ "$delay_calls" = 0 ] || need tcpdump tcpdump
[ "$(nproc)" -ge 2 ] || fail "two cores are needed: one for the switch, one for the load"
[ -n "${TOLLGATE:-}" ] || case $peers in *tollgate*) say "building tollgate"; cargo build --release --locked --package switch --bin tollgate ;; esac

# a session, and so a scheduler group, of its own: other work on the machine disturbs short runs less; without root a plain run
if [ -z "${BENCH_SESSION:-}" ]; then
    BENCH_SESSION=1 setsid "$here/run.sh" -p "$peers" -r "$rates" -n "$runs" -s "$seconds" -m "$held" -d "$delay_calls" &
    trap 'kill $! 2>/dev/null' INT TERM
    wait $! && exit 0 || exit $?
fi
trap 'exit 130' INT TERM
{ echo -10 >/proc/self/autogroup && renice -n -10 $$; } >/dev/null 2>&1 || true

work="$PWD/target/bench-switch"
rm -rf "$work" && mkdir -p "$work" && cd "$work"
awk -v count=5000 -f "$here/prefixes.awk" >prefixes.txt
awk -v count=2000 -v numbers=1 -f "$here/prefixes.awk" prefixes.txt >numbers.csv
hz=$(getconf CLK_TCK)
switch_pid=
trap 'stop_switch; stop_load' EXIT

# --- what /proc says -------------------------------------------------------------------------------------------------

tree() { local pid; for pid in "$@"; do echo "$pid"; tree $(cat /proc/"$pid"/task/*/children 2>/dev/null || true); done; }
# user and system time of a process and its children in ticks; /proc/PID/stat counts all threads
ticks() { local pid; for pid in $(tree "$1"); do sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null || true; done | awk '{ t += $12 + $13 } END { print t + 0 }'; }
# proportional memory of the same, in KiB
memory() { local pid; for pid in $(tree "$1"); do cat "/proc/$pid/smaps_rollup" 2>/dev/null || true; done | awk '$1 == "Pss:" { t += $2 } END { print t + 0 }'; }

# --- load ------------------------------------------------------------------------------------------------------------

load_pids=()
stop_load() {
    local pid tries=0
    for pid in "${load_pids[@]}"; do kill -9 $(tree "$pid") 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
    load_pids=()
    while { listening $CARRIER_PORT || listening $CALLER_PORT; } && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
}
sipp_quiet() { taskset -c 0 sipp "$@" -nostdin -bind_local -timer_resol 1 -max_recv_loops 5000 -max_sched_loops 5000 -buff_size 4000000 -deadcall_wait 0; }

start_carrier() {
    ! listening $CARRIER_PORT || fail "something listens on 127.0.0.1:$CARRIER_PORT already"
    sipp_quiet -sf "$here/carrier.xml" -i 127.0.0.1 -p $CARRIER_PORT >/dev/null 2>carrier.err &
    load_pids+=($!)
    until listening $CARRIER_PORT; do kill -0 "${load_pids[-1]}" 2>/dev/null || fail "the carrier's SIPp died: $(cat carrier.err)"; sleep 0.05; done
}

# call PORT RATE CALLS HOLD_MS NAME: places the calls; NAME.csv gets SIPp's counts, NAME.time the seconds of CPU that SIPp spent
call() {
    local TIMEFORMAT='%U %S'
    { time sipp_quiet "127.0.0.1:$1" -sf "$here/caller.xml" -inf "$work/numbers.csv" -i 127.0.0.11 -p $CALLER_PORT -r "$2" -m "$3" -d "$4" \
        -l "$3" -timeout $(($3 / $2 + $4 / 1000 + 25))s -trace_stat -stf "$5.csv" -fd 1 >/dev/null 2>"$5.err" || true; } 2>"$5.time"
    # a failed call is a result, a SIPp that could not start is none
    ! grep -q 'Unable to' "$5.err" || fail "SIPp: $(tail -n 1 "$5.err")"
}
# counted NAME COLUMN: SIPp's latest figure
counted() { awk -F';' -v want="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == want) c = i } END { print $c + 0 }' "$1.csv"; }

# --- measurements ----------------------------------------------------------------------------------------------------

# one line in results.txt: peer rate calls ok failed retransmissions µs_per_call sipp_µs_per_call
measure_cpu() {
    local peer=$1 rate=$2 calls=$(($2 * seconds)) before carrier_before
    start_carrier
    start_switch "$peer"
    call $SWITCH_PORT 100 100 200 warm
    before=$(ticks "$switch_pid") carrier_before=$(ticks "${load_pids[0]}")
    call $SWITCH_PORT "$rate" "$calls" 500 load
    sleep 1
    local spent=$(($(ticks "$switch_pid") - before)) carrier=$(($(ticks "${load_pids[0]}") - carrier_before)) ok
    ok=$(counted load "SuccessfulCall(C)")
    awk -v peer="$peer" -v rate="$rate" -v calls="$calls" -v ok="$ok" -v again="$(counted load "Retransmissions(C)")" -v spent="$spent" -v carrier="$carrier" \
        -v caller="$(awk '{ print $1 + $2 }' load.time)" -v hz="$hz" 'BEGIN {
            if (ok == 0) ok_or_one = 1; else ok_or_one = ok
            printf "%s %d %d %d %d %d %.1f %.1f\n", peer, rate, calls, ok, calls - ok, again, spent * 1e6 / hz / ok_or_one, (carrier / hz + caller) * 1e6 / calls }' | tee -a results.txt
    stop_switch
    stop_load
}

# one line in memory.txt: peer held KiB_per_call
measure_memory() {
    local peer=$1 before after up rate=500
    start_carrier
    start_switch "$peer"
    call $SWITCH_PORT 100 200 200 warm
    before=$(memory "$switch_pid")
    call $SWITCH_PORT $rate "$held" $(((held / rate + 30) * 1000)) held &
    load_pids+=($!)
    sleep $((held / rate + 3))
    after=$(memory "$switch_pid")
    up=$(counted held CurrentCall)
    awk -v peer="$peer" -v up="$up" -v grown=$((after - before)) 'BEGIN { printf "%s %d %.2f\n", peer, up, grown / (up ? up : 1) }' | tee -a memory.txt
    stop_switch
    stop_load
}

# one line in delay.txt: peer calls p50 p90 p99, in microseconds
measure_delay() {
    local peer=$1 dump
    start_carrier
    start_switch "$peer"
    call $SWITCH_PORT 100 100 200 warm
    : >dump.err
    tcpdump -i lo -Z "$(id -un)" -B 16384 -s 900 -U -w capture.pcap udp port $SWITCH_PORT >/dev/null 2>dump.err &
    dump=$!
    until grep -q 'listening on' dump.err; do kill -0 $dump 2>/dev/null || { echo "no capture: $(cat dump.err)" >&2; stop_switch; stop_load; return 0; }; done
    call $SWITCH_PORT 100 "$delay_calls" 300 delay
    sleep 0.5
    kill $dump && wait $dump 2>/dev/null || true
    echo "$peer $(tcpdump -tt -nn -A -r capture.pcap 2>/dev/null | awk -v port=$SWITCH_PORT -f "$here/transit.awk")" | tee -a delay.txt
    rm -f capture.pcap
    stop_switch
    stop_load
}

say "CPU per call: peer rate calls ok failed retransmissions µs/call sipp_µs/call"
: >results.txt
for run in $(seq "$runs"); do for rate in $rates; do for peer in $peers; do measure_cpu "$peer" "$rate"; done; done; done
: >memory.txt
if [ "$held" -gt 0 ]; then
    say "memory: peer held_calls KiB/call"
    for peer in $peers; do measure_memory "$peer"; done
fi
: >delay.txt
if [ "$delay_calls" -gt 0 ]; then
    say "delay added at 100/s: peer calls p50 p90 p99 (µs)"
    for peer in $peers; do measure_delay "$peer"; done
fi
say "medians of $runs run(s)"
awk -f "$here/summary.awk" results.txt memory.txt delay.txt
