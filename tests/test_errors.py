"""The tree of errors, and what they say."""

import inspect
import pickle

import pytest

from xalign import errors
from xalign.errors import InputError, XalignError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_caught_with_the_root_of_the_tree(kind: type) -> None:
    assert issubclass(kind, XalignError)


def test_an_input_error_names_its_line() -> None:
    error = InputError("corpus.talp", 12, "expected a link")
    assert (str(error), error.line) == ("corpus.talp:12: expected a link", 12)


def test_an_input_error_of_a_whole_file_names_no_line() -> None:
    assert str(InputError("corpus.talp", 0, "is empty")) == "corpus.talp: is empty"


@pytest.mark.parametrize("kind", KINDS)
def test_errors_travel_between_processes(kind: type[XalignError]) -> None:
    one = InputError("a.txt", 3, "damaged", b"x") if kind is InputError else kind("what is wrong")
    other = pickle.loads(pickle.dumps(one))
    assert type(other) is kind
    assert (str(other), vars(other)) == (str(one), vars(one))
