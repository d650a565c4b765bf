"""`python -m bench.precedents`: whether the judged failures that go along with a question to the model bear on it.

A model of language is not asked here. Measured is what it is given: for how many failures there is anything like them, how
often the nearest of that has the right category, and how many tokens it adds. The failures asked about come from other
sources than the examples, in five folds. `jobmedic tune precedents` measures the effect on the answers of a real deployment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from pyspark.sql import SparkSession

from bench.judge.__main__ import corpora
from bench.judge.classifier import classify
from bench.judge.folds import splits
from bench.judge.labelled import Answer, Labelled, read_labelled
from jobmedic.edges.azure_openai.question import chat
from jobmedic.edges.spark import open_session
from jobmedic.knowledge.masks import Masks
from jobmedic.knowledge.policy import Policy
from jobmedic.knowledge.prompt import diagnosis_prompt
from jobmedic.knowledge.words import Category
from jobmedic.ports.model import Precedent, Question
from jobmedic.transforms.fingerprint import fingerprint
from jobmedic.transforms.precedents import precedents

BYTES_PER_TOKEN = 3
TOKENS = 3000
_EXAMPLE = "fingerprint string, error string, error_class string, category string, transient boolean"


@dataclass(frozen=True, slots=True)
class Case:
    """One failure, and the judged ones that would go along with it, nearest first."""

    failure: Labelled
    answer: Answer
    near: tuple[Precedent, ...]
    chance: float
    """Share of all examples that would have had the right category."""

    @property
    def doubtful(self) -> bool:
        """Rules are not sure enough of it, so that a model would be asked."""
        bar = Policy.load().categories[self.answer.category].confidence
        return self.answer.category is Category.UNKNOWN or (self.answer.confidence or 0) < bar


def cases(spark: SparkSession, failures: Sequence[Labelled], answers: Sequence[Answer]) -> list[Case]:
    classes = _error_classes(spark, failures)
    found: list[Case] = []
    for train, held in splits(failures):
        near = _near(spark, failures, answers, classes, train, held)
        for at in held:
            right = sum(failures[other].category in failures[at].accept_category for other in train)
            found.append(Case(failures[at], answers[at], near.get(at, ()), right / len(train)))
    return found


def lines(all_cases: Sequence[Case]) -> Iterable[str]:
    yield f"{'':<26}  failures  with precedents  nearest right  most of them right  any example right  tokens more"
    for name, some in (("all", all_cases), ("that a model would see", [c for c in all_cases if c.doubtful])):
        along = [case for case in some if case.near]
        shares = (
            _share(case.near[0].category in case.failure.accept_category for case in along),
            _share(_most(case.near) in case.failure.accept_category for case in along),
            f"{sum(case.chance for case in along) / len(along):.1%}" if along else "-",
        )
        more = sum(_tokens(case, case.near) - _tokens(case, ()) for case in along) / max(len(along), 1)
        head = f"{name:<26}  {len(some):>8}  {f'{len(along)} ({_share(bool(c.near) for c in some)})':>15}"
        yield f"{head}  {shares[0]:>13}  {shares[1]:>18}  {shares[2]:>17}  {more:>11.0f}"


def _error_classes(spark: SparkSession, failures: Sequence[Labelled]) -> Mapping[int, str | None]:
    rows = [(at, f.error, f.error_trace, f.termination_code, None) for at, f in enumerate(failures)]
    columns = ("error", "error_trace", "termination_code", "result_state")
    texts = spark.createDataFrame(rows, "at int, " + ", ".join(f"{name} string" for name in columns))
    return {row["at"]: row["error_class"] for row in fingerprint(texts, Masks.load()).collect()}


def _near(
    spark: SparkSession,
    failures: Sequence[Labelled],
    answers: Sequence[Answer],
    classes: Mapping[int, str | None],
    train: Sequence[int],
    held: Sequence[int],
) -> dict[int, tuple[Precedent, ...]]:
    """By position; a question is named by its own, so that no two are taken for one."""
    judged = {
        answers[at].fingerprint: (
            answers[at].fingerprint,
            failures[at].error,
            classes[at],
            failures[at].category.value,
            False,
        )
        for at in train
        if answers[at].fingerprint not in {answers[other].fingerprint for other in held}
    }
    asked = [(str(at), failures[at].error, classes[at]) for at in held]
    questions = spark.createDataFrame(asked, "fingerprint string, error string, error_class string")
    rows = precedents(questions, spark.createDataFrame(list(judged.values()), _EXAMPLE)).collect()
    return {
        int(row["fingerprint"]): tuple(
            Precedent(one["error"], Category(one["category"]), bool(one["transient"])) for one in row["precedents"]
        )
        for row in rows
    }


def _most(near: Sequence[Precedent]) -> Category:
    """The commonest category, of equals the nearest."""
    named = [one.category for one in near]
    return max(named, key=lambda category: (named.count(category), -named.index(category)))


def _tokens(case: Case, near: tuple[Precedent, ...]) -> float:
    failure = case.failure
    question = Question(failure.id, failure.error, failure.error_trace, None, failure.termination_code, precedents=near)
    messages = chat(diagnosis_prompt(), question, token_budget=TOKENS)
    return sum(len(message["content"].encode()) for message in messages) / BYTES_PER_TOKEN


def _share(true: Iterable[bool]) -> str:
    given = list(true)
    return f"{sum(given) / len(given):.1%}" if given else "-"


def main() -> None:
    with open_session() as spark:
        for corpus in corpora():
            failures = read_labelled(Path(corpus))
            typer.echo(f"{corpus.name}: {len(failures)} labelled failures")
            for line in lines(cases(spark, failures, classify(failures))):
                typer.echo(line)
            typer.echo("")


if __name__ == "__main__":
    typer.run(main)
