"""Observed less expected among the treated, cell by cell, and the same number by regression.

Written from STATISTICS C.3. A cell is a bin k and a stratum s; r = y - m is what the prognosis m leaves over. Of the
treated of a cell, U = sum of (r - mean r of its controls). Cells with fewer than MIN_CONTROLS controls say nothing;
their treated are lost, and counted.

Three estimates of one effect, which differ only in how they weigh the cells' differences in mean r:

    theta (ATT)       by n1               = WLS of r on z with a dummy per cell, treated weighing 1, controls n1 / n0
    Mantel-Haenszel   by n1 n0 / (n1+n0)  = OLS of r on z with a dummy per cell

In a regression with a dummy per cell the weight of a cell is w1 w0 / (w1 + w0), with w1 and w0 the total weights of
its treated and of its controls: n1 n0 / n for OLS; n1 / 2 where the controls are weighted to count as many as the
treated, which is proportional to n1 and so is the ATT. With few treated among many controls the two nearly agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import WLS

from .trials import Row

MIN_CONTROLS = 5
NORMAL = NormalDist()

ByRow = Callable[[int, int], float]
"""Of the position of an instance and a bin."""


def frame(rows: Sequence[Row], stratum: ByRow, m: ByRow, y: ByRow | None = None) -> pd.DataFrame:
    """The rows with their strata, prognoses and residuals; another `y` (a placebo) takes the place of the outcome."""
    made = pd.DataFrame(
        {
            "instance": [row.instance for row in rows],
            "entity": [row.entity for row in rows],
            "k": [row.k for row in rows],
            "z": [row.z for row in rows],
            "y": [row.y if y is None else float(y(row.instance, row.k)) for row in rows],
            "s": [int(stratum(row.instance, row.k)) for row in rows],
            "m": [float(m(row.instance, row.k)) for row in rows],
        }
    )
    made["r"] = made["y"] - made["m"]
    return made


def cells(rows: pd.DataFrame, min_controls: int = MIN_CONTROLS) -> pd.DataFrame:
    """By (k, s): n1, n0, sums of y, m, r and r^2 of the treated (1) and the controls (0), and whether it is kept."""
    sums = rows.assign(n=1, rr=rows["r"] ** 2).groupby(["k", "s", "z"])[["n", "y", "m", "r", "rr"]].sum()
    wide = sums.unstack("z", fill_value=0)
    table = pd.DataFrame(index=wide.index)
    for z in (1, 0):
        for name in ("n", "y", "m", "r", "rr"):
            table[f"{name}{z}"] = wide[name, z] if (name, z) in wide.columns else 0
    table["kept"] = table["n0"] >= min_controls
    return table


def bins(table: pd.DataFrame, n_bins: int) -> pd.DataFrame:
    """By bin: n treated that are kept, lost, controls, observed O, expected E, U and V."""
    found = {name: [0.0] * n_bins for name in ("n", "lost", "controls", "O", "E", "U", "V")}
    for (k, _), cell in table.iterrows():
        found["controls"][k] += cell.n0
        if not cell.kept:
            found["lost"][k] += cell.n1
            continue
        mean = cell.r0 / cell.n0
        variance = (cell.rr0 - cell.n0 * mean**2) / (cell.n0 - 1)
        found["n"][k] += cell.n1
        found["O"][k] += cell.y1
        found["E"][k] += cell.m1 + cell.n1 * mean
        found["U"][k] += cell.y1 - (cell.m1 + cell.n1 * mean)
        found["V"][k] += cell.n1 * variance * (1 + cell.n1 / cell.n0)
    return pd.DataFrame(found)


@dataclass(frozen=True)
class Effect:
    """Of a set of bins. `rr` is O / E; its interval is that of theta, carried over to the logarithm."""

    n: float
    observed: float
    expected: float
    theta: float
    se: float
    low: float
    high: float
    z: float
    p: float
    rr: float
    rr_low: float
    rr_high: float


def effect(curve: pd.DataFrame, chosen: Sequence[int], alpha: float = 0.05) -> Effect:
    part = curve.iloc[list(chosen)]
    n, observed, expected = (float(part[name].sum()) for name in ("n", "O", "E"))
    theta, se = float(part["U"].sum()) / n, math.sqrt(part["V"].sum()) / n
    z, width = theta / se, NORMAL.inv_cdf(1 - alpha / 2)
    rr, on_log = observed / expected, width * se * n / observed if observed else math.nan
    return Effect(
        n,
        observed,
        expected,
        theta,
        se,
        theta - width * se,
        theta + width * se,
        z,
        2 * NORMAL.cdf(-abs(z)),
        rr,
        rr * math.exp(-on_log),
        rr * math.exp(on_log),
    )


def contrast(curve: pd.DataFrame, lo: int, hi: int) -> tuple[float, float, float]:
    """delta = theta of [lo, hi) less theta of all other bins, its SE, and the two-sided p."""
    inside = effect(curve, range(lo, hi))
    outside = effect(curve, [k for k in range(len(curve)) if not lo <= k < hi])
    delta, se = inside.theta - outside.theta, math.hypot(inside.se, outside.se)
    return delta, se, 2 * NORMAL.cdf(-abs(delta / se))


def overlap(curve: pd.DataFrame) -> float:
    """The treated that are kept, of all treated."""
    return float(curve["n"].sum() / (curve["n"].sum() + curve["lost"].sum()))


@dataclass(frozen=True)
class Errors:
    """Standard errors of theta that stay right where there is an effect.

    V is the variance if the action does nothing: it takes the treated to vary as their controls do. Where the action
    moves a risk towards one half, they vary more, and an interval from V is too short. `own`: the treated vary as they
    do, sum of (r - mean r of controls - theta)^2 + sum over cells of n1^2 v0 / n0. `by_entity`: the squares of each
    entity's sum of influences, 1 for a treated row and -n1 / n0 for a control.
    """

    own: float
    by_entity: float


def errors(rows: pd.DataFrame, table: pd.DataFrame, lo: int, hi: int) -> Errors:
    inside = rows[(rows["k"] >= lo) & (rows["k"] < hi)].join(table[["n1", "n0", "r0", "kept"]], on=["k", "s"])
    inside = inside[inside["kept"] & (inside["n1"] > 0)]
    over = inside["r"] - inside["r0"] / inside["n0"]
    treated = inside["z"] == 1
    n = int(treated.sum())
    rest = over.where(~treated, over - over[treated].mean())
    share = (inside["n1"] / inside["n0"]).where(~treated, -1.0)
    # v0 n1^2 / n0, written as a sum over the controls of the cell.
    of_controls = (share**2 * rest**2 * inside["n0"] / (inside["n0"] - 1))[~treated].sum()
    own = (rest[treated] ** 2).sum() + of_controls
    by_entity = ((-share * rest).groupby(inside["entity"]).sum() ** 2).sum()
    return Errors(math.sqrt(own) / n, math.sqrt(by_entity) / n)


# --- the same by regression -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Regression:
    """The coefficient of z; `se` is clustered by entity (sandwich without small-sample factors)."""

    theta: float
    se: float


def regress(rows: pd.DataFrame, table: pd.DataFrame, lo: int, hi: int, *, weights: str = "att") -> Regression:
    """r on z with a dummy per cell, over the kept cells of the window [lo, hi); `weights` is att or mh (see above)."""
    inside = rows[(rows["k"] >= lo) & (rows["k"] < hi)].join(table[["n1", "n0", "kept"]], on=["k", "s"])
    inside = inside[inside["kept"] & (inside["n1"] > 0)]
    dummies = pd.get_dummies(inside["k"].astype(str) + "/" + inside["s"].astype(str)).to_numpy(float)
    weight = np.ones(len(inside))
    if weights == "att":
        weight = np.where(inside["z"] == 1, 1.0, inside["n1"] / inside["n0"])
    model = WLS(inside["r"].to_numpy(), np.column_stack([inside["z"], dummies]), weights=weight)
    clusters = pd.factorize(inside["entity"])[0]
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False})
    return Regression(float(fit.params[0]), float(fit.bse[0]))


def mantel_haenszel(table: pd.DataFrame, lo: int, hi: int) -> float:
    """The stratified difference with weights n1 n0 / n."""
    total, weights = 0.0, 0.0
    for (k, _), cell in table.iterrows():
        if lo <= k < hi and cell.kept and cell.n1:
            weight = cell.n1 * cell.n0 / (cell.n1 + cell.n0)
            total += weight * (cell.r1 / cell.n1 - cell.r0 / cell.n0)
            weights += weight
    return total / weights


# --- numbers beside the effect ----------------------------------------------------------------------------------------


def e_value(rr: float) -> float:
    """VanderWeele & Ding (2017): how strong a hidden confounder would have to be, on both sides, to explain rr."""
    ratio = rr if rr >= 1 else 1 / rr
    return ratio + math.sqrt(ratio * (ratio - 1))


def e_value_of_interval(low: float, high: float) -> float:
    """The same at the limit nearer 1; 1 where the interval covers 1."""
    if low <= 1 <= high:
        return 1.0
    return e_value(low if low > 1 else high)


def n_per_arm(p: float, tau: float) -> float:
    """Customers in each arm that find a difference tau at base rate p (power 80 %, level 5 %); not rounded."""
    return 2 * p * (1 - p) * (1.96 + 0.84) ** 2 / tau**2


def holm(p: Sequence[float]) -> list[float]:
    """Step-down: the i-th smallest of K times (K - i), never below one before it, at most 1."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, running = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = running
    return adjusted
