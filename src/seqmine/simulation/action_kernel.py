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
from seqmine.simulation.draws import exponential, mix, normal, open_streams, pick, uniform, unit
from seqmine.simulation.world import CHURN, CODE_BITS, CONTROL, N_OUTCOMES, NEVER, NO_ARM, TREATED, VIP, Who

__all__ = [
    "action_times", "add_actions", "channel_of", "co_action_after", "event_word", "meet", "on_grid", "open_actions",
    "placebo_before", "redraw_times", "strike", "trial_times",
]  # fmt: skip

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY

# Streams of an entity in a world with actions: a state of their own, so that what there is beside actions is drawn as
# if there were none.
_TRAITS, _HIDDEN, _PLACEBO, _COMPLAINT, _TRIAL, _CO, _ACTION = 0, 1, 2, 3, 4, 5, 8
_SALT, _ARM, _CHANNEL = (
    np.uint64(0xBE5466CF34E90C6C),
    np.uint64(0xC0AC29B7C97C50DD),
    np.uint64(0x13198A2E03707344),
)


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
def _arm_of(world, actions, entity):
    """Return an entity's arm: a function of the seed and the entity, as others look at it, too."""
    word = mix(mix(world.seed ^ _ARM) + np.uint64(entity) * np.uint64(0xD1342543DE82EF95))
    return TREATED if unit(word) < actions.trial.share else CONTROL


@kernel
def _crowd(world, actions, entity):
    """Return which share of the others in the entity's cluster would be treated."""
    size = actions.trial.cluster_size
    first = entity - entity % size
    n = 0
    for other in range(first, first + size):
        if other != entity:
            n += _arm_of(world, actions, other)
    return n / (size - 1)


@kernel
def meet(state, world, actions, entity, first, followed, offset, segment, key, log_activity, readies):
    """Return who the entity is, as far as actions ask, from the ready times of their moments."""
    n_actions = actions.each.size
    basic, score, hidden, risk, complaint = 0, math.nan, 0.0, 0.0, NEVER
    arm, delay, crossover, lost, crowd = NO_ARM, -1, -1, 0, 0.0
    trial = actions.trial
    if n_actions:
        basic = 1 if uniform(state, _TRAITS) < actions.basic_share else 0
        score = math.floor(normal(state, _TRAITS) * 100.0 + 0.5) / 100.0
        hidden = normal(state, _HIDDEN)
        risk = actions.plan_weight * (basic - actions.basic_share) + actions.score_weight * score
        ready = readies.min()
        if ready != NEVER:
            rate = actions.complaint_rate * math.exp(actions.complaint_risk * risk)
            waited = exponential(state, _COMPLAINT)
            if waited < rate * actions.complaint_within:
                complaint = on_grid(ready + np.int64(waited / rate), world.resolution)
    if trial.action >= 0 and trial.start <= readies[trial.action] < followed:
        arm = _arm_of(world, actions, entity)
        delay = trial.lo + np.int64(uniform(state, _TRIAL) * (trial.hi - trial.lo))
        other = trial.lo + np.int64(uniform(state, _TRIAL) * (trial.hi - trial.lo))
        crossover = other if uniform(state, _TRIAL) < trial.crossover else -1
        lost = 1 if arm == CONTROL and uniform(state, _TRIAL) < trial.srm_loss else 0
        if trial.interference != 0.0:
            crowd = _crowd(world, actions, entity)
    return Who(
        entity, first, followed, offset, segment, key, basic, score, hidden, risk, log_activity, complaint, arm, delay,
        crossover, lost, crowd,
    )  # fmt: skip


@kernel
def placebo_before(state, world, actions, who, ready):
    """Return when the event was that depends on u and does nothing, 28 to 84 days before the moment; or NEVER."""
    u = uniform(state, _PLACEBO)
    back = 28 * _DAY + np.int64(uniform(state, _PLACEBO) * (56 * _DAY))
    if u < 1.0 / (1.0 + math.exp(-actions.placebo_logit - actions.placebo_strength * who.hidden)):
        return on_grid(ready - back, world.resolution)
    return NEVER


