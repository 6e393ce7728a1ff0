"""A made world as the oracle reads it: lists of events, and the outcome table as a mapping."""

from __future__ import annotations

from .. import worlds
from .trials import Event, Outcome, Setting, moments_of, named

ATTRIBUTES = ("channel", "plan", "health", "arm", "delay", "probability")


def events_of(world: worlds.World) -> list[Event]:
    """All rows of the log; null attributes are left out."""
    columns = {name: world.events.column(name) for name in world.events.column_names}
    times = columns["time"].cast("int64").to_pylist()
    entities, names, values = (columns[name].to_pylist() for name in ("entity", "event", "value"))
    attributes: list[dict[str, str | float]] = [{} for _ in times]
    for name in ATTRIBUTES:
        if name in columns:
            for i, value in enumerate(columns[name].to_pylist()):
                if value is not None:
                    attributes[i][name] = value
    return [Event(*row) for row in zip(entities, times, names, values, attributes, strict=True)]


def outcome_of(world: worlds.World) -> Outcome:
    times = world.outcomes.column("time").cast("int64").to_pylist()
    known = zip(
        world.outcomes.column("entity").to_pylist(), times, world.outcomes.column("label").to_pylist(), strict=True
    )
    horizon = round(world.recipe.follow_up_days * 24 * worlds.HOUR)
    return Outcome("table", horizon, table={entity: (time, label) for entity, time, label in known})


def setting_of(world: worlds.World, *, washout_hours: float = 0) -> Setting:
    """The world's own moment, action, outcome and bins."""
    events, recipe = events_of(world), world.recipe
    return Setting(
        events,
        moments_of(events, named(worlds.MOMENT)),
        named(worlds.ACTION),
        outcome_of(world),
        round(recipe.bin_hours * worlds.HOUR),
        round(recipe.max_delay / recipe.bin_hours),
        washout=round(washout_hours * worlds.HOUR),
        observed_until=world.observed_until,
    )
