"""The configuration of a run: TOML, checked to the last key before any data are touched."""

from __future__ import annotations

import datetime
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from seqmine._text import did_you_mean, parse_duration
from seqmine.errors import ConfigError, MissingInputError, SeqmineError

if TYPE_CHECKING:
    from seqmine.labels import Study
    from seqmine.mining import EvidenceOptions, MinerOptions
    from seqmine.windows import WindowOptions

__all__ = [
    "EvidenceSection",
    "LogSection",
    "MomentsSection",
    "RandomisedSection",
    "RunConfig",
    "StudySection",
    "WindowsSection",
    "check_for_study",
    "load_config",
    "parse_config",
    "parse_evidence",
    "parse_log",
    "parse_moments",
    "parse_study",
    "parse_windows",
]

MAX_BYTES = 1 << 20
LATER_SECTIONS = ("plays", "store", "audit", "journeys", "report")


def _duration(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit: write text such as '{value}d'")
    if isinstance(value, str):
        parse_duration(value)
    return value


def _instant(value: object) -> object:
    # TOML has dates of its own: they mean the same as their text.
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return value


def _instants(value: object) -> object:
    return [_instant(item) for item in value] if isinstance(value, list) else _instant(value)


def _none(value: object) -> object:
    return None if value == "none" else value


def _auto_or_names(value: object) -> object:
    if isinstance(value, str) and value != "auto":
        raise ValueError(f"a list of names, or 'auto', is expected: write ['{value}']")
    return value


Duration = Annotated[str, BeforeValidator(_duration)]
T = TypeVar("T")
S = TypeVar("S", bound=BaseModel)
NoneOr = Annotated[T | None, BeforeValidator(_none)]
Instants = Annotated[str | list[str], BeforeValidator(_instants)]
Instant = Annotated[str, BeforeValidator(_instant)]


class _Section(BaseModel):
    # strict: "100" is no number, and 1 is no text.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class LogSection(_Section):
    """``[log]``: where the events are and which columns mean what; the keywords of `EventLog.read`."""

    path: str = Field(min_length=1)
    format: Literal["parquet", "csv", "arrow"] | None = None
    entity: str = "entity"
    time: str = "time"
    event: str = "event"
    value: str | None = None
    attributes: list[str] | dict[str, Literal["text", "number"]] = []
    timezone: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    event_id: str | None = None
    duration: str | None = None
    identity: str | None = None
    starts: str | None = None
    observed_until: Instant | None = None
    on_bad_row: Literal["error", "quarantine"] = "error"
    duplicates: Literal["none", "exact", "id"] = "none"
    exclude_events: list[str] = []
    plausible_years: tuple[int, int] = Field(default=(1970, 2100), strict=False)
    max_expansion: float = Field(default=200.0, gt=0, strict=False)

    def for_manifest(self) -> dict[str, Any]:
        """Return the keys that decide the result; the files stand in the manifest by content, not by place."""
        return self.model_dump(mode="json", exclude={"path", "identity", "starts"}, exclude_unset=True)


class StudySection(_Section):
    """``[study]``: the question; the fields of `Study`, without given labels.

    TOML has no null: ``"none"`` switches ``out_of_time`` off.
    """

    outcome: str = Field(min_length=1)
    at: Instants
    lookback: Duration | None = None
    lead: Duration = "0d"
    exclude_events: list[str] = []
    incident: bool = False
    min_tenure: Duration = "0d"
    seed: int = 0
    out_of_time: NoneOr[Instant] = "auto"

    def study(self) -> Study:
        """Return what `label` takes."""
        from seqmine.labels import Outcome, Study

        fields = self.model_dump()
        return Study(Outcome(fields.pop("outcome")), **fields)


class MomentsSection(_Section):
    """``[moments]``: the search; the fields of `MinerOptions`, whose defaults hold for those left out.

    TOML has no null: ``"none"`` switches ``max_gap`` and ``redundancy`` off.
    """

    max_length: int = 4
    min_gap: Duration | None = None
    max_gap: NoneOr[Duration] = "14d"
    max_span: Duration | None = None
    learn_gaps: bool = True
    gap_bins: list[Duration] | None = None
    min_support: int = 100
    top_k: int = 100
    measure: str = "leverage"
    strata: str | list[str] | None = None
    direction: str = "both"
    redundancy: NoneOr[Annotated[float, Field(strict=False)]] = 0.9
    context: list[str] = []
    absence: list[Duration] = []
    max_seconds: float | None = Field(default=None, strict=False)
    max_memory: int | None = None

    def options(self, threads: int) -> MinerOptions:
        """Return what `mine` takes."""
        from seqmine.mining import MinerOptions

        return MinerOptions(**self.model_dump(), threads=threads)


class EvidenceSection(_Section):
    """``[evidence]``: how moments are judged; the fields of `EvidenceOptions` with their defaults."""

    alpha: float = Field(default=0.05, strict=False)
    min_effect: float = Field(default=0.10, strict=False)
    shortlist: int = 200
    adjust: list[str] = ["activity", "tenure"]
    segments: list[str] = []
    correction: str = "bh"
    permutations: int = 1023
    westfall_young: bool | Literal["auto"] = "auto"
    small_data: int = 400
    clock: bool = True
    acknowledge: list[str] = []

    def options(self) -> EvidenceOptions:
        """Return what `mine` takes."""
        from seqmine.mining import EvidenceOptions

        return EvidenceOptions(**self.model_dump())


class RandomisedSection(_Section):
    """``[windows.randomised]``: how chance decided about the actions; the fields of `Randomised`."""

    probability: str | None = None
    arm: str | None = None
    control: str | None = None
    treated: str | None = None
    delay: str | None = None


class WindowsSection(_Section):
    """``[windows]``: which actions are looked at after which moments; the fields of `WindowOptions`, and those two.

    Without ``moments`` they are the validated patterns of the run.
    """

    actions: list[str] = Field(min_length=1)
    moments: Annotated[list[str], Field(min_length=1)] | None = None
    max_delay: Duration = "14d"
    follow_up: Duration | None = None
    bin_width: Duration | None = None
    direction: str = "auto"
    washout: Duration | None = None
    repeats: str = "first"
    covariates: Annotated[str | list[str], BeforeValidator(_auto_or_names)] = "auto"
    placebos: list[str] = []
    segments: list[str] = []
    variant: str | None = None
    company: list[str] = []
    inbound: list[str] = []
    actor: str | None = None
    randomised: RandomisedSection | None = None
    alpha: float = Field(default=0.05, strict=False)
    max_windows: int = 2
    n_null: int = 1000
    n_bootstrap: int = 200

    def options(self, threads: int) -> WindowOptions:
        """Return what `scan_windows` takes; patterns and event tests that cannot be read are found here, too."""
        from seqmine.patterns import parse_pattern
        from seqmine.windows import Randomised, WindowOptions
        from seqmine.windows.streams import read_selector

        for action in self.actions:
            read_selector(action)
        for moment in self.moments or ():
            parse_pattern(moment)
        fields = self.model_dump(exclude={"actions", "moments", "randomised"})
        chance = None if self.randomised is None else Randomised(**self.randomised.model_dump())
        return WindowOptions(**fields, randomised=chance, threads=threads)


class RunConfig(_Section):
    """A whole configuration file."""

    log: LogSection
    study: StudySection
    moments: MomentsSection = MomentsSection()
    evidence: EvidenceSection = EvidenceSection()
    windows: WindowsSection | None = None


def load_config(path: str | os.PathLike[str]) -> RunConfig:
    """Read and check the configuration file ``path``.

    Raises
    ------
    MissingInputError
        The file is not there or cannot be read.
    ConfigError
        Not TOML, an unknown section or key (with the nearest known one), or a value that cannot be used; the message
        names the file, the section and the key.
    """
    source = Path(path)
    try:
        if source.stat().st_size > MAX_BYTES:
            raise ConfigError(f"a configuration of more than {MAX_BYTES:,} bytes", file=str(source))
        content = source.read_bytes()
    except OSError as error:
        raise MissingInputError(f"cannot read the configuration: {error.strerror}", file=str(source)) from None
    try:
        tree = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 at byte {error.start}", file=str(source)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML: {error}", file=str(source)) from None
    return parse_config(tree, file=str(source))


