"""HTTP, TLS and sockets: requests, urllib, httpx and aiohttp against servers on loopback."""

import asyncio
import os
import resource
import socket
import ssl
import subprocess
import urllib.request
from pathlib import Path

import aiohttp
import httpx
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from provocations import server
from provocations.registry import WORK, DidNotFailError, Shown, failure, several, shell

MAIL, RETRY, CHANGED, CALL = "send_email", "retry", "retry_with_new_params", "escalate"
URL = server.start()
NOBODY = f"http://127.0.0.1:{server.dead_port()}/v1/rates"


def status(code: int, reason: str = "") -> object:
    path = server.answer(f"/v1/{len(server.ANSWERS)}/orders", code, reason.encode())
    requests.get(URL + path, timeout=5).raise_for_status()
    raise DidNotFailError("the status was fine")


def retried(code: int) -> object:
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(total=2, backoff_factor=0, status_forcelist=[code])))
    return session.get(URL + server.answer(f"/v2/{len(server.ANSWERS)}/orders", code), timeout=5)


several(
    [
        ("401 from a web service", "permission", MAIL, (), lambda: status(401)),
        ("403 from a web service", "permission", MAIL, (), lambda: status(403)),
        ("404 from a web service", "data_not_found", MAIL, ("configuration",), lambda: status(404)),
        ("407 from a proxy", "permission", MAIL, ("network", "configuration"), lambda: status(407)),
        ("408 from a web service", "timeout", RETRY, ("network",), lambda: status(408)),
        ("409 from a web service", "concurrency", RETRY, (MAIL,), lambda: status(409)),
        (
            "413 from a web service",
            "quota",
            MAIL,
            ("data_quality", "user_code", "configuration", CHANGED),
            lambda: status(413),
        ),
        ("422 from a web service", "data_quality", MAIL, ("user_code", "configuration"), lambda: status(422)),
        ("400 from a web service", "user_code", MAIL, ("configuration", "data_quality", "syntax"), lambda: status(400)),
        ("429 from a web service", "quota", RETRY, (), lambda: status(429)),
        ("500 from a web service", "network", RETRY, ("infrastructure",), lambda: status(500)),
        ("502 from a web service", "network", RETRY, ("infrastructure",), lambda: status(502)),
        ("503 from a web service", "network", RETRY, ("infrastructure",), lambda: status(503)),
        ("504 from a web service", "network", RETRY, ("timeout", "infrastructure"), lambda: status(504)),
        ("503 again and again", "network", RETRY, ("infrastructure",), lambda: retried(503)),
        ("429 again and again", "quota", RETRY, (), lambda: retried(429)),
        (
            "502, asked by urllib",
            "network",
            RETRY,
            ("infrastructure",),
            lambda: urllib.request.urlopen(URL + server.answer("/rates/gbp", 502)),
        ),
        (
            "401, asked by urllib",
            "permission",
            MAIL,
            (),
            lambda: urllib.request.urlopen(URL + server.answer("/rates/eur", 401)),
        ),
        (
            "403, asked by httpx",
            "permission",
            MAIL,
            (),
            lambda: httpx.get(URL + server.answer("/rates/usd", 403)).raise_for_status(),
        ),
        ("503, asked by aiohttp", "network", RETRY, ("infrastructure",), lambda: asyncio.run(fetch("/rates/chf", 503))),
        ("429, asked by aiohttp", "quota", RETRY, (), lambda: asyncio.run(fetch("/rates/jpy", 429))),
        ("nobody listens", "network", RETRY, (), lambda: requests.get(NOBODY, timeout=5)),
        ("nobody listens, asked by urllib", "network", RETRY, (), lambda: urllib.request.urlopen(NOBODY)),
        ("nobody listens, asked by httpx", "network", RETRY, (), lambda: httpx.get(NOBODY)),
        ("nobody listens, asked by aiohttp", "network", RETRY, (), lambda: asyncio.run(refused())),
        (
            "nobody listens, on a bare socket",
            "network",
            RETRY,
            (),
            lambda: socket.create_connection(("127.0.0.1", server.dead_port())),
        ),
        (
            "a host without a name",
            "network",
            RETRY,
            ("configuration", MAIL),
            lambda: requests.get("http://rates.invalid/v1", timeout=5),
        ),
        (
            "a host without a name, on a bare socket",
            "network",
            RETRY,
            ("configuration", MAIL),
            lambda: socket.create_connection(("db.invalid", 5432)),
        ),
        ("the far end resets", "network", RETRY, (), lambda: requests.get(URL + "/reset", timeout=5)),
        ("the far end hangs up", "network", RETRY, (), lambda: requests.get(URL + "/gone", timeout=5)),
        (
            "an answer cut short",
            "network",
            RETRY,
            (),
            lambda: requests.get(URL + server.answer("/short", 200, b"ab", Content_Length="500"), timeout=5),
        ),
        (
            "an answer that comes too late",
            "timeout",
            RETRY,
            ("network", CHANGED),
            lambda: requests.get(URL + "/slow", timeout=0.2),
        ),
        (
            "an answer that comes too late, asked by httpx",
            "timeout",
            RETRY,
            ("network", CHANGED),
            lambda: httpx.get(URL + "/slow", timeout=0.2),
        ),
        (
            "an answer that comes too late, asked by urllib",
            "timeout",
            RETRY,
            ("network", CHANGED),
            lambda: urllib.request.urlopen(URL + "/slow", timeout=0.2),
        ),
        ("a connection that nobody takes", "timeout", RETRY, ("network", CHANGED), lambda: full_backlog()),
        ("writes to a closed connection", "network", RETRY, (), lambda: broken_pipe()),
        (
            "a URL without a scheme",
            "configuration",
            MAIL,
            ("user_code",),
            lambda: requests.get("rates.example/v1", timeout=5),
        ),
        (
            "a URL with an unknown scheme",
            "configuration",
            MAIL,
            ("user_code",),
            lambda: requests.get("htp://x.example", timeout=5),
        ),
        (
            "an answer that is no JSON",
            "data_quality",
            MAIL,
            ("user_code", RETRY, "network"),
            lambda: requests.get(URL + server.answer("/html", 200, b"<html>maintenance</html>"), timeout=5).json(),
        ),
        (
            "redirects without an end",
            "configuration",
            MAIL,
            ("network", "user_code"),
            lambda: requests.get(URL + server.answer("/loop", 302, b"", Location="/loop"), timeout=5),
        ),
        (
            "a certificate that nobody signed",
            "network",
            MAIL,
            ("configuration", CALL, "permission"),
            lambda: tls("self"),
        ),
        ("a certificate for another host", "network", MAIL, ("configuration", CALL), lambda: tls("other")),
        ("a certificate that has expired", "network", MAIL, ("configuration", CALL, "permission"), lambda: tls("old")),
        ("TLS to a port that speaks plain HTTP", "network", MAIL, ("configuration", RETRY), lambda: tls_to_plain()),
        ("too many open files", "quota", CHANGED, ("resource", MAIL, RETRY), lambda: too_many_files()),
    ],
    task_type="python_wheel",
)


