"""The policy: what a platform team allows, read from YAML over the default and checked whole."""

import hashlib
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from jobmedic.knowledge.words import Action, Category

DEFAULT = Path(__file__).parent / "policy" / "default.yml"

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class PolicyError(ValueError):
    """A policy file that cannot be used; the message names file, line and reason."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Retries(_Part):
    max: Annotated[int, Field(ge=0, le=20)]
    oldest_failure_hours: Positive


class Prior(_Part):
    recovered: Positive
    failed: Positive


class CategoryPolicy(_Part):
    transient: Action
    permanent: Action
    action: Action | None = None
    max_retries: Annotated[int, Field(ge=0, le=20)]
    confidence: Share
    prior: Prior


class RulePolicy(_Part):
    action: Action | None = None
    max_retries: Annotated[int, Field(ge=0, le=20)] | None = None


class JobPolicy(_Part):
    match: Annotated[str, Field(min_length=1)]
    mode: Literal["act", "shadow", "off"] | None = None
    rerun_untagged: bool | None = None
    max_retries: Annotated[int, Field(ge=0, le=20)] | None = None
    compute_usd_per_hour: NotNegative | None = None

    @field_validator("mode", mode="before")
    @classmethod
    def _yaml_reads_off_as_false(cls, value: object) -> object:
        return "off" if value is False else value


class ParamPolicy(_Part):
    name: Annotated[str, Field(min_length=1)]
    jobs: str = "*"
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    multiply: Positive | None = None
    categories: tuple[Category, ...] = ()

    @field_validator("choices", mode="before")
    @classmethod
    def _choices_are_strings(cls, value: object) -> object:
        return tuple(str(v) for v in value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not self.choices and (self.minimum is None or self.maximum is None):
            raise ValueError(
                f"parameter {self.name} needs `choices`, or `minimum` and `maximum`: without bounds nothing may be changed"
            )
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"parameter {self.name}: minimum {self.minimum:g} is above maximum {self.maximum:g}")
        return self


class ComputePolicy(_Part):
    enabled: bool
    worker_factor: Annotated[float, Field(gt=1)]
    max_workers: Annotated[int, Field(ge=1)]
    timeout_factor: Annotated[float, Field(gt=1)]
    max_timeout_hours: Positive
    larger_node: dict[str, str]


class Money(_Part):
    value_of_recovery_usd: NotNegative
    compute_usd_per_hour: NotNegative
    shortest_run_seconds: NotNegative


class Storm(_Part):
    runs: Annotated[int, Field(ge=2)]
    window_minutes: Positive


class Breaker(_Part):
    failures: Annotated[int, Field(ge=1)]
    cooldown_minutes: Positive
    max_cooldown_hours: Positive


class Budget(_Part):
    retries_share: Share
    retries_minimum: Count
    window_hours: Positive


class Backoff(_Part):
    first_seconds: NotNegative
    seconds: NotNegative
    factor: Annotated[float, Field(ge=1)]
    max_seconds: NotNegative


class ModelPolicy(_Part):
    calls_per_pass: Count
    calls_per_day: Count
    tokens_per_day: Count
    usd_per_day: NotNegative
    usd_per_million_tokens_in: NotNegative
    usd_per_million_tokens_out: NotNegative
    concurrency: Annotated[int, Field(ge=1, le=64)]
    timeout_seconds: Positive


class MailPolicy(_Part):
    window_hours: Positive


class Autonomy(_Part):
    enabled: bool
    by: Literal["category", "fingerprint"]
    bar: Share
    judged: Annotated[int, Field(ge=1)]


class Policy(_Part):
    """The whole policy; every category is present."""

    version: Literal[1]
    retries: Retries
    rerun_untagged: bool | tuple[str, ...]
    resubmit: bool
    success_with_failures: Literal["mail", "repair"]
    categories: dict[Category, CategoryPolicy]
    rules: dict[str, RulePolicy]
    jobs: tuple[JobPolicy, ...]
    params: tuple[ParamPolicy, ...]
    compute: ComputePolicy
    money: Money
    storm: Storm
    breaker: Breaker
    budget: Budget
    backoff: Backoff
    model: ModelPolicy
    mail: MailPolicy
    autonomy: Autonomy

    @cached_property
    def digest(self) -> str:
        """Twelve hex digits that change whenever the policy says something else."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def price_per_hour(self, job_name: str | None) -> float:
        """US dollars for an hour of a run of this job."""
        named = (job for job in self.jobs if job.compute_usd_per_hour is not None)
        priced = (
            job.compute_usd_per_hour for job in named if job.match == "*" or fnmatchcase(job_name or "", job.match)
        )
        return next((price for price in priced if price is not None), self.money.compute_usd_per_hour)

    def with_bar(self, confidence: float) -> "Policy":
        """The same policy with one confidence bar for every category that can be told at all."""
        told = {
            category: entry if category is Category.UNKNOWN else entry.model_copy(update={"confidence": confidence})
            for category, entry in self.categories.items()
        }
        return self.model_copy(update={"categories": told})

    @classmethod
    def load(cls, path: Path | None = None, *, max_retries: int | None = None) -> "Policy":
        """The default policy with the file at `path` laid over it; `max_retries` (MAX_RETRIES) beats both.

        Raises PolicyError.
        """
        values = _read(DEFAULT)
        source = DEFAULT
        if path is not None:
            source = path
            values = _overlay(values, _read(path))
        if max_retries is not None:
            values["retries"]["max"] = max_retries
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise PolicyError(_explain(error, source)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PolicyError(f"{path}: no such policy file; check JOBMEDIC_POLICY") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: the policy file cannot be read: {error}") from None
    try:
        values = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise PolicyError(f"{path}: not valid YAML: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise PolicyError(f"{path}:1: a policy is a mapping of settings, not a {type(values).__name__}")
    return values


class _UniqueKeys(yaml.SafeLoader):
    """YAML takes the last of two equal keys in silence; a policy must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}` stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _explain(error: ValidationError, path: Path) -> str:
    lines = []
    for problem in error.errors():
        where = [str(part) for part in problem["loc"]]
        line = _line_of(path, where)
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            reason = "no such setting"
        given = problem.get("input")
        shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
        lines.append(f"{path}:{line}: {'.'.join(where) or 'policy'}: {reason}{shown}")
    return "\n".join(dict.fromkeys(lines))


def _line_of(path: Path, where: list[str]) -> int:
    """Line of the deepest part of the setting's name that stands in the file, from 1."""
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    line = 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == part), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            break
    return line
