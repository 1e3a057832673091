"""Processes that drills kill, stop and start again."""

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from benchmarks.environment.processes import Process, Server


class Service:
    """A process that `start` runs. Its methods must be called in the main thread: a process that another thread has started would
    end with that thread."""

    def __init__(self, start: Callable[[], AbstractContextManager[Process | Server]]) -> None:
        self._start = start
        self._stack = ExitStack()
        self._running: Process | None = None

    @property
    def process(self) -> Process:
        assert self._running is not None, "not started"
        return self._running

    def start(self) -> None:
        """Starts it, unless it runs. Raises benchmarks.figures.Failed if it does not answer."""
        if self._running and self._running.has_ended:  # by itself: a database server may end when its disk is full
            self.stop()
        if self._running is None:
            running: Process | Server = self._stack.enter_context(self._start())
            self._running = running.process if isinstance(running, Server) else running

    def stop(self) -> None:
        """Ends it with SIGTERM, and waits until it has ended."""
        self._running = None
        self._stack.close()

    def kill(self) -> None:
        """Ends it with SIGKILL, and with it all that it has started."""
        if self._running:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.child.wait()
        self.stop()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)
