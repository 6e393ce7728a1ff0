"""The lives of entities, one after the other: who they are, what is planted, what comes of it, what they do.

Every draw of an entity comes from its own streams (`seqmine.simulation.draws`), one stream for each matter. So a batch
may begin and end anywhere, and what is planted in one family never moves the draws of another.
"""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np

from seqmine._kernels import kernel
from seqmine.simulation.action_kernel import channel_of, meet, open_actions, strike
from seqmine.simulation.draws import exponential, gamma, mix, normal, open_streams, pick, poisson, uniform, unit
from seqmine.simulation.world import CHURN, CODE_BITS, N_OUTCOMES, NEVER, REFERRAL, VIP, Doings, Pieces
from seqmine.simulation.worlds import act, assigned_worlds, events_of_actions, ready_times, treated_worlds

__all__ = ["live"]

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY
_GUIDE = 64
_TRIES = 64
_CODE_MASK = (1 << CODE_BITS) - 1

# Streams of an entity. The clocks of the outcomes have their own, so that worlds which differ in what is planted, or
# in what is done about it, can share them.
_SELF, _ENGAGEMENT, _BACKGROUND, _OFFSPRING, _PROXY, _PAYLOAD, _FLIP, _FADE, _CLOCK, _FAMILY = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    16,
)

_VALUE, _LATE, _DELAY, _TWICE = (
    np.uint64(0x243F6A8885A308D3),
    np.uint64(0xA4093822299F31D0),
    np.uint64(0x082EFA98EC4E6C89),
    np.uint64(0x452821E638D01377),
)


@kernel
def _room(words, n):
    """Return ``words``, or a longer copy when ``n`` of them are not enough."""
    if n <= words.size:
        return words
    longer = np.empty(2 * n, np.int64)
    longer[: words.size] = words
    return longer


@kernel
def _place(state, stream, world, plans, p, first, end, offset, times, codes):
    """Draw times and types for the steps of plan ``p`` inside [first, end); False when they do not fit in there."""
    begin, n = plans.step[p], plans.step[p + 1] - plans.step[p]
    anchor = plans.anchor[p]
    shift = offset if plans.local[p] else 0
    # Weeks begin on Monday; 1970-01-01 was a Thursday.
    monday = first - (world.origin + first + shift + 3 * _DAY) % _WEEK
    n_weeks = (end - monday) // _WEEK + 1
    for _ in range(_TRIES):
        week = np.int64(uniform(state, stream) * n_weeks)
        hour = pick(plans.hours[p], uniform(state, stream))
        time = monday + week * _WEEK + hour * _HOUR + np.int64(uniform(state, stream) * _HOUR)
        times[anchor] = time - time % world.resolution
        for i in range(anchor, 0, -1):
            slot = np.int64(uniform(state, stream) * plans.gap_n[begin + i])
            times[i - 1] = times[i] - plans.gap_lo[begin + i] - slot * world.resolution
        for i in range(anchor + 1, n):
            slot = np.int64(uniform(state, stream) * plans.gap_n[begin + i])
            times[i] = times[i - 1] + plans.gap_lo[begin + i] + slot * world.resolution
        last = times[plans.last[p]]
        if times[0] < first or times[n - 1] >= end or last + plans.within[p] >= end:
            continue
        if last - times[0] >= plans.span[p]:
            continue
        for i in range(n):
            lo, hi = plans.type_at[begin + i], plans.type_at[begin + i + 1]
            fresh = False
            while not fresh:  # a distinct plan has at least as many types as steps
                codes[i] = plans.types[lo + np.int64(uniform(state, stream) * (hi - lo))]
                fresh = True
                if plans.distinct[p]:
                    for j in range(i):
                        fresh = fresh and codes[j] != codes[i]
        return True
    return False


