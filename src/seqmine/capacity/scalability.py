"""How time falls with threads: the Universal Scalability Law, fitted to measured times.

With n threads a piece of work takes ``T(n) = T(1) (1 + sigma (n - 1) + kappa n (n - 1)) / n``: sigma is the share that
one thread at a time can do (contention), kappa what pairs of threads lose to each other (coherence).

References
----------
Gunther, "Guerrilla Capacity Planning", Springer 2007, chapter 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seqmine.capacity.least_squares import non_negative

__all__ = ["Scalability", "fit_scalability"]

# Times that differ by less cannot tell two laws apart.
_NOISE = 0.03


@dataclass(frozen=True)
class Scalability:
    """A fitted law.

    Attributes
    ----------
    sigma, kappa
        Contention and coherence, both at least 0.
    most_threads
        The most threads that were measured. Beyond it the law is extrapolated.
    rivals
        Other pairs (sigma, kappa) that fit the measured times as well: with few thread counts, contention and coherence
        look alike, and differ far beyond.
    """

    sigma: float
    kappa: float
    most_threads: int
    rivals: tuple[tuple[float, float], ...] = ()

    def share(self, threads: int) -> float:
        """T(threads) / T(1)."""
        return _share(self.sigma, self.kappa, threads)

    def share_between(self, threads: int) -> tuple[float, float]:
        """Smallest and largest T(threads) / T(1) of all laws that fit."""
        shares = [self.share(threads), *(_share(sigma, kappa, threads) for sigma, kappa in self.rivals)]
        return min(shares), max(shares)

    @property
    def best_threads(self) -> int | None:
        """The number of threads beyond which more make it slower; None where the law has no such point."""
        if self.kappa <= 0.0:
            return None
        return max(1, int(((1.0 - min(self.sigma, 1.0)) / self.kappa) ** 0.5))


def _share(sigma: float, kappa: float, threads: int) -> float:
    return (1.0 + sigma * (threads - 1) + kappa * threads * (threads - 1)) / threads


def fit_scalability(seconds: Mapping[int, float]) -> Scalability:
    """Fit the law to wall times by number of threads.

    Parameters
    ----------
    seconds
        Threads -> seconds of the same work; must hold 1 thread.

    Notes
    -----
    ``n T(n)`` is linear in ``T(1)``, ``T(1) sigma`` and ``T(1) kappa``, so relative least squares with non-negative
    coefficients is a linear problem. The laws of contention alone, coherence alone, and neither are fitted too; those
    whose errors do not stand out from the noise of 3 % are kept as rivals. From one thread count alone nothing is
    known: everything between no loss and no gain is possible.

    Examples
    --------
    >>> law = fit_scalability({n: 10 * (1 + 0.1 * (n - 1)) / n for n in (1, 2, 4, 8)})
    >>> round(law.sigma, 6), round(law.kappa, 6), round(law.share(16), 4)
    (0.1, 0.0, 0.1562)
    """
    counts = sorted(seconds)
    if len(counts) == 1:
        return Scalability(0.0, 0.0, counts[0], rivals=((1.0, 0.0),))
    n = np.array(counts, dtype=np.float64)
    work = n * np.array([seconds[count] for count in counts])
    terms = np.stack([np.ones_like(n), n - 1, n * (n - 1)], axis=1) / work[:, None]
    fits = []
    # Two thread counts cannot hold two losses apart: then one of them explains it all.
    for chosen in ((0, 1), (0, 2), *([(0, 1, 2)] if len(counts) > 2 else []), (0,)):
        found = np.zeros(3)
        found[list(chosen)] = non_negative(terms[:, chosen], np.ones(len(n)))
        error = float(np.sqrt(np.mean((terms @ found - 1.0) ** 2)))
        if found[0] > 0.0:
            fits.append((error, float(found[1] / found[0]), float(found[2] / found[0])))
    best = min(error for error, _, _ in fits)
    (_, sigma, kappa), *_ = (fit for fit in fits if fit[0] <= best + 1e-9)
    rivals = tuple((s, k) for error, s, k in fits if error <= best + _NOISE and (s, k) != (sigma, kappa))
    return Scalability(sigma, kappa, counts[-1], rivals)
