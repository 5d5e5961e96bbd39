"""Which patents are held out for evaluation: whole patents, siblings together."""

import re
from collections.abc import Sequence

import numpy as np

from edgepatent_runtime.record import Record

SIBLING_GAP = 2  # sibling grants are issued on one day, next to each other
_NUMBER = re.compile(r"USD(\d{7})")


def families(records: Sequence[Record]) -> list[list[str]]:
    """Patent ids grouped into families: design grants with neighbouring numbers and like titles.

    An applicant who files a wheel in two versions gets two such grants ("Vehicle front fascia",
    "Vehicle front lower fascia"); with one of them in training, the other would be no unseen
    design. Titles are alike when they share half of their words.
    """
    titles = {r.patent_id: set((r.title or "").casefold().split()) for r in records}
    found: dict[str, list[str]] = {}  # each patent's family, one list for all its members
    for patent in sorted(titles):
        found[patent] = [patent]
        number = _NUMBER.fullmatch(patent)
        if not number:
            continue
        for back in range(1, SIBLING_GAP + 1):
            near = f"USD{int(number[1]) - back:07d}"
            words, others = titles[patent], titles.get(near, set())
            if 2 * len(words & others) >= len(words | others) > 0:
                found[near].append(patent)
                found[patent] = found[near]
                break
    return [family for patent, family in found.items() if family[0] == patent]


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
