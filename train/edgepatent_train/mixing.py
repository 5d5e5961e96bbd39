"""Batches of several sources: each gives its share of every batch, and they meet inside a class.

What kind of drawing it is (a patent's sheet, an icon, a mesh) must not tell the class, or a network
learns the kind instead. So classes come first: C of them for a batch, each as often as the square
root of its number of patents, sources weighed by their shares. Then every source spends its share
on those of the C classes that it has, the same class first for all of them, P patents of one
subclass at a time, and where it can of a subclass that another source has put there already. A
share that the chosen classes leave unspent is spent in later batches. Patents whose class is
unknown take their part of the source's share at random.

Every patent of a class in a source comes once before any comes again, within an epoch. Everything
follows from labels, settings and seed, as in `sampler`.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgepatent_train.recipe import SamplerRecipe, SourceRecipe

Ints = npt.NDArray[np.int64]
Group = list[int]  # patents of one subclass


def mixed_batches(
    source: Ints,
    patent: Ints,
    subclass: Ints,
    klass: Ints,
    sources: Sequence[SourceRecipe],
    recipe: SamplerRecipe,
    *,
    count: int,
    seed: Sequence[int],
) -> list[Ints]:
    """``count`` batches: row numbers, at most ``recipe.batch`` in each.

    Labels are int64 [N], −1 unknown; ``source`` [N] counts from 0 in the order of ``sources``. A
    patent's labels are those of its first row in a source. ``count`` 0 gives as many batches as
    it takes to show as many views as there are.
    """
    rng = np.random.default_rng(seed)
    stocks = [
        _Stock(np.flatnonzero(source == s), patent, subclass, klass, settings, recipe, rng)
        for s, settings in enumerate(sources)
    ]
    whole = sum(stock.share for stock in stocks if stock.patents)
    for stock in stocks:
        stock.quota = stock.share / whole * recipe.batch if stock.patents else 0.0
    if not count:
        count = -(-sum(stock.patents * stock.views for stock in stocks) // recipe.batch)
    chances = _chances(stocks)
    return [_batch(stocks, chances, recipe, rng) for _ in range(count)]


def _chances(stocks: Sequence["_Stock"]) -> dict[int, float]:
    """How likely each class is to come up, adding up to 1; empty where none is known."""
    chances: dict[int, float] = defaultdict(float)
    for stock in stocks:
        roots = {k: np.sqrt(size) for k, size in stock.sizes.items() if k >= 0}
        total = sum(roots.values())
        for k, root in roots.items():
            chances[k] += stock.quota * root / total
    total = sum(chances.values())
    return {k: chance / total for k, chance in sorted(chances.items())} if total else {}


def _batch(
    stocks: Sequence["_Stock"],
    chances: dict[int, float],
    recipe: SamplerRecipe,
    rng: np.random.Generator,
) -> Ints:
    chosen: list[int] = []
    if chances:
        many = min(recipe.classes, sum(chance > 0 for chance in chances.values()))
        drawn = rng.choice(list(chances), many, replace=False, p=list(chances.values()))
        chosen = drawn.tolist()
    for stock in stocks:
        stock.earn(chosen)
    # Room goes first to whom most batches are owed: it rounds up its share, the others theirs down.
    room = recipe.batch
    for stock in sorted(stocks, key=lambda stock: -stock.behind):
        room -= stock.plan(room)
    present: set[int] = set()  # the subclasses in the batch
    rows = [row for stock in stocks for row in stock.spend(chosen, present)]
    return np.concatenate(rows)


class _Stock:
    """What one source has, and what it has still to give."""

    def __init__(
        self,
        rows: Ints,
        patent: Ints,
        subclass: Ints,
        klass: Ints,
        settings: SourceRecipe,
        recipe: SamplerRecipe,
        rng: np.random.Generator,
    ) -> None:
        self.rng, self.share = rng, settings.share
        self.views = settings.views or recipe.views
        self.together = recipe.patents
        self.quota = 0.0  # drawings a batch
        # Drawings owed, and patents planned for a batch, of known and of unknown class.
        self.owed = {True: 0.0, False: 0.0}
        self.planned = {True: 0, False: 0}
        order = rows[np.argsort(patent[rows], kind="stable")]
        ids, starts = np.unique(patent[order], return_index=True)
        self.rows = dict(zip(ids.tolist(), np.split(order, starts[1:]), strict=True))
        self.used = dict.fromkeys(self.rows, 0)
        self.subclass = {p: int(subclass[own[0]]) for p, own in self.rows.items()}
        members: dict[int, Group] = defaultdict(list)
        for p, own in self.rows.items():
            members[int(klass[own[0]])].append(p)
        self.members = dict(members)
        self.waiting: dict[int, list[Group]] = {}
        self._possible = {True: False, False: True}

    @property
    def patents(self) -> int:
        """How many patents the source has."""
        return len(self.rows)

    @property
    def sizes(self) -> dict[int, int]:
        """How many patents of each class, −1 being unknown."""
        return {k: len(patents) for k, patents in self.members.items()}

    def earn(self, chosen: list[int]) -> None:
        """What a batch of the ``chosen`` classes adds to what is owed.

        No more than two batches' worth is ever owed: a batch must not be all one source.
        """
        unknown = self.quota * self.sizes.get(-1, 0) / max(1, self.patents)
        for known, income in ((True, self.quota - unknown), (False, unknown)):
            most = max(2 * income, float(self.views)) if income else 0.0
            self.owed[known] = min(self.owed[known] + income, most)
        self._possible = {True: any(k in self.members for k in chosen), False: True}

    @property
    def behind(self) -> float:
        """How many batches' worth is owed."""
        return sum(self.owed.values()) / self.quota if self.quota else 0.0

    def plan(self, room: float) -> int:
        """Plan to give what is owed, at most the share rounded up; gives the room it takes."""
        room = min(room, -(-self.quota // self.views) * self.views)
        taken = 0
        for known in (True, False):
            drawings = min(self.owed[known], room - taken) * self._possible[known]
            patents = int((drawings + 1e-9) // self.views)
            self.planned[known] += patents
            taken += patents * self.views
            self.owed[known] -= patents * self.views
        return taken

    def spend(self, chosen: list[int], present: set[int]) -> list[Ints]:
        """The rows of each patent that was planned; their subclasses join those ``present``."""
        rows: list[Ints] = []
        for known, wanted in self.planned.items():
            own = [k for k in chosen if k in self.members] if known else [-1]
            turn = 0
            while wanted:
                group = self._next(own[turn % len(own)], present, wanted)
                rows += [self._visit(p) for p in group]
                wanted -= len(group)
                turn += 1
        self.planned = {True: 0, False: 0}
        return rows

    def _next(self, klass: int, present: set[int], most: int) -> Group:
        """The next group of a class, ``most`` of it, if possible of a subclass that is present."""
        if not self.waiting.get(klass):
            self.waiting[klass] = self._groups(self.members[klass])
        waiting = self.waiting[klass]
        shared = (i for i, group in enumerate(waiting) if self.subclass[group[0]] in present)
        group = waiting.pop(next(shared, -1))
        if group[most:]:
            waiting.append(group[most:])
        if self.subclass[group[0]] >= 0:
            present.add(self.subclass[group[0]])
        return group[:most]

    def _groups(self, patents: Group) -> list[Group]:
        """All patents of a class in groups of one subclass, at random."""
        of: dict[int, Group] = defaultdict(list)
        for i in self.rng.permutation(len(patents)):
            of[self.subclass[patents[i]]].append(patents[i])
        groups = [
            members[start : start + self.together]
            for members in of.values()
            for start in range(0, len(members), self.together)
        ]
        return [groups[i] for i in self.rng.permutation(len(groups))]

    def _visit(self, patent: int) -> Ints:
        """The patent's next V rows, in turn; one with fewer repeats them."""
        own, start = self.rows[patent], self.used[patent]
        if start == 0:
            self.rows[patent] = own = self.rng.permutation(own)
        self.used[patent] = start + self.views
        return np.array([own[(start + i) % len(own)] for i in range(self.views)], np.int64)
