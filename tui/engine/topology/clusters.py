"""The picture of a cluster, put together from what its nodes say of themselves and of each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tui.engine.cluster.slots import SLOTS
from tui.engine.cluster.view import Seen, View, members_of, number_of, spans
from tui.engine.streams.trouble import Level, Trouble
from tui.engine.topology.nodelook import Look
from tui.engine.topology.picture import ClusterHealth, Member, SlotMove, worst_first
from tui.engine.topology.replication import Follower, Replication
from tui.engine.topology.single import follower_member, lag
from tui.engine.topology.trouble import of_server, of_vote, ordered, said


class ClusterPicture:
    """Compares what the nodes see (at least one view).

    `names` are the ids that nodes had when they last told, by place; a replica that is silent for `silence` seconds
    is worth a word.
    """

    def __init__(self, views: Sequence[View], looks: Sequence[Look], names: Mapping[str, str], silence: float) -> None:
        self._views = views
        # Who has heard of the highest epoch knows of the latest failover.
        self._main = max(self._views, key=lambda view: (view.epoch, len(view.members)))
        self._silence = silence
        self._looks = self._by_id(looks, names)
        self._offsets = {id_: offset for look in looks for id_, offset in (look.offsets or {}).items()}
        seen: Counter[str] = Counter()
        for view in self._views:
            seen.update(one.id for one in view.members.values() if one.doubted or one.failed)
        self._doubts = seen
        self._failed = {one.id for view in self._views for one in view.members.values() if one.failed}

    def _by_id(self, looks: Sequence[Look], names: Mapping[str, str]) -> dict[str, Look]:
        by_address = {one.address: one.id for one in self._main.members.values()}
        found = {}
        for look in looks:
            id_ = (look.view.me if look.view else "") or names.get(look.place) or by_address.get(look.place)
            if id_:
                found[id_] = look
        return found

    @property
    def members(self) -> tuple[Member, ...]:
        """Primaries with their replicas, the ones in trouble first."""
        everybody = self._main.members.values()
        below: dict[str, list[Seen]] = {}
        for one in everybody:
            if not one.primary:
                below.setdefault(one.follows, []).append(one)
        usual = any(below.get(one.id) for one in everybody if one.primary and one.slots)
        tops = [one for one in everybody if one.primary]
        orphans = [one for one in everybody if not one.primary and one.follows not in self._main.members]
        members = [self._primary(one, below.get(one.id, []), usual=usual) for one in tops]
        return worst_first([*members, *(self._replica(one, None, None) for one in orphans)])

    def _primary(self, seen: Seen, below: Sequence[Seen], *, usual: bool) -> Member:
        look = self._looks.get(seen.id)
        told = look.replication if look is not None and look.info is not None else None
        linked = _linked(told, below)
        alive = [one for one in below if one.id not in self._failed]
        troubles = [*self._voted(seen), *(of_server(seen.address, look) if look is not None else ())]
        if seen.id in self._failed:
            # That it is not reached says nothing more.
            troubles = [trouble for trouble in troubles if trouble.what != "not reached"]
        elif usual and seen.slots and not alive:
            troubles.append(Trouble(Level.LOOK, "no replica", f"{seen.address} has no replica that could take over"))
        offset = told.offset if told is not None else self._offsets.get(seen.id)
        return Member(
            key=seen.id,
            address=seen.address,
            primary=True,
            troubles=ordered(troubles),
            slots=seen.slots,
            offset=offset,
            look=look,
            replicas=worst_first(self._replica(one, told, linked.get(one.id), offset) for one in below),
        )

    def _replica(
        self, seen: Seen, of: Replication | None, follower: Follower | None, sent: int | None = None
    ) -> Member:
        troubles = list(self._voted(seen))
        look = self._looks.get(seen.id)
        troubles += of_server(seen.address, look) if look is not None else ()
        if of is not None and follower is not None:
            told = follower_member(follower, of, self._silence)
            # A node that fails is silent as well.
            troubles += () if troubles else told.troubles
            return replace(told, key=seen.id, address=seen.address, troubles=ordered(troubles), look=look)
        if of is not None and seen.id not in self._failed:
            sentence = f"{seen.address} is not connected to its primary: it gets no changes"
            troubles.append(Trouble(Level.ACT, "not linked", sentence))
        offset = self._offsets.get(seen.id)
        return Member(
            seen.id, seen.address, False, ordered(troubles), offset=offset, behind=lag(sent, offset), look=look
        )

    def _voted(self, seen: Seen) -> Iterator[Trouble]:
        failed = seen.id in self._failed
        asked = sum(view.me != seen.id for view in self._views)
        return of_vote(seen.address, failed=failed, doubts=self._doubts[seen.id], asked=asked, slots=seen.slots)

    @property
    def health(self) -> ClusterHealth:
        """The cluster as a whole."""
        owners = [one for one in self._main.members.values() if one.slots]
        owned = members_of(span for one in owners for span in one.slots)
        told = [view.ok for view in self._views if view.ok is not None]
        return ClusterHealth(
            ok=all(told) if told else None,
            epoch=self._main.epoch,
            uncovered=spans(set(range(SLOTS)) - owned),
            failed=tuple(span for one in owners if one.id in self._failed for span in one.slots),
            moving=self._moves(),
        )

    def _moves(self) -> tuple[SlotMove, ...]:
        found: dict[int, SlotMove] = {}
        for view in self._views:
            if (me := view.members.get(view.me)) is None:
                continue
            for move in me.moving:
                before = found.get(move.slot, SlotMove(move.slot, None, None))
                here = me.address
                found[move.slot] = replace(before, source=here) if move.leaves else replace(before, target=here)
        return tuple(found[slot] for slot in sorted(found))


def cluster_troubles(health: ClusterHealth) -> tuple[Trouble, ...]:
    """What is wrong with the whole."""
    return ordered(_troubles(health))


def _troubles(health: ClusterHealth) -> Iterator[Trouble]:
    if health.uncovered:
        number = number_of(health.uncovered)
        sentence = f"{number:,} of {SLOTS:,} slots belong to no node: {said(health.uncovered)}"
        yield Trouble(Level.ACT, "not covered", sentence)
    if health.ok is False:
        yield Trouble(Level.ACT, "down", "the cluster is down: nodes refuse commands")
    broken = [move for move in health.moving if move.source is None or move.target is None]
    if broken:
        slots = said(spans(move.slot for move in broken))
        sentence = f"{slots}: open for moving at one end only; a migration broke off, or has just begun"
        yield Trouble(Level.LOOK, "half open", sentence)
    whole = [move for move in health.moving if move not in broken]
    for source, target in sorted({(move.source or "", move.target or "") for move in whole}):
        slots = said(spans(move.slot for move in whole if (move.source, move.target) == (source, target)))
        yield Trouble(Level.LOOK, "moving", f"{slots}: moving from {source} to {target}")


def _linked(told: Replication | None, below: Sequence[Seen]) -> dict[str, Follower]:
    """Say which connected replica is which member: by address, or (behind a NAT) by port, or as the only one left."""
    left = list(told.followers) if told is not None else []
    found: dict[str, Follower] = {}
    for same in (_same_address, _same_port, _only):
        for one in below:
            fits = [follower for follower in left if same(one, follower, below, left)] if one.id not in found else []
            if len(fits) == 1:
                found[one.id] = fits[0]
                left.remove(fits[0])
    return found


def _same_address(one: Seen, follower: Follower, below: Sequence[Seen], left: Sequence[Follower]) -> bool:
    return one.address == follower.address


def _same_port(one: Seen, follower: Follower, below: Sequence[Seen], left: Sequence[Follower]) -> bool:
    return one.address.rpartition(":")[2] == follower.address.rpartition(":")[2]


def _only(one: Seen, follower: Follower, below: Sequence[Seen], left: Sequence[Follower]) -> bool:
    return len(below) == len(left) == 1