async def fetch(path: str, code: int) -> None:
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(URL + server.answer(path, code)):
        pass


async def refused() -> None:
    async with aiohttp.ClientSession() as session, session.get(NOBODY):
        pass


def full_backlog() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(busy.getsockname())
        requests.get(f"http://127.0.0.1:{busy.getsockname()[1]}/", timeout=(0.3, 1))


def broken_pipe() -> None:
    one, two = socket.socketpair()
    two.close()
    one.send(b"x")


def certificate(name: str) -> tuple[Path, Path]:
    key, cert = WORK / f"{name}.key", WORK / f"{name}.pem"
    host = "other.example" if name == "other" else "127.0.0.1"
    kind = "DNS" if name == "other" else "IP"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert]
    command += ["-subj", f"/CN={host}", "-addext", f"subjectAltName={kind}:{host}", "-days", "2"]
    subprocess.run(command, check=True, capture_output=True)
    if name == "old":
        subprocess.run(
            ["openssl", "x509", "-in", cert, "-signkey", key, "-days", "-1", "-out", cert],
            check=True,
            capture_output=True,
        )
    return key, cert


def tls(name: str) -> object:
    key, cert = certificate(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    url = server.start(context)
    return requests.get(url, timeout=5, verify=True if name == "self" else str(cert))


def tls_to_plain() -> object:
    return requests.get(URL.replace("http://", "https://"), timeout=5)


def too_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        while True:
            kept.append((WORK / "part-0002.dat").open("w"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for one in kept:
            one.close()


@failure("no space left: a small disk, full", "resource", CHANGED, also=(CALL, MAIL))
def full_disk() -> None:
    disk = WORK / "small"
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        with (disk / "part-0003.dat").open("wb", buffering=0) as file:
            while True:
                file.write(os.urandom(200_000))
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


@failure("more memory than the process may have", "resource", CHANGED)
def no_memory() -> Shown:
    return shell(["bash", "-c", "ulimit -v 400000; python3 -c 'rows = [bytes(10**6) for _ in range(10**4)]'"])


@failure("an array larger than memory", "resource", CHANGED, also=(MAIL, "user_code"))
def huge_array() -> Shown:
    import sys

    code = (
        "import resource; import numpy as np; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)); np.ones(10**10)"
    )
    return shell([sys.executable, "-c", code])


@failure("a thread too many", "resource", CHANGED, also=("quota", MAIL))
def threads() -> Shown:
    code = "import threading,time\nwhile True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    return shell(["bash", "-c", f"ulimit -v 900000; exec python3 -c '{code}'"])


@failure("a file that its user may not read", "permission", MAIL)
def forbidden_file() -> Shown:
    path = WORK / "secret.csv"
    path.write_text("x")
    path.chmod(0)
    return shell(["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", f"open({str(path)!r})"])
