"""Provokes every failure of the project's own corpus anew and writes `provoked.jsonl`.

    python tests/corpus/provoke.py [--only MODULE …] [--work FOLDER]

Needs what is named in the README beside this file: Python 3.11, Java 17 with Maven, PostgreSQL's server, openssl, and
root for a small disk. Everything runs on loopback; nothing is asked of the network but packages at set-up.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENTS = ("python", "web", "cloud", "platform", "java", "packages", "jdbc")
STAGES = [
    *((name, name, "python") for name in CLIENTS),
    ("sql", "sail", "sail"),
    ("sql", "classic", "classic"),
    ("cluster", "cluster", "classic"),
]


def environment(folder: Path, *packages: str) -> Path:
    """An interpreter that has the packages; made on first use."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def jars(folder: Path) -> Path:
    if not folder.exists():
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
        subprocess.run(["mvn", "-q", "-f", str(HERE / "pom.xml"), *goal], check=True)
    return folder


def provoke(stage: tuple[str, str, str], work: Path) -> Path:
    module, prefix, engine = stage
    out = work / f"{prefix}.jsonl"
    if engine == "classic":
        python = environment(
            work / "classic", "pyspark==4.2.0", "delta-spark==4.4.0", "pandas<3", "pyarrow", "setuptools"
        )
    else:
        python = environment(work / "clients", "-r", str(HERE / "requirements-corpus.txt"))
    settings = {
        "PROVOKE_WORK": str(work / "work"),
        "PROVOKE_JARS": str(jars(work / "jars")),
        "PROVOKE_ENGINE": engine,
        "RUST_LOG": "off",
    }
    command = [str(python), "-W", "ignore", "-m", "provocations", module, prefix, str(out)]
    subprocess.run(command, cwd=HERE, env={**os.environ, **settings}, check=True, timeout=1800)
    return out


def merge(work: Path, out: Path) -> int:
    """One line a failure; of two that read alike the first stays."""
    seen, kept = set(), []
    for _, prefix, _ in STAGES:
        path = work / f"{prefix}.jsonl"
        for line in path.read_text(encoding="utf-8").split("\n") if path.exists() else ():
            row = json.loads(line) if line else {}
            key = (row.get("error"), row.get("error_trace"))
            if line and key not in seen:
                seen.add(key)
                kept.append(line)
    out.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    return len(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--only", action="append", help="provoke these again and keep the rest of the work folder")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir(), "jobmedic-provoke"))
    parser.add_argument("--merge-only", action="store_true", help="write the corpus from what the work folder holds")
    chosen = parser.parse_args()
    (chosen.work / "work").mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        if not chosen.merge_only and (not chosen.only or stage[1] in chosen.only):
            print(f"provoking {stage[1]}", flush=True)
            provoke(stage, chosen.work)
    print(f"{merge(chosen.work, HERE / 'provoked.jsonl')} failures in {HERE / 'provoked.jsonl'}")


if __name__ == "__main__":
    main()
