"""What the kernel is given, and what it fills: plain arrays under names."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "ACTION",
    "CHURN",
    "CODE_BITS",
    "CONTROL",
    "CURVE",
    "FACTUAL",
    "NEVER",
    "NO_ARM",
    "N_OUTCOMES",
    "N_WORLDS",
    "PIECE",
    "REFERRAL",
    "TREATED",
    "UNTREATED",
    "USUAL",
    "VIP",
    "WINDOW",
    "Actions",
    "Batch",
    "Doings",
    "Pieces",
    "Plans",
    "Trial",
    "Who",
    "World",
    "new_batch",
]  # fmt: skip

CODE_BITS: Final = 12  # an event is one sortable word: microseconds since the log's start, then the type's code
NEVER: Final = 2**62
CHURN, VIP, REFERRAL, N_OUTCOMES = 0, 1, 2, 3
FACTUAL, USUAL, UNTREATED, N_WORLDS = 0, 1, 2, 3  # as it went; without the first action; without any
CONTROL, TREATED, NO_ARM = 0, 1, -1

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


class World(NamedTuple):
    """One simulated world. Times and durations are microseconds; times count from the log's start, ``origin`` aside.

    ``hour_share`` and ``day_share`` are the hour-of-week profile: cumulative within each weekday, (7, 25), and the mass
    of each weekday, (7,), with mean 1. ``guide`` says at which hour to begin looking, (7, 64).
    """

    seed: Any  # np.uint64
    origin: int
    length: int
    resolution: int
    rate: float
    exposure_shape: float
    size_sigma: float
    engagement_sigma: float
    engagement_phi: float
    branching: float
    branching_delay: float
    born_share: float
    tenure: float
    loss_rate: float
    tz_share: Float64
    tz_offset: Int64
    segment_share: Float64
    segment_rate: Float64
    alias_cut: Float64
    alias_to: Int64
    type_code: Int64
    launch: Int64
    hour_share: Float64
    day_share: Float64
    guide: Int64
    hazard: Float64
    activity_effect: Float64
    code_signup: int
    code_outcome: Int64
    code_proxy: Int64
    proxy_share: float
    proxy_lo: int
    proxy_hi: int
    late_share: float
    late_delay: float
    has_value: npt.NDArray[np.uint8]
    channel_share: Float64
    duplicate_share: float


class Plans(NamedTuple):
    """What is planted. Plans of one family exclude each other: an entity gets at most one of them.

    A plan's steps are ``step[i]`` to ``step[i + 1]``; a step's possible types are ``type_at[j]`` to ``type_at[j + 1]``
    of ``types``; the gap before a step is ``gap_lo`` plus one of ``gap_n`` multiples of the resolution. ``anchor`` is
    the step whose time is drawn, from ``hours``, cumulative shares of the 168 hours of a week, and ``last`` the step
    that completes it. All of it lies in [``after``, ``before``). ``early_until`` and ``early_effect`` are what it adds
    for a while after the ready time, in the pieces ``early_at[i]`` to ``early_at[i + 1]``.
    """

    family: Int64
    share: Float64
    step: Int64
    gap_lo: Int64
    gap_n: Int64
    type_at: Int64
    types: Int64
    distinct: npt.NDArray[np.uint8]
    span: Int64
    anchor: Int64
    last: Int64
    hours: Float64
    local: npt.NDArray[np.uint8]
    absent: Int64
    within: Int64
    fade: Float64
    parent: Int64
    effect: Float64
    after: Int64
    before: Int64
    early_at: Int64
    early_until: Int64
    early_effect: Float64


class Trial(NamedTuple):
    """The randomised loop. ``action`` is -1 where there is none; times count from the log's start."""

    action: int
    share: float
    lo: int
    hi: int
    usual: int
    start: int
    drift_at: int
    drift_factor: float
    srm_loss: float
    crossover: float
    interference: float
    cluster_size: int


class Who(NamedTuple):
    """One entity, as far as actions ask. ``arm`` is NO_ARM outside of a trial.

    ``delay`` is when the trial's action comes to it if it is treated, and ``crossover`` if it is not (-1 for never).
    ``crowd`` is the share of the others in its cluster that are treated.
    """

    entity: int
    first: int
    followed: int
    offset: int
    segment: int
    key: Any  # np.uint64
    basic: int
    score: float
    hidden: float
    risk: float
    log_activity: float
    complaint: int
    arm: int
    delay: int
    crossover: int
    lost: int
    crowd: float


ACTION: Final = np.dtype(
    [
        ("plan", np.int64), ("code", np.int64), ("length", np.int64), ("width", np.int64), ("piece", np.int64),
        ("piece_end", np.int64), ("clocked", np.int64), ("risk", np.float64), ("activity", np.float64),
        ("complaint", np.float64), ("repeats", np.int64), ("automatic", np.int64), ("share", np.float64),
        ("lasts", np.int64), ("co_code", np.int64), ("co_share", np.float64), ("co_within", np.int64),
    ]
)  # fmt: skip
CURVE: Final = np.dtype(
    [
        ("window", np.int64), ("window_end", np.int64), ("outside", np.float64), ("centre", np.float64),
        ("spread", np.float64), ("peak", np.float64),
    ]
)  # fmt: skip
PIECE: Final = np.dtype([("until", np.int64), ("rate", np.float64)])
WINDOW: Final = np.dtype([("lo", np.int64), ("hi", np.int64), ("size", np.float64)])


