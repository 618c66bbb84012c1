"""What the dashboard costs the terminal and the machine it runs on.

    python -m benchmarks.screen

Starts the demo's server and workload as processes of their own, then redtop in a pseudo terminal, and measures redtop
from outside: time to the first picture, CPU, memory, bytes written, and the time from a key to its effect on screen.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec

import psutil

from benchmarks.machine import describe
from benchmarks.terminal import Terminal
from tui.demo import Demo

KEYS = 200
"""Presses for the 99th percentile."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long to watch the idle dashboard")
    parser.add_argument("--columns", type=int, default=120)
    parser.add_argument("--rows", type=int, default=40)
    options = parser.parse_args()
    assert find_spec("tui")
    print(describe())
    print(f"redtop --version      {statistics.median(_version() for _ in range(5)):7.3f} s     (promise: 0.2)")
    with Demo() as demo:
        demo.wait_filled()
        command = [sys.executable, "-m", "tui", "-h", "127.0.0.1", "-p", str(demo.port)]
        first = [_first_paint(command, options) for _ in range(5)]
        print(f"first paint           {statistics.median(first):7.3f} s     (promise: 0.8)")
        _idle(command, options)


def _version() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tui", "--version"], check=True, capture_output=True)
    return time.perf_counter() - started


def _first_paint(command: list[str], options: argparse.Namespace) -> float:
    with Terminal(command, options.columns, options.rows) as terminal:
        at, _ = terminal.read_until(b"Namespaces", 10)
        return at - terminal.started


def _idle(command: list[str], options: argparse.Namespace) -> None:
    with Terminal(command, options.columns, options.rows) as terminal:
        terminal.read(5)
        process = psutil.Process(terminal.process.pid)
        before, started = process.cpu_times(), time.perf_counter()
        written = len(terminal.read(options.seconds))
        after, elapsed = process.cpu_times(), time.perf_counter() - started
        cpu = (after.user + after.system - before.user - before.system) / elapsed
        print(f"CPU, idle at 1 Hz     {100 * cpu:7.1f} %     (promise: 5, of one core)")
        print(f"memory                {process.memory_info().rss / 1e6:7.1f} MB    (promise: 120)")
        print(f"written, idle at 1 Hz {written / elapsed / 1000:7.2f} KB/s  (promise: 8, at 120x40)")
        delays = sorted(_press(terminal) for _ in range(KEYS))
        print(
            f"key to paint          {1000 * delays[int(0.99 * KEYS)]:7.1f} ms    (promise: 50, p99 of {KEYS};"
            f" median {1000 * statistics.median(delays):.1f})"
        )


def _press(terminal: Terminal) -> float:
    """Move the cursor of the namespaces table down or up and wait for the cursor's mark to be drawn."""
    terminal.read(0.037)  # not in step with the refresh
    _press.down = not getattr(_press, "down", False)  # type: ignore[attr-defined]
    started = time.perf_counter()
    terminal.write(b"j" if _press.down else b"k")  # type: ignore[attr-defined]
    at, _ = terminal.read_until("▌".encode(), 2)
    return at - started


if __name__ == "__main__":
    main()
