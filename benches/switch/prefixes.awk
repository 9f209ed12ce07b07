# awk -v count=5000 -f prefixes.awk: distinct number prefixes of 2 to 7 digits, the same on every run.
# awk -v count=2000 -v numbers=1 -f prefixes.awk PREFIXES: SIPp's list of called numbers below those prefixes.

# Park and Miller's generator; every product stays below 2^53, so any awk computes it exactly
function next_random(below) {
    seed = (seed * 16807) % 2147483647
    return seed % below
}

BEGIN {
    seed = 20240229
    if (numbers) { print "SEQUENTIAL"; next_random(1) }
    else {
        split("1 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 7 81 82 84 86 90 91 92 93 94 95 98 212 216 234 254 351 353 358 380 420 593 595 598 852 886 966 971 972", zone, " ")
        zones = 0
        while ((zones + 1) in zone) zones++
        while (made < count) {
            prefix = zone[1 + next_random(zones)]
            for (more = next_random(6); more > 0 && length(prefix) < 7; more--) prefix = prefix next_random(10)
            if (length(prefix) >= 2 && !(prefix in seen)) { seen[prefix] = 1; made++; print prefix }
        }
        exit
    }
}

numbers { list[NR] = $1 }

END {
    if (!numbers) exit
    for (n = 0; n < count; n++) {
        number = list[1 + next_random(NR)]
        for (goal = 11 + next_random(4); length(number) < goal; ) number = number next_random(10)
        print number
    }
}
