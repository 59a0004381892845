"""Steps: against plain gradients, over threads and processes, resumed, and refused."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from tests.conftest import sentence
from xalign.errors import TrainingError
from xalign.training.examples import Example
from xalign.training.loop import (
    CLIP,
    Batching,
    Progress,
    Trainer,
    broadcast_from_first,
    cut_into_shards,
    is_same_everywhere,
    join_processes,
    rank_and_world,
    share_of_rate,
    steps,
)
from xalign.training.objectives import Examples, Objective
from xalign.training.settings import Schedule

PAIRS = [Example(sentence(*range(5, 5 + k)), sentence(*range(5, 7 + k))) for k in range(1, 31)]


def model() -> nn.Linear:
    """Four weights."""
    torch.manual_seed(0)
    return nn.Linear(2, 2, bias=False)


def objective(linear: nn.Linear) -> Objective:
    """A loss that depends on the pairs only; summed over pairs."""

    def loss(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        x = torch.tensor([[len(example.src) / 9, 1.0] for example in examples])
        return (linear(x) ** 2).sum(), torch.tensor(float(len(examples)))

    return loss


def trainer(linear: nn.Linear, **changes: float) -> Trainer:
    """A trainer of five steps."""
    schedule = Schedule(steps=5, warmup=0, seed=int(changes.pop("seed", 1)))
    batching = Batching(**{"shard_pieces": 100, "threads": 2, **changes})  # type: ignore[arg-type]
    return Trainer([(dict(linear.named_parameters()), 0.1)], schedule, batching)


def run(linear: nn.Linear, **changes: float) -> list[Progress]:
    """Five steps over `PAIRS`; gives what each told."""
    return list(steps(trainer(linear, **changes), objective(linear), iter([PAIRS] * 9)))


def test_shards_hold_a_batch_in_order() -> None:
    shards = cut_into_shards(PAIRS, 200)
    assert [pair for shard in shards for pair in shard] == PAIRS
    sizes = [sum(example.num_pieces for example in shard) for shard in shards]
    assert len(sizes) > 4
    assert max(sizes) < 300
    assert cut_into_shards(PAIRS[:1], 10) == [PAIRS[:1]]


def test_steps_are_those_of_a_plain_loop() -> None:
    ours, plain = model(), model()
    told = run(ours)
    optimizer = torch.optim.AdamW(plain.parameters(), lr=0.1, weight_decay=0)
    for step in range(5):
        loss, count = objective(plain)(PAIRS, torch.Generator())
        (loss / count).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(plain.parameters(), CLIP)
        optimizer.param_groups[0]["lr"] = 0.1 * (5 - step) / 5
        optimizer.step()
        optimizer.zero_grad()
        assert told[step].loss == pytest.approx(float((loss / count).detach()), rel=1e-5)
    torch.testing.assert_close(ours.weight, plain.weight)


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    factors = [share_of_rate(Schedule(steps=10, warmup=4), step) for step in range(10)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[5:] == pytest.approx([5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def test_bf16_computes_products_in_that_type() -> None:
    linear, kinds = model(), []

    def loss(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        kinds.append(linear(torch.ones(1, 2)).dtype)
        return objective(linear)(examples, generator)

    (*_, last) = steps(trainer(linear, bf16=True), loss, iter([PAIRS] * 5))
    assert set(kinds) == {torch.bfloat16}
    assert linear.weight.dtype == torch.float32
    assert last.loss == pytest.approx(run(model())[-1].loss, rel=0.05)


@pytest.mark.parametrize("changes", [{"threads": 1}, {"shard_pieces": 10}, {"shard_pieces": 10**6}])
def test_threads_and_shards_come_to_the_same_weights(changes: dict[str, float]) -> None:
    ours, other = model(), model()
    run(ours)
    run(other, **changes)
    torch.testing.assert_close(ours.weight, other.weight)


def test_a_resumed_run_ends_with_the_same_bits() -> None:
    whole, first, second = model(), model(), model()
    run(whole)
    halfway = trainer(first)
    with ThreadPoolExecutor(1) as executor:
        for _ in range(2):
            halfway.take_step(objective(first), PAIRS, executor)
        state = {name: value.clone() for name, value in halfway.state().items()}
        halfway.take_step(objective(first), PAIRS, executor)  # lost with the process
    resumed = trainer(second)
    resumed.restore(state)
    assert resumed.step == 2
    list(steps(resumed, objective(second), iter([PAIRS] * 3)))
    assert torch.equal(whole.weight, second.weight)


def test_a_loss_that_is_no_number_stops_before_a_weight_moves() -> None:
    linear = model()
    before = linear.weight.detach().clone()

    def broken(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return linear.weight.sum() * float("nan"), torch.tensor(1.0)

    with pytest.raises(TrainingError, match="step 1: the loss is nan"):
        list(steps(trainer(linear), broken, iter([PAIRS])))
    assert torch.equal(linear.weight, before)


def test_random_draws_come_from_the_seed_the_step_and_the_shard() -> None:
    draws: list[list[float]] = []

    def noting(examples: Examples, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        draws[-1].append(float(torch.rand((), generator=generator)))
        return objective(linear)(examples, generator)

    for seed in (1, 1, 2):
        linear = model()
        draws.append([])
        list(steps(trainer(linear, seed=seed, threads=1), noting, iter([PAIRS] * 5)))
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == len(draws[0]) > 5


def in_two_processes(run: Callable[[int, str], None], folder: Path) -> list[int | None]:
    """Exit codes of two processes that ``run`` with their ranks and a folder to meet in."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=run, args=(rank, str(folder))) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    return [worker.exitcode for worker in workers]


