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
    co_action_after,
    complaint_after,
    placebo_before,
    redraw_times,
    strike,
)
from seqmine.simulation.world import CHURN, CODE_BITS, FACTUAL, N_OUTCOMES, NEVER, REFERRAL, UNTREATED, USUAL, VIP

__all__ = ["act", "events_of_actions", "other_worlds"]


@kernel
def act(acting, world, plans, actions, planned, n_planned, ready, risk, hidden, log_activity, offset, pieces, doings):
    """Draw the complaint and the actions of the world as it goes, and what they do to the hazards.

    Returns when the complaint strikes, or NEVER.
    """
    n_actions = actions.plan.size
    earliest = NEVER
    for a in range(n_actions):
        doings.ready[a] = NEVER
        for j in range(n_planned):
            if planned[j] == actions.plan[a] or plans.parent[planned[j]] == actions.plan[a]:
                doings.ready[a] = ready[j]
        earliest = min(earliest, doings.ready[a])
    complaint = NEVER
    if earliest != NEVER:
        complaint = complaint_after(acting, actions, risk, earliest, world.resolution)
    if complaint != NEVER and actions.complaint_churn != 0.0:
        n = pieces.n[CHURN]
        pieces.begin[CHURN, n] = complaint
        pieces.end[CHURN, n] = NEVER
        pieces.effect[CHURN, n] = actions.complaint_churn
        pieces.n[CHURN] = n + 1
    doings.n_before[:] = pieces.n
    for a in range(n_actions):
        doings.n_times[a] = 0
        if doings.ready[a] == NEVER:
            continue
        doings.log_hazard[a] = actions.risk[a] * risk + actions.activity[a] * log_activity
        doings.log_hazard[a] += actions.hidden_strength * hidden
        doings.n_times[a] = action_times(
            acting, world, actions, a, doings.log_hazard[a], doings.ready[a], complaint, offset, doings.times[a]
        )
        add_actions(actions, a, doings.ready[a], doings.times[a], doings.n_times[a], 1.0, pieces)
    return complaint


@kernel
def _event(extra, n, time, code, first, until):
    """Put an event down if the entity is there; return how many there are."""
    if code < 0 or not first <= time < until:
        return n
    extra[n] = (time << CODE_BITS) | code
    return n + 1


@kernel
def events_of_actions(acting, world, actions, doings, basic, hidden, complaint, first, until, extra, n):
    """Put down what the log shows of traits, complaint and actions; return the number of events there are then."""
    n = _event(extra, n, first, actions.code_basic if basic else actions.code_plus, first, until)
    n = _event(extra, n, first, actions.code_score, first, until)
    n = _event(extra, n, complaint, actions.code_complaint, first, until)
    earliest = doings.ready.min()
    if earliest != NEVER:
        placebo = placebo_before(acting, actions, hidden, earliest, world.resolution)
        n = _event(extra, n, placebo, actions.code_placebo, first, until)
    for a in range(actions.plan.size):
        for i in range(doings.n_times[a]):
            time = doings.times[a, i]
            n = _event(extra, n, time, actions.code[a], first, until)
            if actions.co_code[a] >= 0:
                n = _event(extra, n, co_action_after(acting, world, actions, a, time), actions.co_code[a], first, until)
    return n


@kernel
def _note(batch, row, which, origin, ready, churn, vip, referrals, n_referrals):
    """Put down when each outcome first came true since the moment, in one world."""
    times = batch.treated_worlds[row, which]
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
def other_worlds(
    acting, state, clock, world, actions, doings, complaint, offset, rates, pieces, first, followed, churn, vip,
    referrals, n_referrals, entity, batch, row,
):  # fmt: skip
    """Put a row down for each action that was taken upon the entity; return the row after the last.

    In the world of usual care the first action's bin passes without it, and those after it are drawn anew.
    """
    for a in range(actions.plan.size):
        if doings.n_times[a] == 0 or doings.times[a, 0] >= min(churn, followed):
            continue
        ready, time = doings.ready[a], doings.times[a, 0]
        batch.treated_entity[row] = entity
        batch.treated_action[row] = a
        batch.treated_ready[row] = world.origin + ready
        batch.treated_time[row] = world.origin + time
        _note(batch, row, FACTUAL, world.origin, ready, churn, vip, referrals, n_referrals)
        landmark = ready + ((time - ready) // actions.width[a] + 1) * actions.width[a]
        for which in (USUAL, UNTREATED):
            pieces.n[:] = doings.n_before
            for b in range(actions.plan.size):
                if b != a:
                    add_actions(actions, b, doings.ready[b], doings.times[b], doings.n_times[b], 1.0, pieces)
                elif which == USUAL:
                    n = redraw_times(
                        acting,
                        world,
                        actions,
                        a,
                        doings.log_hazard[a],
                        ready,
                        landmark,
                        complaint,
                        offset,
                        doings.again,
                    )
                    add_actions(actions, a, ready, doings.again, n, 1.0, pieces)
            state[clock : clock + N_OUTCOMES] = doings.clock
            other = strike(state, clock, rates, pieces, first, followed, world.resolution, np.empty(16, np.int64))
            _note(batch, row, which, world.origin, ready, other[0], other[1], other[2], other[3])
        row += 1
    return row
