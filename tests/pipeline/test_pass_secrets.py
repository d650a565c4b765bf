"""A secret that stands in what the workspace says reaches no table, mail, log, incident or model."""

import logging
from pathlib import Path

import pytest
from deltalake import DeltaTable

from jobmedic.sandbox import Failure, Scenario, Trick
from tests.pipeline.ward import NETWORK, STRANGE, SYNTAX, Admit, cause, job

TOKEN = "dapi" + "0123456789abcdef" * 2
PASSWORD = "hunter2-Secret"
PLAIN = "correct horse battery staple"
LEAK = f"token {TOKEN} jdbc:postgresql://db/x?user=u&password={PASSWORD}&ssl=true"
BASES = {"retried": NETWORK, "mailed": SYNTAX, "asked": STRANGE}


def leaking() -> Scenario:
    causes = tuple(
        cause(base, id=name, error=f"{base.error} {LEAK}", trace=f"a trace\n{LEAK}", state_message=f"failed: {LEAK}")
        for name, base in BASES.items()
    )
    parameters = {"url": f"x?password={PASSWORD}", "db_password": PLAIN}
    jobs = tuple(job(name=name, parameters=parameters) for name in BASES)
    return Scenario(
        name="leaking", causes=causes, jobs=jobs, failures=tuple(Failure(job=name, cause=name) for name in BASES)
    )


def stored(tables: Path) -> str:
    folders = [folder for folder in tables.iterdir() if (folder / "_delta_log").is_dir()]
    assert len(folders) > 5
    rows = [str(DeltaTable(str(folder)).to_pyarrow_table().to_pylist()) for folder in folders]
    logs = [file.read_text(encoding="utf-8") for folder in folders for file in (folder / "_delta_log").glob("*.json")]
    return "\n".join((*rows, *logs))


def test_a_planted_secret_goes_nowhere(admit: Admit, caplog: pytest.LogCaptureFixture) -> None:
    ward = admit(leaking(), model=True)
    ward.sandbox.model.play(Trick.LEAKING, times=None)
    with caplog.at_level(logging.DEBUG, logger="jobmedic"):
        ward.treat()
        ward.minutes(30)
        ward.treat()
    mails = "\n".join(mail.part(kind) for mail in ward.sandbox.mails for kind in ("plain", "html"))
    asked = "\n".join(str(call.messages) for call in ward.sandbox.model_calls)
    told = "\n".join(str(post.body) for post in ward.sandbox.incidents)
    places = {
        "tables": stored(ward.folder / "tables"),
        "mails": mails,
        "model": asked,
        "log": caplog.text,
        "told": told,
    }
    assert "redacted:" in places["tables"]
    assert len(ward.sandbox.mails) > 0
    assert len(ward.sandbox.model_calls) > 0
    assert [place for place, text in places.items() if any(one in text for one in (TOKEN, PASSWORD, PLAIN))] == []
