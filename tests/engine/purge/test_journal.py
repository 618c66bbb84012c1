"""The journal as a file: whatever is cut off is ignored, whatever is damaged is refused, and limits are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers import Server
from tui.engine.failure import Kind, Unavailable
from tui.engine.purge.frames import FORMAT, HEAD_BYTES, Header, Outline, Record, read_outline, read_records, verify
from tui.engine.purge.journal import Journal
from tui.engine.purge.journals import State, journals, prune
from tui.engine.purge.request import Target
from tui.engine.purge.sameness import is_same

TARGET = Target("localhost", 6379, None, 0, "f" * 40, "primary", "Valkey", "9.1.2")
RECORDS = [Record(b"k:%d" % n, b"payload %d" % n, n - 1) for n in range(5)]


def header(number: int = 1, when: float = 1000.0) -> Header:
    return Header(FORMAT, "redtop", f"{number:08x}", when, TARGET, b"k:\xff", False, (b"*x",), 0, (), 5)


def written(folder: Path, number: int = 1, when: float = 1000.0) -> Path:
    journal = Journal.create(folder, header(number, when))
    journal.settle(journal.append(RECORDS), [1])
    journal.append(RECORDS[:2])
    journal.end({"removed": 6, "cancelled": False})
    journal.close()
    return journal.path


def read(path: Path) -> tuple[Outline, list[Record]]:
    with path.open("rb") as file:
        outline = read_outline(file.fileno())
        verify(file.fileno(), outline)
        return outline, [record for batch in outline.batches for record in read_records(file.fileno(), batch)]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    outline, records = read(path)
    assert records == [*RECORDS, *RECORDS[:2]]
    assert outline.header == header()
    assert outline.left == {1: frozenset({1})}
    assert [batch.number for batch in outline.unsettled] == [2]
    assert (outline.keys, outline.end, outline.size) == (6, {"removed": 6, "cancelled": False}, path.stat().st_size)


def test_whatever_is_cut_off_at_the_end_is_ignored(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    end_of_header = read(path)[0].batches[0].offset - HEAD_BYTES
    sizes = set()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        if size < end_of_header:
            with pytest.raises(Unavailable, match="no header"):
                read(path)
            continue
        outline, records = read(path)
        assert outline.size <= size
        assert outline.end is None
        assert records in ([], RECORDS, [*RECORDS, *RECORDS[:2]])
        sizes.add(outline.size)
    assert len(sizes) == 4  # after the header, a batch, its mark, another batch


def test_zeros_at_the_end_are_a_power_cut_not_damage(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    full, _ = read(path)
    path.write_bytes(whole + bytes(5000))
    assert read(path)[0].size == full.size
    at = full.batches[1].offset
    path.write_bytes(whole[:at] + bytes(full.batches[1].size))
    outline, records = read(path)
    assert records == RECORDS
    assert outline.end is None


def test_any_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(Unavailable) as refused:
            read(path)
        assert refused.value.failure.kind is Kind.JOURNAL
        with pytest.raises(Unavailable):
            Journal.reopen(path)
    assert len(whole) > 500


def test_a_reopened_journal_goes_on_behind_its_last_whole_frame(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    journal = Journal.reopen(path)
    journal.settle(2)
    journal.undone(1, 5, {"restored": 4})
    journal.undone(2, 1, {"restored": 1})
    number = journal.append(RECORDS[:1])
    journal.close()
    outline, _ = read(path)
    assert number == 3
    assert outline.unsettled[0].number == 3
    assert outline.undone == {1: 5, 2: 1}
    assert outline.account["restored"] == 5


def test_a_journal_in_use_is_running_and_cannot_be_opened(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, header())
    (entry,) = journals(tmp_path)
    assert entry.state is State.RUNNING
    with pytest.raises(Unavailable, match="another redtop"):
        Journal.reopen(journal.path)
    assert prune(tmp_path, most_bytes=0, most_age=0, now=1e9) == []
    journal.close()
    assert journals(tmp_path)[0].state is State.INTERRUPTED
    with pytest.raises(Unavailable, match="exists"):
        Journal.create(tmp_path, header())


def test_journals_are_listed_newest_first_with_their_state(tmp_path: Path) -> None:
    assert journals(tmp_path / "missing") == []
    one, two, three = (written(tmp_path, number, 1000.0 + number) for number in (1, 2, 3))
    two.write_bytes(two.read_bytes()[:-1])
    three.write_bytes(b"nonsense" * 100)
    os.utime(three, (1500, 1500))
    entries = journals(tmp_path)
    assert [(entry.path, entry.state) for entry in entries] == [
        (three, State.DAMAGED),
        (two, State.INTERRUPTED),
        (one, State.COMPLETE),
    ]
    assert entries[0].problem
    assert "damaged" in entries[0].problem
    assert (entries[2].keys, entries[2].prefix, entries[2].target) == (6, b"k:\xff", TARGET)


def test_pruning_removes_the_old_then_the_undone_then_the_oldest(tmp_path: Path) -> None:
    paths = [written(tmp_path, number, 1000.0 * number) for number in range(1, 6)]
    journal = Journal.reopen(paths[3])
    journal.finish_undo()
    journal.close()
    size = paths[0].stat().st_size
    removed = prune(tmp_path, most_bytes=10 * size, most_age=3500, now=5000.0)
    assert [entry.path for entry in removed] == [paths[0]]
    removed = prune(tmp_path, most_bytes=2 * size, most_age=1e9, now=5000.0)
    assert [entry.path for entry in removed] == [paths[3], paths[1]]
    assert {entry.path for entry in journals(tmp_path)} == {paths[2], paths[4]}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.tuples(st.binary(max_size=60), st.binary(max_size=200), st.integers(-1, 2**60)), max_size=9))
def test_records_of_any_bytes_come_back(tmp_path: Path, rows: list[tuple[bytes, bytes, int]]) -> None:
    records = [Record(*row) for row in rows]
    for old in tmp_path.glob("*.journal"):
        old.unlink()
    journal = Journal.create(tmp_path, header())
    journal.append(records)
    journal.close()
    assert read(journal.path)[1] == records


def test_payloads_are_the_same_whatever_the_order_of_their_elements(server: Server) -> None:
    words = [*range(300), *(f"word {n}" for n in range(400)), *("x" * n for n in range(60, 200, 7)), 2**40, b"\xff"]
    server.ask("SADD", "set", *words)
    server.ask("HSET", "hash", *(word for pair in zip(words, reversed(words), strict=True) for word in pair))
    for key in ("set", "hash"):
        payload = server.ask("DUMP", key)
        server.ask("RESTORE", f"copy of {key}", 0, payload)
        copy = server.ask("DUMP", f"copy of {key}")
        assert is_same(payload, copy)
        changes = [("SREM", "copy of set", 7), ("SADD", "copy of set", 8888)]
        server.ask_all(changes if key == "set" else [("HSET", "copy of hash", 7, "other")])
        assert not is_same(payload, server.ask("DUMP", f"copy of {key}"))
    server.ask_all([("SET", "a", "abc"), ("SET", "b", "abd")])
    assert not is_same(server.ask("DUMP", "a"), server.ask("DUMP", "b"))


def test_a_purge_that_will_not_fit_costs_no_older_journal(tmp_path: Path) -> None:
    written(tmp_path)
    assert prune(tmp_path, most_bytes=-1, most_age=1e9, now=1000.0) == []
    assert len(journals(tmp_path)) == 1
    assert len(prune(tmp_path, most_bytes=0, most_age=1e9, now=1000.0)) == 1
