"""Three baselines on the same texts: what such agents ship today, and the two policies that need no thought."""

from bench.judge.labelled import Answer, Labelled
from jobmedic.knowledge.words import Action, Category

# Six categories in this order, the first keyword found wins; everything else is unknown.
KEYWORDS: tuple[tuple[Category, Action, tuple[str, ...]], ...] = (
    (Category.TIMEOUT, Action.RETRY, ("timeout", "timed out", "deadline exceeded")),
    (
        Category.RESOURCE,
        Action.RETRY_WITH_NEW_PARAMS,
        ("out of memory", "disk space", "resource exhausted", "insufficient resources"),
    ),
    (Category.PERMISSION, Action.SEND_EMAIL, ("permission denied", "access denied", "unauthorized", "forbidden")),
    (Category.SYNTAX, Action.SEND_EMAIL, ("syntax error", "invalid", "parse error", "compilation failed")),
    (Category.NETWORK, Action.RETRY, ("connection refused", "network error", "connection reset")),
    (
        Category.DATA_NOT_FOUND,
        Action.SEND_EMAIL,
        ("no such file", "file not found", "not found", "does not exist"),
    ),
)


def keywords(failure: Labelled) -> Answer:
    """The actions beside the six categories are those of the guide for a typical failure of the category."""
    text = f"{failure.error}\n{failure.error_trace}".lower()
    for category, action, words in KEYWORDS:
        if any(word in text for word in words):
            return Answer(category, action)
    return Answer(Category.UNKNOWN, Action.ESCALATE)


def always_retry(_: Labelled) -> Answer:
    return Answer(Category.UNKNOWN, Action.RETRY)


def never_retry(_: Labelled) -> Answer:
    return Answer(Category.UNKNOWN, Action.SEND_EMAIL)


BASELINES = {"keyword table": keywords, "always retry": always_retry, "never retry": never_retry}
