#!/usr/bin/env bash
# Runs one SIPp scenario of this folder with the settings that all tests share.
#
#   drive.sh SCENARIO LOCAL_IP:PORT [-T udp|tcp] [-t TARGET_IP:PORT] [-c CALLS] [-n NUMBER] [-d MS] [-r CALLS_PER_S]
#            [-f "404 Not Found"] [-w SECONDS] [-o FOLDER] [-- MORE SIPP OPTIONS]
#
# With -t the scenario calls, without it it waits for CALLS calls (0, its default: until it is stopped). -n is the called
# number, -d the scenario's pause (ringing, talking), -f the final answer of uas_refuse, -w the longest run, -o where its
# logs go. Exit status: 0 only if every call ended as the scenario says; otherwise the last messages are shown.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
scenario=$1 local=$2 transport=u1 target= calls= number=34911234567 pause=0 rate=10 limit=60 final= out=
shift 2
while getopts T:t:c:n:d:r:f:w:o: flag; do
    case $flag in
        T) case $OPTARG in udp) transport=u1 ;; tcp) transport=t1 ;; *) echo "-T udp or tcp, not $OPTARG" >&2; exit 2 ;; esac ;;
        t) target=$OPTARG ;; c) calls=$OPTARG ;; n) number=$OPTARG ;; d) pause=$OPTARG ;;
        r) rate=$OPTARG ;; f) final=$OPTARG ;; w) limit=$OPTARG ;; o) out=$OPTARG ;; *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
command -v sipp >/dev/null || { echo "no sipp: apt-get install sip-tester" >&2; exit 2; }
[ -n "$out" ] || { out=$(mktemp -d); trap 'rm -rf "$out"' EXIT; }
mkdir -p "$out"
file=$here/$scenario.xml
# SIPp wants the status as plain text, so another one is written into a copy
[ -z "$final" ] || { sed "s/503 Service Unavailable/$final/" "$file" >"$out/$scenario.xml" && file=$out/$scenario.xml; }
# an IPv6 address comes in brackets, as SIPp wants it where it calls, but not where it stands
at=${local%:*} at=${at#[} at=${at%]}
args=(-sf "$file" -i "$at" -p "${local##*:}" -mi "$at" -bind_local -t "$transport" -nostdin -d "$pause"
      -trace_err -error_file "$out/$scenario.err" -trace_logs -log_file "$out/$scenario.log" -timeout "${limit}s" -timeout_error
      -deadcall_wait 0 -timer_resol 1)
[ -z "$target" ] || args=("$target" "${args[@]}" -s "$number" -r "$rate" -m "${calls:-1}")
[ -n "$target" ] || [ "${calls:-0}" = 0 ] || args+=(-m "$calls")
cd "$out"
status=0
sipp "${args[@]}" "$@" >"$out/$scenario.screen" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
    echo "$scenario: sipp ended with $status" >&2
    tail -n 40 "$out/$scenario.err" >&2 2>/dev/null || tail -n 20 "$out/$scenario.screen" >&2
fi
exit "$status"
