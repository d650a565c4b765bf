"""Java programs, compiled and run on the spot."""

import subprocess
from pathlib import Path

from provocations.registry import WORK, DidNotFailError, Shown

HOME = WORK / "java"
HOME.mkdir(parents=True, exist_ok=True)
MAIN = 'Exception in thread "main" '


def compiled(name: str, body: str, *, where: Path = HOME, classpath: str = ".", release: str = "17") -> Path:
    where.mkdir(parents=True, exist_ok=True)
    (where / f"{name}.java").write_text(body)
    command = ["javac", "--release", release, "-cp", classpath, "-d", str(where), str(where / f"{name}.java")]
    subprocess.run(command, check=True, capture_output=True)
    return where


def main(code: str, *flags: str, name: str = "Load", classpath: str = "") -> Shown:
    """A program whose `main` runs the code; its exception as the JVM prints it."""
    body = (
        "import java.util.*; import java.io.*; import java.net.*; import java.sql.*; import java.util.concurrent.*;\n"
    )
    body += f"public class {name} {{ static int deep(int n) {{ return deep(n + 1) + 1; }}\n"
    body += f"  public static void main(String[] args) throws Exception {{ {code} }} }}\n"
    compiled(name, body, classpath=f"{HOME}:{classpath}")
    return jvm(*flags, "-cp", f"{HOME}:{classpath}", name)


def jvm(*arguments: str) -> Shown:
    done = subprocess.run(["java", *arguments], capture_output=True, text=True, check=False, timeout=100)
    if done.returncode == 0:
        raise DidNotFailError("the program succeeded")
    text = done.stderr.strip() or done.stdout.strip()
    first = next((one for one in text.splitlines() if one.startswith(MAIN)), text)
    return Shown(first.replace(MAIN, ""), text)
