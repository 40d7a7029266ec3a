"""Nothing beyond loopback is reached, by whatever way a program takes, and no attempt is lost.

All addresses here are refused before a packet or a lookup leaves: the guard that this file tests is
active, and a second one, the workspace's own, would refuse what the first let through.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing, suppress

import pytest

from imagerag.testing import (
    ForeignAddressError,
    LoopbackVLM,
    loopback_only,
    offline,
    offline_environment,
)
from imagerag.testing.guard import is_local


def has_version_6():
    """Say whether this machine has an IPv6 loopback; containers may have none."""
    try:
        with socket.socket(socket.AF_INET6) as each:
            each.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_version_6 = pytest.mark.skipif(not has_version_6(), reason="no IPv6 loopback here")

FOREIGN = ("10.0.0.1", "8.8.8.8", "169.254.169.254", "192.168.0.1", "2001:db8::1", "fe80::1%lo")
NAMES = ("example.org", "localhost.example.org", "127.0.0.1.example.org", "2130706433", "127.1")


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@pytest.mark.parametrize("host", [*FOREIGN, *NAMES, "::ffff:8.8.8.8", "128.0.0.1", b"8.8.8.8"])
def test_foreign_hosts(host):
    assert not is_local(host)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.8.9.1", "::1", "::1%lo", "::ffff:127.0.0.1", "localhost", "LOCALHOST."),
        *(b"127.0.0.1", "0.0.0.0", "::", "", None),
    ],
)
def test_local_hosts(host):
    assert is_local(host)


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("way", ["connect", "connect_ex"])
def test_connecting_is_forbidden(host, way):
    refused = pytest.raises(ForeignAddressError, match="only loopback")
    with offline() as attempts, socket.socket(family(host)) as each, refused:
        getattr(each, way)((host, 80))
    [attempt] = attempts
    assert repr(host) in attempt and "port 80" in attempt
    assert "test_testing_network.py" in attempt and "test_connecting_is_forbidden" in attempt


@pytest.mark.parametrize("host", ["10.0.0.1", "2001:db8::1"])
def test_sending_is_forbidden(host):
    with offline() as attempts, socket.socket(family(host), socket.SOCK_DGRAM) as each:
        with pytest.raises(ForeignAddressError, match="sending to"):
            each.sendto(b"x", (host, 53))
        with pytest.raises(ForeignAddressError, match="sending to"):
            each.sendmsg([b"x"], [], 0, (host, 53))
        with pytest.raises(ForeignAddressError, match="connecting to"):
            each.connect((host, 53))
    assert len(attempts) == 3


@pytest.mark.parametrize("host", [*FOREIGN, *NAMES])
def test_looking_up_is_forbidden(host):
    ways = [
        lambda: socket.getaddrinfo(host, 80),
        lambda: socket.gethostbyname(host),
        lambda: socket.gethostbyname_ex(host),
        lambda: socket.gethostbyaddr(host),
        lambda: socket.create_connection((host, 80), timeout=1),
    ]
    with offline() as attempts:
        for way in ways:
            with pytest.raises(ForeignAddressError, match="looking up"):
                way()
    assert len(attempts) == len(ways)


def test_looking_up_the_name_of_a_number_is_forbidden():
    with offline() as attempts, pytest.raises(ForeignAddressError, match=r"8\.8\.8\.8"):
        socket.getnameinfo(("8.8.8.8", 80), 0)
    assert len(attempts) == 1


def test_names_imported_before_are_watched_as_well():
    from _socket import getaddrinfo
    from _socket import socket as bare

    with offline() as attempts:
        with pytest.raises(ForeignAddressError):
            getaddrinfo("example.org", 80)
        each = bare(socket.AF_INET, socket.SOCK_STREAM)
        with pytest.raises(ForeignAddressError):
            each.connect(("10.0.0.1", 80))
        each.close()
        with LoopbackVLM() as server:
            each = bare(socket.AF_INET, socket.SOCK_STREAM)
            each.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
            each.close()
    assert len(attempts) == 2


def test_libraries_say_that_they_cannot_connect():
    with offline() as attempts:
        with pytest.raises(urllib.error.URLError, match="only loopback"):
            urllib.request.urlopen("http://example.org/", timeout=1)
        connection = http.client.HTTPSConnection("10.0.0.1", timeout=1)
        with pytest.raises(ConnectionError):
            connection.request("GET", "/")
    assert len(attempts) == 2


def test_asyncio_is_watched():
    async def ways():
        with pytest.raises(ForeignAddressError):
            await asyncio.open_connection("10.0.0.1", 80)
        with pytest.raises(ForeignAddressError):
            await asyncio.open_connection("example.org", 80)
        loop = asyncio.get_running_loop()
        with socket.socket() as each:
            each.setblocking(False)
            with pytest.raises(ForeignAddressError):
                await loop.sock_connect(each, ("8.8.8.8", 80))
        with pytest.raises(ForeignAddressError):
            await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=("10.0.0.1", 53)
            )

    with offline() as attempts:
        asyncio.run(ways())
    assert len(attempts) == 4


def test_other_threads_are_watched():
    def reach():
        with pytest.raises(ForeignAddressError), socket.socket() as each:
            each.connect(("10.0.0.1", 80))

    with offline() as attempts:
        thread = threading.Thread(target=reach)
        thread.start()
        thread.join()
    assert len(attempts) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", pytest.param("::1", marks=needs_version_6), "localhost"]
)
def test_loopback_works(host):
    with offline() as attempts:
        with LoopbackVLM(host="::1" if host == "::1" else "127.0.0.1") as server:
            port = int(server.url.rpartition(":")[2])
            with closing(http.client.HTTPConnection(host, port, timeout=5)) as connection:
                connection.request("GET", "/v1/models")
                assert connection.getresponse().status == 200

            async def ask():
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n")
                answer = await reader.read()
                writer.close()
                await writer.wait_closed()
                return answer

            assert asyncio.run(ask()).startswith(b"HTTP/1.1 200")
        assert socket.getaddrinfo(host, 80)
        assert socket.getaddrinfo(None, 80) and socket.gethostbyname("localhost") == "127.0.0.1"
    assert attempts == []


def test_sockets_of_the_file_system_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # such addresses are short
    with offline() as attempts, socket.socket(socket.AF_UNIX) as server:
        server.bind("here")
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("here")
            accepted, _ = server.accept()
            accepted.close()
        one, two = socket.socketpair()
        one.send(b"x")
        assert two.recv(1) == b"x"
        one.close()
        two.close()
    assert attempts == []


def test_guards_nest_and_the_innermost_remembers():
    with offline() as outer:
        with offline() as inner, pytest.raises(ForeignAddressError):
            socket.getaddrinfo("example.org", 80)
        assert (len(inner), len(outer)) == (1, 0)
        with pytest.raises(ForeignAddressError):
            socket.getaddrinfo("example.org", 80)
    assert (len(inner), len(outer)) == (1, 1)


def test_a_swallowed_attempt_fails_the_test_that_made_it():
    fixture = loopback_only()
    next(fixture)
    with suppress(OSError):
        socket.create_connection(("example.org", 80), timeout=1)
    with pytest.raises(AssertionError, match=r"looking up 'example\.org', from .*swallowed"):
        next(fixture, None)


def test_a_quiet_test_passes():
    fixture = loopback_only()
    next(fixture)
    assert next(fixture, "over") == "over"


def test_a_guard_ends_even_when_its_test_fails():
    kept = []
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), offline() as attempts:
            kept.append(attempts)
            1 / 0  # noqa: B018
    with offline() as last, pytest.raises(ForeignAddressError):
        socket.getaddrinfo("example.org", 80)
    assert (kept, len(last)) == ([[], []], 1)


REACH = """
import socket
try:
    socket.create_connection(("example.org", 80), timeout=1)
