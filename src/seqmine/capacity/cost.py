"""A cost model: what a step takes as a sum of terms, fitted to small runs, cross-validated, with honest intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqmine.capacity.least_squares import non_negative, t_quantile
from seqmine.errors import InsufficientDataError

__all__ = ["CostModel", "Interval", "Observation", "fit_cost"]

# No model of a machine is better than this: the clock, the allocator and the caches differ from run to run.
_LEAST_SPREAD = 0.02
# Models whose cross-validated error is within so much of the best one's cannot be told apart.
_AS_GOOD, _AS_GOOD_PLUS = 1.25, 0.005


@dataclass(frozen=True)
class Interval:
    """A prediction and the bounds that hold it with the level asked for."""

    low: float
    expected: float
    high: float

    def __add__(self, other: Interval) -> Interval:
        # The steps share their machine and their errors, so bounds add up; nothing is won by summing.
        return Interval(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def scaled(self, low: float, expected: float, high: float) -> Interval:
        """Multiply each bound by a factor of its own."""
        return Interval(self.low * low, self.expected * expected, self.high * high)


@dataclass(frozen=True)
class Observation:
    """One measured configuration.

    Attributes
    ----------
    features
        Term -> its size in this run (events, entities, ...). A term ``one`` is always there.
    cost
        Seconds or bytes, above 0.
    group
        Runs of one group are left out together in cross-validation.
    """

    features: Mapping[str, float]
    cost: float
    group: str


@dataclass(frozen=True)
class _Fit:
    terms: tuple[str, ...]
    coefficients: tuple[float, ...]
    spread: float  # root mean square of the log of (observed / predicted), each group predicted from the others

    def predict(self, features: Mapping[str, float]) -> float:
        return sum(c * features[term] for term, c in zip(self.terms, self.coefficients, strict=True))


@dataclass(frozen=True)
class CostModel:
    """The sum of terms that predicts best, and those that predict about as well.

    Attributes
    ----------
    terms, coefficients
        Of the best sum.
    spread
        Its cross-validated error: root mean square of the log ratio of measured to predicted, leaving out one size at
        a time (0.05: about 5 %).
    ranges
        Term -> smallest and largest measured.
    """

    fits: tuple[_Fit, ...]
    ranges: Mapping[str, tuple[float, float]]
    n_groups: int

    @property
    def terms(self) -> tuple[str, ...]:
        return self.fits[0].terms

    @property
    def coefficients(self) -> tuple[float, ...]:
        return self.fits[0].coefficients

    @property
    def spread(self) -> float:
        return self.fits[0].spread

    def distance(self, features: Mapping[str, float]) -> float:
        """How far outside of the measured ranges: 0 inside, 1 for as many powers again as were measured."""
        return max((_outside(features[term], *self.ranges[term]) for term in self.ranges), default=0.0)

    def predict(self, features: Mapping[str, float], level: float = 0.9) -> Interval:
        """Predict the cost of ``features``, with an interval of the given level.

        Notes
        -----
        Half-width, on the log scale: Student's t of the number of sizes less one, times the cross-validated spread
        (at least 2 %), times one plus `distance`: the further out, the wider, in proportion. The interval spans those
        of all models that cross-validation cannot tell from the best; what is expected is their geometric mean.
        """
        t = t_quantile(0.5 + level / 2.0, max(1, self.n_groups - 1))
        reach = t * (1.0 + self.distance(features))
        middles = [fit.predict(features) for fit in self.fits]
        halves = [reach * max(fit.spread, _LEAST_SPREAD) for fit in self.fits]
        return Interval(
            min(middle * math.exp(-half) for middle, half in zip(middles, halves, strict=True)),
            math.prod(middles) ** (1.0 / len(middles)),
            max(middle * math.exp(half) for middle, half in zip(middles, halves, strict=True)),
        )


def _outside(x: float, low: float, high: float) -> float:
    if low <= x <= high or low <= 0.0 or x <= 0.0:
        return 0.0
    measured = math.log(high / low)
    beyond = math.log(x / high) if x > high else math.log(low / x)
    # A term that was measured at one size only says nothing about other sizes; a factor of two counts as one range.
    return beyond / max(measured, math.log(2.0))


def fit_cost(observations: Sequence[Observation], models: Sequence[tuple[str, ...]]) -> CostModel:
    """Fit every candidate sum of terms and keep those that predict left-out sizes best.

    Parameters
    ----------
    observations
        Measured runs of at least four groups.
    models
        Candidate sets of terms.

    Notes
    -----
    Errors are relative: ``sum((predicted / measured - 1)^2)`` is minimised over non-negative coefficients, which for
    small errors is least squares on the log scale, and linear.

    Raises
    ------
    InsufficientDataError
        Fewer than four groups.
    """
    groups = sorted({observation.group for observation in observations})
    if len(groups) < 4:
        raise InsufficientDataError(
            f"a cost model needs runs of at least 4 sizes, not {len(groups)}", hint="measure more sizes"
        )
    fits = []
    for terms in models:
        errors = []
        for group in groups:
            rest = [o for o in observations if o.group != group]
            coefficients = _coefficients(rest, terms)
            for left_out in (o for o in observations if o.group == group):
                predicted = sum(c * left_out.features[term] for term, c in zip(terms, coefficients, strict=True))
                errors.append(math.log(left_out.cost / predicted) if predicted > 0.0 else math.inf)
        spread = math.sqrt(sum(error * error for error in errors) / len(errors))
        fits.append(_Fit(terms, _coefficients(observations, terms), spread))
    fits.sort(key=lambda fit: (fit.spread, len(fit.terms)))
    kept = tuple(fit for fit in fits if fit.spread <= _AS_GOOD * fits[0].spread + _AS_GOOD_PLUS)
    used = {term for fit in kept for term, c in zip(fit.terms, fit.coefficients, strict=True) if c > 0.0} - {"one"}
    values = {term: [o.features[term] for o in observations] for term in sorted(used)}
    return CostModel(kept, {term: (min(row), max(row)) for term, row in values.items()}, len(groups))


def _coefficients(observations: Sequence[Observation], terms: tuple[str, ...]) -> tuple[float, ...]:
    matrix = np.array([[o.features[term] / o.cost for term in terms] for o in observations], dtype=np.float64)
    return tuple(float(c) for c in non_negative(matrix, np.ones(len(observations))))
