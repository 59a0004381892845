"""Everything that xalign raises on purpose.

The tree::

    XalignError          anything the user can mend; the command line prints it and exits with 1
    ├── InputError       text that cannot be read as what it should be: names file and line
    ├── ModelError       a model folder, encoder or weight file that cannot be loaded
    ├── TrainingError    training that cannot go on; the last checkpoint is whole
    ├── DeviceError      a device that this machine does not have
    └── EngineError      workers that are not there, or failed

Every message says where, what was expected, what was found and, when known, what to do.
"""


class XalignError(Exception):
    """Root of the tree; catch it to catch all of xalign's own errors."""


class InputError(XalignError):
    """Line ``line`` (from 1; 0 for the file as a whole) of ``path`` is not what it should be.

    ``raw`` is the line itself, where one line is to blame.

    >>> str(InputError("corpus.talp", 12, "expected a link such as 3-4, found '3:4'"))
    "corpus.talp:12: expected a link such as 3-4, found '3:4'"
    """

    def __init__(self, path: str, line: int, message: str, raw: bytes = b"") -> None:
        self.path, self.line, self.message, self.raw = path, line, message, raw
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")

    def __reduce__(self) -> tuple[type, tuple[str, int, str, bytes]]:
        return type(self), (self.path, self.line, self.message, self.raw)


class ModelError(XalignError):
    """A model cannot be loaded, or does not fit what it is asked to do."""


class DeviceError(XalignError):
    """The device asked for is not on this machine."""


class TrainingError(XalignError):
    """Training cannot go on; the last checkpoint is whole."""


class EngineError(XalignError):
    """Workers are not there, or failed; with Ray or --resume, the same command goes on."""
