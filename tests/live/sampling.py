"""Look over the shoulder of a machine: every process's arguments and environment, again and again, for words."""

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

WHERE = ("cmdline", "environ")


class Sampler:
    """Search /proc for words while a `with` lasts. The lab's hosts are containers here, so that theirs is seen too.

    `seen` has what was found, as (where, word, user id, program); `looks` how often, `programs` whose arguments.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = {word.encode(): word for word in words}
        self.seen: set[tuple[str, str, int, str]] = set()
        self.programs: set[str] = set()
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                self._look(process)
            self.looks += 1
            time.sleep(0.02)

    def _look(self, process: Path) -> None:
        for where in WHERE:
            try:
                content = (process / where).read_bytes()
            except OSError:  # it has ended
                return
            if where == "cmdline":
                self.programs.add(os.fsdecode(content.partition(b"\0")[0].rpartition(b"/")[2]))
            for word in self._words:
                if word in content:
                    self.seen.add((where, self._words[word], *_whose(process)))


def _whose(process: Path) -> tuple[int, str]:
    try:
        return process.stat().st_uid, (process / "comm").read_text().strip()
    except OSError:
        return -1, "ended"
