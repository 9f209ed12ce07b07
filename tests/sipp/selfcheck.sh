#!/usr/bin/env bash
# The scenarios against each other on loopback, without a switch between: callers from 127.0.0.11, carriers on 127.0.0.1,
# over UDP and TCP. Proves that a later failure is the switch's. Also proves that the strict callers can fail.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
port=${1:-19060} failed=0 done=0

# pair EXPECT CALLER CALLER_OPTIONS -- CARRIER CARRIER_OPTIONS: EXPECT is ok or fails
pair() {
    local expect=$1 caller=$2 mine=() theirs=()
    shift 2
    while [ "$1" != / ]; do mine+=("$1"); shift; done
    shift
    local carrier=$1
    shift
    theirs=("$@")
    # a pair that must work may take its time on a busy machine; one that must fail waits its limit out
    local limit=60
    [ "$expect" = ok ] || limit=8
    for transport in udp tcp; do
        port=$((port + 2))
        ./drive.sh "$carrier" "127.0.0.1:$port" -T $transport -c 3 -w $limit "${theirs[@]}" 2>/dev/null &
        local carrier_pid=$! result=ok
        until listening $port; do kill -0 $carrier_pid 2>/dev/null || break; done
        ./drive.sh "$caller" "127.0.0.11:$((port + 1))" -T $transport -t "127.0.0.1:$port" -c 3 -w $((limit - 2)) "${mine[@]}" 2>/dev/null || result=fails
        wait $carrier_pid || [ "$expect" = fails ] || result="fails (carrier)"
        done=$((done + 1))
        if [ "$result" = "$expect" ]; then echo "ok   $caller / $carrier over $transport"; else
            echo "FAIL $caller / $carrier over $transport: $result, expected: $expect"; failed=$((failed + 1)); fi
    done
}

# listening PORT: /proc/net lists local addresses as hexadecimal
listening() { grep -qi ":$(printf %04X "$1") " /proc/net/udp /proc/net/tcp; }

pair ok uac_call -d 300 / uas_answer
pair ok uac_call -d 100 / uas_late_answer -d 300
pair ok uac_call -d 100 / uas_early_media -d 200
pair ok uac_reliable -d 100 / uas_reliable -d 200
pair ok uac_cancel -d 200 / uas_ring
pair ok uac_cutoff / uas_hangup -d 500
pair ok uac_refused -- -set want 486 / uas_busy
pair ok uac_refused -- -set want 503 / uas_refuse
pair ok uac_cutoff / uas_refuse -f "402 Payment Required"
pair ok uac_g722 / uas_refuse -f "488 Not Acceptable Here"
pair fails uac_refused -- -set want 402 / uas_refuse
pair fails uac_reliable / uas_early_media
pair fails uac_g722 / uas_busy
echo "$((done - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
