"""Installing and importing packages: pip, without an index, against wheels made on the spot."""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

from provocations.registry import WORK, Shown, several, shell

MAIL = "send_email"
WHEELS = WORK / "wheels"
WHEELS.mkdir(parents=True, exist_ok=True)


def wheel(name: str, version: str, *requires: str, python: str = ">=3.9", tag: str = "py3-none-any") -> Path:
    path = WHEELS / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {python}"]
    metadata += [f"Requires-Dist: {one}" for one in requires]
    files = {
        f"{name}.py": f"VERSION = '{version}'\n",
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = [f"{one},sha256={_digest(text)},{len(text)}" for one, text in files.items()]
    with zipfile.ZipFile(path, "w") as archive:
        for one, text in files.items():
            archive.writestr(one, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def pip(*arguments: str, last: int = 1) -> Shown:
    target = [
        "--target",
        str(WORK / "installed"),
        "--no-index",
        "--find-links",
        str(WHEELS),
        "--disable-pip-version-check",
    ]
    return shell([sys.executable, "-m", "pip", "install", *target, *arguments], last=last)


def conflict() -> Shown:
    wheel("acmebase", "1.0")
    wheel("acmebase", "2.0")
    wheel("acmeload", "1.0", "acmebase<2")
    wheel("acmesave", "1.0", "acmebase>=2")
    return pip("acmeload", "acmesave", last=6)


def newer_python() -> Shown:
    return pip(str(wheel("acmenew", "3.0", python=">=3.15")))


def wrong_hash() -> Shown:
    wheel("acmehash", "1.0")
    listing = WORK / "requirements.txt"
    listing.write_text("acmehash==1.0 --hash=sha256:" + "0" * 64)
    return pip("-r", str(listing), last=5)


def broken_zip() -> Shown:
    path = WHEELS / "acmebroken-1.0-py3-none-any.whl"
    path.write_bytes(b"PK not a zip")
    return pip(str(path))


def missing_requirement() -> Shown:
    wheel("acmeneeds", "1.0", "acmemissing>=4.2")
    return pip("acmeneeds", last=2)


def failing_build() -> Shown:
    folder = WORK / "acmesrc"
    folder.mkdir(exist_ok=True)
    (folder / "setup.py").write_text("raise SystemExit('gdal-config not found: install libgdal-dev first')\n")
    return pip("--no-build-isolation", str(folder), last=8)


several(
    [
        ("a package that no index has", "dependency", MAIL, (), lambda: pip("acme-nowhere==1.2", last=2)),
        (
            "a version that no index has",
            "dependency",
            MAIL,
            (),
            lambda: (wheel("acmeold", "1.0"), pip("acmeold==9.9", last=2))[1],
        ),
        ("two packages that want different versions of a third", "dependency", MAIL, (), conflict),
        ("a package for a newer Python", "dependency", MAIL, ("configuration",), newer_python),
        (
            "a wheel for another machine",
            "dependency",
            MAIL,
            (),
            lambda: pip(str(wheel("acmearm", "1.0", tag="cp311-cp311-macosx_11_0_arm64"))),
        ),
        (
            "a wheel that is missing",
            "dependency",
            MAIL,
            ("data_not_found", "configuration"),
            lambda: pip("/Volumes/main/etl/dist/etl-1.4-py3-none-any.whl"),
        ),
        ("a wheel with a wrong hash", "dependency", MAIL, (), wrong_hash),
        ("a wheel that is none", "dependency", MAIL, ("data_quality",), broken_zip),
        ("a wheel that needs what is missing", "dependency", MAIL, (), missing_requirement),
        (
            "a requirement that does not parse",
            "dependency",
            MAIL,
            ("configuration", "syntax"),
            lambda: pip("etl=>1.0", last=5),
        ),
        (
            "a requirements file that is missing",
            "dependency",
            MAIL,
            ("data_not_found", "configuration"),
            lambda: pip("-r", "/Workspace/etl/requirements.txt"),
        ),
        ("a package whose build fails", "dependency", MAIL, (), failing_build),
        (
            "a module to run that is missing",
            "dependency",
            MAIL,
            (),
            lambda: shell([sys.executable, "-m", "acme_etl.main"]),
        ),
        (
            "an entry point that is missing",
            "dependency",
            MAIL,
            ("configuration", "user_code"),
            lambda: shell(
                [
                    sys.executable,
                    "-c",
                    "from importlib.metadata import entry_points\nentry_points(group='console_scripts')['acme-etl']",
                ]
            ),
        ),
    ],
    task_type="python_wheel",
)
