"""The rule catalogue as Spark columns: which rule speaks for a failure, and what it says.

Meant for one exemplar a fingerprint: its cost grows with the number of rules. What the rules say comes by joins with small
frames, not as literals: a plan that holds every sentence of the catalogue takes longer to plan than to run.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as t

from jobmedic.knowledge.catalogue import Catalogue, Kind, Rule
from jobmedic.knowledge.words import Action, Category
from jobmedic.transforms import evidence

UNKNOWN_RULE = "unknown"
_QUOTE = 300
_BEFORE, _AFTER = 100, 200
_LONGEST = 6_000
_PLACES = (
    "_cause",
    "_head",
    "_trace",
)  # where a message is looked for, in this order; each without names as `_bare…`, without packages as `_plain…`, and without either as `_words…`
_AT = 1 << 16
"""A winner is the number of its rule, plus this times the place where it won."""
_NOWHERE = len(_PLACES)
_UNKNOWN = {
    "category": Category.UNKNOWN.value,
    "transient": False,
    "confidence": 0.3,
    "action": Action.ESCALATE.value,
    "rule": UNKNOWN_RULE,
    "root_cause": "No rule knows this error.",
    "fix": "Read the run's output and driver log, and give feedback so that the next one is known.",
    "needs": "The full stack trace, the driver log or the cluster's event log.",
    "compute": None,
    "before_code": None,
    "evidence_source": None,
    "_pattern": None,
}
_TYPES = {"transient": t.BooleanType(), "confidence": t.DoubleType(), "before_code": t.BooleanType()}
_BEYOND_DOUBT = frozenset({Kind.TERMINATION_CODE, Kind.CONDITION})
"""What the platform itself says of the cause holds, whatever stands beside it."""
_AGAIN = frozenset({Action.RETRY, Action.RETRY_WITH_NEW_PARAMS})
"""Costs money, so the name of a table or a file is no evidence for it."""
_WEAK_ORDER = (Kind.CONDITION, Kind.SQLSTATE, Kind.EXCEPTION, Kind.TERMINATION_CODE, Kind.MESSAGE)


def diagnose(causes: DataFrame, catalogue: Catalogue) -> DataFrame:
    """Adds what the winning rule says; a failure that no rule knows is `unknown` and stays.

    Wants `error, error_trace, termination_code, error_class, sqlstate`, as `fingerprint` leaves them.
    """
    kept = [name for name in causes.columns if name not in {*_UNKNOWN, "evidence"}]
    cut = causes.select(*kept, evidence.text("error").alias("_error"), evidence.text("error_trace").alias("_stack"))
    read = cut.select(
        *kept,
        _whole_lines(evidence.deepest(F.col("_error"), F.col("_stack"))).alias("_said_cause"),
        _whole_lines(F.col("_error")).alias("_said_head"),
        _whole_lines(F.col("_stack")).alias("_said_trace"),
    )
    lowered = read.select(
        "*",
        F.lower("_said_cause").alias("_cause"),
        _unless_said("_said_head"),
        _unless_said("_said_trace"),
        _exception().alias("_exception"),
    )
    bare = lowered.select("*", *(evidence.without_names(F.col(name)).alias(_bare(name)) for name in _PLACES))
    bare = bare.select(
        "*",
        *(evidence.without_packages(F.col(_bare(name))).alias(_words(name)) for name in _PLACES),
        *(evidence.without_packages(F.col(name)).alias(_plain(name)) for name in _PLACES),
    )
    bare = bare.select("*", *(_lasts(name, catalogue, only_weak=False).alias(_lasting(name)) for name in _PLACES))
    doubts = (
        (F.col(_lasting(name)) | _lasts(name, catalogue, only_weak=True)).alias(_doubtful(name)) for name in _PLACES
    )
    bare = bare.select("*", *doubts)
    stages = {f"_stage{number}": stage for number, stage in enumerate(_stages(catalogue))}
    ruled = bare.select("*", *(stage.alias(name) for name, stage in stages.items()))
    won = ruled.select("*", F.coalesce(*stages, F.lit(0)).alias("_won"))
    numbered = won.select("*", F.col("_won").bitwiseAND(_AT - 1).alias("_rule"), *_place())
    # Every number has a saying. An inner join would say so too, but Sail 0.7.2 makes a filter of its keys and works out
    # the winner anew for each of them.
    told = numbered.join(F.broadcast(_sayings(causes, catalogue)), "_rule", "left")
    found = told.select("*", F.expr("regexp_extract(_heard, _pattern, 0)").alias("_found"))
    return found.select(
        *kept,
        "category",
        "transient",
        "confidence",
        "action",
        "rule",
        _quote().alias("evidence"),
        "root_cause",
        "fix",
        "compute",
        "needs",
        "before_code",
        "evidence_source",
    )


def _whole_lines(text: Column) -> Column:
    """Without frames and places of tasks, and with an end to its last line: a rule that looks for what stands after a word finds it there too."""
    return F.concat(evidence.without_task_places(evidence.without_frames(text)), F.lit("\n"))


def _unless_said(name: str) -> Column:
    """Lower-cased; blank where it only repeats the deepest cause, so that no rule reads one text twice."""
    said = F.when(F.col(name) == F.col("_said_cause"), F.lit("")).otherwise(F.substring(name, 1, _LONGEST))
    return F.lower(said).alias(name.removeprefix("_said"))


def _exception() -> Column:
    """Simple name of the deepest exception, lower-cased; blank when the text names none."""
    return F.lower(
        F.regexp_extract(evidence.exception_class(evidence.spoken(F.col("_said_cause"))), "[A-Za-z0-9_]*$", 0)
    )


def _stages(catalogue: Catalogue) -> list[Column]:
    """In order of precedence; each is null where none of its rules speaks."""
    numbered = list(enumerate(catalogue.rules, start=1))
    by_condition: dict[str, list[str]] = {}
    for name, rule_id in catalogue.conditions.items():
        by_condition.setdefault(rule_id, []).append(name)
    stages: list[Column | None] = []
    for weak in (False, True):
        mine = [(number, rule) for number, rule in numbered if rule.weak is weak]
        for kind in _WEAK_ORDER if weak else Kind:
            some = [(number, rule) for number, rule in mine if rule.kind is kind]
            stages += _of_kind(kind, some, by_condition)
    return [stage for stage in stages if stage is not None]


def _of_kind(kind: Kind, some: list[tuple[int, Rule]], by_condition: dict[str, list[str]]) -> list[Column | None]:
    if kind is Kind.MESSAGE:
        return [_in_messages(some)]
    whole = F.concat_ws("\n", *_PLACES)
    unnamed = F.concat_ws("\n", *(_bare(name) for name in _PLACES))
    silencing = {
        weak: F.lit(False) if kind in _BEYOND_DOUBT else _one_of([F.col(named(name)) for name in _PLACES])
        for weak, named in ((False, _lasting), (True, _doubtful))
    }

    def case(matches: Callable[[Rule], Column | None]) -> Column | None:
        found = _case(some, matches, whole, unnamed, silencing)
        return None if found is None else found + _NOWHERE * _AT

    if kind is Kind.CONDITION:
        parent = F.substring_index("error_class", ".", 1)
        return [
            case(lambda rule: _in(F.col("error_class"), (n for n in by_condition[rule.id] if "." in n))),
            case(lambda rule: _in(parent, (n for n in by_condition[rule.id] if "." not in n))),
        ]
    if kind is Kind.SQLSTATE:
        return [case(lambda rule: _one_of([F.col("sqlstate").startswith(p) for p in rule.match]))]
    if kind is Kind.EXCEPTION:
        return [case(lambda rule: F.col("_exception").isin([name.lower() for name in rule.match]))]
    return [case(lambda rule: F.col("termination_code").isin(list(rule.match)))]


def _in_messages(some: list[tuple[int, Rule]]) -> Column | None:
    """Each place is asked in turn, by one CASE for all of them: written three times, it would be most of the plan."""
    if not some:
        return None
    places = [
        F.struct(
            F.col(name).alias("text"),
            F.col(_bare(name)).alias("bare"),
            F.col(_words(name)).alias("words"),
            F.col(_plain(name)).alias("plain"),
            F.col(_lasting(name)).alias("lasts"),
            F.col(_doubtful(name)).alias("doubtful"),
        )
        for name in _PLACES
    ]

    def asked(place: Column, at: Column) -> Column:
        text, bare, words = place["text"], place["bare"], place["words"]
        # By whether packages are heard, and names.
        heard = {(True, True): text, (True, False): bare, (False, True): place["plain"], (False, False): words}

        def matches(rule: Rule) -> Column:
            # Weak words are looked for outside of names and packages; what a strong rule looks for may need packages if it
            # names one, and names: but nothing is done again for the name of a table, unless the rule quotes it.
            if rule.weak:
                return _any(words, rule.match)
            hearings: dict[tuple[bool, bool], list[str]] = {}
            for regex in rule.match:
                named = rule.action not in _AGAIN or any(quote in regex for quote in "'\"")
                hearings.setdefault((r"\." in regex, named), []).append(regex)
            return _one_of([_any(heard[hearing], regexes) for hearing, regexes in hearings.items()])

        silent = F.when(text.isin("", "\n"), F.lit(None))
        won = _case(some, matches, text, bare, {False: place["lasts"], True: place["doubtful"]}, first=silent)
        assert won is not None
        return won + at * _AT

    return F.array_min(F.transform(F.array(*places), asked))


def _case(
    some: list[tuple[int, Rule]],
    matches: Callable[[Rule], Column | None],
    text: Column,
    unnamed: Column,
    silencing: dict[bool, Column],
    *,
    first: Column | None = None,
) -> Column | None:
    """Number of the first rule whose condition holds. One flat CASE, however many rules; `first` begins it.

    `silencing`: what silences a rule that retries, by whether the rule is weak.
    """
    case = first
    for number, rule in some:
        if (condition := matches(rule)) is None:
            continue
        if rule.also:
            condition = condition & _any(text, rule.also)
        if rule.unless:
            condition = condition & ~_any(unnamed, rule.unless)
        if rule.action is Action.RETRY or (rule.weak and rule.action is Action.RETRY_WITH_NEW_PARAMS):
            condition = condition & ~silencing[rule.weak]
        case = F.when(condition, F.lit(number)) if case is None else case.when(condition, F.lit(number))
    return case


def _bare(place: str) -> str:
    return f"_bare{place}"


def _words(place: str) -> str:
    return f"_words{place}"


def _lasting(place: str) -> str:
    return f"_lasting{place}"


def _doubtful(place: str) -> str:
    return f"_doubtful{place}"


def _lasts(place: str, catalogue: Catalogue, *, only_weak: bool) -> Column:
    """Whether the text says that nothing will pass by itself; the deepest cause says it by its exception's class too."""
    mine = [one for one in catalogue.lasting if one.only_weak is only_weak]
    words = [regex for one in mine if one.kind is Kind.MESSAGE for regex in one.match]
    names = [name.lower() for one in mine if one.kind is Kind.EXCEPTION for name in one.match]
    said = _any(F.col(_bare(place)), words) if words else F.lit(False)
    return said | F.col("_exception").isin(names) if names and place == _PLACES[0] else said


