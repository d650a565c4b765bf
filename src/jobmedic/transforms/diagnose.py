"""The rule catalogue as Spark columns: which rule speaks for a failure, and what it says.

Meant for one exemplar a fingerprint: its cost grows with the number of rules.
"""

from collections.abc import Callable, Iterable
from functools import partial, reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobmedic.knowledge.catalogue import Catalogue, Kind, Rule
from jobmedic.knowledge.words import Action, Category
from jobmedic.transforms import evidence

UNKNOWN_RULE = "unknown"
_QUOTE = 300
_LONGEST = 6_000
_PLACES = (
    "_cause",
    "_head",
    "_trace",
)  # where a message is looked for, in this order; each without names as `_bare…` too
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
    "pattern": None,
}
_WEAK_ORDER = (Kind.CONDITION, Kind.SQLSTATE, Kind.EXCEPTION, Kind.TERMINATION_CODE, Kind.MESSAGE)
_ATTRIBUTES = tuple(name for name in _UNKNOWN if name != "pattern")


def diagnose(causes: DataFrame, catalogue: Catalogue) -> DataFrame:
    """Adds what the winning rule says; a failure that no rule knows is `unknown` and stays.

    Wants `error, error_trace, termination_code, error_class, sqlstate`, as `fingerprint` leaves them.
    """
    kept = [name for name in causes.columns if name not in {*_ATTRIBUTES, "evidence"}]
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
    ruled = bare.select("*", _winner(catalogue).alias("_won"))
    rules = catalogue.rules
    numbered = ruled.select(
        "*",
        F.shiftright("_won", 2).alias("_rule"),
        _place().alias("_place"),
        _looked_up(rules, "pattern", F.shiftright("_won", 2)).alias("_pattern"),
    )
    said = {name: _looked_up(rules, name, F.col("_rule")).alias(name) for name in _ATTRIBUTES}
    return numbered.select(
        *kept,
        said["category"],
        said["transient"],
        said["confidence"],
        said["action"],
        said["rule"],
        _quote().alias("evidence"),
        said["root_cause"],
        said["fix"],
        said["compute"],
        said["needs"],
        said["before_code"],
        said["evidence_source"],
    )


def _whole_lines(text: Column) -> Column:
    """Without frames, and with an end to its last line: a rule that looks for what stands after a word finds it there too."""
    return F.concat(evidence.without_frames(text), F.lit("\n"))


def _unless_said(name: str) -> Column:
    """Lower-cased; blank where it only repeats the deepest cause, so that no rule reads one text twice."""
    said = F.when(F.col(name) == F.col("_said_cause"), F.lit("")).otherwise(F.substring(name, 1, _LONGEST))
    return F.lower(said).alias(name.removeprefix("_said"))


def _exception() -> Column:
    """Simple name of the deepest exception, lower-cased; blank when the text names none."""
    return F.lower(
        F.regexp_extract(evidence.exception_class(evidence.spoken(F.col("_said_cause"))), "[A-Za-z0-9_]*$", 0)
    )


def _winner(catalogue: Catalogue) -> Column:
    """Number of the winning rule times four plus the place where it won; 0 when none did."""
    numbered = list(enumerate(catalogue.rules, start=1))
    by_condition: dict[str, list[str]] = {}
    for name, rule_id in catalogue.conditions.items():
        by_condition.setdefault(rule_id, []).append(name)
    stages: list[Column | None] = []
    for weak in (False, True):
        mine = [(number, rule) for number, rule in numbered if rule.weak is weak]
        for kind in _WEAK_ORDER if weak else Kind:
            some = [(number, rule) for number, rule in mine if rule.kind is kind]
            stages += _stages(kind, some, by_condition)
    return F.coalesce(*(stage for stage in stages if stage is not None), F.lit(0))


