"""The solver and the quantiles that the models rest on."""

from __future__ import annotations

import numpy as np
import pytest

from seqmine.capacity.least_squares import MAX_TERMS, non_negative, t_quantile


def test_the_optimum_meets_its_conditions() -> None:
    """Karush-Kuhn-Tucker: the gradient is zero where a coefficient is positive, and not negative where it is zero."""
    rng = np.random.default_rng(1)
    bound = 0
    for _ in range(300):
        matrix, target = rng.normal(size=(10, 5)), rng.normal(size=10)
        found = non_negative(matrix, target)
        gradient = matrix.T @ (matrix @ found - target)
        assert (found >= 0).all()
        assert np.abs(gradient[found > 0]).max(initial=0.0) < 1e-9
        assert (gradient[found == 0] > -1e-9).all()
        bound += int((found == 0).any())
    assert bound > 200  # the bounds were at work


def test_terms_of_very_different_size() -> None:
    sizes = np.array([1e4, 1e5, 1e6, 1e7])
    matrix = np.stack([np.ones(4), sizes, sizes * np.log2(sizes)], axis=1)
    found = non_negative(matrix / (matrix @ [0.01, 0.0, 3e-8])[:, None], np.ones(4))
    assert found == pytest.approx([0.01, 0.0, 3e-8], rel=1e-6)


def test_more_terms_than_can_be_tried() -> None:
    with pytest.raises(ValueError, match=f"at most {MAX_TERMS}"):
        non_negative(np.ones((3, MAX_TERMS + 1)), np.ones(3))


@pytest.mark.parametrize(
    ("probability", "degrees", "value"),
    # Abramowitz & Stegun 1972, table 26.10.
    [(0.95, 1, 6.314), (0.95, 2, 2.920), (0.975, 5, 2.571), (0.995, 8, 3.355), (0.9, 30, 1.310), (0.5, 3, 0.0)],
)
def test_quantiles_of_the_table(probability: float, degrees: int, value: float) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(value, abs=6e-4)
