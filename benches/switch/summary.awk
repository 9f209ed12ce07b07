# awk -f summary.awk results.txt memory.txt delay.txt: medians per peer and rate, and each as a share of Kamailio's.

function median(key,    n, i, j, value, list) {
    n = split(values[key], list, " ")
    for (i = 2; i <= n; i++) {
        value = list[i] + 0
        for (j = i - 1; j >= 1 && list[j] + 0 > value; j--) list[j + 1] = list[j]
        list[j + 1] = value
    }
    return n % 2 ? list[(n + 1) / 2] + 0 : (list[n / 2] + list[n / 2 + 1]) / 2
}

function share(value, peer_value) { return peer_value > 0 ? sprintf("%.3f", value / peer_value) : "-" }

FILENAME ~ /results/ {
    key = $1 " " $2
    if (!(key in values)) { order[++keys] = key }
    values[key] = values[key] " " $7
    own[key] = own[key] " " $8
    failed[key] += $5
}
FILENAME ~ /memory/ { memory[$1] = $3; held[$1] = $2 }
FILENAME ~ /delay/ { delay[$1] = $3 }

END {
    printf "%-16s %8s %14s %8s %14s %12s\n", "switch", "calls/s", "µs CPU/call", "failed", "of Kamailio's", "SIPp µs/call"
    for (k = 1; k <= keys; k++) {
        split(order[k], part, " ")
        base = ("kamailio " part[2]) in values ? median("kamailio " part[2]) : 0
        line = median(order[k])
        values["own"] = own[order[k]]
        printf "%-16s %8d %14.1f %8d %13s %12.1f\n", part[1], part[2], line, failed[order[k]], share(line, base), median("own")
    }
    for (peer in memory) printf "%-16s %.2f KiB per held call (%d held), %s of Kamailio's\n", peer, memory[peer], held[peer], share(memory[peer], memory["kamailio"])
    for (peer in delay) printf "%-16s adds %s µs of post-dial delay at 100/s (p50)\n", peer, delay[peer]
}
