"""What a comparison is: two lists of sides that do the same work, the figures taken from it, and how results must agree."""

from collections.abc import Callable
from typing import Any, NamedTuple

from report import Row


class Measurement(NamedTuple):
    value: float
    memory: float | None = None
    result: Any = None


class Side(NamedTuple):
    """`limit` is what no program could exceed on this machine, in the unit of a measurement's value."""

    name: str
    measure: Callable[[], Measurement]
    limit: Callable[[], float | None] = lambda: None


class Figure(NamedTuple):
    """`pick` takes the figure from a measurement; what it is of is added to the comparison's title."""

    unit: str
    aim: str = ""
    of: str = ""
    pick: Callable[[Measurement], float] = lambda measurement: measurement.value
    smaller_is_better: bool = False


def nothing_to_compare(ours, peers):
    return ""


class Comparison(NamedTuple):
    """`agree` gets one measurement of ours and those of all peers by name, says how far they agree or raises `Failure`.

    Each of ours is set beside the peer with the best median; without peers its figures stand alone.
    """

    key: str
    title: str
    ours: list[Side]
    peers: list[Side]
    figures: list[Figure]
    agree: Callable[[Measurement, dict[str, Measurement]], str] = nothing_to_compare

    def alternating(self):
        """Peers and ours in turn, so that both see the same weather."""
        peers, ours = list(self.peers), list(self.ours)
        while peers or ours:
            yield from (sides.pop(0) for sides in (peers, ours) if sides)

    def rows(self, measured, agreement):
        """`measured` has the measurements of each side by name, round by round; `agreement` the words for each of ours."""
        for side in self.ours:
            for figure in self.figures:
                values = {name: [figure.pick(m) for m in runs] for name, runs in measured.items()}
                peer = self.best_peer(values, figure)
                sides = [side.name, peer.name] if peer else [side.name]
                yield Row(
                    ", ".join(part for part in (self.title, figure.of, side.name) if part),
                    figure.unit,
                    values[side.name],
                    values[peer.name] if peer else None,
                    peer_name=peer.name if peer else "",
                    aim=figure.aim,
                    smaller_is_better=figure.smaller_is_better,
                    limit=None if figure.of else side.limit(),
                    memory=[m for name in sides if (m := peak(measured[name])) is not None],
                    agreement=agreement.get(side.name, ""),
                )

    def best_peer(self, values, figure):
        def median(side):
            ordered = sorted(values[side.name])
            return ordered[len(ordered) // 2]

        if not self.peers:
            return None
        return (min if figure.smaller_is_better else max)(self.peers, key=median)


def peak(runs):
    known = [run.memory for run in runs if run.memory is not None]
    return max(known) if known else None
