"""Which images make a batch. Pure NumPy on row numbers; no pixel is touched here."""

from collections.abc import Iterator

import numpy as np

from components.trainer.inputs.arrays import Pairs


def pair_batches(
    pairs: Pairs, batch: int, seed: int | list[int]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of given pairs, all once before any comes again, in a new order each time.

    Args:
      pairs: What to draw from.
      batch: Pairs a batch; all pairs when there are fewer.
      seed: Of the order.

    Yields:
      Rows, int64 ``[2 * batch]`` (first all a, then all b), and labels, int32 ``[batch]``.
    """
    random = np.random.default_rng(seed)
    count = len(pairs.labels)
    batch = min(batch, count)
    while True:
        order = random.permutation(count)
        for start in range(0, count - batch + 1, batch):
            chosen = order[start : start + batch]
            yield np.concatenate([pairs.a[chosen], pairs.b[chosen]]), pairs.labels[chosen]


def fresh_pair_batches(
    classes: np.ndarray, batch: int, seed: int | list[int]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of pairs drawn anew each time, half same and half different.

    Same pairs come from identities with two images or more, each identity as likely as any other;
    different pairs from all images.

    Args:
      classes: int ``[N]``, the identity of each row.
      batch: Pairs a batch.
      seed: Of the draws.

    Yields:
      As ``pair_batches``.

    Raises:
      ValueError: No identity has two images, or there is only one identity.
    """
    members = rows_of_each(classes)
    many = [rows for rows in members if len(rows) > 1]
    if not many or len(members) < 2:
        raise ValueError(
            f"{len(members)} identities, {len(many)} of them with two images or more: "
            "pairs need at least two identities, and one with two images"
        )
    random = np.random.default_rng(seed)
    same = batch // 2
    labels = np.repeat(np.array([1, 0], np.int32), [same, batch - same])
    while True:
        a, b = np.empty(batch, np.int64), np.empty(batch, np.int64)
        for place, pick in enumerate(random.integers(len(many), size=same)):
            a[place], b[place] = random.choice(many[pick], 2, replace=False)
        for place in range(same, batch):
            first, second = random.choice(len(members), 2, replace=False)
            a[place], b[place] = random.choice(members[first]), random.choice(members[second])
        yield np.concatenate([a, b]), labels


def identity_batches(
    classes: np.ndarray,
    identities: int,
    images: int,
    seed: int | list[int],
    singles: int = 0,
    embeddings: np.ndarray | None = None,
    group: int = 1,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """P x K batches: P identities, K images of each (Hermans et al. 2017).

    Only identities with two images or more are drawn, all of them once before any comes again. One
    with fewer than K images repeats some; augmentation makes the copies differ.

    Args:
      classes: int ``[N]``, the identity of each row.
      identities: P; all identities when there are fewer.
      images: K.
      seed: Of the draws.
      singles: Images of people with one image, added to each batch: they are negatives only. Fewer
        when there are fewer.
      embeddings: float ``[N, D]``; with them, hard negatives come in one batch, see
        ``hard_negative_order``.
      group: How many people make a group of hard negatives.

    Yields:
      Rows, int64 ``[P * K + singles]``, and their classes, int32 of the same length.

    Raises:
      ValueError: Fewer than two identities have two images.
    """
    members = rows_of_each(classes)
    many = [rows for rows in members if len(rows) > 1]
    alone = np.array([rows[0] for rows in members if len(rows) == 1], np.int64)
    if len(many) < 2:
        raise ValueError(
            f"{len(many)} identities have two images or more; P x K batches need at least two"
        )
    random = np.random.default_rng(seed)
    identities = min(identities, len(many))
    singles = min(singles, len(alone))
    centres = None
    if embeddings is not None:
        centres = np.stack([embeddings[rows].mean(axis=0) for rows in many])
    while True:
        if centres is None:
            order = random.permutation(len(many))
        else:
            order = hard_negative_order(centres, group, random)
        for start in range(0, len(many) - identities + 1, identities):
            rows = []
            for pick in order[start : start + identities]:
                every = random.permutation(many[pick])
                rows.append(np.resize(every, images))
            if singles:
                rows.append(random.choice(alone, singles, replace=False))
            batch = np.concatenate(rows)
            yield batch, classes[batch].astype(np.int32)


def hard_negative_order(centres: np.ndarray, group: int, random: np.random.Generator) -> np.ndarray:
    """An order of identities in which those whose embeddings are alike stand together.

    From the identities that are left one is drawn, and the nearest of the others by cosine join it,
    until none is left. Hard negatives then meet in one batch, while the groups come at random: a
    batch of nothing but the hardest would fit the label noise.

    Args:
      centres: float ``[C, D]``, the mean embedding of each identity.
      group: Identities in a group.
      random: Draws the first of each group.

    Returns:
      int64 ``[C]``, each identity once.
    """
    unit = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    left = random.permutation(len(centres))
    order = []
    while len(left):
        similarity = unit[left] @ unit[left[0]]
        similarity[0] = np.inf
        taken = np.argsort(-similarity, kind="stable")[:group]
        order.append(left[taken])
        left = np.delete(left, taken)
    return np.concatenate(order)


def rows_of_each(classes: np.ndarray) -> list[np.ndarray]:
    """The rows of each identity, in rising order, for the identity of each row, int ``[N]``."""
    order = np.argsort(classes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(classes[order])) + 1)