except OSError as error:
    print(type(error).__name__, error)
else:
    print("connected")
"""


def test_processes_are_kept_on_loopback_and_tell(tmp_path):
    environment = offline_environment(tmp_path / "guard")
    done = subprocess.run(
        [sys.executable, "-c", REACH], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("ForeignAddressError looking up 'example.org'")
    [line] = (tmp_path / "guard" / "attempts.log").read_text().splitlines()
    assert line.startswith("looking up 'example.org', from ")


def test_processes_of_processes_too_and_the_rest_of_the_path_stays(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/sitecustomize.py").write_text("print('my own start-up')")
    (tmp_path / "mine/neighbour.py").write_text("NAME = 'neighbour'")
    before = {**os.environ, "PYTHONPATH": str(tmp_path / "mine")}
    environment = offline_environment(tmp_path / "guard", before)
    outer = f"import subprocess, sys, neighbour\nsubprocess.run([sys.executable, '-c', {REACH!r}])"
    done = subprocess.run(
        [sys.executable, "-c", outer], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("my own start-up") == 2
    assert "ForeignAddressError" in done.stdout and done.stderr == ""


def test_two_guarded_environments_nest(tmp_path):
    """A test runner in several processes puts one guard in front of another."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/sitecustomize.py").write_text("print('my own start-up')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "mine")}
    for name in ("outer", "inner"):
        environment = offline_environment(tmp_path / name, environment)
    command = [sys.executable, "-c", REACH]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.count("my own start-up") == 1
    assert "ForeignAddressError" in done.stdout
    assert (tmp_path / "inner/attempts.log").exists()


def test_forked_processes_write_to_the_log(tmp_path):
    with offline(tmp_path / "log") as attempts:
        child = os.fork()
        if child == 0:
            try:
                socket.getaddrinfo("example.org", 80)
            except OSError:
                os._exit(3)
            os._exit(4)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert attempts == []
    assert "example.org" in (tmp_path / "log").read_text()


def test_the_guard_costs_little():
    def took():
        began = time.perf_counter()
        for number in range(20_000):
            id(number)  # the audited call that programs make most
        return time.perf_counter() - began

    with offline():
        best = min(took() for _ in range(5))
    assert best / 20_000 < 5e-6


def test_the_workspace_fails_tests_that_reach_out(tmp_path, pytestconfig):
    """The root conftest in a run of its own: errors swallowed in a test, a fixture, a process."""
    (tmp_path / "conftest.py").write_text((pytestconfig.rootpath / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(
        f"""
import socket, subprocess, sys
import pytest

def reach():
    try:
        socket.create_connection(("10.0.0.1", 80), timeout=1)
    except OSError:
        pass

@pytest.fixture(scope="session")
def late():
    yield
    reach()

@pytest.fixture(scope="module")
def early():
    reach()

def test_quiet(late): pass
def test_swallowing(): reach()
def test_fixture(early): pass
def test_process(): subprocess.run([sys.executable, "-c", {REACH!r}], check=True)
def test_quiet_again(): pass
"""
    )
    # On a build server pytest tells every error twice: whole in its summary as well.
    environment = {n: v for n, v in os.environ.items() if n not in ("CI", "BUILD_NUMBER")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            ".",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    failed = {line.split(" ")[1] for line in done.stdout.splitlines() if line.startswith("ERROR ")}
    assert {name.partition("::")[2] for name in failed} == {
        "test_swallowing",
        "test_fixture",
        "test_process",
    }
    assert "5 passed, 3 errors" in done.stdout
    told = done.stdout.count("looking up '10.0.0.1', from")
    assert told == 3, "what the last fixture did is told as well"
