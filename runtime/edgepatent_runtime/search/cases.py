"""An index asked about its own patents, each left out in turn: what calibration learns from.

A patent is shown as a person would show it: by one of its sheets with the figures on it, by one of
these figures, or by several of either. What was taken from the same sheet cannot be found; the
patent's other drawings can. So each case
says two things: how the design scores where it is indexed, and what others score instead.
"""

from dataclasses import dataclass

import numpy as np

from edgepatent_runtime.filters import Filters
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.search.searchable import Floats, Moment, Rows
from edgepatent_runtime.search.views import WHOLE

MOST = 1000
"""Cases of an index: what is fitted to 300 is off by half as much again."""

NEIGHBOURS = 45
"""So many other patents are kept of each case."""

# A patent is a case so many times, where it has as many sheets: people ask with any of them.
_EACH = 4
# How often a sheet whose figures are indexed too is asked with one of these instead.
_FIGURE = 0.25
# Rows that are compared at a time: 1,000 queries need 8 MB.
_BLOCK = 2048


@dataclass(frozen=True)
class Cases:
    """What came of asking, one line a case.

    ``scores`` [N, 45] are those of the nearest other patents, best first (-inf where there are
    fewer), ``rows`` [N, 45] one row of each; ``own`` [N] is the score of the patent itself (NaN
    where no drawing of it is left), ``owners`` [N] one row of it.
    """

    scores: Floats
    rows: Rows
    own: Floats
    owners: Rows


def gather(
    moment: Moment, views: int, *, most: int = MOST, seed: int = 0, progress: Progress = silent
) -> Cases:
    """Ask about patents with ``views`` sheets at least, with so many at once, ``most`` times."""
    random = np.random.default_rng(seed)
    keys, rows = _by_patent(moment)
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    ends = np.append(starts[1:], len(rows))
    shown = _shown(moment, rows, starts, ends, views, most, random)
    patents, count = shown.patents, len(shown.patents)
    own = np.full(count, np.nan, np.float32)
    best = np.full((count, NEIGHBOURS), -np.inf, np.float32)
    if not count:
        return Cases(best, np.zeros((0, NEIGHBOURS), np.int64), own, np.zeros(0, np.int64))
    # Where there are fewer, some row that is there: row 0 may be no drawing any more.
    where = np.full((count, NEIGHBOURS), rows[0], np.int64)
    queries = moment.embeddings(shown.rows)
    # No table by row: those of a cluster are as large as numbers get.
    ascending = np.argsort(rows)
    covered = ascending[np.searchsorted(rows, shown.hidden[:, 1], sorter=ascending)]
    by = shown.hidden[:, 0]
    first = 0
    while first < len(starts):
        # Whole patents, as many as make a block.
        last = max(int(np.searchsorted(ends, starts[first] + _BLOCK, "right")), first + 1)
        start, stop = int(starts[first]), int(ends[last - 1])
        scores = np.nan_to_num(queries @ moment.embeddings(rows[start:stop]).T, nan=-1.0)
        here = (covered >= start) & (covered < stop)
        scores[by[here], covered[here] - start] = -np.inf
        found = np.maximum.reduceat(scores, starts[first:last] - start, axis=1)
        found = np.add.reduceat(found * shown.weights[:, None], shown.starts, axis=0)
        cases = np.flatnonzero((patents >= first) & (patents < last))
        themselves = found[cases, patents[cases] - first]
        own[cases] = np.where(np.isfinite(themselves), themselves, np.nan)
        found[cases, patents[cases] - first] = -np.inf
        every = np.concatenate([best, found], axis=1)
        firsts = np.broadcast_to(rows[starts[first:last]], found.shape)
        order = np.argsort(-every, axis=1, kind="stable")[:, :NEIGHBOURS]
        best = np.take_along_axis(every, order, axis=1)
        where = np.take_along_axis(np.concatenate([where, firsts], axis=1), order, axis=1)
        progress("measuring how good hits are", stop, len(rows))
        first = last
    return Cases(best, where, own, rows[starts[patents]])


def _by_patent(moment: Moment) -> tuple[Rows, Rows]:
    """All rows with the keys of their patents, those of a patent together."""
    scope = moment.scope(Filters())
    every = scope.rows()
    parts = []
    for start in range(0, len(every), 8 * _BLOCK):
        block = every[start : start + 8 * _BLOCK]
        keys, rows = scope.siblings(block)
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        # A patent whose rows lie in several blocks counts in the first.
        lowest = np.repeat(rows[starts], np.diff(np.append(starts, len(rows))))
        mine = (lowest >= block[0]) & (lowest <= block[-1])
        parts.append((keys[mine], rows[mine]))
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate([k for k, _ in parts]), np.concatenate([r for _, r in parts])


@dataclass(frozen=True)
class _Shown:
    """What patents are asked with: rows [M] and what each counts, those of a case from ``starts``.

    ``hidden`` [H, 2] are pairs of such a place and a row that it must not find, ``patents`` [N] the
    places of the patents in question.
    """

    rows: Rows
    weights: Floats
    starts: Rows
    hidden: Rows
    patents: Rows


def _shown(
    moment: Moment,
    rows: Rows,
    starts: Rows,
    ends: Rows,
    views: int,
    most: int,
    random: np.random.Generator,
) -> _Shown:
    # A patent with fewer rows cannot have as many sheets.
    able = np.flatnonzero(ends - starts >= views)
    order = random.permutation(able)[:most]
    known = [rows[starts[patent] : ends[patent]] for patent in np.sort(order).tolist()]
    facts = moment.facts(np.concatenate(known).tolist() if known else [])
    jobs: list[tuple[int, list[list[int]]]] = []
    for patent in order.tolist():
        sheets: dict[tuple[object, ...], list[int]] = {}
        for row in rows[starts[patent] : ends[patent]].tolist():
            image = facts[row].record.image
            sheets.setdefault((image.path, image.member, image.page), []).append(row)
        each = list(sheets.values())
        if len(each) >= views:
            shuffled = random.permutation(len(each))
            for turn in range(min(_EACH, len(each))):
                # Another sheet comes first each time.
                places = np.roll(shuffled, -turn)[:views].tolist()
                jobs.append((patent, [each[place] for place in places]))
    asked: list[int] = []
    weights: list[float] = []
    firsts: list[int] = []
    hidden: list[tuple[int, int]] = []
    patents: list[int] = []
    for job in random.permutation(len(jobs))[:most].tolist():
        patent, chosen = jobs[job]
        covered = [row for sheet in chosen for row in sheet]
        patents.append(patent)
        firsts.append(len(asked))
        for sheet in chosen:
            whole = [row for row in sheet if facts[row].record.image.box is None]
            figures = [row for row in sheet if row not in whole]
            if whole and figures and random.random() >= _FIGURE:
                parts = {whole[0]: WHOLE} | dict.fromkeys(figures, (1 - WHOLE) / len(figures))
            else:
                parts = {sheet[int(random.integers(len(sheet)))]: 1.0}
            for row, weight in parts.items():
                hidden += [(len(asked), other) for other in covered]
                asked.append(row)
                weights.append(weight / views)
    return _Shown(
        np.array(asked, np.int64),
        np.array(weights, np.float32),
        np.array(firsts, np.int64),
        np.array(hidden, np.int64).reshape(-1, 2),
        np.array(patents, np.int64),
    )
