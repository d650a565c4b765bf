"""Thirty days on a data platform with the same mix of failures every night, so that whatever gets better was learned.

Jobs run every night, and on some nights of each week, the same ones, a few of each kind fail:

- `flaky`: the far end is there again when it is asked again, nine times in ten
- `hopeless`: the same words, but that service is gone; nobody tells jobmedic
- `licence`: a rule that is wrong on purpose calls it transient; it never recovers, and a new product is hit every four nights
- `mistake`: a syntax error or a missing grant, which rules know
- `strange`: words that no rule knows, new every night, with four true categories in turn
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random

from jobmedic.knowledge.catalogue import Catalogue, Examples, Kind, Rule
from jobmedic.knowledge.words import Action, Category
from jobmedic.sandbox import Cause, Ending, Failure, JobPlan, Scenario, SchedulePlan, TaskPlan

WRONG_RULE = "licence-lapsed"
FAILS_AT = 120.0
"""Minutes after midnight at which the nightly jobs start."""
_MINUTES = 1440
_NEW_PRODUCT_EVERY = 4
_REFUSED = "java.net.ConnectException: Connection refused by the {name} service at {{{{ip}}}}:{{{{port}}}}"
_LICENCE = "LicenceError: the licence for {name} has lapsed, request {{{{uuid}}}}"
_MISTAKES = (
    (Category.SYNTAX, "[PARSE_SYNTAX_ERROR] Syntax error at or near '{name}'. SQLSTATE: 42601 (line 1, pos 9)"),
    (Category.PERMISSION, "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: no SELECT on {name}. SQLSTATE: 42501"),
)
# Without numbers: how the model's stand-in answers hangs on the text, and shall not hang on the order of calls.
_STRANGE = (
    (Category.QUOTA, True, "the {name} turnstile sulks and wants a pause"),
    (Category.PERMISSION, False, "the {name} doorman does not like this badge"),
    (Category.DATA_QUALITY, False, "the {name} ledger holds a crooked row"),
    (Category.INFRASTRUCTURE, True, "the {name} engine room went dark for a moment"),
)


@dataclass(frozen=True, slots=True)
class Mix:
    """How many jobs of each kind fail a night, and when."""

    flaky: int = 3
    hopeless: int = 2
    licence: int = 1
    mistake: int = 1
    strange: int = 3
    days: int = 30
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Nights on which they fail; 0 is Monday, the first day of the story."""
    seed: int = 30

    @property
    def nights(self) -> tuple[int, ...]:
        """Ordinals, from 1, of the runs that fail."""
        return tuple(day + 1 for day in range(self.days) if day % 7 in self.weekdays)


def scenario(mix: Mix) -> Scenario:
    names = _names(Random(mix.seed))  # noqa: S311 - scenery, no secret
    made = [
        *(_always(f"flaky-{n}", _refused(next(names), Ending(probability=0.9)), mix) for n in range(mix.flaky)),
        *(_always(f"hopeless-{n}", _refused(next(names), Ending()), mix) for n in range(mix.hopeless)),
        *(_always(f"mistake-{n}", _mistake(next(names), n), mix) for n in range(mix.mistake)),
        *(_licences(f"licence-{n}", names, mix) for n in range(mix.licence)),
        *(_strangers(f"strange-{n}", names, n, mix) for n in range(mix.strange)),
    ]
    return Scenario(
        name="thirty days",
        seed=mix.seed,
        minutes=mix.days * _MINUTES,
        causes=tuple(cause for _, causes, _ in made for cause in causes),
        jobs=tuple(job for job, _, _ in made),
        failures=tuple(failure for _, _, failures in made for failure in failures),
    )


def with_wrong_rule(catalogue: Catalogue) -> Catalogue:
    """The catalogue and one rule more, which takes for a passing lock what only a new contract mends."""
    words = "licence for [a-z]+ has lapsed"
    rule = Rule(
        id=WRONG_RULE,
        category=Category.CONCURRENCY,
        action=Action.RETRY,
        kind=Kind.MESSAGE,
        match=(words,),
        transient=True,
        confidence=0.92,
        root_cause="Another job holds the licence.",
        fix="Wait until it is free.",
        examples=Examples(match=("the licence for this has lapsed",)),
        where="bench",
    )
    rules = tuple(sorted((*catalogue.rules, rule), key=lambda one: one.precedence))
    return Catalogue(rules=rules, conditions=catalogue.conditions, version=f"{catalogue.version}+wrong")


def kind_of(job_name: str) -> str:
    return job_name.rpartition("-")[0]


_Made = tuple[JobPlan, list[Cause], list[Failure]]


def _always(name: str, cause: Cause, mix: Mix) -> _Made:
    return _job(name, mix), [cause], [Failure(job=name, cause=cause.id, runs=mix.nights)]


def _licences(name: str, names: Iterator[str], mix: Mix) -> _Made:
    """Another product every few nights."""
    batches = [mix.nights[at : at + _NEW_PRODUCT_EVERY] for at in range(0, len(mix.nights), _NEW_PRODUCT_EVERY)]
    causes = [_licence(next(names)) for _ in batches]
    failures = [Failure(job=name, cause=cause.id, runs=runs) for cause, runs in zip(causes, batches, strict=True)]
    return _job(name, mix), causes, failures


def _strangers(name: str, names: Iterator[str], first: int, mix: Mix) -> _Made:
    causes = [_strange(next(names), first + at) for at, _ in enumerate(mix.nights)]
    failures = [Failure(job=name, cause=one.id, runs=(night,)) for one, night in zip(causes, mix.nights, strict=True)]
    return _job(name, mix), causes, failures


def _job(name: str, mix: Mix) -> JobPlan:
    return JobPlan(
        name=name,
        owner=f"{kind_of(name)}@example.com",
        tags={"jobmedic_idempotent": "true"},
        tasks=(TaskPlan(key="load", minutes=10),),
        schedule=SchedulePlan(first=FAILS_AT, every=_MINUTES, runs=mix.days),
    )


def _refused(name: str, ends: Ending) -> Cause:
    return _cause(f"refused-{name}", Category.NETWORK, _REFUSED.format(name=name), transient=not ends.never, ends=ends)


def _licence(name: str) -> Cause:
    return _cause(f"licence-{name}", Category.CONFIGURATION, _LICENCE.format(name=name), transient=False)


def _mistake(name: str, at: int) -> Cause:
    category, text = _MISTAKES[at % len(_MISTAKES)]
    return _cause(f"mistake-{name}", category, text.format(name=name), transient=False)


def _strange(name: str, at: int) -> Cause:
    category, transient, text = _STRANGE[at % len(_STRANGE)]
    ends = Ending(after_retries=1) if transient else Ending()
    return _cause(f"strange-{name}", category, text.format(name=name), transient=transient, ends=ends)


def _cause(name: str, category: Category, error: str, *, transient: bool, ends: Ending | None = None) -> Cause:
    return Cause(id=name, category=category, transient=transient, error=error, ends=ends or Ending())


def _names(random: Random) -> Iterator[str]:
    """Words that mean nothing, each once; digits in them would be masked."""
    words = ["".join(letters) for letters in product("bdfgklmnprstvz", "aeiou", "lmnrsx", "aeiou")]
    random.shuffle(words)
    return iter(words)