@kernel
def _background(state, world, weight, first, end, offset, words):
    """Fill ``words`` with a Poisson process of intensity weight x g(day) x hour-of-week, then its offspring.

    Returns the words (moved, if they needed room), their number, and how many of them are in order.

    Engagement g is one factor for each local day, exp of a stationary AR(1) process, with mean 1. The process is a
    unit-rate one in the time that the intensity makes pass, so its events come in order.
    """
    day = (world.origin + first + offset) // _DAY
    last_day = (world.origin + end - 1 + offset) // _DAY
    sigma, phi = world.engagement_sigma, world.engagement_phi
    level = sigma * normal(state, _ENGAGEMENT) if sigma > 0 else 0.0
    shock = sigma * math.sqrt(1.0 - phi * phi)
    n_types = world.alias_cut.size
    n = 0
    due = exponential(state, _BACKGROUND)
    while day <= last_day:
        weekday = (day + 3) % 7
        mass = weight * world.day_share[weekday]
        if sigma > 0:
            mass *= math.exp(level - 0.5 * sigma * sigma)
        while due < mass:
            u = due / mass
            hour = world.guide[weekday, np.int64(u * _GUIDE)]
            while world.hour_share[weekday, hour + 1] <= u:
                hour += 1
            low = world.hour_share[weekday, hour]
            part = (u - low) / (world.hour_share[weekday, hour + 1] - low)
            time = day * _DAY + hour * _HOUR + np.int64(part * _HOUR) - offset - world.origin
            time -= time % world.resolution
            draw = uniform(state, _BACKGROUND) * n_types
            kind = np.int64(draw)
            if draw - kind >= world.alias_cut[kind]:
                kind = world.alias_to[kind]
            if first <= time < end and time >= world.launch[kind]:
                words = _room(words, n + 1)
                words[n] = (time << CODE_BITS) | world.type_code[kind]
                n += 1
            due += exponential(state, _BACKGROUND)
        due -= mass
        if sigma > 0:
            level = phi * level + shock * normal(state, _ENGAGEMENT)
        day += 1
    ordered = n
    if world.branching > 0:
        i = 0
        while i < n:  # offspring have offspring: the Hawkes process as its clusters
            for _ in range(poisson(state, _OFFSPRING, world.branching)):
                time = (words[i] >> CODE_BITS) + np.int64(exponential(state, _OFFSPRING) * world.branching_delay)
                time -= time % world.resolution
                if time < end:
                    words = _room(words, n + 1)
                    words[n] = (time << CODE_BITS) | (words[i] & _CODE_MASK)
                    n += 1
            i += 1
    return words, n, ordered


@kernel
def _suppress(state, plans, planned, n_planned, start, moment, ready, words, n, ordered):
    """Take out background events that an absence forbids, and those lost while activity fades."""
    active = False
    for j in range(n_planned):
        active = active or plans.absent[planned[j]] >= 0 or plans.fade[planned[j]] > 0
    if not active:
        return n, ordered
    kept, kept_ordered = 0, 0
    for i in range(n):
        time, code = words[i] >> CODE_BITS, words[i] & _CODE_MASK
        stays = True
        for j in range(n_planned):
            q = planned[j]
            if code == plans.absent[q] and moment[j] < time <= ready[j]:
                stays = False
            if plans.fade[q] > 0 and start[j] < time <= moment[j]:
                survival = math.exp(-(time - start[j]) / plans.fade[q])
                stays = stays and unit(mix(state[_FADE] ^ np.uint64(words[i]))) < survival
        if stays:
            words[kept] = words[i]
            kept += 1
            if i < ordered:
                kept_ordered = kept
    return kept, kept_ordered


