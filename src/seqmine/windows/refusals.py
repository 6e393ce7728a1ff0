"""When a log cannot tell: what is seen before anything is estimated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from seqmine._text import did_you_mean, format_duration
from seqmine.errors import ParameterError
from seqmine.events.conditions import Condition
from seqmine.events.selectors import Selector
from seqmine.labels._instants import format_instant
from seqmine.windows.options import WindowOptions
from seqmine.windows.outcome_bins import EVER_AFTER, OutcomeSource
from seqmine.windows.streams import stream_of

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["at_risk", "check_names", "inbound_reason", "known_until"]

Int64 = npt.NDArray[np.int64]

_INBOUND: Final = re.compile(
    r"(?<![a-z])(in_?bound|incoming|complain\w*|requests?|requested|enquir\w*|inquir\w*|customer_?(call|contact|email|mail|"
    r"message)\w*)(?![a-z])"
)


def check_names(log: EventLog, options: WindowOptions) -> None:
    """ParameterError when `company`, `inbound` or `actor` names what the log lacks."""
    for argument in ("company", "inbound"):
        for name in getattr(options, argument):
            if log.type_index(name) is None:
                near = did_you_mean(name, log.event_types)
                raise ParameterError(
                    f"{argument}: the log has no event type {name!r}", hint=f"did you mean {near!r}?" if near else None
                )
    for argument in ("actor", "variant"):
        name = getattr(options, argument)
        if name is None:
            continue
        column = log.attributes.get(name)
        if column is None or column.kind == "number":
            known = [other for other, one in log.attributes.items() if one.kind != "number"]
            near = did_you_mean(name, known)
            raise ParameterError(
                f"{argument}: the log has no text attribute {name!r}",
                hint=f"did you mean {near!r}?" if near else "there are: " + (", ".join(known) or "none"),
            )


def inbound_reason(log: EventLog, action: Selector, options: WindowOptions, threads: int) -> str | None:
    """Why an action is the customer's own act and no intervention, in words; None where it is the company's."""
    for name in action.types:
        if name in options.inbound:
            return f"{name} is declared to come from the customer"
    if options.actor is not None:
        every = stream_of(log, action, threads=threads)
        condition = Condition(options.actor, "=", "company", attribute=True)
        told = {(c.field, c.op) for c in action.conditions}
        if (options.actor, "=") in told:
            return None
        if "company" not in log.attributes[options.actor].categories:
            return f"{options.actor} is company for no event"
        own = stream_of(log, Selector(action.types, (*action.conditions, condition)), threads=threads)
        n, n_own = int(every.number.sum()), int(own.number.sum())
        if n_own < n:
            return (
                f"{options.actor} is not company for {n - n_own:,} of {n:,} events; write "
                f"{Selector(action.types, (*action.conditions, condition))}"
            )
        return None
    for name in action.types:
        if name not in options.company and _INBOUND.search(name.casefold()):
            return f"{name} sounds like the customer's own act; if the company does it, say company=[{name!r}]"
    return None


def known_until(log: EventLog, options: WindowOptions, source: OutcomeSource, follow: int) -> str:
    """Until when anything is known, in words: why no row can be followed."""
    longest = format_duration(options.max_delay_us)
    text = f"actions are known until {format_instant(log.observed_until)}, and delays up to {longest} are looked at"
    if follow != EVER_AFTER:
        after, until = format_duration(follow), format_instant(source.watched)
        text += f", with {after} of follow-up after them and outcomes known until {until}"
    return text + "; a log that was watched beyond its last event says so with observed_until="


def at_risk(steps: tuple[Int64, Int64], stop: Int64, n_bins: int) -> Int64:
    """How many rows are at risk and untreated at the start of each bin, (n_bins,)."""
    offsets, step = steps
    row = np.repeat(np.arange(len(stop)), np.diff(offsets))
    end = np.append(step[0, 1:], n_bins)
    end[offsets[1:][np.diff(offsets) > 0] - 1] = n_bins
    # A row treated in a bin is at risk in it, too.
    begin, end = step[0], np.minimum(end, np.minimum(stop[row] + 1, n_bins))
    used = (step[2] != 0) & (end > begin)
    change = np.zeros(n_bins + 1, np.int64)
    np.add.at(change, begin[used], 1)
    np.add.at(change, end[used], -1)
    return np.cumsum(change)[:-1]