def join_two(rank: int, folder: str) -> None:
    """Join the two processes that meet in ``folder``."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)


def run_as(rank: int, folder: str) -> None:
    """Train in one of several processes, and write down the weights."""
    join_two(rank, folder)
    linear = model()
    run(linear, threads=1)
    assert rank_and_world() == (rank, 2)
    torch.save(linear.weight.detach(), Path(folder) / str(rank))
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_come_to_the_weights_of_one(tmp_path: Path) -> None:
    assert in_two_processes(run_as, tmp_path) == [0, 0]
    alone = model()
    run(alone, threads=1)
    first, second = (torch.load(tmp_path / str(rank)) for rank in range(2))
    assert torch.equal(first, second)
    torch.testing.assert_close(first, alone.weight.detach())


def end_early(rank: int, folder: str) -> None:
    """Train beside a process that ends after two steps; the other one writes down what it hears."""
    join_two(rank, folder)
    linear = model()
    taken = steps(trainer(linear, threads=1), objective(linear), iter([PAIRS] * 5))
    next(taken), next(taken)
    if rank == 1:
        os._exit(9)
    try:
        list(taken)
    except TrainingError as error:
        (Path(folder) / "error").write_text(str(error))
    os._exit(0)


def look_at(rank: int, folder: str) -> None:
    """Ask in one of two processes whether both agree; write down the answers."""
    join_two(rank, folder)
    found = [is_same_everywhere(3), is_same_everywhere(rank), broadcast_from_first(rank + 0.25)]
    (Path(folder) / str(rank)).write_text(str(found))
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_processes_find_out_whether_they_agree(tmp_path: Path) -> None:
    assert in_two_processes(look_at, tmp_path) == [0, 0]
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["[True, False, 0.25]"] * 2


def test_one_process_agrees_with_itself() -> None:
    assert is_same_everywhere(3)
    assert broadcast_from_first(0.25) == 0.25


def test_processes_with_gpus_exchange_numbers_of_the_cpu_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    joined: list[object] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "set_device", joined.append)
    monkeypatch.setattr(dist, "init_process_group", joined.append)
    assert join_processes(torch.device("cuda")) == torch.device("cuda", 1)
    assert joined == [torch.device("cuda", 1), "cpu:gloo,cuda:nccl"]


def test_the_state_of_the_optimiser_goes_where_its_parameters_are() -> None:
    linear = model()
    before = trainer(linear, threads=1)
    list(steps(before, objective(linear), iter([PAIRS] * 5)))
    elsewhere = trainer(model().to("meta"), threads=1)
    elsewhere.restore(before.state())
    for value in elsewhere.parameters.values():
        state = elsewhere.optimizer.state[value]
        assert state["exp_avg"].device == state["exp_avg_sq"].device == value.device
        assert state["step"].device == torch.device("cpu")


@pytest.mark.slow
def test_a_process_that_is_killed_is_told_of_by_the_others(tmp_path: Path) -> None:
    assert in_two_processes(end_early, tmp_path) == [0, 9]
    error = (tmp_path / "error").read_text()
    assert error.startswith("a process of this run has ended, or cannot be reached: ")
    assert error.endswith("start all again and go on with --resume")
