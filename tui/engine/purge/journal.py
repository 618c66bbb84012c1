"""The file that makes a purge safe: what every key held, on disk before the key goes."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.purge.frames import (
    BatchAt,
    Header,
    Mark,
    Outline,
    Record,
    frame,
    pack_records,
    read_outline,
    read_records,
    verify,
)

_sync = getattr(os, "fdatasync", os.fsync)
_pwrite = os.pwrite


class Journal:
    """A journal that is written to; only one process at a time has it open."""

    def __init__(self, path: Path, descriptor: int, outline: Outline) -> None:
        self.path = path
        self.outline = outline
        self._descriptor = descriptor
        self._numbers = max((batch.number for batch in outline.batches), default=0)
        self._guard = threading.Lock()
        """Batches are appended in threads; a cancelled one goes on there, and closing waits for it."""
        self._marks = b""
        """What need not be on disk at once: it is written with what comes next."""

    @classmethod
    def create(cls, folder: Path, header: Header, suffix: str = "journal") -> Journal:
        """Begin a journal, and make sure that its name is on disk.

        Raises:
            Unavailable: the folder or the disk does not allow it.
        """
        when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(header.made_at))
        path = folder / f"{when}-{header.id}.{suffix}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise of_disk(error) from None
        journal = cls(path, descriptor, Outline(header))
        try:
            journal._write(frame(Mark.HEADER, msgspec.json.encode(header)), durable=True)
            _sync_folder(folder)
        except BaseException:
            journal.discard()
            raise
        return journal

    @classmethod
    def reopen(cls, path: Path) -> Journal:
        """Go on writing to a journal; a torn end is cut off.

        Raises:
            Unavailable: it cannot be read, is damaged, or another redtop is at it.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise of_disk(error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            outline = read_outline(descriptor)
            verify(descriptor, outline)
            os.ftruncate(descriptor, outline.size)
        except BlockingIOError:
            os.close(descriptor)
            raise Unavailable(Failure(Kind.JOURNAL, "another redtop is at work with this journal")) from None
        except OSError as error:
            os.close(descriptor)
            raise of_disk(error) from None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, outline)

    def append(self, records: Sequence[tuple[bytes, bytes, int]]) -> int:
        """Write a batch of `Record`s; when this returns it is on disk. Returns its number.

        Raises:
            Unavailable: it could not be written; what was is taken back.
        """
        body = pack_records(records)
        with self._guard:
            number = self._numbers = self._numbers + 1
            end = self._write(frame(Mark.BATCH, body, number, len(records)), durable=True)
            self.outline.batches.append(BatchAt(number, end - len(body), len(body), len(records)))
        return number

    def settle(self, number: int, left: Sequence[int] = ()) -> None:
        """Take note that a batch is removed, but for the records at these places.

        It is written with the next batch: without this mark undo tries them all, and finds out which are there.
        """
        self._marks += frame(Mark.SETTLED, array("I", left).tobytes(), number)
        self.outline.left[number] = frozenset(left)

    def end(self, account: dict[str, int | bool]) -> None:
        """Write the end mark."""
        with self._guard:
            self._write(frame(Mark.END, msgspec.json.encode(account)), durable=True)
        self.outline.end = account

    def undone(self, number: int, records: int, account: Mapping[str, int]) -> None:
        """Take note that the undo is through with so many records of a batch, and what came of those since the last."""
        with self._guard:
            self._write(frame(Mark.UNDO, msgspec.json.encode(account), number, records), durable=False)
        self.outline.undone[number] = records
        self.outline.account.update(account)

    def finish_undo(self) -> None:
        """Take note that all was brought back that can be."""
        with self._guard:
            self._write(frame(Mark.UNDONE, b"{}"), durable=True)
        self.outline.finished_undo = True

    def records(self, batch: BatchAt) -> list[Record]:
        """Read a batch."""
        return read_records(self._descriptor, batch)

    def close(self) -> None:
        """Close the file; harmless when it is closed already."""
        with self._guard:
            if self._descriptor >= 0:
                with suppress(Unavailable):
                    self._write(b"", durable=False)
                os.close(self._descriptor)
                self._descriptor = -1

    def discard(self) -> None:
        """Close the file and remove it: nothing was removed from the server."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _write(self, data: bytes, *, durable: bool) -> int:
        """Append, behind the marks that wait; return where it ends. The guard is held."""
        marks, self._marks = self._marks, b""
        data = marks + data
        try:
            _write_all(self._descriptor, data, self.outline.size)
            if durable:
                _sync(self._descriptor)
        except OSError as error:
            self._take_back()
            raise of_disk(error) from None
        self.outline.size += len(data)
        return self.outline.size

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self.outline.size)
        except OSError:
            return  # readers ignore a torn end


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = _pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise of_disk(error) from None


def of_disk(error: OSError) -> Unavailable:
    """Name what the disk did."""
    return Unavailable(Failure(Kind.JOURNAL, f"the journal cannot be used: {error.strerror or 'the disk fails'}"))