def parse_config(tree: Mapping[str, Any], *, file: str | None = None) -> RunConfig:
    """Check a configuration given as nested mappings; ``file`` only serves the messages."""
    for name in tree:
        if name in LATER_SECTIONS:
            raise ConfigError(
                f"[{name}]: this version of seqmine has no such part yet",
                file=file,
                hint="remove the section; [log], [study], [moments], [evidence] and [windows] work",
            )
    try:
        return RunConfig.model_validate(dict(tree))
    except ValidationError as error:
        raise _config_error(error, file=file) from None


def parse_log(keys: Mapping[str, Any]) -> LogSection:
    """Check the keys of a log section alone."""
    return _parse_section(LogSection, "log", keys)


def parse_study(keys: Mapping[str, Any]) -> StudySection:
    """Check the keys of a study section alone."""
    return _parse_section(StudySection, "study", keys)


def parse_moments(keys: Mapping[str, Any]) -> MomentsSection:
    """Check the keys of a moments section alone."""
    return _parse_section(MomentsSection, "moments", keys)


def parse_evidence(keys: Mapping[str, Any]) -> EvidenceSection:
    """Check the keys of an evidence section alone."""
    return _parse_section(EvidenceSection, "evidence", keys)


def parse_windows(keys: Mapping[str, Any]) -> WindowsSection:
    """Check the keys of a windows section alone."""
    return _parse_section(WindowsSection, "windows", keys)


