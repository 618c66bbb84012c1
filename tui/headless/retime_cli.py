"""`redtop undo` of a change of TTLs: put the old expiries back, or finish what was interrupted."""

from __future__ import annotations

import sys

from tui.engine.expiry.retime.account import Progress, Receipt, UndoCounts, UndoReceipt
from tui.engine.expiry.retime.finish import finish
from tui.engine.expiry.retime.undo import undo
from tui.engine.place import Place
from tui.engine.purge.journals import Entry
from tui.engine.purge.request import Target
from tui.headless.on_server import Stop
from tui.headless.purge_json import write
from tui.headless.purge_print import print_lines
from tui.headless.purge_progress import end_of
from tui.headless.retime_json import of_finish, of_undo
from tui.options import FINE, NOT_ALL
from tui.words.retime_words import receipt_lines, undo_receipt_lines
from tui.words.units import count
from tui.words.units import rate as per_second


async def undo_ttls(place: Place, entry: Entry, stop: Stop, *, share: float, rate: float | None, as_json: bool) -> int:
    """Put back what a change of TTLs has replaced, print the receipt, and return the exit code."""
    started, here = place.clock.now(), Target.of(place)
    receipt = await end_of(undo(place, entry.path, share=share, rate=rate, stop=stop), UndoReceipt, _undo_words)
    if as_json:
        restarted = entry.target is not None and not here.is_still(entry.target)
        write(of_undo(receipt, entry, restarted=restarted, seconds=place.clock.now() - started), sys.stdout)
    else:
        print_lines(undo_receipt_lines(receipt), sys.stdout)
    counts = receipt.counts
    if receipt.cancelled:
        return stop.code
    left = counts.changed + counts.past + counts.failed + counts.remaining
    return NOT_ALL if left or receipt.failure is not None else FINE


async def finish_ttls(
    place: Place, entry: Entry, stop: Stop, *, share: float, rate: float | None, as_json: bool
) -> int:
    """Bring an interrupted change of TTLs to its end, print the receipt, and return the exit code."""
    receipt = await end_of(finish(place, entry.path, share=share, rate=rate, stop=stop), Receipt, _progress_words)
    if as_json:
        write(of_finish(receipt), sys.stdout)
    else:
        print_lines(receipt_lines(receipt), sys.stdout)
    counts = receipt.counts
    if receipt.cancelled:
        return stop.code
    left = counts.changed + counts.failed + counts.skipped + counts.unknown
    return NOT_ALL if left or receipt.failure is not None else FINE


def _undo_words(seen: UndoCounts) -> tuple[str, float]:
    done = seen.restored + seen.changed + seen.gone + seen.past + seen.failed
    return f"{count(seen.remaining)} left", done / max(1, done + seen.remaining)


def _progress_words(seen: Progress) -> tuple[str, float]:
    left = seen.planned - seen.counts.decided
    words = seen.waiting.sentence if seen.waiting else f"{count(left)} left, {per_second(seen.keys_per_s)}"
    return words, seen.counts.decided / max(1, seen.planned)