class Actions(NamedTuple):
    """What is done after moments, and who the entities are that it is done to. Rates are per microsecond.

    ``each`` are records, one an action: it follows instances of plan ``plan``, and its hazard has the ``pieces`` from
    ``piece`` to ``piece_end``, each up to a delay. Its effect on outcome k is that of the record ``curves[i, k]``: the
    windows from ``window`` to ``window_end``, and ``outside`` plus a bump where there is none. Codes are -1 for what
    there is not. Records, not an array for each field: what a kernel passes on is half the work of compiling it.
    """

    each: npt.NDArray[np.void]
    curves: npt.NDArray[np.void]
    pieces: npt.NDArray[np.void]
    windows: npt.NDArray[np.void]
    hours: Float64
    by_segment: Float64
    by_channel: Float64
    basic_share: float
    plan_weight: float
    score_weight: float
    risk_churn: float
    complaint_rate: float
    complaint_within: int
    complaint_risk: float
    complaint_churn: float
    hidden_strength: float
    placebo_logit: float
    placebo_strength: float
    code_basic: int
    code_plus: int
    code_score: int
    code_complaint: int
    code_placebo: int
    trial: Trial


class Pieces(NamedTuple):
    """What is added to the log hazard of outcome k, from when to when: ``n[k]`` pieces, (3, room) each."""

    begin: Int64
    end: Int64
    effect: Float64
    n: Int64


class Doings(NamedTuple):
    """Room for what is done to one entity: ``times[a, :n_times[a]]`` of action a, after the moment at ``ready[a]``.

    ``ready`` is NEVER where the entity has not that moment. ``again`` and
    ``referrals`` are room for other worlds. ``clock`` keeps the states of the outcomes' clocks from
    before they struck, and ``n_before`` the number of pieces that are not those of actions.
    """

    times: Int64
    n_times: Int64
    ready: Int64
    again: Int64
    referrals: Int64
    clock: npt.NDArray[np.uint64]
    n_before: Int64


class Batch(NamedTuple):
    """Room for the events, entities and instances of a run of entities. Columns that nobody wants have no rows."""

    time: Int64
    code: npt.NDArray[np.uint16]
    value: Float64
    channel: npt.NDArray[np.int32]
    ingested: Float64
    n_events: Int64
    n_repeats: Int64
    segment: npt.NDArray[np.int8]
    tz: npt.NDArray[np.int8]
    exposure: Float64
    size: Float64
    born: Int64
    until: Int64
    churn: Int64
    vip: Int64
    n_referrals: Int64
    flip: Float64
    instance_entity: Int64
    instance_plan: Int64
    instance_start: Int64
    instance_moment: Int64
    instance_ready: Int64
    basic: npt.NDArray[np.uint8]
    score: Float64
    hidden: Float64
    treated_entity: Int64
    treated_action: npt.NDArray[np.int16]
    treated_ready: Int64
    treated_time: Int64
    treated_channel: npt.NDArray[np.int8]
    treated_worlds: Int64
    assigned_entity: Int64
    assigned_ready: Int64
    assigned_arm: npt.NDArray[np.int8]
    assigned_delay: Int64
    assigned_lost: npt.NDArray[np.int8]
    assigned_crossed: npt.NDArray[np.int8]
    assigned_worlds: Int64


def new_batch(
    n_events: int, n_entities: int, n_instances: int, columns: tuple[str, ...], n_actions: int, n_assigned: int
) -> Batch:
    """Return room for so many; nothing in it is set.

    ``treated_worlds`` says when each outcome first came true since the moment, (n_treated, 3 worlds, 3 outcomes), and
    ``assigned_worlds`` the same for the two arms, (n_assigned, 2, 3).
    """
    n_traits, n_treated = (n_entities, n_actions * n_entities) if n_actions else (0, 0)

    def wanted(name: str) -> int:
        return n_events if name in columns else 0

    def whole(n: int) -> Int64:
        return np.empty(n, np.int64)

    return Batch(
        time=whole(n_events),
        code=np.empty(n_events, np.uint16),
        value=np.empty(wanted("value")),
        channel=np.empty(wanted("channel"), np.int32),
        ingested=np.empty(wanted("ingested_at")),
        n_events=whole(n_entities),
        n_repeats=whole(n_entities),
        segment=np.empty(n_entities, np.int8),
        tz=np.empty(n_entities, np.int8),
        exposure=np.empty(n_entities),
        size=np.empty(n_entities),
        born=whole(n_entities),
        until=whole(n_entities),
        churn=whole(n_entities),
        vip=whole(n_entities),
        n_referrals=whole(n_entities),
        flip=np.empty(n_entities),
        instance_entity=whole(n_instances),
        instance_plan=whole(n_instances),
        instance_start=whole(n_instances),
        instance_moment=whole(n_instances),
        instance_ready=whole(n_instances),
        basic=np.empty(n_traits, np.uint8),
        score=np.empty(n_traits),
        hidden=np.empty(n_traits),
        treated_entity=whole(n_treated),
        treated_action=np.empty(n_treated, np.int16),
        treated_ready=whole(n_treated),
        treated_time=whole(n_treated),
        treated_channel=np.empty(n_treated, np.int8),
        treated_worlds=np.empty((n_treated, N_WORLDS, N_OUTCOMES), np.int64),
        assigned_entity=whole(n_assigned),
        assigned_ready=whole(n_assigned),
        assigned_arm=np.empty(n_assigned, np.int8),
        assigned_delay=whole(n_assigned),
        assigned_lost=np.empty(n_assigned, np.int8),
        assigned_crossed=np.empty(n_assigned, np.int8),
        assigned_worlds=np.empty((n_assigned, 2, N_OUTCOMES), np.int64),
    )
