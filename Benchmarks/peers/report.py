"""Medians, spreads and ratios of what the rounds measured, as a Markdown table or JSON."""

import statistics


def spread(values, digits):
    low, middle, high = min(values), statistics.median(values), max(values)
    shown = [f"{value:,.{digits}f}" for value in (middle, low, high)]
    return f"{shown[0]} [{shown[1]}..{shown[2]}]"


def digits(values):
    """Three significant figures or the whole number."""
    middle = abs(statistics.median(values))
    return 0 if middle >= 100 else 1 if middle >= 10 else 2


class Row:
    """One line: `ours` and `peer` are a value for each round; `peer` is None where a figure stands alone."""

    def __init__(
        self, title, unit, ours, peer=None, *, peer_name="", aim="", smaller_is_better=False, limit=None, memory=(), agreement=""
    ):
        self.title, self.unit, self.ours, self.peer = title, unit, ours, peer
        self.peer_name, self.aim, self.memory, self.agreement = peer_name, aim, memory, agreement
        self.smaller_is_better, self.limit = smaller_is_better, limit

    def ratios(self):
        """How many times better ours was than the peer in each round; None without a peer."""
        if self.peer is None:
            return None
        pairs = zip(self.ours, self.peer, strict=True)
        return [theirs / mine if self.smaller_is_better else mine / theirs for mine, theirs in pairs]

    def ratio(self):
        """The ratio of the medians."""
        if self.peer is None:
            return None
        mine, theirs = statistics.median(self.ours), statistics.median(self.peer)
        return theirs / mine if self.smaller_is_better else mine / theirs

    def limit_cell(self):
        """The ratio at the machine's limit, and how much of that limit is reached."""
        if self.limit is None or self.peer is None:
            return ""
        reached = statistics.median(self.ours) / self.limit
        return f"{self.limit / statistics.median(self.peer):.2f} ({100 * reached:.0f} %)"

    def cells(self):
        ratios = self.ratios()
        return [
            self.title,
            f"{spread(self.ours, digits(self.ours))} {self.unit}",
            f"{spread(self.peer, digits(self.peer))} ({self.peer_name})" if self.peer else "",
            f"{self.ratio():.2f} [{min(ratios):.2f}..{max(ratios):.2f}]" if ratios else "",
            self.aim,
            self.limit_cell(),
            " / ".join(f"{mib:,.0f}" for mib in self.memory),
            self.agreement,
        ]

    def object(self):
        return {
            "row": self.title,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "peer_name": self.peer_name,
            "ratio": self.ratio(),
            "ratios": self.ratios(),
            "aim": self.aim,
            "limit": self.limit,
            "memory_mib": self.memory,
            "agreement": self.agreement,
        }


HEAD = ["work", "Limbeck", "peer", "ratio", "aim", "limit (reached)", "memory, MiB, ours / peer", "same result"]


def markdown(facts, rows):
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", "Medians [least..greatest] over the rounds; the ratio is that of the medians.", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]]
    return "\n".join(lines)
