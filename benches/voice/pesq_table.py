#!/usr/bin/env python3
"""PESQ (narrow band) of what was heard against what was spoken: `pesq_table.py FOLDER`, as run.sh leaves it.

Each file is cut into pieces of some eight seconds, as PESQ is meant for, and their values are averaged.
"""
import pathlib
import sys

import numpy
from pesq import pesq

PIECE = 8 * 8000
DELAY_MAX = 800


def load(path):
    return numpy.fromfile(path, dtype="<i2").astype(numpy.float64)


def aligned(spoken, heard):
    """What was heard, moved by the delay of up to 100 ms at which it is most like what was spoken."""
    part = spoken[8000 : 8000 * 12]
    best = max(range(DELAY_MAX), key=lambda delay: float(numpy.dot(part, heard[8000 + delay : 8000 + delay + len(part)])))
    return heard[best:], best


def score(spoken, heard):
    heard, delay = aligned(spoken, heard)
    length = min(len(spoken), len(heard))
    values = [
        pesq(8000, spoken[at : at + PIECE] / 32768, heard[at : at + PIECE] / 32768, "nb")
        for at in range(0, length - PIECE, PIECE)
    ]
    return sum(values) / len(values), delay


folder = pathlib.Path(sys.argv[1])
names = sorted({path.name for kind in ("clean", "noisy") for path in (folder / kind).glob("*.raw")})
print(f"{'heard':<28} {'clean':>7} {'noisy':>7} {'delay':>6}")
for name in names:
    row = []
    for kind in ("clean", "noisy"):
        path = folder / kind / name
        row.append(score(load(folder / f"{kind}.raw"), load(path)) if path.exists() else (float("nan"), 0))
    print(f"{name.removesuffix('.raw'):<28} {row[0][0]:7.3f} {row[1][0]:7.3f} {row[0][1] / 8:4.0f}ms")