@kernel
def _times(state, stream, world, actions, a, who, ready, since, times):
    """Fill ``times`` with those of action ``a`` from ``since`` on; return their number.

    One exponential clock for each, used up along pieces in which the hazard is constant.
    """
    action = actions.each[a]
    end = ready + action.length
    if action.automatic >= 0:
        due = on_grid(ready + action.automatic, world.resolution)
        if uniform(state, stream) >= action.share or not since <= due < end:
            return 0
        times[0] = due
        return 1
    log_hazard = action.risk * who.risk + action.activity * who.log_activity
    log_hazard += actions.hidden_strength * who.hidden
    calm, raised = math.exp(log_hazard), math.exp(log_hazard + action.complaint)
    n, piece, at = 0, action.piece, since
    left = exponential(state, stream)
    while n < action.repeats:
        while piece < action.piece_end and ready + actions.pieces[piece].until <= at:
            piece += 1
        if at >= end or piece == action.piece_end:
            break
        stop = min(ready + actions.pieces[piece].until, end)
        rate = actions.pieces[piece].rate
        if who.complaint <= at:
            rate *= raised
        else:
            rate *= calm
            stop = min(stop, who.complaint)
        if action.clocked:
            local = world.origin + at + who.offset
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
def trial_times(state, world, actions, who, arm, ready, times):
    """Fill ``times`` with those at which the trial's action is taken in an arm; return their number."""
    delay = who.delay if arm == TREATED else who.crossover
    if delay >= 0:
        times[0] = on_grid(ready + delay, world.resolution)
        return 1
    if not actions.trial.usual:
        return 0
    a = actions.trial.action
    return _times(state, _ACTION + 2 * a, world, actions, a, who, ready, ready, times)


@kernel
def action_times(state, world, actions, a, who, ready, times):
    """Fill ``times`` with those at which action ``a`` is taken as things go; return their number."""
    if a == actions.trial.action and who.arm != NO_ARM:
        return trial_times(state, world, actions, who, who.arm, ready, times)
    return _times(state, _ACTION + 2 * a, world, actions, a, who, ready, ready, times)


@kernel
def redraw_times(state, world, actions, a, who, ready, since, times):
    """The same from ``since`` on, drawn anew: usual care of someone upon whom nothing has been done until then."""
    if a == actions.trial.action and who.arm != NO_ARM and not actions.trial.usual:
        return 0
    return _times(state, _ACTION + 2 * a + 1, world, actions, a, who, ready, since, times)


@kernel
def co_action_after(state, world, actions, a, time):
    """Return when the other action follows upon action ``a`` at this time, or NEVER."""
    u = uniform(state, _CO)
    due = on_grid(time + np.int64(uniform(state, _CO) * actions.each[a].co_within), world.resolution)
    return due if u < actions.each[a].co_share else NEVER


@kernel
def channel_of(world, word):
    """Return the channel by which an event comes; ``word`` is the event's, mixed with the entity's key."""
    return pick(world.channel_share, unit(mix(word ^ _CHANNEL)))


@kernel
def event_word(actions, a, who, time):
    """Return the word of action ``a`` at this time, mixed with the entity's key, as the log's rows are made from it."""
    return np.uint64((time << CODE_BITS) | actions.each[a].code) ^ who.key


@kernel
def _effect(actions, a, k, delay):
    """Return what action ``a`` at this delay adds to the log hazard of outcome ``k``."""
    curve = actions.curves[a, k]
    for w in range(curve.window, curve.window_end):
        if actions.windows[w].lo <= delay < actions.windows[w].hi:
            return actions.windows[w].size
    total = curve.outside
    if curve.peak != 0.0:
        z = (delay - curve.centre) / curve.spread
        total += curve.peak * math.exp(-0.5 * z * z)
    return total


@kernel
def add_actions(world, actions, a, who, ready, times, n_times, pieces):
    """Add to the hazards' pieces what action ``a`` does when it is taken at these times.

    An action without an effect adds no piece: a hazard that is cut in two has another rounding.
    """
    for i in range(n_times):
        channel = channel_of(world, event_word(actions, a, who, times[i]))
        scale = actions.by_segment[a, who.segment] * actions.by_channel[a, channel]
        if a == actions.trial.action and times[i] >= actions.trial.drift_at:
            scale *= actions.trial.drift_factor
        for k in range(N_OUTCOMES):
            size = scale * _effect(actions, a, k, times[i] - ready)
            if size != 0.0:
                n = pieces.n[k]
                pieces.begin[k, n] = times[i]
                pieces.end[k, n] = min(times[i] + actions.each[a].lasts, NEVER)
                pieces.effect[k, n] = size
                pieces.n[k] = n + 1


@kernel
def _next_event(state, stream, rate, begin, stops, effects, n, since, end):
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
            time = _next_event(
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
