"""Sampling of balanced pairs: pure NumPy, one seed, no dependence on how many workers run."""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def sample_pairs(
    identities: NDArray[np.int64], count: int, seed: int | list[int]
) -> tuple[Indices, Indices, Indices]:
    """Draws pairs of images, half of one person and half of two, in random order.

    No image is paired with itself and no two images are paired twice, in either order. Both halves
    are spread as evenly as the data allows, over persons and over pairs of persons, so that
    somebody with hundreds of images does not fill them: each person gives one same pair in turn
    until enough are drawn, and within a person (or two persons) images are drawn uniformly.

    Args:
      identities: int64 [N], a code for the person that each image shows.
      count: How many pairs to draw; an odd count is rounded down. Where the images do not allow
        that many, both halves are as large as the smaller of the two can be.
      seed: Seeds ``numpy.random.default_rng``.

    Returns:
      Indices of the first image, indices of the second image, and labels (1 same, 0 different),
      each int64 [at most count].
    """
    _, sizes = np.unique(identities, return_counts=True)
    half = min(count // 2, *possible_pairs(sizes))
    return draw_pairs(identities, half, half, seed)


def draw_pairs(
    identities: NDArray[np.int64], same: int, different: int, seed: int | list[int]
) -> tuple[Indices, Indices, Indices]:
    """As ``sample_pairs``, with so many pairs of one person and so many of two.

    Args:
      identities: int64 [N], a code for the person that each image shows.
      same: At most as many as there are, see ``possible_pairs``.
      different: Likewise.
      seed: Seeds ``numpy.random.default_rng``.
    """
    rng = np.random.default_rng(seed)
    by_identity = np.argsort(identities, kind="stable")
    _, sizes = np.unique(identities, return_counts=True)
    starts = np.cumsum(sizes) - sizes

    # Same: pair k of a person is the k-th of (0,1) (0,2) (1,2) (0,3) ... of that person's images.
    who, within = _spread_same(sizes, same, rng)
    low, high = unrank(within)
    of_one = starts[who] + low, starts[who] + high

    # Different: the same numbering over persons, then a cell of (images of one) x (of the other).
    couple, within = _spread_different(sizes, different, rng)
    one, other = unrank(couple)
    row, column = np.divmod(within, sizes[other])
    of_two = starts[one] + row, starts[other] + column

    first = by_identity[np.concatenate([of_one[0], of_two[0]])]
    second = by_identity[np.concatenate([of_one[1], of_two[1]])]
    label = np.repeat(np.array([1, 0], dtype=np.int64), [same, different])
    # Neither the order of the pairs nor the order within a pair tells anything.
    swap = rng.random(len(label)) < 0.5
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    order = rng.permutation(len(label))
    return first[order], second[order], label[order]


def possible_pairs(sizes: Indices) -> tuple[int, int]:
    """How many same and how many different pairs persons with ``sizes`` images can form."""
    same = int((sizes * (sizes - 1) // 2).sum())
    total = int(sizes.sum())
    return same, total * (total - 1) // 2 - same


def quotas(capacities: Indices, count: int, rng: np.random.Generator) -> Indices:
    """Shares ``count`` out among groups, one each in turn, none beyond its capacity.

    For example capacities 1, 5, 5 and a count of 6 give 1, 3, 2 or 1, 2, 3: who gets one more in
    the last, incomplete round is drawn at random.

    Args:
      capacities: int64 [G], what each group can give.
      count: What to give in all; at most the sum of the capacities.
      rng: Draws who takes part in the last round.

    Returns:
      int64 [G], which sums to ``count``.
    """
    # The last full round: the largest level at which all groups together give no more than count.
    low, high = 0, int(capacities.max(initial=0))
    while low < high:
        level = (low + high + 1) // 2
        if int(np.minimum(capacities, level).sum()) <= count:
            low = level
        else:
            high = level - 1
    given = np.minimum(capacities, low)
    left = count - int(given.sum())
    if left:
        given[rng.choice(np.flatnonzero(capacities > low), size=left, replace=False)] += 1
    return given


def _spread_same(sizes: Indices, count: int, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Persons, and the number of a pair among each person's pairs: int64 [count] each."""
    return _draw(sizes * (sizes - 1) // 2, count, rng)


def _spread_different(
    sizes: Indices, count: int, rng: np.random.Generator
) -> tuple[Indices, Indices]:
    """Couples of persons, and the number of a pair among each couple's: int64 [count] each."""
    couples = len(sizes) * (len(sizes) - 1) // 2
    if count <= couples:
        # The usual case; millions of couples need not be listed to draw some without repetition.
        couple = rng.choice(couples, size=count, replace=False) if count else np.zeros(0, np.int64)
        one, other = unrank(couple)
        return couple, rng.integers(0, sizes[one] * sizes[other])
    one, other = unrank(np.arange(couples))
    return _draw(sizes[one] * sizes[other], count, rng)


def _draw(capacities: Indices, count: int, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """``count`` distinct (group, number below the group's capacity), spread over the groups."""
    given = quotas(capacities, count, rng)
    drawn = [
        rng.choice(capacities[group], size=given[group], replace=False)
        for group in np.flatnonzero(given)
    ]
    within = np.concatenate(drawn) if drawn else np.zeros(0, dtype=np.int64)
    return np.repeat(np.arange(len(capacities)), given), within


def unrank(number: Indices) -> tuple[Indices, Indices]:
    """The pair with a number in (0,1) (0,2) (1,2) (0,3) ...: number = high (high - 1) / 2 + low.

    Args:
      number: int64 [N], below 2**62.

    Returns:
      The smaller and the larger member of each pair, int64 [N].
    """
    high = ((1 + np.sqrt(1 + 8 * number.astype(np.float64))) // 2).astype(np.int64)
    # Rounded to a float, a large number may reach the next whole root; it never falls short of one.
    high -= high * (high - 1) // 2 > number
    return number - high * (high - 1) // 2, high
