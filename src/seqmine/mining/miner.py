"""`mine`: the timed patterns that tell positive rows of labels from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt

from seqmine.errors import InsufficientDataError, ParameterError
from seqmine.events.checked import check_log
from seqmine.labels import Labels, Study
from seqmine.mining.deadline import Deadline
from seqmine.mining.evidence import EvidenceOptions
from seqmine.mining.items import make_items
from seqmine.mining.options import MinerOptions
from seqmine.mining.result import MiningResult, make_result
from seqmine.mining.search import Target, search

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.mining.study_result import StudyResult

__all__ = ["mine"]


@overload
def mine(
    log: EventLog, study: Study, options: MinerOptions | None = None, *, evidence: EvidenceOptions | None = None
) -> StudyResult: ...
@overload
def mine(log: EventLog, study: Labels, options: MinerOptions | None = None) -> MiningResult: ...
def mine(
    log: EventLog,
    study: Study | Labels,
    options: MinerOptions | None = None,
    *,
    evidence: EvidenceOptions | None = None,
) -> MiningResult:
    """Find the patterns before the index times that go with more, or fewer, positive outcomes than expected.

    With a study the entities are split in two halves by a hash of their ids: one half proposes patterns, the other,
    which was never used to find them, judges them (`StudyResult`). With labels everything is found and counted on the
    same rows, and exploratory.

    A row supports a pattern when a match lies in what the row may see (`Labels.bind`). All rows count, those of
    entities without events too, so the number of rows is the same for every pattern.

    Parameters
    ----------
    log
        The events.
    study
        A study, of yes/no or numeric outcomes; or yes/no labels, from `label` or `Labels.from_arrow`.
    options
        By default `MinerOptions()`. Of a study ``min_support`` counts discovery rows, and at most ``top_k`` patterns
        (and no more than ``evidence.shortlist``) are judged.
    evidence
        How the patterns of a study are judged; by default `EvidenceOptions()`.

    Returns
    -------
    StudyResult or MiningResult
        The same bytes for any number of threads, any order of the input rows, unless a budget ran out.

    Raises
    ------
    ParameterError
        A log that is none, numeric labels without a study, ``evidence`` without one; strata or context that do not
        exist; for a study another measure than leverage.
    InsufficientDataError
        No rows, or labels of one class only, in one of the halves too.
    LeakAlarm
        An event type, or a step with a condition or absence, all but is the outcome: leave it out, or acknowledge it by
        name.
    MemoryBudgetExceeded
        ``max_memory`` is less than the events to mine take.
    ValueRangeError
        A study of numbers beyond 1e140.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import seqmine as sm
    >>> events = {"entity": ["a", "a", "b", "c"], "time": [1, 2, 1, 5], "event": ["open", "buy", "open", "buy"]}
    >>> log = sm.EventLog.from_arrow(events, time_unit="s", plausible_years=None)
    >>> table = {"entity": ["a", "b", "c"], "index_time": ["1970-01-02"] * 3, "label": [1, 0, 0]}
    >>> labels = sm.Labels.from_arrow(pa.table(table), timezone="UTC")
    >>> found = sm.mine(log, labels, sm.MinerOptions(max_gap="1h", min_support=1, learn_gaps=False))
    >>> found.to_arrow().column("pattern").to_pylist()
    ['open -[1us,1h)-> buy', 'buy', 'open']
    """
    check_log(log)
    options = _checked_options(options)
    if isinstance(study, Study):
        from seqmine.mining.study import mine_study

        return mine_study(log, study, options, _checked_evidence(evidence))
    if evidence is not None:
        raise ParameterError(
            "evidence goes with a study, not with labels", hint="write sm.mine(log, sm.Study.from_labels(labels), ...)"
        )
    deadline = Deadline(options.max_seconds)
    labels = _checked_labels(study)
    bound = labels.bind(log)
    n_rows, n_positive = len(bound.label), int(np.count_nonzero(bound.label))
    if n_positive in (0, n_rows):
        what = "there are no rows" if n_rows == 0 else f"all {n_rows} rows have the label {0 if n_positive == 0 else 1}"
        raise InsufficientDataError(
            f"{what}; mining needs rows of both classes", hint="see labels.excluded, or change the outcome or horizon"
        )
    stratum, n_strata = _strata(labels, options)
    found = search(
        log,
        bound,
        Target(bound.label, stratum, n_strata),
        options,
        make_items(log, bound, tuple(options.context), options.min_support),
        top_k=options.top_k,
        redundancy=options.redundancy,
        learn_gaps=options.learn_gaps,
        seconds=deadline.left(),
    )
    return make_result(found, n_rows, n_positive, deadline.elapsed, stratified=options.strata is not None)


def _checked_options(options: object) -> MinerOptions:
    if options is None:
        return MinerOptions()
    if not isinstance(options, MinerOptions):
        raise ParameterError(
            f"options must be MinerOptions, not {type(options).__name__}", hint="write MinerOptions(top_k=50)"
        )
    return options


def _checked_evidence(evidence: object) -> EvidenceOptions:
    if evidence is None:
        return EvidenceOptions()
    if not isinstance(evidence, EvidenceOptions):
        raise ParameterError(
            f"evidence must be EvidenceOptions, not {type(evidence).__name__}", hint="write EvidenceOptions(alpha=0.01)"
        )
    return evidence


def _checked_labels(labels: object) -> Labels:
    if not isinstance(labels, Labels):
        raise ParameterError(
            f"mine takes a Study or Labels, not {type(labels).__name__}",
            hint="make one with sm.Study(outcome, at=...), or sm.Labels.from_arrow(table)",
        )
    if labels.is_numeric:
        raise ParameterError(
            "the labels are numbers; mining them needs a study",
            hint="write sm.mine(log, sm.Study.from_labels(labels)), or give the outcome a comparison or a top share",
        )
    return labels


def _strata(labels: Labels, options: MinerOptions) -> tuple[npt.NDArray[np.int32] | None, int]:
    """One number per distinct combination of the strata columns; null is a value of its own."""
    if not options.strata:
        return None, 0
    combined = np.zeros(labels.n_rows, dtype=np.int64)
    for name in options.strata:
        column = labels.column(name)
        codes = column.dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
        # Both factors are below 2^31, so the product is exact; renumbering keeps it so for the next column.
        keys = combined * (int(codes.max()) + 1) + codes.astype(np.int64)
        combined = np.unique(keys, return_inverse=True)[1].reshape(-1)
    return combined.astype(np.int32), int(combined.max()) + 1
