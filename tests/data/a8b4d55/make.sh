#!/usr/bin/env bash
# Made what lies beside it: a data folder as the program of commit a8b4d55 left it when it was killed, with calls of two tiers, free minutes
# and promotional credit that paid, payments in every state, a snapshot, a call that was up, and that program's answers to every question.
#
#   make.sh FOLDER       FOLDER: where to build and run; nothing is left of it but what is beside this script
#
# The program is built from that commit in a worktree, unless TOLLGATE_OLD names one and TOLLGATE_OLD_SNAPSHOT the built snapshot.rs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$1
mkdir -p "$work/run/decks" "$work/run/data"
if [ -z "${TOLLGATE_OLD:-}" ]; then
    git -C "$root" worktree add --force "$work/source" a8b4d55
    cp "$here/snapshot.rs" "$work/source/switch/store/examples/snapshot.rs"
    (cd "$work/source" && CARGO_TARGET_DIR="$work/target" cargo build --locked -p switch --bin tollgate \
        && CARGO_TARGET_DIR="$work/target" cargo build --locked -p store --example snapshot)
    TOLLGATE_OLD=$work/target/debug/tollgate TOLLGATE_OLD_SNAPSHOT=$work/target/debug/examples/snapshot
fi
drive=$root/tests/sipp/drive.sh
sip=127.0.0.1:15960 http=127.0.0.1:15980 alpha=127.0.0.1:15990
cd "$work/run"

printf '%s\n' prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until 34,Spain,0.60,1,1,0.01,, 44,UK,0.30,1,1,,, >decks/retail.csv
printf '%s\n' prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until 34,Spain,0.40,1,1,,, 44,UK,0.20,1,1,,, >decks/wholesale.csv
cat >tollgate.toml <<TOML
[node]
name = "sw1"
data_dir = "./data"
[sip]
listen = ["udp:$sip", "tcp:$sip"]
[http]
listen = "$http"
admin_token_file = "./data/admin.token"
[media]
mode = "bypass"
address = "127.0.0.1"
[journal]
checkpoint_secs = 1
[[payment_method]]
name = "bank"
currency = "EUR"
[[deck]]
name = "retail"
file = "decks/retail.csv"
currency = "EUR"
[[deck]]
name = "wholesale"
file = "decks/wholesale.csv"
currency = "EUR"
[[account]]
name = "acme"
currency = "EUR"
balance = "100.00"
deck = "wholesale"
[[account]]
name = "acme:shop"
currency = "EUR"
balance = "50.00"
deck = "retail"
[[gate]]
name = "acme-pbx"
account = "acme"
source = ["127.0.0.11"]
[[gate]]
name = "shop-pbx"
account = "acme:shop"
source = ["127.0.0.13"]
[[carrier]]
name = "alpha"
address = "sip:$alpha;transport=udp"
deck = "wholesale"
[[route]]
prefix = ""
carriers = ["alpha"]
TOML

start() {
    coproc SWITCH { exec "$TOLLGATE_OLD" run --config tollgate.toml 2>>switch.log; }
    switch=$SWITCH_PID
    read -r -u "${SWITCH[0]}" -t 60 ready && [[ $ready == ready* ]]
    token=$(cat data/admin.token)
}
api() { curl -fsS -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@"; }
post() { api -X POST -H "Idempotency-Key: $1" -d "$3" "http://$http/api/v1$2" >/dev/null; }
call() { "$drive" uac_call "$1:15970" -t "$sip" -n "$2" -d "$3" -c "${4:-1}" -o "$work/sipp"; }

start
"$drive" uas_answer "$alpha" -w 300 -o "$work/alpha" & carrier=$!
trap 'kill "$carrier" "$switch" 2>/dev/null || true' EXIT
while ! ss -lun | grep -q "$alpha"; do sleep 0.1; done
post g1 /accounts/acme:shop/grants '{"pocket":"free","kind":"minutes","seconds":3,"prefixes":["44"],"expires_at":"2099-01-01T00:00:00Z"}'
post g2 /accounts/acme:shop/grants '{"pocket":"welcome","kind":"promo","amount":"0.02","expires_at":"2099-01-01T00:00:00Z","reference":"welcome"}'
post k1 /accounts/acme/topups '{"amount":"25.00","reference":"invoice 17","method":"bank","fee":"0.35"}'
post k2 /accounts/acme/topups '{"amount":"30.00","reference":"invoice 18","method":"bank","state":"pending"}'
post k3 /accounts/acme/topups '{"amount":"5.00","reference":"by mistake"}'
post r3 /accounts/acme/topups/k3/reverse '{"cause":"wrong account"}'
post c1 /accounts/acme:shop/corrections '{"amount":"-0.10","reason":"price of May"}'
post f1 /accounts/acme:shop/charges '{"pieces":3,"price":"0.08","cause":"fax to 3901"}'
call 127.0.0.11 34911234567 1300
call 127.0.0.13 442071234567 4200
call 127.0.0.13 34911234567 2100
call 127.0.0.13 34911234567 300 3
post x1 /accounts/acme/reversals "{\"call\":\"$(api "http://$http/api/v1/cdrs?account=acme&limit=1" | sed -E 's/.*"id":"([0-9a-f]{32})".*/\1/')\",\"cause\":\"a test call\"}"
kill -9 "$switch"; wait "$switch" 2>/dev/null || true
"$TOLLGATE_OLD_SNAPSHOT" data
start
"$drive" uac_cutoff 127.0.0.13:15971 -t "$sip" -n 34600000001 -o "$work/held" >/dev/null 2>&1 & held=$!
until api "http://$http/api/v1/calls" | grep -q '"duration_ms":[3-9][0-9][0-9][0-9]'; do sleep 0.1; done
call 127.0.0.11 34911234567 200
kill -9 "$switch"; wait "$switch" 2>/dev/null || true
kill "$held" 2>/dev/null || true

rm -rf "$here/data" && mkdir -p "$here/data" "$here/answers"
cp data/journal.db data/journal.db-wal data/snapshot-* "$here/data/"
"$TOLLGATE_OLD" ledger verify --data data --json >"$here/answers/verify.json"
# the call that was up is closed by the next start
start
until [ "$(api "http://$http/api/v1/cdrs?limit=100" | grep -c node-lost)" = 1 ]; do sleep 0.1; done
for what in accounts cdrs 'accounts/acme/statement' 'accounts/acme:shop/statement' 'accounts/acme/topups' 'ledger/trial-balance'; do
    api "http://$http/api/v1/$what" >"$here/answers/$(tr '/:' '--' <<<"$what").json"
done
kill "$switch"; wait "$switch" 2>/dev/null || true
