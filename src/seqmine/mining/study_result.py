"""What `mine` says of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine.errors import ParameterError
from seqmine.mining.result import MiningResult

if TYPE_CHECKING:
    from seqmine.labels import Labels, Study
    from seqmine.mining.evidence import EvidenceOptions
    from seqmine.mining.explain import Explanation
    from seqmine.mining.leaks import LeakAlarmFinding
    from seqmine.mining.parts import Part
    from seqmine.mining.strata import RowStrata
    from seqmine.patterns import Pattern

__all__ = ["StudyResult"]


@dataclass(frozen=True, eq=False)
class StudyResult(MiningResult):
    """Patterns found on one half of the entities and judged on the other. Made by `mine` from a study.

    Attributes
    ----------
    study, labels
        The question, and all its rows.
    held_equal
        What every comparison holds equal, in words.
    out_of_time
        Which rows of a later index the result was held against, in words; None where there are none.
    alarms
        Leak alarms that were acknowledged.
    small
        Too little data for a split: Westfall-Young judged all rows, and no effect has an independent estimate.
    """

    study: Study = field(kw_only=True)
    labels: Labels = field(kw_only=True)
    held_equal: str = field(kw_only=True)
    out_of_time: str | None = field(kw_only=True)
    alarms: tuple[LeakAlarmFinding, ...] = field(kw_only=True)
    small: bool = field(kw_only=True)
    _evidence: EvidenceOptions = field(kw_only=True, repr=False)
    _strata: RowStrata = field(kw_only=True, repr=False)
    _judge: Part = field(kw_only=True, repr=False)
    _judge_rows: npt.NDArray[np.int64] = field(kw_only=True, repr=False)

    def to_arrow(self) -> pa.Table:
        """One row per shortlisted pattern: validated first, then exploratory, not supported and untested ones.

        Within a verdict by size of z, then fewer steps, then the bytes of the text. Every number is of the estimation
        half, which was not used to find the patterns, unless its name begins with ``discovery_`` (those flatter) or
        ``out_of_time_`` (the same entities at a later index). Null: undefined, or not to be had.

        ``pattern``, ``length``, ``direction`` (``raises`` or ``lowers``, as discovery says), ``verdict``
        (``validated``, ``exploratory``, ``not_supported``, ``untested``), ``statement`` (in words), ``flags`` (list),
        ``explained_by`` (the first of the better patterns from which this one is not told apart), ``stands_for`` (a
        column among whose equals less than half of it is left), ``evidence`` (``estimation_half`` or, of small data,
        ``westfall_young``); ``n_matched``, ``n_undecided`` (an absence is not over yet), ``n_positive``,
        ``base_rate``, ``confidence``, ``lift`` (crude), ``expected`` (positives that the strata let expect),
        ``o_over_e``, ``rr`` (Mantel-Haenszel risk ratio), ``rd`` (risk difference) and, of numbers,
        ``mean_difference``, each with ``_low`` and ``_high`` (95 %), ``z`` (Cochran-Mantel-Haenszel); ``p_effect``
        (against the minimum effect), ``p_productive`` (against the generalisation that explains most,
        ``least_beyond``), ``p_guards`` (the worst second look, ``guard``; null where none was needed), ``p`` (the
        largest), ``p_holm``, ``q_bh``, ``p_wy``; ``*_fcr_low`` and ``*_fcr_high``: intervals of validated patterns
        that allow for having been selected (Benjamini & Yekutieli 2005); ``discovery_rd_shrunk``: drawn towards no
        effect, for selected patterns without another estimate; ``out_of_time_*``: ``n_matched``, ``n_positive``,
        ``o_over_e`` and ``mean_difference`` at the later index.
        """
        return self._table

    def explain(self, pattern: str | Pattern) -> Explanation:
        """Where a pattern's numbers come from: counts by stratum, the comparison in words, and examples.

        Parameters
        ----------
        pattern
            One of the table.

        Raises
        ------
        ParameterError
            The table has no such pattern.
        """
        from seqmine.mining.explain import explain

        return explain(self, self._row(pattern))

    def segments(self) -> pa.Table:
        """The effect of every pattern by declared segment, shrunk towards the common one, with a test of interaction.

        Raises
        ------
        ParameterError
            ``EvidenceOptions(segments=...)`` declared none.
        """
        from seqmine.mining.explain import segments

        return segments(self)

    def _row(self, pattern: str | Pattern) -> int:
        texts = [str(text) for text in self._table.column("pattern").to_pylist()]
        from seqmine.patterns import parse_pattern

        text = str(parse_pattern(pattern)) if isinstance(pattern, str) else str(pattern)
        if text not in texts:
            from seqmine._text import did_you_mean

            near = did_you_mean(text, texts)
            raise ParameterError(
                f"the result has no pattern {text!r}",
                hint=f"did you mean {near!r}?" if near else "take one of result.to_arrow()['pattern']",
            )
        return int(texts.index(text))

    def __repr__(self) -> str:
        verdicts = self._table.column("verdict").to_pylist()
        counted = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts)) or "no patterns"
        state = "" if self.complete else "; incomplete: a budget ran out"
        return f"StudyResult({counted}; judged on {self.stats['n_rows']} rows{state})"

    def _caption(self) -> str:
        where = "all rows, by permutation" if self.small else f"{self.stats['n_rows']:,} rows not used to find them"
        return f"{len(self):,} patterns judged on {where}"

    def _shown_columns(self) -> Sequence[str]:
        return (
            "pattern", "verdict", "direction", "n_matched", "n_positive", "lift", "o_over_e", "o_over_e_low",
            "o_over_e_high", "rd", "p_holm", "q_bh", "flags",
        )  # fmt: skip