@kernel
def _write(world, key, batch, words, n, at, code_score, score):
    """Write sorted words as rows from ``at`` on; return the row after the last and the number of repeated rows.

    What else belongs to an event is a function of the entity and the word: repeated rows are equal in every column.
    """
    repeats = 0
    for i in range(n):
        word = np.uint64(words[i]) ^ key
        time = world.origin + (words[i] >> CODE_BITS)
        code = words[i] & _CODE_MASK
        copies = 2 if world.duplicate_share > 0 and unit(mix(word ^ _TWICE)) < world.duplicate_share else 1
        repeats += copies - 1 + (1 if i > 0 and words[i] == words[i - 1] else 0)
        for _ in range(copies):
            batch.time[at] = time
            batch.code[at] = code
            if batch.value.size:
                batch.value[at] = math.nan
                if world.has_value[code]:
                    amount = math.exp(3.0 + 0.8 * _hashed_normal(word ^ _VALUE))
                    batch.value[at] = math.floor(amount * 100.0 + 0.5) / 100.0
                if code == code_score:
                    batch.value[at] = score
            if batch.channel.size:
                batch.channel[at] = channel_of(world, word)
            if batch.ingested.size:
                batch.ingested[at] = time
                if unit(mix(word ^ _LATE)) < world.late_share:
                    delay = -math.log(1.0 - unit(mix(word ^ _DELAY))) * world.late_delay
                    batch.ingested[at] = time + 1 + np.int64(delay)
            at += 1
    return at, repeats


@kernel
def _hashed_normal(word):
    first = mix(word)
    radius = math.sqrt(-2.0 * math.log(1.0 - unit(first)))
    return radius * math.cos(2.0 * math.pi * unit(mix(first)))


@kernel
def _in_order(words, ordered, n):
    """Sort words[:n], of which words[:ordered] are in order of time."""
    if n - ordered > 24:
        words[ordered:n] = np.sort(words[ordered:n])
        merged = np.empty(n, np.int64)
        i, j = 0, ordered
        for k in range(n):
            if j >= n or (i < ordered and words[i] <= words[j]):
                merged[k] = words[i]
                i += 1
            else:
                merged[k] = words[j]
                j += 1
        words[:n] = merged
    for i in range(1, n):  # ties in time, and short tails
        word = words[i]
        j = i
        while j > 0 and words[j - 1] > word:
            words[j] = words[j - 1]
            j -= 1
        words[j] = word


@kernel
def _planned_pieces(plans, planned, n_planned, ready, pieces):
    """Begin the pieces of the hazards with what is planted: for ever, and for a while after the ready time."""
    for k in range(N_OUTCOMES):
        for j in range(n_planned):
            pieces.begin[k, j] = ready[j]
            pieces.end[k, j] = NEVER
            pieces.effect[k, j] = plans.effect[planned[j], k]
        n = n_planned
        for j in range(n_planned):
            since = ready[j]
            for i in range(plans.early_at[planned[j]], plans.early_at[planned[j] + 1]):
                until = ready[j] + plans.early_until[i]
                if plans.early_effect[i, k] != 0.0:
                    pieces.begin[k, n] = since
                    pieces.end[k, n] = until
                    pieces.effect[k, n] = plans.early_effect[i, k]
                    n += 1
                since = until
        pieces.n[k] = n


