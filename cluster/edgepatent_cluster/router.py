"""Several shards as one store: each call goes to those that it is about, and answers are joined.

Rows of a shard keep their order and follow those of the shards before it: the row of a whole is the
row in its shard and, `STRIDE` times, the place of that. Patents are ranked by the rule that ranking
has: by score, ties by row. What is joined is exact, for no patent lies in two shards.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from edgepatent_cluster import calls
from edgepatent_cluster.calls import PROTOCOL, Answer, Asked, Best, Known, State
from edgepatent_runtime.collection import terms
from edgepatent_runtime.errors import CollectionError, EdgepatentError, InputError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.search import calibration, words
from edgepatent_runtime.search.scale import FIELD

STRIDE = 1 << 36
"""More rows than a shard has; with all shards that there may be, less than JSON's 2⁵³."""

Start = Callable[[bytes], Callable[[], bytes]]
"""Sends a call to a shard; what comes back waits for the answer."""


class Router:
    """Answers the calls of `calls` from several shards. Safe to share between threads."""

    def __init__(self, shards: Sequence[Start]) -> None:
        self._shards = shards
        known = self._all(calls.About(), ())[1]
        if len({one.space for one in known}) > 1:
            raise CollectionError("the shards are of different models: serve those of one")

    def answer(self, data: bytes) -> bytes:
        """The answer to a call, both as they travel."""
        try:
            asked: Asked = calls.decode(data, Asked)
            if asked.protocol != PROTOCOL:
                raise CollectionError(
                    f"the cluster speaks version {PROTOCOL} and was asked in version "
                    f"{asked.protocol}: install the same edgepatent on both sides"
                )
            if asked.state and len(asked.state) != len(self._shards):
                raise CollectionError("the cluster was started anew meanwhile: ask again")
            state, value = self._joined(asked.call, asked.state)
        except EdgepatentError as error:
            return calls.encode(calls.refusal(error))
        return calls.encode(Answer(state, msgspec.Raw(calls.encode(value))))

    # -- sending

    def _some(
        self, parts: Iterable[tuple[int, calls.Call]], state: State
    ) -> tuple[State, dict[int, Any]]:
        """The answers of some shards, asked at once, by their places."""
        waiting = [
            (place, call, self._shards[place](calls.encode(Asked(PROTOCOL, pinned, call))))
            for place, call in parts
            for pinned in [state[place : place + 1]]
        ]
        states = dict(enumerate(state))
        values = {}
        failure: EdgepatentError | None = None
        for place, call, wait in waiting:
            try:
                answer: Answer = calls.decode(wait(), Answer)
                values[place] = calls.opened(answer, call)
                if answer.state:
                    states[place] = answer.state[0]
            except EdgepatentError as error:
                # The others are waited for all the same: nothing goes on behind our back.
                failure = failure or error
        if failure is not None:
            raise failure
        whole = len(states) == len(self._shards)
        return tuple(states[place] for place in sorted(states)) if whole else state, values

    def _all(self, call: calls.Call, state: State) -> tuple[State, list[Any]]:
        state, found = self._some(((place, call) for place in range(len(self._shards))), state)
        return state, [found[place] for place in range(len(self._shards))]

    # -- joining

    def _joined(self, call: calls.Call, state: State) -> tuple[State, Any]:
        match call:
            case calls.About() | calls.Model():
                return self._of_each(call)
            case calls.Thumbnail():
                place, row = divmod(call.row, STRIDE)
                if not 0 <= place < len(self._shards):
                    return state, None
                inner = calls.Thumbnail(row, call.image)
                return state, self._some([(place, inner)], state)[1][place]
            case calls.Scores() | calls.Embeddings() | calls.Require() | calls.Facts():
                return self._by_rows(call, state)
            case calls.Tally():
                state, filters = self._resolved(call.filters, state)
                call = msgspec.structs.replace(call, filters=filters)
            case calls.Size() | calls.Rows() | calls.Nearest() | calls.Words() | calls.Rank():
                state, filters = self._resolved(call.within.filters, state)
                within = msgspec.structs.replace(call.within, filters=filters)
                call = msgspec.structs.replace(call, within=within)
            case calls.Siblings():
                return self._siblings(call, state)
        state, found = self._all(call, state)
        return state, _together(call, found)

    def _of_each(self, call: calls.About | calls.Model) -> tuple[State, Any]:
        if isinstance(call, calls.Model):
            return (), self._some([(0, call)], ())[1][0]
        known: list[Known] = self._all(call, ())[1]
        return (), Known(PROTOCOL, known[0].space, known[0].dimensions, len(known), _largest(known))

    def _by_rows(
        self, call: calls.Scores | calls.Embeddings | calls.Require | calls.Facts, state: State
    ) -> tuple[State, Any]:
        """Calls about rows: each shard is asked about its own."""
        rows = np.asarray(call.rows, np.int64)
        places = self._places(rows)
        chosen = {place: np.flatnonzero(places == place) for place in np.unique(places).tolist()}
        inner = {place: rows[where] - place * STRIDE for place, where in chosen.items()}
        if isinstance(call, calls.Facts):
            asked = {place: calls.Facts(tuple(own.tolist())) for place, own in inner.items()}
            state, found = self._some(asked.items(), state)
            return state, {
                row + place * STRIDE: fact
                for place, facts in found.items()
                for row, fact in facts.items()
            }
        parts = {place: msgspec.structs.replace(call, rows=own) for place, own in inner.items()}
        state, found = self._some(parts.items(), state)
        if isinstance(call, calls.Require):
            return state, None
        if isinstance(call, calls.Scores):
            scores = np.empty((len(call.queries), len(rows)), np.float32)
            for place, where in chosen.items():
                scores[:, where] = found[place]
            return state, scores
        width = next(iter(found.values())).shape[1] if found else 0
        out = np.empty((len(rows), width), np.float32)
        for place, where in chosen.items():
            out[where] = found[place]
        return state, out

    def _places(self, rows: calls.Array) -> calls.Array:
        places = rows // STRIDE
        if len(rows) and not (places.min() >= 0 and places.max() < len(self._shards)):
            raise InputError("there is no such row: ask again")
        return places

    def _siblings(self, call: calls.Siblings, state: State) -> tuple[State, Any]:
        state, filters = self._resolved(call.within.filters, state)
        within = msgspec.structs.replace(call.within, filters=filters)
        rows = np.asarray(call.rows, np.int64)
        places = self._places(rows)
        state, found = self._some(
            (
                (place, calls.Siblings(within, rows[places == place] - place * STRIDE))
                for place in np.unique(places).tolist()
            ),
            state,
        )
        nothing = np.zeros(0, np.int64)
        keys = [one[0] + place * STRIDE for place, one in sorted(found.items())]
        inside = [one[1] + place * STRIDE for place, one in sorted(found.items())]
        return state, (np.concatenate([nothing, *keys]), np.concatenate([nothing, *inside]))

    def _resolved(self, filters: Filters, state: State) -> tuple[State, Filters]:
        """The same with families named in full: what links two patents may lie in two shards."""
        if isinstance(filters.added, int):
            raise InputError(
                "shards that are searched together have no common generation: say --added DATE"
            )
        if len(self._shards) == 1 or not (filters.families or filters.not_families):
            return state, filters
        state, families = self._family(filters.families, state)
        state, others = self._family(filters.not_families, state)
        return state, replace(filters, families=families, not_families=others)

    def _family(self, numbers: tuple[str, ...], state: State) -> tuple[State, tuple[str, ...]]:
        known = set(numbers)
        asked: set[str] = set()
        while known - asked:
            asked = set(known)
            within = calls.Within(Filters(families=tuple(sorted(known))), (), "auto")
            state, found = self._all(calls.Rows(within), state)
            rows = _after_each_other(found).tolist()
            state, facts = self._joined(calls.Facts(tuple(rows)), state)
            for fact in facts.values():
                record = fact.record
                known |= {
                    key
                    for kind, key, _ in terms.terms(record.patent_id, record.bibliography)
                    if kind == terms.FAMILY
                }
        return state, tuple(sorted(known))


def _together(call: calls.Call, found: list[Any]) -> Any:
    """The answers of all shards as one."""
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
            return _after_each_other(found)
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


def _after_each_other(found: Sequence[calls.Array]) -> calls.Array:
    return np.concatenate([rows + place * STRIDE for place, rows in enumerate(found)])


def _plans(plans: Sequence[str]) -> str:
    return "+".join(dict.fromkeys(name for plan in plans for name in plan.split("+")))


def _nearest(found: Sequence[Any], count: int) -> tuple[calls.Array, calls.Array, bool]:
    rows = _after_each_other([one[0] for one in found])
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


def _largest(known: Sequence[Known]) -> bytes | None:
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
