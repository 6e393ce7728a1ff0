"""Who the entities are that actions are for, when actions are taken, and what they do to the hazards.

The hazard of an action does not depend on whether an outcome has come true, only what is carried out does. So the times
at which it would be taken are drawn to the end of its delays, and what happens after a churn is left out.
"""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np

from seqmine._kernels import kernel
from seqmine.simulation.draws import exponential, normal, open_streams, uniform
from seqmine.simulation.world import CHURN, N_OUTCOMES, NEVER, VIP

__all__ = [
    "action_times", "add_actions", "co_action_after", "complaint_after", "next_event", "on_grid", "open_actions",
    "placebo_before", "redraw_times", "strike", "traits_of",
]  # fmt: skip

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY

# Streams of an entity in a world with actions: a state of their own, so that what there is beside actions is drawn as
# if there were none.
_TRAITS, _HIDDEN, _PLACEBO, _COMPLAINT, _ARM, _CO, _ACTION = 0, 1, 2, 3, 4, 5, 8
_SALT = np.uint64(0xA409_3822_299F_31D0)


@kernel
def open_actions(seed, entity, n_actions):
    """Return the streams of this entity: two for each action, usual care and usual care drawn again."""
    state = np.empty(_ACTION + 2 * n_actions, np.uint64)
    open_streams(state, seed ^ _SALT, entity)
    return state


@kernel
def on_grid(time, resolution):
    """Return the first multiple of the resolution that is not before ``time``."""
    return time + (-time) % resolution


@kernel
def traits_of(state, actions):
    """Return whether the entity has the basic plan, its score, its hidden u and its baseline risk."""
    basic = 1 if uniform(state, _TRAITS) < actions.basic_share else 0
    score = math.floor(normal(state, _TRAITS) * 100.0 + 0.5) / 100.0
    hidden = normal(state, _HIDDEN)
    risk = actions.plan_weight * (basic - actions.basic_share) + actions.score_weight * score
    return basic, score, hidden, risk


@kernel
def complaint_after(state, actions, risk, ready, resolution):
    """Return when the complaint after a moment strikes, or NEVER."""
    rate = actions.complaint_rate * math.exp(actions.complaint_risk * risk)
    waited = exponential(state, _COMPLAINT)
    if waited < rate * actions.complaint_within:
        return on_grid(ready + np.int64(waited / rate), resolution)
    return NEVER


@kernel
def placebo_before(state, actions, hidden, ready, resolution):
    """Return when the event was that depends on u and does nothing, 28 to 84 days before the moment; or NEVER."""
    u = uniform(state, _PLACEBO)
    back = 28 * _DAY + np.int64(uniform(state, _PLACEBO) * (56 * _DAY))
    if u < 1.0 / (1.0 + math.exp(-actions.placebo_logit - actions.placebo_strength * hidden)):
        return on_grid(ready - back, resolution)
    return NEVER


