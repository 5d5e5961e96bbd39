"""Which patents are held out for evaluation: whole patents, siblings together."""

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from edgepatent_runtime.record import Record

SIBLING_GAP = 2  # sibling grants are issued on one day, next to each other
_NUMBER = re.compile(r"USD(\d{7})")


def families(records: Sequence[Record]) -> list[list[str]]:
    """Patent ids grouped into families: design grants of one title with neighbouring numbers.

    An applicant who files a wheel in two versions gets two such grants; with one of them in
    training, the other would be no unseen design.
    """
    title = {r.patent_id: (r.title or "").casefold().strip(" .") for r in records}
    grouped: dict[str, list[tuple[int, str]]] = defaultdict(list)
    alone: list[list[str]] = []
    for patent, name in title.items():
        match = _NUMBER.fullmatch(patent)
        if match and name:
            grouped[name].append((int(match[1]), patent))
        else:
            alone.append([patent])
    found: list[list[str]] = []
    for members in grouped.values():
        last = -SIBLING_GAP - 1
        for number, patent in sorted(members):
            if number - last <= SIBLING_GAP:
                found[-1].append(patent)
            else:
                found.append([patent])
            last = number
    return sorted(alone + found)


def held_out(records: Sequence[Record], share: float, seed: int) -> set[str]:
    """The patents to keep from training: about ``share`` of them, whole families, by seed."""
    groups = families(records)
    wanted = round(share * sum(len(group) for group in groups))
    chosen: set[str] = set()
    for i in np.random.default_rng(seed).permutation(len(groups)):
        if len(chosen) >= wanted:
            break
        chosen.update(groups[i])
    return chosen
