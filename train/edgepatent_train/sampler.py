"""Batches in which every drawing meets its positives.

A batch is built of visits to patents: V views of one patent. P patents of one subclass make a
group, K groups of one class a pack, C packs of different classes a batch. Where a group or a pack
falls short it is topped up from its own subclass or class, so that a drawing whose patent has
another view, whose subclass has another patent, or whose class has another subclass finds one in
its batch. An epoch visits every patent ⌈min(views, cap) / V⌉ times.

Everything follows from labels, settings and seed: no state to save, the same batches for
any number of workers or processes.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edgepatent_train.recipe import SamplerRecipe

Ints = npt.NDArray[np.int64]
Branch = dict[int, list[int]]  # one class: the patents of each subclass
Group = list[int]  # patents of one subclass
Pack = list[Group]  # groups of one class
CROWD = (-1, -1)  # the branch of patents with neither class nor subclass
Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


def epoch_batches(
    patent: Ints, subclass: Ints, klass: Ints, recipe: SamplerRecipe, *, seed: Sequence[int]
) -> list[Ints]:
    """The batches of one epoch: row numbers, at most ``recipe.batch`` in each.

    ``seed`` tells epochs apart as well: (recipe seed, epoch, …). Labels are int64 [N], −1
    unknown; a patent's subclass and class are those of its first row. A patent with fewer than V
    drawings repeats them: each copy is augmented on its own. Patents without any label are spread
    over the batches.
    """
    return _Epoch(patent, subclass, klass, recipe, np.random.default_rng(seed)).batches()


class _Epoch:
    def __init__(
        self,
        patent: Ints,
        subclass: Ints,
        klass: Ints,
        recipe: SamplerRecipe,
        rng: np.random.Generator,
    ) -> None:
        self.recipe = recipe
        self.rng = rng
        self.full = recipe.classes * recipe.subclasses * recipe.patents
        order = np.argsort(patent, kind="stable")
        ids, starts = np.unique(patent[order], return_index=True)
        self.rows = {
            int(p): rng.permutation(rows)
            for p, rows in zip(ids, np.split(order, starts[1:]), strict=True)
        }
        self.used = dict.fromkeys(self.rows, 0)
        first = dict(zip(ids.tolist(), order[starts].tolist(), strict=True))
        self.branches: dict[tuple[int, int], Branch] = defaultdict(lambda: defaultdict(list))
        for p, row in first.items():
            k, s = int(klass[row]), int(subclass[row])
            # A subclass without its class still holds its patents together; patents without
            # either form one crowd, in which nobody is similar.
            key = (k, -1) if k >= 0 else (-1, s)
            self.branches[key][s].append(p)

    def batches(self) -> list[Ints]:
        """Deal the packs of all classes into batches, each of as many classes as there are."""
        packs = {key: self._packs(branch) for key, branch in self.branches.items()}
        self._spread_crowd(packs)
        batches: list[Ints] = []
        while any(packs.values()):
            batch: dict[int, None] = {}  # patents, in order, each once
            chosen: list[tuple[int, int]] = []
            while any(packs.values()):
                fresh = {key: queue for key, queue in packs.items() if key not in chosen}
                key = (self._fullest(fresh, 1) or self._fullest(packs, 1))[0]
                if not self._add(batch, packs[key][-1]):
                    break
                chosen.append(key)
                packs[key].pop()
            # What is left open, above all in the last batch, goes to patents that had their turn:
            # a short batch is a noisier step.
            for key in self._shuffled(self.branches):
                if len(batch) < self.full:
                    self._add(batch, self._random_pack(self.branches[key]))
            batches.append(np.concatenate([self._visit(p) for p in batch]))
        return self._shuffled(batches)

    def _spread_crowd(self, packs: dict[tuple[int, int], list[Pack]]) -> None:
        """Cut the packs of patents without any label into pieces as long as a usual class.

        As one class they would be a pack of each batch until the others run out, and then be
        whole batches by themselves.
        """
        if CROWD not in packs or len(packs) == 1:
            return
        crowd = packs.pop(CROWD)
        usual = -(-sum(map(len, packs.values())) // len(packs))
        for start in range(0, len(crowd), usual):
            packs[-1, -1 - start] = crowd[start : start + usual]

    def _add(self, batch: dict[int, None], pack: Pack) -> bool:
        """Add a pack's patents to the batch if they fit."""
        patents = dict.fromkeys(p for group in pack for p in group)
        if batch and len(batch.keys() | patents) > self.full:
            return False
        batch.update(patents)
        return True

    def _shuffled(self, things: Iterable[Item]) -> list[Item]:
        listed = list(things)
        return [listed[i] for i in self.rng.permutation(len(listed))]

    def _packs(self, branch: Branch) -> list[Pack]:
        """Deal all groups of a class into packs of K different subclasses."""
        waiting = {s: self._groups(p, self.recipe.patents) for s, p in branch.items()}
        packs: list[Pack] = []
        while any(waiting.values()):
            chosen = self._fullest(waiting, self.recipe.subclasses)
            pack = [waiting[s].pop() for s in chosen]
            others = self._shuffled(s for s in branch if s not in chosen)
            fill = others[: self.recipe.subclasses - len(chosen)]
            pack += [self._random_group(branch[s]) for s in fill]
            packs.append(pack)
        return packs

    def _groups(self, patents: list[int], size: int) -> list[Group]:
        """Cut a subclass into groups, in rounds: each round holds a patent at most once."""
        visits = {p: self._visits(p) for p in patents}
        groups: list[Group] = []
        for turn in range(max(visits.values())):
            present = self._shuffled(p for p in patents if visits[p] > turn)
            for start in range(0, len(present), size):
                group = present[start : start + size]
                if len(group) < size:
                    others = self._shuffled(set(patents) - set(group))
                    group += others[: size - len(group)]
                groups.append(group)
        return self._shuffled(groups)

    def _visits(self, patent: int) -> int:
        capped = min(len(self.rows[patent]), self.recipe.views_cap)
        return -(-capped // self.recipe.views)

    def _random_group(self, patents: list[int]) -> Group:
        count = min(self.recipe.patents, len(patents))
        return [patents[i] for i in self.rng.choice(len(patents), count, replace=False)]

    def _random_pack(self, branch: Branch) -> Pack:
        names = self._shuffled(branch)[: self.recipe.subclasses]
        return [self._random_group(branch[s]) for s in names]

    def _fullest(self, queues: Mapping[Key, Sequence[object]], count: int) -> list[Key]:
        """Up to ``count`` keys with the longest non-empty queues, ties at random."""
        keys = self._shuffled(key for key, queue in queues.items() if queue)
        return sorted(keys, key=lambda key: -len(queues[key]))[:count]

    def _visit(self, patent: int) -> Ints:
        """The patent's next V rows, in turn."""
        rows, views = self.rows[patent], self.recipe.views
        start = self.used[patent]
        self.used[patent] = start + views
        return np.array([rows[(start + i) % len(rows)] for i in range(views)], np.int64)
