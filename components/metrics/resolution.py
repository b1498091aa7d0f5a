"""How small an error rate a number of pairs can show."""

import math

import numpy as np
import numpy.typing as npt


def people(identities_a: npt.ArrayLike, identities_b: npt.ArrayLike) -> int:
    """How many people are in some pairs."""
    return len(np.union1d(np.asarray(identities_a), np.asarray(identities_b)))


def couples(identities_a: npt.ArrayLike, identities_b: npt.ArrayLike) -> int:
    """How many different couples of two people are in some pairs, in whatever order.

    Pairs of other photos of the same two people are hardly new trials: whether two people are
    mistaken for each other depends above all on who they are. So trials of the false match rate are
    counted by couples, and k people make k (k - 1) / 2 of them at most, however many photos there
    are.

    Args:
      identities_a: [N], who the first image shows.
      identities_b: [N], who the second shows. Pairs of one person do not count.
    """
    first, second = np.asarray(identities_a), np.asarray(identities_b)
    _, index = np.unique(np.concatenate([first, second]), return_inverse=True)
    low, high = np.sort(index.reshape(2, -1), axis=0).astype(np.int64)
    return len(np.unique((low * (index.max(initial=0) + 1) + high)[low != high]))


def smallest_rate(trials: int) -> float:
    """The smallest rate that so many trials can show: 3 / trials, at most 1.

    The rule of three: when nothing went wrong in n independent trials, the true rate is at most
    3 / n with a confidence of 95 % (Hanley and Lippman-Hand, "If nothing goes wrong, is everything
    all right?", JAMA 1983; ISO/IEC 19795-1 has it for biometrics). It is the least one can ask for.
    To know a rate within 30 % takes ten times as many trials: 30 errors (the rule of 30, Doddington
    et al., "The NIST speaker recognition evaluation", Speech Communication 2000).
    """
    return min(1.0, 3 / trials) if trials else 1.0


def trials_for(rate: float) -> int:
    """How many trials can show a rate, the inverse of ``smallest_rate``."""
    # The quotient of 3 and a decimal fraction may lie a rounding above a whole number.
    return math.ceil(round(3 / rate, 6))
