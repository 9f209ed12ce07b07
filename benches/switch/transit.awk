# tcpdump -tt -nn -A -r FILE | awk -v port=25060 -f transit.awk: how long the switch on `port` holds INVITEs and 180s.
# A message is known on both sides by its From user, which a proxy and a back-to-back user agent both keep. The delay that
# a caller feels is the INVITE's time inside plus the 180's. Prints: calls, p50, p90 and p99 in microseconds.

function flush_message() {
    if (kind == "" || user == "" || method != "INVITE") return
    key = user " " kind
    if (to_switch) { if (!(key in entered)) entered[key] = at }
    else if ((key in entered) && !(key in left)) left[key] = at
}

/^[0-9]+\.[0-9]+ IP / {
    flush_message()
    at = $1; kind = user = method = ""
    to_switch = ($5 ~ ("\\." port ":$"))
    next
}
kind == "" && /INVITE sip:/ { kind = "INVITE" }
kind == "" && /SIP\/2.0 180/ { kind = "180" }
/^From:/ || /^f:/ { user = $0; sub(/^.*<sip:/, "", user); sub(/@.*$/, "", user) }
/^CSeq:/ { method = $3; sub(/\r/, "", method) }

END {
    flush_message()
    for (key in left) {
        split(key, part, " ")
        # seconds since the epoch to a microsecond need all 53 bits: take the difference first
        if (part[2] == "INVITE" && (part[1] " 180") in left) {
            total = (left[key] - entered[key]) + (left[part[1] " 180"] - entered[part[1] " 180"])
            delay[++calls] = total * 1e6
        }
    }
    for (i = 2; i <= calls; i++) {
        value = delay[i]
        for (j = i - 1; j >= 1 && delay[j] > value; j--) delay[j + 1] = delay[j]
        delay[j + 1] = value
    }
    if (calls == 0) { print 0, "-", "-", "-"; exit }
    printf "%d %.0f %.0f %.0f\n", calls, delay[int((calls + 1) * 0.5)], delay[int(1 + (calls - 1) * 0.9)], delay[int(1 + (calls - 1) * 0.99)]
}
