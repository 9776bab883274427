"""One driver at a time works on a job: the lease says which, and when it was last alive."""

import os
import platform
import secrets
import threading
import time

from ...style.errors import RunBroken, TuneworthError
from .storage import Storage

__all__ = ["Lease"]

_BEAT = 10.0  # seconds between two signs of life
# A driver of another machine that gave no sign for so long is dead: storage may be slow, clocks may differ.
_DEAD = 120.0
_FILE = "lease.json"


class Lease:
    """A job's lease, kept alive by a thread until it is released.

    It keeps two people from doing the same work twice. The results need no lock: two writers of a part cannot mix.
    """

    def __init__(self, storage: Storage) -> None:
        """Take the lease, a dead driver's too. Raises: RunBroken where another driver is alive."""
        self._storage = storage
        self._token = secrets.token_hex(8)
        found = storage.read_json(_FILE)
        if isinstance(found, dict) and _alive(found):
            raise RunBroken(
                f"another command works on this job: process {found.get('process')} on {found.get('machine')}\n"
                f"It is the same data with the same settings, in {storage.at('')}. Wait for it, or end it and run again."
            )
        self._sign()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises: RunBroken where another driver took the lease, as after a long sleep of this machine."""
        found = self._storage.read_json(_FILE)
        if not isinstance(found, dict) or found.get("token") != self._token:
            raise RunBroken("another command has taken over this job\nWait for it, then run the same command again.")

    def release(self) -> None:
        """Give the lease back, where it is still this driver's."""
        self._ended.set()
        self._thread.join()
        found = self._storage.read_json(_FILE)
        if isinstance(found, dict) and found.get("token") == self._token:
            self._storage.remove(_FILE)

    def _sign(self) -> None:
        sign = {"machine": platform.node(), "process": os.getpid(), "token": self._token, "alive": time.time()}
        self._storage.write_json(_FILE, sign)

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            try:
                self.check()
                self._sign()
            except TuneworthError:  # a storage that refuses is said by the next table; a lost lease by `check`
                continue


def _alive(found: dict[str, object]) -> bool:
    """Whether the driver is: by its process number on this machine, else by its last sign."""
    process, alive = found.get("process"), found.get("alive")
    if not isinstance(alive, int | float) or time.time() - alive > _DEAD:
        return False  # also a number that another process has by now
    if found.get("machine") != platform.node() or os.name != "posix" or not isinstance(process, int):
        return True
    try:
        os.kill(process, 0)  # asks, and sends nothing
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
