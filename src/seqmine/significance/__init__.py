"""Significance: the statistics behind every certificate, on plain arrays of counts and sums.

K patterns, S strata; docs/significance.md has every formula with its source. Nothing here knows of logs or patterns.
"""

from __future__ import annotations

from seqmine.significance.association import CMH, cmh, point_null_p
from seqmine.significance.clustered import DesignEffects, clustered_factors
from seqmine.significance.effects import observed_expected, odds_ratio, risk_difference, risk_ratio
from seqmine.significance.minimum_effect import minimum_effect_p
from seqmine.significance.multiplicity import benjamini_hochberg, fcr_level, holm, westfall_young_p
from seqmine.significance.numeric import mean_difference, mean_z
from seqmine.significance.shrinkage import RandomEffects, SpikeNormal, shrink_random_effects, shrink_spike_normal
from seqmine.significance.tables import Interval, MeanTables, StratifiedTables
from seqmine.significance.tails import normal_tail, tail_probability

__all__ = [
    "CMH",
    "DesignEffects",
    "Interval",
    "MeanTables",
    "RandomEffects",
    "SpikeNormal",
    "StratifiedTables",
    "benjamini_hochberg",
    "clustered_factors",
    "cmh",
    "fcr_level",
    "holm",
    "mean_difference",
    "mean_z",
    "minimum_effect_p",
    "normal_tail",
    "observed_expected",
    "odds_ratio",
    "point_null_p",
    "risk_difference",
    "risk_ratio",
    "shrink_random_effects",
    "shrink_spike_normal",
    "tail_probability",
    "westfall_young_p",
]