def _plain(place: str) -> str:
    return f"_plain{place}"


def _any(text: Column, regexes: Iterable[str]) -> Column:
    return text.rlike(_either(regexes))


def _either(regexes: Iterable[str]) -> str:
    return "|".join(f"(?:{regex})" for regex in regexes)


def _in(name: Column, values: Iterable[str]) -> Column | None:
    known = sorted(values)
    return name.isin(known) if known else None


def _one_of(conditions: list[Column]) -> Column:
    return reduce(lambda left, right: left | right, conditions)


def _place() -> tuple[Column, Column]:
    """The text in which the rule won, as rules hear it and as it was said."""
    at = F.shiftright("_won", _AT.bit_length() - 1)
    heard, said = F.col("_cause"), F.col("_said_cause")
    for number, name in enumerate(_PLACES[1:], start=1):
        heard = F.when(at == number, F.col(name)).otherwise(heard)
        said = F.when(at == number, F.substring(f"_said{name}", 1, _LONGEST)).otherwise(said)
    return heard.alias("_heard"), said.alias("_said")


def _quote() -> Column:
    """The line on which the rule rests, as the text has it; where no words were looked at, the deepest cause's first."""
    # Lower-casing leaves every character in its place, but for a few that become two.
    in_place = F.length("_heard") == F.length("_said")
    starts = F.expr("locate(_found, _heard)")
    long = F.length(F.regexp_replace("_found", "\n+\\z", ""))
    before = F.substring_index(F.substring(F.col("_said"), F.lit(1), starts - 1), "\n", -1)
    after = F.substring_index(F.substring(F.col("_said"), starts + long, F.lit(_AFTER)), "\n", 1)
    around = F.concat(
        _whole_words(F.substring(before, F.lit(-_BEFORE), F.lit(_BEFORE)), "^[^ ]{0,60} ", F.length(before) > _BEFORE),
        F.substring(F.col("_said"), starts, long),
        _whole_words(after, " [^ ]{0,60}\\z", F.length(after) >= _AFTER),
    )
    first_line = F.regexp_extract("_said_cause", "[^ \n\t][^\n]*", 0)
    found = F.when((F.col("_found") != "") & in_place, around).otherwise(first_line)
    quote = F.trim(F.regexp_replace(found, "\n+\\z", ""))
    cut = F.length(quote) > _QUOTE
    return F.nullif(_whole_words(F.substring(quote, 1, _QUOTE), " [^ ]{0,60}\\z", cut), F.lit(""))


def _whole_words(text: Column, half: str, cut: Column) -> Column:
    """Without the half word that a cut left."""
    return F.when(cut, F.regexp_replace(text, half, "")).otherwise(text)


def _sayings(causes: DataFrame, catalogue: Catalogue) -> DataFrame:
    """What each rule says, by its number; number 0 is for the failure that no rule knows."""
    fields = [t.StructField("_rule", t.IntegerType())]
    fields += [t.StructField(name, _TYPES.get(name, t.StringType())) for name in _UNKNOWN]
    rows = [(0, *_UNKNOWN.values())]
    rows += [(number, *_saying(rule)) for number, rule in enumerate(catalogue.rules, start=1)]
    return causes.sparkSession.createDataFrame(rows, t.StructType(fields))


def _saying(rule: Rule) -> Iterable[object]:
    said = {
        "rule": rule.id,
        "evidence_source": rule.kind.value,
        "_pattern": _either(rule.match) if rule.kind is Kind.MESSAGE else None,
    }
    for name in _UNKNOWN:
        value: Any = said[name] if name in said else getattr(rule, name)
        yield value.value if isinstance(value, StrEnum) else value
