"""The world as it went, and the two beside it: without the first action, and without any.

All three share the exponential clocks of the outcomes. Where what is done does not matter, they are equal.
"""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

from seqmine._kernels import kernel
from seqmine.simulation.action_kernel import (
    action_times,
    add_actions,
    channel_of,
    co_action_after,
    event_word,
    placebo_before,
    redraw_times,
    strike,
    trial_times,
)
from seqmine.simulation.world import (
    CHURN,
    CODE_BITS,
    CONTROL,
    FACTUAL,
    N_OUTCOMES,
    NEVER,
    NO_ARM,
    REFERRAL,
    TREATED,
    UNTREATED,
    USUAL,
    VIP,
)

__all__ = ["act", "assigned_worlds", "events_of_actions", "ready_times", "treated_worlds"]


@kernel
def ready_times(plans, actions, planned, n_planned, ready, doings):
    """Put down when the moment of each action was ready, or NEVER."""
    for a in range(actions.each.size):
        doings.ready[a] = NEVER
        for j in range(n_planned):
            if planned[j] == actions.each[a].plan or plans.parent[planned[j]] == actions.each[a].plan:
                doings.ready[a] = ready[j]


@kernel
def _add(pieces, k, begin, effect):
    n = pieces.n[k]
    pieces.begin[k, n] = begin
    pieces.end[k, n] = NEVER
    pieces.effect[k, n] = effect
    pieces.n[k] = n + 1


@kernel
def _set_pieces(world, actions, who, arm, doings, other, n_again, pieces):
    """Set the hazards to those of a world: action ``other`` is taken at ``doings.again``; -1 for the factual one."""
    pieces.n[:] = doings.n_before
    trial = actions.trial
    if arm == CONTROL and trial.interference != 0.0:
        _add(pieces, CHURN, doings.ready[trial.action], trial.interference * who.crowd)
    for a in range(actions.each.size):
        if a == other:
            add_actions(world, actions, a, who, doings.ready[a], doings.again, n_again, pieces)
        elif doings.ready[a] != NEVER:
            add_actions(world, actions, a, who, doings.ready[a], doings.times[a], doings.n_times[a], pieces)


@kernel
def act(acting, world, actions, who, doings, pieces):
    """Draw the actions of the world as it goes, and set the hazards to what comes of them and of the complaint."""
    if who.complaint != NEVER and actions.complaint_churn != 0.0:
        _add(pieces, CHURN, who.complaint, actions.complaint_churn)
    doings.n_before[:] = pieces.n
    for a in range(actions.each.size):
        doings.n_times[a] = 0
        if doings.ready[a] != NEVER:
            doings.n_times[a] = action_times(acting, world, actions, a, who, doings.ready[a], doings.times[a])
    _set_pieces(world, actions, who, who.arm, doings, np.int64(-1), np.int64(0), pieces)  # typed: else compiled twice


@kernel
def _event(extra, n, time, code, first, until):
    """Put an event down if the entity is there; return how many there are."""
    if code < 0 or not first <= time < until:
        return n
    extra[n] = (time << CODE_BITS) | code
    return n + 1


@kernel
def events_of_actions(acting, world, actions, who, doings, until, extra, n):
    """Put down what the log shows of traits, complaint and actions; return the number of events there are then."""
    first = who.first
    n = _event(extra, n, first, actions.code_basic if who.basic else actions.code_plus, first, until)
    n = _event(extra, n, first, actions.code_score, first, until)
    n = _event(extra, n, who.complaint, actions.code_complaint, first, until)
    earliest = doings.ready.min()
    if earliest != NEVER:
        n = _event(extra, n, placebo_before(acting, world, actions, who, earliest), actions.code_placebo, first, until)
    for a in range(actions.each.size):
        action = actions.each[a]
        for i in range(doings.n_times[a]):
            time = doings.times[a, i]
            n = _event(extra, n, time, action.code, first, until)
            if action.co_code >= 0:
                beside = co_action_after(acting, world, actions, a, time)
                n = _event(extra, n, beside, action.co_code, first, until)
    return n


@kernel
def _note(times, origin, ready, churn, vip, referrals, n_referrals):
    """Put down when each outcome first came true since the moment, in one world."""
    times[CHURN] = churn
    times[VIP] = vip
    times[REFERRAL] = NEVER
    for i in range(n_referrals - 1, -1, -1):
        if referrals[i] >= ready:
            times[REFERRAL] = referrals[i]
    for k in range(N_OUTCOMES):
        if times[k] != NEVER:
            times[k] += origin


@kernel
def _again(state, clock, world, who, doings, rates, pieces, ready, times):
    """Let the same clocks strike in the world that the hazards are set to, and put its outcomes down."""
    state[clock : clock + N_OUTCOMES] = doings.clock
    churn, vip, referrals, n = strike(
        state, clock, rates, pieces, who.first, who.followed, world.resolution, doings.referrals
    )
    _note(times, world.origin, ready, churn, vip, referrals, n)


@kernel
def treated_worlds(acting, state, clock, world, actions, who, doings, rates, pieces, until, outcomes, batch, row):
    """Put a row down for each action that was taken upon the entity; return the row after the last.

    In the world of usual care the first action's bin passes without it, and those after it are drawn anew. ``outcomes``
    are churn, VIP, referrals and their number, as things went.
    """
    for a in range(actions.each.size):
        if doings.n_times[a] == 0 or doings.times[a, 0] >= until:
            continue
        ready, time = doings.ready[a], doings.times[a, 0]
        batch.treated_entity[row] = who.entity
        batch.treated_action[row] = a
        batch.treated_ready[row] = world.origin + ready
        batch.treated_time[row] = world.origin + time
        batch.treated_channel[row] = channel_of(world, event_word(actions, a, who, time))
        _note(batch.treated_worlds[row, FACTUAL], world.origin, ready, *outcomes)
        landmark = ready + ((time - ready) // actions.each[a].width + 1) * actions.each[a].width
        n = redraw_times(acting, world, actions, a, who, ready, landmark, doings.again)
        for which in (USUAL, UNTREATED):
            _set_pieces(world, actions, who, who.arm, doings, a, n if which == USUAL else np.int64(0), pieces)
            _again(state, clock, world, who, doings, rates, pieces, ready, batch.treated_worlds[row, which])
        row += 1
    return row


@kernel
def assigned_worlds(acting, state, clock, world, actions, who, doings, rates, pieces, until, outcomes, batch, row):
    """Put a row down if the entity is in the trial: as things went, and in the other arm; return the row after."""
    a = actions.trial.action
    if who.arm == NO_ARM or doings.ready[a] >= until:
        return row
    ready = doings.ready[a]
    other = CONTROL if who.arm == TREATED else TREATED
    batch.assigned_entity[row] = who.entity
    batch.assigned_ready[row] = world.origin + ready
    batch.assigned_arm[row] = who.arm
    batch.assigned_delay[row] = who.delay if who.arm == TREATED else -1
    batch.assigned_lost[row] = who.lost
    batch.assigned_crossed[row] = 1 if who.arm == CONTROL and who.crossover >= 0 else 0
    _note(batch.assigned_worlds[row, who.arm], world.origin, ready, *outcomes)
    n = trial_times(acting, world, actions, who, other, ready, doings.again)
    _set_pieces(world, actions, who, other, doings, a, n, pieces)
    _again(state, clock, world, who, doings, rates, pieces, ready, batch.assigned_worlds[row, other])
    return row + 1
