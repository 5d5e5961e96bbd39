"""What several shards answer, as one answer.

The row of a whole is the row in its shard and, `STRIDE` times, the place of that. Patents are
ranked by the rule that ranking has: by score, ties by row. What is joined is exact, for no patent
lies in two shards.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from edgepatent_cluster import calls
from edgepatent_cluster.calls import Best, Known
from edgepatent_runtime.collection.info import Info
from edgepatent_runtime.search import calibration, words
from edgepatent_runtime.search.scale import FIELD

STRIDE = 1 << 36
"""More rows than a shard has; with all shards that there may be, less than JSON's 2⁵³."""


def together(call: calls.Call, found: list[Any]) -> Any:
    """The answers of all shards to a call of a moment as one."""
    match call:
        case calls.Counts():
            return sum(one[0] for one in found), sum(one[1] for one in found)
        case calls.Patents():
            return [patent for one in found for patent in one]
        case calls.Unheld():
            return words.together(found)
        case calls.Tally():
            counted: Counter[tuple[str | None, ...]] = Counter()
            for one in found:
                for values, count in one:
                    counted[tuple(values)] += count
            return list(counted.items())
        case calls.Size():
            return sum(one[0] for one in found), _plans([one[1] for one in found])
        case calls.Rows():
            return after_each_other(found)
        case calls.Nearest():
            return _nearest(found, call.count)
        case calls.Words():
            ranked = [
                (score, rows + place * STRIDE)
                for place, one in enumerate(found)
                for score, rows in one
            ]
            return sorted(ranked, key=lambda one: -one[0])[: call.count]
        case calls.Rank():
            return _ranked(found, call.top)
    raise AssertionError(f"{type(call).__name__} is not for all shards")


def after_each_other(found: Sequence[calls.Array]) -> calls.Array:
    """Rows of all shards, each by its place, as rows of the whole."""
    return np.concatenate([rows + place * STRIDE for place, rows in enumerate(found)])


def _plans(plans: Sequence[str]) -> str:
    return "+".join(dict.fromkeys(name for plan in plans for name in plan.split("+")))


def _nearest(found: Sequence[Any], count: int) -> tuple[calls.Array, calls.Array, bool]:
    rows = after_each_other([one[0] for one in found])
    scores = np.concatenate([one[1] for one in found])
    complete = all(one[2] for one in found)
    if len(rows) <= count:
        return rows, scores, complete
    kept = np.argsort(-scores, kind="stable")[:count]
    return rows[kept], scores[kept], False


def _ranked(found: Sequence[Best], top: int) -> Best:
    """The best of all shards' best, in the order that ranking gives them."""
    patents = []
    for place, one in enumerate(found):
        ends = np.append(one.starts[1:], len(one.rows))
        for number, score in enumerate(one.scores.tolist()):
            own = slice(int(one.starts[number]), int(ends[number]))
            patents.append((-score, place, number, own))
    patents.sort(key=lambda one: one[:3])
    chosen = patents[:top]
    rows = [found[place].rows[own] + place * STRIDE for _, place, _, own in chosen]
    nothing = np.zeros(0, np.int64)
    near = np.concatenate([one.near for one in found])
    return Best(
        np.array([-score for score, *_ in chosen], np.float32),
        np.cumsum([0, *map(len, rows)], dtype=np.int64)[: len(rows)],
        np.concatenate([nothing, *rows]),
        np.concatenate([np.zeros(0, np.float32), *(found[p].best[o] for _, p, _, o in chosen)]),
        -np.sort(-near)[:FIELD],
        {
            row + place * STRIDE: found[place].facts[row]
            for _, place, _, own in chosen
            for row in found[place].rows[own].tolist()
        },
        sum(one.size for one in found),
        _plans([one.plan for one in found]),
    )


def largest(known: Sequence[Known]) -> bytes | None:
    """Of what the shards have measured of themselves, that of the one with most patents."""
    best, most = None, -math.inf
    for one in known:
        if one.calibration is not None:
            try:
                size = msgspec.json.decode(one.calibration, type=calibration.Calibration).patents
            except msgspec.DecodeError:
                continue
            if size > most:
                best, most = one.calibration, size
    return best


def told(found: Sequence[Info]) -> Info:
    """What all shards hold; where two call different folders the same, the first one's is named."""
    graphs = {one.graph for one in found}
    # The small ones need none.
    graph = next(one for one in ("stale", "fresh", "none") if one in graphs)
    first = found[0]
    return Info(
        drawings=sum(one.drawings for one in found),
        patents=sum(one.patents for one in found),
        dimensions=first.dimensions,
        space=first.space,
        bytes=sum(one.bytes for one in found),
        generation=sum(one.generation for one in found),
        graph=graph,
        model=first.model,
        dead=sum(one.dead for one in found),
        roots={name: path for one in reversed(found) for name, path in one.roots.items()},
    )
