#!/usr/bin/env bash
# Full disks, failed syncs and kills, mixed, on one journal under calls and charges: so many rounds (40), and what they came to.
#
#   torture.sh [ROUNDS]       as root (it mounts a small disk), with sipp and strace
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for need in sipp strace; do command -v "$need" >/dev/null || { echo "no $need on this machine" >&2; exit 2; }; done
TOLLGATE_TORTURE_ROUNDS=${1:-40} cargo test --locked --package switch --test interop -- --nocapture torture:: 2>&1 \
    | grep -E "^[0-9]+ rounds|^test |panicked|assertion|left:|right:"