@kernel
def _times(state, stream, world, actions, a, log_hazard, ready, since, complaint, offset, times):
    """Fill ``times`` with those of action ``a`` from ``since`` on, at most as many as it has room; return their number.

    One exponential clock for each, used up along pieces in which the hazard is constant.
    """
    end = ready + actions.length[a]
    if actions.automatic[a] >= 0:
        due = on_grid(ready + actions.automatic[a], world.resolution)
        if uniform(state, stream) >= actions.share[a] or not since <= due < end:
            return 0
        times[0] = due
        return 1
    base = math.exp(log_hazard)
    raised = math.exp(log_hazard + actions.complaint[a])
    n, piece, at = 0, actions.piece_at[a], since
    left = exponential(state, stream)
    while n < min(times.size, actions.repeats[a]):
        while piece < actions.piece_at[a + 1] and ready + actions.piece_until[piece] <= at:
            piece += 1
        if at >= end or piece == actions.piece_at[a + 1]:
            break
        stop = min(ready + actions.piece_until[piece], end)
        rate = actions.piece_rate[piece]
        if complaint <= at:
            rate *= raised
        else:
            rate *= base
            stop = min(stop, complaint)
        if actions.clocked[a]:
            local = world.origin + at + offset
            stop = min(stop, at + _HOUR - local % _HOUR)
            rate *= actions.hours[a, (local + 3 * _DAY) % _WEEK // _HOUR]  # 1970-01-01 was a Thursday
        if left >= rate * (stop - at):
            left -= rate * (stop - at)
            at = stop
            continue
        at = on_grid(at + np.int64(left / rate), world.resolution)
        if at >= end:
            break
        times[n] = at
        n += 1
        at += world.resolution
        left = exponential(state, stream)
    return n


@kernel
def action_times(state, world, actions, a, log_hazard, ready, complaint, offset, times):
    """Fill ``times`` with those at which usual care takes action ``a``; return their number."""
    return _times(state, _ACTION + 2 * a, world, actions, a, log_hazard, ready, ready, complaint, offset, times)


@kernel
def redraw_times(state, world, actions, a, log_hazard, ready, since, complaint, offset, times):
    """The same from ``since`` on, drawn anew: usual care of someone upon whom nothing has been done until then."""
    return _times(state, _ACTION + 2 * a + 1, world, actions, a, log_hazard, ready, since, complaint, offset, times)


@kernel
def co_action_after(state, world, actions, a, time):
    """Return when the other action follows upon action ``a`` at this time, or NEVER."""
    u = uniform(state, _CO)
    due = on_grid(time + np.int64(uniform(state, _CO) * actions.co_within[a]), world.resolution)
    return due if u < actions.co_share[a] else NEVER


@kernel
def _effect(actions, a, k, delay):
    """Return what action ``a`` at this delay adds to the log hazard of outcome ``k``."""
    cell = N_OUTCOMES * a + k
    for w in range(actions.window_at[cell], actions.window_at[cell + 1]):
        if actions.window_lo[w] <= delay < actions.window_hi[w]:
            return actions.window_size[w]
    total = actions.outside[a, k]
    if actions.peak[a, k] != 0.0:
        z = (delay - actions.centre[a, k]) / actions.spread[a, k]
        total += actions.peak[a, k] * math.exp(-0.5 * z * z)
    return total


@kernel
def add_actions(actions, a, ready, times, n_times, scale, pieces):
    """Add to the hazards' pieces what action ``a`` does when it is taken at these times.

    An action without an effect adds no piece: a hazard that is cut in two has another rounding.
    """
    for i in range(n_times):
        for k in range(N_OUTCOMES):
            size = scale * _effect(actions, a, k, times[i] - ready)
            if size != 0.0:
                n = pieces.n[k]
                pieces.begin[k, n] = times[i]
                pieces.end[k, n] = min(times[i] + actions.lasts[a], NEVER)
                pieces.effect[k, n] = size
                pieces.n[k] = n + 1


@kernel
def next_event(state, stream, rate, begin, stops, effects, n, since, end):
    """Return when a clock that runs at ``rate * exp(sum of the effects that are on)`` strikes, or NEVER.

    One exponential clock, used up along the pieces of a constant hazard. Effect i is on in [begin[i], stops[i]).
    """
    left = exponential(state, stream)
    at = since
    while at < end:
        hazard = rate
        stop = end
        for i in range(n):
            if begin[i] > at:
                stop = min(stop, begin[i])
            elif stops[i] > at:
                hazard *= math.exp(effects[i])
                stop = min(stop, stops[i])
        if left < hazard * (stop - at):
            return at + np.int64(left / hazard)
        left -= hazard * (stop - at)
        at = stop
    return NEVER


@kernel
def strike(state, clock, rates, pieces, first, followed, resolution, referrals):
    """Let the clocks of the outcomes strike; return churn and VIP (or NEVER), the referrals and their number.

    ``clock`` is the stream of the first outcome. Equal states and pieces give equal outcomes: worlds that differ in
    what is done share the clocks.
    """
    churn, vip, n_referrals = NEVER, NEVER, 0
    until = followed
    for k in range(N_OUTCOMES):
        time = first
        while rates[k] > 0:
            time = next_event(
                state, clock + k, rates[k], pieces.begin[k], pieces.end[k], pieces.effect[k], pieces.n[k], time, until
            )
            if time == NEVER:
                break
            stamp = time - time % resolution
            if k == CHURN:
                churn = stamp
                until = stamp
                break
            if k == VIP:
                vip = stamp
                break
            if n_referrals == referrals.size:
                longer = np.empty(2 * referrals.size, np.int64)
                longer[:n_referrals] = referrals
                referrals = longer
            referrals[n_referrals] = stamp
            n_referrals += 1
    return churn, vip, referrals, n_referrals
