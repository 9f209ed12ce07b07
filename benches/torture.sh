#!/usr/bin/env bash
# Full disks, failed syncs and kills, mixed, on one journal under calls and charges: so many rounds (40), and what they came to.
#
#   torture.sh [ROUNDS]       as root (it mounts a small disk), with sipp and strace
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "$(id -u)" = 0 ] || { echo "not root: the small disk cannot be mounted" >&2; exit 2; }
for need in sipp strace; do command -v "$need" >/dev/null || { echo "no $need on this machine" >&2; exit 2; }; done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The whole log only if something is wrong. A disk that cannot be mounted passes the test without a round.
if TOLLGATE_TORTURE_ROUNDS=${1:-40} cargo test --locked --package switch --test interop -- --nocapture torture:: >"$log" 2>&1 \
    && grep -E "^${1:-40} rounds" "$log" && ! grep "no failed syncs" "$log"; then exit 0; fi
cat "$log" >&2
exit 1