def _stages(kind: Kind, some: list[tuple[int, Rule]], by_condition: dict[str, list[str]]) -> list[Column | None]:
    whole = F.concat_ws("\n", *_PLACES)
    unnamed = F.concat_ws("\n", *(_bare(name) for name in _PLACES))
    if kind is Kind.MESSAGE:
        return [
            _case(some, partial(_says, name), F.col(name), F.col(_bare(name)), at) for at, name in enumerate(_PLACES)
        ]
    if kind is Kind.CONDITION:
        parent = F.substring_index("error_class", ".", 1)
        return [
            _case(
                some,
                lambda rule: _in(F.col("error_class"), (n for n in by_condition[rule.id] if "." in n)),
                whole,
                unnamed,
            ),
            _case(some, lambda rule: _in(parent, (n for n in by_condition[rule.id] if "." not in n)), whole, unnamed),
        ]
    if kind is Kind.SQLSTATE:
        return [
            _case(some, lambda rule: _one_of([F.col("sqlstate").startswith(p) for p in rule.match]), whole, unnamed)
        ]
    if kind is Kind.EXCEPTION:
        return [
            _case(some, lambda rule: F.col("_exception").isin([name.lower() for name in rule.match]), whole, unnamed)
        ]
    return [_case(some, lambda rule: F.col("termination_code").isin(list(rule.match)), whole, unnamed)]


def _case(
    some: list[tuple[int, Rule]], matches: Callable[[Rule], Column | None], text: Column, unnamed: Column, at: int = 3
) -> Column | None:
    """First rule whose condition holds. One flat CASE, however many rules."""
    branches: list[tuple[Column, int]] = []
    for number, rule in some:
        if (condition := matches(rule)) is None:
            continue
        if rule.also:
            condition = condition & _any(text, rule.also)
        if rule.unless:
            condition = condition & ~_any(unnamed, rule.unless)
        branches.append((condition, number * 4 + at))
    if not branches:
        return None
    first, *rest = branches
    return reduce(lambda case, branch: case.when(branch[0], F.lit(branch[1])), rest, F.when(first[0], F.lit(first[1])))


def _says(place: str, rule: Rule) -> Column:
    """Weak words are looked for outside of names; what a strong rule looks for may need them."""
    return _any(F.col(_bare(place) if rule.weak else place), rule.match)


def _bare(place: str) -> str:
    return f"_bare{place}"


def _any(text: Column, regexes: Iterable[str]) -> Column:
    return text.rlike("|".join(f"(?:{regex})" for regex in regexes))


def _in(name: Column, values: Iterable[str]) -> Column | None:
    known = sorted(values)
    return name.isin(known) if known else None


def _one_of(conditions: list[Column]) -> Column:
    return reduce(lambda left, right: left | right, conditions)


def _place() -> Column:
    at = F.col("_won").bitwiseAND(3)
    head, trace = (_PLACES.index(name) for name in ("_head", "_trace"))
    return (
        F.when(at == head, F.col("_said_head")).when(at == trace, F.col("_said_trace")).otherwise(F.col("_said_cause"))
    )


def _quote() -> Column:
    """The line on which the rule rests, as the text has it; where no words were looked at, the deepest cause's first."""
    around = F.expr("regexp_extract(_place, _pattern, 0)")
    first_line = F.regexp_extract("_said_cause", "[^ \n\t][^\n]*", 0)
    found = F.when(F.col("_pattern").isNotNull() & (around != ""), around).otherwise(first_line)
    return F.nullif(F.substring(F.trim(F.regexp_replace(found, "\n+\\z", "")), 1, _QUOTE), F.lit(""))


def _looked_up(rules: tuple[Rule, ...], name: str, number: Column) -> Column:
    """The attribute of the winning rule, from a literal array; the first entry is for the failure that no rule knows."""
    values = [_UNKNOWN[name], *(_attribute(rule, name) for rule in rules)]
    kind = {"transient": "boolean", "confidence": "double", "before_code": "boolean"}.get(name, "string")
    return F.element_at(F.array(*(F.lit(value).cast(kind) for value in values)), number + 1)


def _attribute(rule: Rule, name: str) -> object:
    if name == "rule":
        return rule.id
    if name == "evidence_source":
        return rule.kind.value
    if name == "pattern":
        spoken = "|".join(f"(?:{regex})" for regex in rule.match)
        return f"(?i)[^\n]{{0,100}}(?:{spoken})[^\n]{{0,160}}" if rule.kind is Kind.MESSAGE else None
    value = getattr(rule, name)
    return value.value if hasattr(value, "value") else value
