"""Acme's commands."""

from __future__ import annotations

import sys
import time


def nap(parser):
    parser.set_defaults(run=_nap)


def _nap(arguments):
    print("asleep", flush=True)
    time.sleep(60)
    return 0


def spill(parser):
    parser.add_argument("--lines", type=int, default=1)
    parser.set_defaults(run=_spill)


def _spill(arguments):
    for number in range(arguments.lines):
        sys.stdout.write(f"line {number}\n")
    return 0


def crash(parser):
    parser.set_defaults(run=_crash)


def _crash(arguments):
    raise RuntimeError("the wheels came off")