@kernel
def live(world, plans, actions, begin, end, batch):
    """Live the lives of the entities [begin, end), as far as the batch has room.

    Returns how many were written, and their events, instances, instances upon which actions were taken, and
    assignments of the trial. Entities of
    a batch are written from row 0.
    """
    n_plans = plans.family.size
    n_families = plans.family[n_plans - 1] + 1 if n_plans else 0
    most_steps = 0
    for p in range(n_plans):
        most_steps = max(most_steps, plans.step[p + 1] - plans.step[p])
    state = np.empty(_FAMILY + n_families, np.uint64)
    words, extra = np.empty(4096, np.int64), np.empty(64, np.int64)
    times, codes = np.empty(most_steps, np.int64), np.empty(most_steps, np.int64)
    planned = np.empty(n_families, np.int64)
    start, moment, ready = (
        np.empty(n_families, np.int64),
        np.empty(n_families, np.int64),
        np.empty(n_families, np.int64),
    )
    planted = np.empty(n_families * most_steps, np.int64)
    n_actions = actions.each.size
    most_times = 0
    for a in range(n_actions):
        most_times = max(most_times, actions.each[a].repeats)
    n_pieces = n_families + plans.early_until.size + 2 + n_actions * most_times
    pieces = Pieces(
        np.empty((N_OUTCOMES, n_pieces), np.int64),
        np.empty((N_OUTCOMES, n_pieces), np.int64),
        np.empty((N_OUTCOMES, n_pieces)),
        np.empty(N_OUTCOMES, np.int64),
    )
    doings = Doings(
        np.empty((n_actions, most_times), np.int64),
        np.empty(n_actions, np.int64),
        np.empty(n_actions, np.int64),
        np.empty(most_times, np.int64),
        np.empty(64, np.int64),
        np.empty(N_OUTCOMES, np.uint64),
        np.empty(N_OUTCOMES, np.int64),
    )
    rates = np.empty(N_OUTCOMES)
    referrals = np.empty(64, np.int64)
    # Typed, as kernels that are called with a literal 0 first are compiled twice.
    row, n_instances, n_treated, n_assigned = np.int64(0), 0, np.int64(0), np.int64(0)
    for entity in range(begin, end):
        e = entity - begin
        open_streams(state, world.seed, entity)

        # Who it is, and when it can be seen.
        tz = pick(world.tz_share, uniform(state, _SELF))
        segment = pick(world.segment_share, uniform(state, _SELF))
        exposure = gamma(state, _SELF, world.exposure_shape) / world.exposure_shape
        size = math.exp(world.size_sigma * (normal(state, _SELF) - 0.5 * world.size_sigma))
        if uniform(state, _SELF) < world.born_share:
            born = np.int64(uniform(state, _SELF) * world.length)
        else:
            born = -1 - np.int64(exponential(state, _SELF) * world.tenure)
        born -= born % world.resolution
        first = max(born, 0)
        followed = world.length
        if world.loss_rate > 0:
            lost = exponential(state, _SELF) / world.loss_rate
            if lost < world.length - first:
                followed = first + np.int64(lost)
                followed -= followed % world.resolution
        offset = world.tz_offset[tz]

        # What is planted, were there no outcome to end it.
        n_planned, n_planted = 0, 0
        p = 0
        while p < n_plans:
            family = plans.family[p]
            chosen = -1
            u = uniform(state, _FAMILY + family)
            while p < n_plans and plans.family[p] == family:
                if chosen < 0 and u < plans.share[p]:
                    chosen = p
                p += 1
            if chosen < 0:
                continue
            lo, hi = max(first, plans.after[chosen]), min(followed, plans.before[chosen])
            if not _place(state, _FAMILY + family, world, plans, chosen, lo, hi, offset, times, codes):
                continue
            for i in range(plans.step[chosen + 1] - plans.step[chosen]):
                planted[n_planted] = (times[i] << CODE_BITS) | codes[i]
                n_planted += 1
            planned[n_planned] = chosen
            start[n_planned] = times[0]
            moment[n_planned] = times[plans.last[chosen]]
            ready[n_planned] = moment[n_planned] + plans.within[chosen]
            n_planned += 1

        # What is done about it, and what comes of it.
        log_activity = math.log(max(exposure * size, 1e-9))
        for k in range(N_OUTCOMES):
            rates[k] = world.hazard[k] * math.exp(world.activity_effect[k] * log_activity)
        _planned_pieces(plans, planned, n_planned, ready, pieces)
        ready_times(plans, actions, planned, n_planned, ready, doings)
        acting = open_actions(world.seed, entity, n_actions)
        who = meet(
            acting,
            world,
            actions,
            entity,
            first,
            followed,
            offset,
            segment,
            state[_PAYLOAD],
            log_activity,
            doings.ready,
        )
        if n_actions:
            rates[CHURN] *= math.exp(actions.risk_churn * who.risk + actions.hidden_strength * who.hidden)
            act(acting, world, actions, who, doings, pieces)
            doings.clock[:] = state[_CLOCK : _CLOCK + N_OUTCOMES]
        churn, vip, referrals, n_referrals = strike(
            state, _CLOCK, rates, pieces, first, followed, world.resolution, referrals
        )
        until = min(churn, followed)
        extra = _room(extra, n_referrals + 4 + n_planted + 5 + 2 * doings.times.size)
        n_extra = 0
        if vip != NEVER:
            extra[n_extra] = (vip << CODE_BITS) | world.code_outcome[VIP]
            n_extra += 1
        for i in range(n_referrals):
            extra[n_extra] = (referrals[i] << CODE_BITS) | world.code_outcome[REFERRAL]
            n_extra += 1
        for k in range(REFERRAL):
            struck = churn if k == CHURN else vip
            if world.proxy_share > 0 and struck != NEVER and uniform(state, _PROXY) < world.proxy_share:
                time = struck - world.proxy_lo
                time -= np.int64(uniform(state, _PROXY) * (world.proxy_hi - world.proxy_lo))
                time -= time % world.resolution
                if time >= first:
                    extra[n_extra] = (time << CODE_BITS) | world.code_proxy[k]
                    n_extra += 1
        if 0 <= born < until:
            extra[n_extra] = (born << CODE_BITS) | world.code_signup
            n_extra += 1
        for i in range(n_planted):
            if (planted[i] >> CODE_BITS) < until:
                extra[n_extra] = planted[i]
                n_extra += 1

        if n_actions:
            n_extra = events_of_actions(acting, world, actions, who, doings, until, extra, n_extra)

        # What it does.
        n, ordered = 0, 0
        if first < until:
            weight = world.rate * exposure * size * world.segment_rate[segment]
            words, n, ordered = _background(state, world, weight, first, until, offset, words)
        n, ordered = _suppress(state, plans, planned, n_planned, start, moment, ready, words, n, ordered)
        words = _room(words, n + n_extra)
        words[n : n + n_extra] = extra[:n_extra]
        n += n_extra
        _in_order(words, ordered, n)

        most = 2 * n if world.duplicate_share > 0 else n
        if row + most > batch.time.size or n_instances + 2 * n_planned > batch.instance_plan.size:
            return e, row, n_instances, n_treated, n_assigned
        after, repeats = _write(world, state[_PAYLOAD], batch, words, n, row, actions.code_score, who.score)
        batch.n_events[e] = after - row
        batch.n_repeats[e] = repeats
        row = after
        batch.segment[e] = segment
        batch.tz[e] = tz
        batch.exposure[e] = exposure
        batch.size[e] = size
        batch.born[e] = world.origin + born
        batch.until[e] = world.origin + followed
        batch.churn[e] = NEVER if churn == NEVER else world.origin + churn
        batch.vip[e] = NEVER if vip == NEVER else world.origin + vip
        batch.n_referrals[e] = n_referrals
        batch.flip[e] = uniform(state, _FLIP)
        for j in range(n_planned):
            q = planned[j]
            while q >= 0 and ready[j] < until:
                batch.instance_entity[n_instances] = entity
                batch.instance_plan[n_instances] = q
                batch.instance_start[n_instances] = world.origin + start[j]
                batch.instance_moment[n_instances] = world.origin + moment[j]
                batch.instance_ready[n_instances] = world.origin + ready[j]
                n_instances += 1
                q = plans.parent[q]
        if n_actions:
            batch.basic[e] = who.basic
            batch.score[e] = who.score
            batch.hidden[e] = who.hidden
            outcomes = (churn, vip, referrals, n_referrals)
            n_treated = treated_worlds(
                acting, state, _CLOCK, world, actions, who, doings, rates, pieces, until, outcomes, batch, n_treated
            )
            n_assigned = assigned_worlds(
                acting, state, _CLOCK, world, actions, who, doings, rates, pieces, until, outcomes, batch, n_assigned
            )
    return end - begin, row, n_instances, n_treated, n_assigned
