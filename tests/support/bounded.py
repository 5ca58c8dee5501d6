"""A pytest plugin: every phase of a test has a bound, and no process outlives its test.

pytest-timeout reads the limits. Its own timer covers a test once, and nothing after the first
failure. Here each setup, call and teardown has the whole limit, and what still hangs is broken
off again and again, `timeout_grace` seconds apart, ever harder:

1. The task that a call waits for is cancelled, so it leaves its blocks in order.
2. The loop is stopped: neither a task nor the loop's own close can swallow that.
3. Whatever runs gets an exception.
4. When not even that helps, the process ends; xdist names the test and starts another.
"""

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import pytest
from pytest_timeout import Settings, is_debugging

from tests.support.strays import Process, adopt_orphans, descendants, end_all

LIMIT = pytest.StashKey[float]()
STDERR = pytest.StashKey[int]()
SPARED = pytest.StashKey[set[Process]]()
HOPELESS_AFTER = 6  # graces: a teardown has several things that may hang one after the other
WAITS = asyncio.BaseEventLoop.run_until_complete.__code__


pytest_plugins = ["tests.support.once_each"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("timeout_grace", "Seconds until what still hangs is broken off", default="30")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STDERR] = os.dup(2)  # nobody captures it at this time
    config.stash[SPARED] = set()
    adopt_orphans()


def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> bool:
    """Take the limit from pytest-timeout, and its timer's place."""
    item.stash[LIMIT] = settings.timeout
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    _forget_what_was_broken_off(item.config)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    with _bounded_phase(item, "setup"):
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with _bounded_phase(item, "call"):
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    strays: list[str] = []
    try:
        with _bounded_phase(item, "teardown"):
            yield
    finally:
        spared = item.config.stash[SPARED]
        if strays := end_all(spared, _grace(item.config)):
            gc.disable()
            item.add_report_section("teardown", "processes left behind", "\n".join(strays))
    if strays:
        pytest.fail("processes outlived the test", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """What a fixture of a module or of the session starts, outlives a test."""
    if fixturedef.scope == "function":
        return (yield)
    before = descendants()
    try:
        return (yield)
    finally:
        request.config.stash[SPARED].update(descendants() - before)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """The teardown after Ctrl-C; a second one, or too long a wait, leads to the summary."""
    stacks: list[str] = []
    try:
        with _bounded(session.config, "the end of the run", _grace(session.config), stacks):
            yield
    except (KeyboardInterrupt, pytest.fail.Exception) as error:
        os.write(session.config.stash[STDERR], "\n".join([*stacks, repr(error), ""]).encode())
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the rest; a thread that never ends does not keep the interpreter from it."""
    end_all((), _grace(config))
    _forget_what_was_broken_off(config)
    if threading.active_count() > 1:
        _end_within(_grace(config), config)


def _grace(config: pytest.Config) -> float:
    return float(config.getini("timeout_grace"))


def _forget_what_was_broken_off(config: pytest.Config) -> None:
    """Free what was left half done, from when on no garbage was collected.

    That it warns or raises then, would be the failure of a later test; and nothing says that a
    coroutine comes to an end when it is freed.
    """
    if not gc.isenabled():
        sys.last_value = sys.last_traceback = None  # they hold the frames
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        _end_within(HOPELESS_AFTER * _grace(config), config)
        gc.enable()
        gc.collect()
        faulthandler.cancel_dump_traceback_later()
        sys.unraisablehook = hook


def _end_within(seconds: float, config: pytest.Config) -> None:
    """End this process then, even if it runs no Python code; print the stacks of its threads."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=config.stash[STDERR])


@contextmanager
def _bounded_phase(item: pytest.Item, when: str) -> Iterator[None]:
    stacks: list[str] = []
    try:
        with _bounded(item.config, when, item.stash.get(LIMIT, 0.0), stacks):
            yield
    finally:
        if stacks:
            item.add_report_section(when, "stacks", "\n".join(stacks))


@contextmanager
def _bounded(config: pytest.Config, when: str, limit: float, stacks: list[str]) -> Iterator[None]:
    """Break off what takes longer than the limit; 0 is no limit.

    Raises:
        pytest.fail.Exception: it took longer, whatever it made of that; `stacks` shows where.
    """
    if not limit:
        yield
        return

    def expire(_: int, frame: FrameType | None) -> None:
        if not is_debugging():
            gc.disable()  # until the test is over
            stacks.append(_stacks(frame))
            _break_off(frame, politely=when == "call" and len(stacks) == 1, hard=len(stacks) > 2)

    grace = _grace(config)
    before = [
        (number, signal.signal(number, handler))
        for number, handler in ((signal.SIGALRM, expire), (signal.SIGINT, _interrupt))
    ]
    _end_within(limit + HOPELESS_AFTER * grace, config)
    signal.setitimer(signal.ITIMER_REAL, limit, grace)
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if stacks:
            raise pytest.fail.Exception(f"{when} took longer than {limit:g} s") from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        for number, handler in before:
            signal.signal(number, handler)
    if stacks:
        pytest.fail(f"{when} took longer than {limit:g} s", pytrace=False)


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    """Ctrl-C, also to a task that swallows its cancellation, which asyncio's own would wait for."""
    gc.disable()  # until the run is over
    raise KeyboardInterrupt


def _break_off(frame: FrameType | None, *, politely: bool, hard: bool) -> None:
    waits = _waiting(frame)
    if waits is None:
        raise pytest.fail.Exception("broken off")
    loop, future = waits
    if politely:
        future.cancel()
    else:
        loop.stop()
    loop.call_soon_threadsafe(lambda: None)  # it may wait for events
    if hard or asyncio.current_task(loop) is not None:
        raise pytest.fail.Exception("broken off")


def _waiting(
    frame: FrameType | None,
) -> tuple[asyncio.AbstractEventLoop, asyncio.Future[object]] | None:
    """Return the loop that the frame's thread runs, and until what."""
    while frame is not None:
        if frame.f_code is WAITS:
            return frame.f_locals["self"], frame.f_locals["future"]
        frame = frame.f_back
    return None


def _stacks(frame: FrameType | None) -> str:
    """Return the stacks of all threads, and of the tasks of their loops."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    lines: list[str] = []
    for ident, top in (sys._current_frames() | {threading.get_ident(): frame}).items():
        lines += [f"Thread {names.get(ident)}\n", *traceback.format_stack(top)]
        if waits := _waiting(top):
            for task in asyncio.all_tasks(waits[0]):
                lines += [f"Task {task.get_name()}\n", *_awaits(task)]
    return "".join(lines)


def _awaits(task: asyncio.Task[object]) -> list[str]:
    """Return where the task is: from its coroutine down to what that one awaits."""
    frames: list[tuple[FrameType, int]] = []
    awaiting: Any = task.get_coro()
    while (frame := getattr(awaiting, "cr_frame", None)) is not None:
        frames.append((frame, frame.f_lineno))
        awaiting = awaiting.cr_await
    return traceback.StackSummary.extract(iter(frames)).format()
