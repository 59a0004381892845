"""Locks on files, which end with their process in any case, also on disks that are shared."""

try:
    import fcntl
except ImportError:  # Windows, which does not remove files that are open
    HAS_LOCKS = False
else:
    HAS_LOCKS = True


def lock(file: int, *, wait: bool = True) -> None:
    """Hold a lock on the open ``file`` until it is closed; without `HAS_LOCKS`, do nothing.

    Errors: `BlockingIOError` when another process holds it and ``wait`` is False; `OSError` when
    the file system has no locks.
    """
    if HAS_LOCKS:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
