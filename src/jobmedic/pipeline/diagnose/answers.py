"""Checks on a model's answer. Error text is untrusted, so whatever a text may have talked the model into ends here."""

import re
from dataclasses import dataclass, replace

from jobmedic.knowledge.policy import ParamPolicy, Policy
from jobmedic.knowledge.words import Category
from jobmedic.ports.model import ModelDiagnosis, ModelReply, Question

SHORTEST_QUOTE = 8
LONGEST_WORDS = 1000


@dataclass(frozen=True, slots=True)
class Checked:
    """`diagnosis` is None when the rules' words stand; `notes` says what was dropped and why."""

    diagnosis: ModelDiagnosis | None
    notes: tuple[str, ...]


def checked(reply: ModelReply, question: Question, policy: Policy) -> Checked:
    found = reply.diagnosis
    if found is None:
        return Checked(None, (f"The model gave no diagnosis: {reply.refusal or 'no reason given'}",))
    if found.category is Category.UNKNOWN:
        return Checked(None, ("The model could not tell either",))
    bar = policy.categories[found.category].confidence
    if not 0 <= found.confidence <= 1:
        return Checked(
            None, (f"Dropped the model's {found.category}: its confidence {found.confidence:g} is not between 0 and 1",)
        )
    if found.confidence < bar:
        return Checked(
            None, (f"Dropped the model's {found.category}: {found.confidence:.0%} sure, the policy asks for {bar:.0%}",)
        )
    if not stands_in(found.evidence, f"{question.error}\n{question.error_trace or ''}"):
        return Checked(None, (f"Dropped the model's {found.category}: its evidence is no quote from the error",))
    kept, notes = _params(found, question, policy)
    cause, fix = found.root_cause[:LONGEST_WORDS], found.fix[:LONGEST_WORDS]
    return Checked(replace(found, suggested_params=kept, root_cause=cause, fix=fix), notes)


def stands_in(quote: str, text: str) -> bool:
    """True when the quote stands in the text, white space aside; a quote too short to mean anything does not."""
    wanted = _plain(quote)
    return len(wanted) >= SHORTEST_QUOTE and wanted in _plain(text)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _params(found: ModelDiagnosis, question: Question, policy: Policy) -> tuple[dict[str, str], tuple[str, ...]]:
    """Suggestions that name a declared parameter, allowed by the policy, inside its range."""
    rules = {rule.name: rule for rule in policy.params}
    kept: dict[str, str] = {}
    notes: list[str] = []
    for name, value in found.suggested_params.items():
        if name not in question.parameters:
            notes.append(
                f"Dropped the suggested parameter {name[:80]!r}: the job does not declare it, or the policy does not allow it"
            )
        elif not inside(rules[name], value):
            notes.append(f"Dropped the suggested {name}={value[:80]!r}: outside what the policy allows")
        else:
            kept[name] = value
    return kept, tuple(notes)


def inside(rule: ParamPolicy, value: str) -> bool:
    if rule.choices:
        return value in rule.choices
    try:
        number = float(value)
    except ValueError:
        return False
    return rule.minimum is not None and rule.maximum is not None and rule.minimum <= number <= rule.maximum