def check_for_study(moments: MomentsSection) -> None:
    """Raise `ConfigError` where a search is asked for that no study can have; checked before any log is read."""
    if moments.measure != "leverage":
        raise ConfigError(
            f"[moments] measure: a study is searched by stratified leverage, not by {moments.measure}",
            hint="leave it out; with `seqmine mine`, --in-sample searches by other measures",
        )


def _parse_section(model: type[S], section: str, keys: Mapping[str, Any]) -> S:
    try:
        return model.model_validate(dict(keys))
    except ValidationError as error:
        raise _config_error(error, section=section) from None


def _config_error(error: ValidationError, *, file: str | None = None, section: str | None = None) -> ConfigError:
    problems = error.errors(include_url=False)
    first = problems[0]
    location = [*([section] if section else []), *(str(part) for part in first["loc"])]
    text, hint = _explain(first, location)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ConfigError(text + more, file=file, hint=hint)


def _explain(problem: Any, location: list[str]) -> tuple[str, str | None]:
    if problem["type"] == "extra_forbidden":
        return _unknown(location)
    place = _place(location)
    if problem["type"] == "missing":
        what = "the section is missing" if len(location) == 1 else "is missing"
        return f"{place}: {what}", None
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, SeqmineError):
        return f"{place}: {cause.message}", cause.hint
    text = str(cause) if cause is not None else str(problem["msg"])
    return f"{place}: {text[:1].lower()}{text[1:]}", None


def _unknown(location: list[str]) -> tuple[str, str]:
    *sections, key = location
    known = list((_section(sections) if sections else RunConfig).model_fields)
    near = did_you_mean(key, known)
    what = "unknown key" if sections else "unknown section"
    return f"{_place(location)}: {what}", f"did you mean {near!r}?" if near else f"known: {', '.join(known)}"


def _place(location: list[str]) -> str:
    """``[section] key`` or ``[section.part] key``; what lies inside of a key's value is left out."""
    names = [location[0]]
    for part in location[1:]:
        if not _is_section([*names, part]):
            return f"[{'.'.join(names)}] {part}"
        names.append(part)
    return f"[{'.'.join(names)}]"


def _is_section(names: list[str]) -> bool:
    try:
        _section(names)
    except KeyError:
        return False
    return True


def _section(names: list[str]) -> type[BaseModel]:
    """The model of a section, or of a section's part; KeyError where there is none."""
    model: type[BaseModel] = RunConfig
    for name in names:
        kinds = (model.model_fields[name].annotation, *get_args(model.model_fields[name].annotation))
        found = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not found:
            raise KeyError(name)
        model = found[0]
    return model
