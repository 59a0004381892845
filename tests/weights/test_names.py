"""Names of models, checked before anything slow."""

import socket
import time
from pathlib import Path

import pytest

from xalign.errors import ModelError
from xalign.weights import names
from xalign.weights.names import check_name, hub_cache, is_offline


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache of the hub, and no variable that matters."""
    for name in (*names.OFFLINE, *names.PROXIES, "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_models_that_are_here_need_no_network(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XALIGN_OFFLINE", "1")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    (cache / "models--google--bert" / "snapshots" / "abc").mkdir(parents=True)
    for name in ("default", "e5-small", str(tmp_path / "mine"), "google/bert"):
        check_name(name)


@pytest.mark.parametrize("name", ["./none", "/none", "~/none", "a/b/c", "my model", "../x"])
def test_a_path_to_nothing_is_no_such_folder(name: str) -> None:
    with pytest.raises(ModelError, match=f"^{name}: no such folder$"):
        check_name(name)


def test_a_folder_or_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"this folder has no config\.json"):
        check_name(str(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="expected a model folder, found a file"):
        check_name(str(tmp_path / "file"))


@pytest.mark.parametrize("variable", names.OFFLINE)
def test_offline_is_told_by_the_variable_that_says_so(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    assert is_offline()
    with pytest.raises(
        ModelError, match=f"{variable} forbids to fetch it; did you mean 'sentence-t"
    ):
        check_name("LaBSE")
    monkeypatch.setenv(variable, "0")
    assert not is_offline()


def test_a_hub_that_does_not_answer_is_told_within_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(*_: object, **__: object) -> None:
        time.sleep(2)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", slow)
    started = time.perf_counter()
    with pytest.raises(ModelError, match=r"the hub cannot be reached; did you mean 'e5-small'\?$"):
        check_name("e5-smal")
    assert time.perf_counter() - started < 1


def test_a_hub_that_refuses_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="the hub cannot be reached; with a network"):
        check_name("some/encoder")


def test_a_hub_that_answers_or_a_proxy_leaves_the_name_to_be_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}/x")
        check_name("some/encoder")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    check_name("some/encoder")


def test_the_variable_that_forbids_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XALIGN_OFFLINE", "0")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="and HF_HUB_OFFLINE forbids to fetch it"):
        check_name("some/encoder")


def test_the_cache_of_the_hub_is_where_its_variables_say() -> None:
    assert hub_cache({"HF_HUB_CACHE": "/a"}) == Path("/a")
    assert hub_cache({"HF_HOME": "/b"}) == Path("/b/hub")
    assert hub_cache({"XDG_CACHE_HOME": "/c"}) == Path("/c/huggingface/hub")
    assert hub_cache({}) == Path.home() / ".cache/huggingface/hub"
