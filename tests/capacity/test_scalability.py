"""The Universal Scalability Law: known parameters come back, and what cannot be known is said."""

from __future__ import annotations

import numpy as np
import pytest

from seqmine.capacity.scalability import fit_scalability


def law(sigma: float, kappa: float, threads: int) -> float:
    return (1 + sigma * (threads - 1) + kappa * threads * (threads - 1)) / threads


@pytest.mark.parametrize(("sigma", "kappa"), [(0.0, 0.0), (0.08, 0.0), (0.0, 0.004), (0.05, 0.002), (1.0, 0.0)])
def test_known_parameters_come_back(sigma: float, kappa: float) -> None:
    times = {n: 37.0 * law(sigma, kappa, n) for n in (1, 2, 4, 8, 16)}
    found = fit_scalability(times)
    assert (found.sigma, found.kappa) == (pytest.approx(sigma, abs=1e-6), pytest.approx(kappa, abs=1e-6))
    assert found.share(64) == pytest.approx(law(sigma, kappa, 64), rel=1e-4)


def test_known_parameters_come_back_from_noisy_times() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        times = {
            n: 10 * law(0.05, 0.002, n) * float(np.exp(0.01 * rng.standard_normal())) for n in (1, 2, 4, 8, 16, 32)
        }
        fit = fit_scalability(times)
        found.append((fit.sigma, fit.kappa))
    sigma, kappa = np.median(found, axis=0)
    assert sigma == pytest.approx(0.05, abs=0.01)
    assert kappa == pytest.approx(0.002, abs=0.0005)


def test_two_thread_counts_cannot_tell_contention_from_coherence() -> None:
    """Both laws meet at 2 threads and differ widely at 32: the bounds hold both."""
    sigma, kappa = 0.1, 0.05
    assert law(sigma, 0.0, 2) == law(0.0, kappa, 2)
    found = fit_scalability({1: 10.0, 2: 10.0 * law(sigma, 0.0, 2)})
    low, high = found.share_between(32)
    assert low == pytest.approx(law(sigma, 0.0, 32))
    assert high == pytest.approx(law(0.0, kappa, 32))


def test_one_thread_count_says_nothing_of_more() -> None:
    found = fit_scalability({1: 5.0})
    assert found.share_between(8) == (1 / 8, 1.0)
    assert found.most_threads == 1


def test_coherence_has_a_best_number_of_threads() -> None:
    found = fit_scalability({n: 10 * law(0.05, 0.01, n) for n in (1, 2, 4, 8, 16)})
    assert found.best_threads is not None
    times = {n: found.share(n) for n in range(1, 40)}
    assert abs(found.best_threads - min(times, key=times.__getitem__)) <= 1
    assert fit_scalability({n: 10 * law(0.05, 0.0, n) for n in (1, 2, 4)}).best_threads is None
