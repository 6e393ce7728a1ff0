"""`scan_windows`: the delays after a moment in which an action changes the outcome, or why the log cannot tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from seqmine._validate import check_type
from seqmine.errors import ParameterError
from seqmine.events.checked import check_log
from seqmine.events.selectors import Selector
from seqmine.labels import Outcome, Study
from seqmine.mining import StudyResult
from seqmine.patterns import Pattern, parse_pattern
from seqmine.windows.analysis import Analysis, Question, analyse, follow_up_of, rows_of, settle
from seqmine.windows.columns import check_column, entity_columns
from seqmine.windows.options import WindowOptions
from seqmine.windows.outcome_bins import outcome_source
from seqmine.windows.refusals import check_names
from seqmine.windows.result import WindowResult
from seqmine.windows.streams import read_selector, stream_of

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["asked", "scan_windows"]

Moments = str | Pattern | Sequence[str | Pattern] | StudyResult


def scan_windows(
    log: EventLog,
    moments: Moments,
    actions: str | Sequence[str],
    study: Study,
    options: WindowOptions | None = None,
) -> WindowResult:
    """Find the delays after a moment in which an action changes the outcome, and say how sure that is.

    For every moment and action those who are treated at a delay are compared with those who are still untreated, at
    risk and of the same kind at the same delay, and who get usual care afterwards (sequential trials). The window is
    looked for on the discovery half of the entities; every number of `WindowResult.to_arrow` that does not begin with
    ``discovery_``, ``scan_`` or ``naive_`` is of the other half. See docs/windows.md.

    Parameters
    ----------
    log
        The events.
    moments
        Patterns or their texts, one or several; or a `StudyResult`, whose validated patterns are taken.
    actions
        Event tests of what the company does, such as ``"csm_call"`` or ``"mail{channel=sms}"``, one or several.
    study
        The outcome, and the seed of the halves. ``exclude_events`` are seen by nothing but the outcome, ``min_tenure``
        and ``incident`` hold for moments, ``lookback`` limits how old an attribute may be; ``at`` plays no part, except
        that further columns of an index table are columns of the entities.
    options
        By default ``WindowOptions()``.

    Returns
    -------
    WindowResult
        Equal inputs give equal bytes, for any number of threads.

    Raises
    ------
    ParameterError
        Arguments that cannot be used: a study of given labels, an outcome that is a top share or a table of numbers, an
        action that is the outcome.
    InvalidPattern, InvalidOutcome
        Text that cannot be read, or that does not fit the log.

    Warns
    -----
    UnknownEventWarning
        The log lacks an event type that is named.

    References
    ----------
    Li, Propert & Rosenbaum 2001 (J. Am. Stat. Assoc. 96) and Hernan et al. 2008 (Epidemiology 19) for sequential
    comparisons with those still at risk; Abadie & Imbens 2011 (J. Bus. Econ. Stat. 29) for the correction by a model.

    Examples
    --------
    >>> import seqmine as sm
    >>> log = sm.EventLog.read("events.parquet")  # doctest: +SKIP
    >>> study = sm.Study("no purchase within 90d", at="2026-01-01")
    >>> result = sm.scan_windows(log, "ticket_open", "csm_call", study)  # doctest: +SKIP
    """
    options = WindowOptions() if options is None else options
    question, tests = asked(log, actions, study, options)
    patterns = _patterns(moments)
    declared = [(name, stream_of(log, Selector((name,)), threads=options.threads)) for name in options.company]
    company = [(str(test), stream_of(log, test, threads=options.threads)) for test in tests]
    analyses: list[Analysis] = []
    for pattern in patterns:
        rows = rows_of(question, pattern)
        for test in tests:
            own = dict(company)[str(test)]
            # The same event may pass two tests: what is the action itself is no other one.
            others = [(name, each.without(own)) for name, each in (*company, *declared) if name != str(test)]
            others = [(name, each) for name, each in others if len(each.time)]
            analyses.append(analyse(question, pattern, test, rows, others))
    settle(analyses, options.alpha)
    return WindowResult(tuple(analyses), study, options, log)


def _named(outcome: Outcome) -> str:
    return "the table's outcome" if outcome.table is not None else f"'{outcome}'"


def asked(
    log: EventLog, actions: str | Sequence[str], study: Study, options: WindowOptions
) -> tuple[Question, list[Selector]]:
    """Check all that `scan_windows` is given but the moments, which a long search may still have to find."""
    check_log(log)
    check_type(study, Study, "study", 'write sm.Study("no purchase within 90d", at="2026-01-01")')
    check_type(options, WindowOptions, "options", 'write sm.WindowOptions(max_delay="14d")')
    if study.outcome is None:
        raise ParameterError(
            "windows follow the outcome from every delay on, which given labels cannot tell",
            hint='give the outcome: sm.Study("no purchase within 90d", at="2026-01-01")',
        )
    tests = _actions(actions)
    check_names(log, options)
    source = outcome_source(log, study.outcome, options.threads)
    _refuse_outcome(study, tests)
    entities = entity_columns(log, study)
    for name in options.segments:
        check_column(log, entities, name, "segments", categories=True)
    for name in () if options.covariates == "auto" else options.covariates:
        check_column(log, entities, name, "covariates")
    lowers, raises = _directions(study, options)
    question = Question(
        log=log, study=study, options=options, source=source, follow=follow_up_of(study, options),
        entities=entities, outcome=_named(study.outcome), lowers=lowers, raises=raises,
    )  # fmt: skip
    return question, tests


def _patterns(moments: object) -> list[Pattern]:
    if isinstance(moments, StudyResult):
        table = moments.to_arrow()
        validated = [
            text
            for text, verdict in zip(table["pattern"].to_pylist(), table["verdict"].to_pylist(), strict=True)
            if verdict == "validated"
        ]
        if not validated:
            raise ParameterError("the study has no validated pattern to take for a moment", hint="give patterns")
        moments = validated
    given = [moments] if isinstance(moments, (str, Pattern)) else moments
    if not isinstance(given, Iterable):
        raise ParameterError(f"moments are patterns or texts, not {type(moments).__name__}")
    found = []
    for one in given:
        if not isinstance(one, (str, Pattern)):
            raise ParameterError(f"a moment is a Pattern or its text, not {type(one).__name__}")
        found.append(parse_pattern(one) if isinstance(one, str) else one)
    if not found:
        raise ParameterError("there are no moments", hint='give one: "ticket_open -[0s,2d)-> price_page"')
    return list(dict.fromkeys(found))


def _actions(actions: object) -> list[Selector]:
    given = [actions] if isinstance(actions, (str, Selector)) else actions
    if not isinstance(given, Iterable):
        raise ParameterError(f"actions are event tests, not {type(actions).__name__}", hint='write ["csm_call"]')
    found = []
    for one in given:
        if not isinstance(one, (str, Selector)):
            raise ParameterError(f"an action is the text of an event test, not {type(one).__name__}")
        found.append(read_selector(one) if isinstance(one, str) else one)
    if not found:
        raise ParameterError("there are no actions", hint='give one: "csm_call"')
    for one in found:
        if not one.types:
            raise ParameterError("an action names its event types, * is none", hint='write "csm_call"')
    return list(dict.fromkeys(found))


def _refuse_outcome(study: Study, tests: Sequence[Selector]) -> None:
    outcome = study.outcome
    assert outcome is not None
    selector = outcome.selector
    for test in tests:
        if selector is not None and (not selector.types or set(selector.types) & set(test.types)):
            raise ParameterError(
                f"the action {test} is an event of the outcome '{outcome}', which it would be or prevent by itself",
                hint="name the events that the outcome is about, without the action",
            )
        hidden = set(test.types) & set(study.exclude_events)
        if hidden:
            raise ParameterError(
                f"the action {sorted(hidden)[0]} is among the study's exclude_events", hint="take it out of them"
            )


def _directions(study: Study, options: WindowOptions) -> tuple[bool, bool]:
    wanted = options.direction
    if wanted == "auto":
        wanted = "lowers" if study.outcome is not None and study.outcome.measure == "no" else "both"
    return wanted != "raises", wanted != "lowers"
