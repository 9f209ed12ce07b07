# Sourced by run.sh: how each switch is configured, started and stopped. Equal prefixes, two carriers, one gate.
# After start_switch, $switch_pid is the running switch and it listens on SWITCH_PORT.

SWITCH_PORT=25060 CARRIER_PORT=25080 SPARE_PORT=25081 CALLER_PORT=25070 HTTP_PORT=25090

# /proc/net lists local ports in hexadecimal
listening() { grep -qi ":$(printf %04X "$1") 00000000:0000" /proc/net/udp; }

start_switch() {
    ! listening $SWITCH_PORT || fail "something listens on 127.0.0.1:$SWITCH_PORT already"
    rm -rf "$work/$1" && mkdir -p "$work/$1"
    case $1 in
        kamailio) start_kamailio "$work/$1" ;;
        kamailio-hiding) start_kamailio "$work/$1" -A TOPOLOGY ;;
        tollgate) start_tollgate "$work/$1" ;;
        *) fail "no peer $1: kamailio, kamailio-hiding or tollgate" ;;
    esac
    local tries=0
    until listening $SWITCH_PORT; do
        kill -0 "$switch_pid" 2>/dev/null || fail "$1 died: $(tail -n 20 "$work/$1/log")"
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "$1 does not listen after 10 s: $(tail -n 20 "$work/$1/log")"
        sleep 0.05
    done
    sleep 0.5
}

stop_switch() {
    [ -n "$switch_pid" ] || return 0
    kill "$switch_pid" 2>/dev/null || true
    # the second one tells Tollgate not to wait for calls
    sleep 0.2
    kill "$switch_pid" 2>/dev/null || true
    local tries=0
    while kill -0 "$switch_pid" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    kill -9 $(tree "$switch_pid") 2>/dev/null || true
    wait "$switch_pid" 2>/dev/null || true
    switch_pid=
}

start_kamailio() {
    local dir=$1 schema=/usr/share/kamailio/db_sqlite
    shift
    mkdir -p "$dir/cdr"
    {
        cat $schema/standard-create.sql $schema/permissions-create.sql $schema/drouting-create.sql
        echo "BEGIN;"
        echo "INSERT INTO address (grp, ip_addr, mask) VALUES (1, '127.0.0.11', 32);"
        echo "INSERT INTO dr_gateways (gwid, type, address, strip, description) VALUES (1, 1, '127.0.0.1:$CARRIER_PORT', 0, 'alpha'), (2, 1, '127.0.0.1:$SPARE_PORT', 0, 'beta');"
        awk '{ printf "INSERT INTO dr_rules (groupid, prefix, timerec, priority, routeid, gwlist, description) VALUES (%s0%s, %s%s%s, %s%s, 1, %s0%s, %s1,2%s, %s%s);\n", q, q, q, $1, q, q, q, q, q, q, q, q, q }' q="'" prefixes.txt
        echo "COMMIT;"
    } | sqlite3 "$dir/routes.db"
    taskset -c 1 "$(command -v kamailio || echo /usr/sbin/kamailio)" -DD -E -f <(sed "s/PORT$/$SWITCH_PORT/" "$here/kamailio.cfg") -Y "$dir" -w "$dir" -m 2048 -M 16 \
        -A DBURL=\"sqlite:///"$dir"/routes.db\" -A CDRURL=\"flatstore:"$dir"/cdr\" "$@" >"$dir/log" 2>&1 &
    switch_pid=$!
}

start_tollgate() {
    local dir=$1
    { echo "prefix,destination,rate,initial,increment,connect_fee"
      awk '{ printf "%s,Zone %s,0.%05d,%s,0\n", $1, $1, 500 + NR * 7 % 9000, NR % 3 ? "1,1" : "30,6" }' prefixes.txt; } >"$dir/deck.csv"
    { echo "prefix,carriers"; awk '{ print $1 ",alpha beta" }' prefixes.txt; } >"$dir/routes.csv"
    cat >"$dir/tollgate.toml" <<TOML
[node]
name = "bench"
data_dir = "$dir/data"
drain_secs = 1

[sip]
listen = ["udp:127.0.0.1:$SWITCH_PORT", "tcp:127.0.0.1:$SWITCH_PORT"]

[http]
listen = "127.0.0.1:$HTTP_PORT"
admin_token_file = "$dir/admin.token"

[media]
mode = "bypass"
address = "127.0.0.1"

[[deck]]
name = "retail"
file = "$dir/deck.csv"
currency = "EUR"

[[account]]
name = "load"
currency = "EUR"
balance = "1000000.00"
deck = "retail"

[[gate]]
name = "load"
account = "load"
source = ["127.0.0.11"]
codecs = ["PCMA", "PCMU", "G729"]
max_calls = 100000
max_cps = 100000
max_call_secs = 14400

[[carrier]]
name = "alpha"
address = "sip:127.0.0.1:$CARRIER_PORT;transport=udp"
max_calls = 100000

[[carrier]]
name = "beta"
address = "sip:127.0.0.1:$SPARE_PORT;transport=udp"
max_calls = 100000

[[routes]]
file = "$dir/routes.csv"
TOML
    taskset -c 1 "${TOLLGATE:-$work/../release/tollgate}" run --config "$dir/tollgate.toml" >"$dir/log" 2>&1 &
    switch_pid=$!
}
