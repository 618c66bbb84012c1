"""Lines on a terminal and what a person answers to them."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tui.words.purge_words import Line, Tone

STYLES: dict[Tone, str] = {
    "": "",
    "strong": "bold",
    "muted": "dim",
    "warn": "yellow",
    "danger": "bold red",
    "good": "green",
}


LONGEST = 1 << 16
"""Bytes of a line; a terminal hands over whole lines, and none is as long as this."""


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is on the other side."""
    return stream is not None and stream.isatty()


def somebody_there() -> bool:
    """Whether a person can read a question and answer it."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def print_lines(lines: Iterable[Line], stream: TextIO) -> None:
    """Print lines: in colour and folded below each other on a terminal, otherwise each as long as it is."""
    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    texts = [[Text(text, STYLES[tone]) for text, tone in line] for line in lines]
    if not console.is_terminal:
        stream.write("".join(f"{Text.assemble(*spans).plain.rstrip()}\n" for spans in texts))
        return
    table = Table.grid()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, *spans in texts:
        table.add_row(label, Text.assemble(*spans))
    console.print(table)


def complain(sentence: str) -> None:
    """Write a sentence (without its full stop) to stderr."""
    sys.stderr.write(f"redtop: {sentence}.\n")


async def answer(question: str) -> str:
    """Ask on the terminal and return the line that was typed; "" when the terminal was closed.

    What was typed before the question was there is not an answer to it.
    """
    terminal = sys.stdin.fileno()
    termios.tcflush(terminal, termios.TCIFLUSH)
    sys.stderr.write(f"\n{question}\n> ")
    sys.stderr.flush()
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(terminal, readable.set)  # a thread that reads would outlive ctrl-c
    try:
        await readable.wait()
        line = os.read(terminal, LONGEST)
    except asyncio.CancelledError:
        sys.stderr.write("\n")
        raise
    except OSError:  # the terminal was closed
        line = b""
    finally:
        loop.remove_reader(terminal)
    return line.decode("utf-8", "surrogateescape").removesuffix("\n")
