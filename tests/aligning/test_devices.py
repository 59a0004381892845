"""Devices, threads and precisions: chosen, or refused."""

import pytest
import torch

from xalign.aligning.aligner import Aligner
from xalign.aligning.devices import (
    choose_device,
    choose_devices,
    choose_precision,
    gpu_batch_pieces,
    tell_once,
    usable_cores,
    wait_for,
)
from xalign.errors import DeviceError


def test_devices_are_chosen_or_refused() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
    for name in ("gpu", "cuda:", "meta", ""):
        with pytest.raises(DeviceError, match=f"expected the device auto, .* found '{name}'"):
            choose_device(name)
    count = torch.cuda.device_count()
    with pytest.raises(DeviceError, match=f"has {count} GPUs; use --device cpu"):
        choose_device(f"cuda:{count}")


def test_all_devices_are_the_gpus_or_else_the_cpu(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert list(map(str, choose_devices("all"))) == ["cuda:0", "cuda:1"]
    assert list(map(str, choose_devices("cuda:1,cuda:0"))) == ["cuda:1", "cuda:0"]
    with pytest.raises(DeviceError, match="devices cuda:1,cpu: expected devices of one kind"):
        choose_devices("cuda:1,cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    tell_once.cache_clear()
    assert list(map(str, choose_devices("all"))) == ["cpu"]
    choose_devices("all")
    assert caplog.text.count("has no GPU; using the CPU") == 1


def test_a_gpu_of_apple_is_chosen_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    mps = choose_device("mps")
    assert mps == torch.device("mps")
    assert choose_precision("auto", mps) == "fp32"
    assert choose_precision("fp16", mps) == "fp16"
    with pytest.raises(DeviceError, match="int8 is for CPUs, not mps"):
        choose_precision("int8", mps)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="has no GPU of Apple's; use --device cpu"):
        choose_device("mps")


def test_threads_default_to_the_usable_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 5})
    assert usable_cores() == 3
    assert Aligner.from_pretrained("e5-small", device="cpu", layer=0).threads == 3
    monkeypatch.delattr("os.sched_getaffinity")
    assert usable_cores() >= 1


@pytest.mark.parametrize(
    ("gigabytes", "expected"), [((1, 80), 16_384), ((8, 12), 36_621), ((140, 140), 65_536)]
)
def test_batches_on_gpus_follow_the_least_free_memory(
    monkeypatch: pytest.MonkeyPatch, gigabytes: tuple[int, ...], expected: int
) -> None:
    free = iter(gigabytes)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (next(free) * 10**9, 0))
    devices = [torch.device("cuda", k) for k in range(len(gigabytes))]
    assert gpu_batch_pieces(devices, threads=2) == expected
    assert gpu_batch_pieces([torch.device("mps")], threads=2) == 16_384


def test_the_precision_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr("xalign.aligning.devices.has_fast_int8", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert (choose_precision("auto", cpu), choose_precision("auto", gpu)) == ("int8", "bf16")
    with pytest.raises(DeviceError, match="int8 is for CPUs, not cuda; use --precision bf16"):
        choose_precision("int8", gpu)
    monkeypatch.setattr("xalign.aligning.devices.has_fast_int8", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert (choose_precision("auto", cpu), choose_precision("auto", gpu)) == ("fp32", "fp16")
    with pytest.raises(DeviceError, match="int8 needs a processor with AVX2; use --precision fp32"):
        choose_precision("int8", cpu)
    with pytest.raises(DeviceError, match="expected the precision auto, fp32"):
        choose_precision("int4", cpu)


def test_a_thread_sleeps_until_its_gpu_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[object] = []

    class Event:
        def __init__(self, *, blocking: bool) -> None:
            events.append(("sleeps", blocking))

        def record(self, stream: object) -> None:
            events.append(stream)

        def synchronize(self) -> None:
            events.append("done")

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    wait_for(torch.device("cpu"))
    assert events == []
    wait_for(torch.device("cuda:1"))
    assert events == [("sleeps", True), "stream of cuda:1", "done"]
