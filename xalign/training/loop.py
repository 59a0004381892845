"""One plain loop for both stages: the objective is a function, the rest is the same.

A step takes one batch, cuts it into shards, and adds up the gradients of all shards. The shards of
a step run in threads, one after the other, or on other machines, with the same sum.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from xalign.errors import TrainingError
from xalign.training.objectives import Examples, Objective
from xalign.training.settings import Schedule

CLIP = 1.0
"""Norm that gradients are clipped to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """Settings of a step: a thread or device takes ``shard_pieces`` pieces at once.

    With ``bf16``, matrix products are computed in bfloat16.
    """

    shard_pieces: int = 2048
    threads: int = 1
    bf16: bool = False


def share_of_rate(schedule: Schedule, step: int) -> float:
    """Share of the full learning rate at ``step``, from 0: it rises for ``warmup``, then falls."""
    rising = (step + 1) / (schedule.warmup + 1)
    falling = (schedule.steps - step) / max(1, schedule.steps - schedule.warmup)
    return min(1.0, rising, falling)


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress at a step: its number from 1, loss per piece, pieces and seconds so far."""

    step: int
    loss: float
    pieces: int
    seconds: float


def cut_into_shards(examples: Examples, pieces: int) -> list[Examples]:
    """Consecutive parts of a batch, of about ``pieces`` pieces each."""
    sizes = np.cumsum([example.num_pieces for example in examples])
    count = max(1, round(int(sizes[-1]) / pieces))
    ends = np.searchsorted(sizes, sizes[-1] * np.arange(1, count + 1) / count) + 1
    bounds = [0, *np.minimum(ends, len(examples)).tolist()]
    return [examples[a:b] for a, b in itertools.pairwise(bounds) if a < b]


class Trainer:
    """Parameters, their optimiser, and the step number: all that changes from step to step.

    ``groups`` are named parameters with a learning rate each; all others stay as they are.
    """

    def __init__(
        self,
        groups: Sequence[tuple[dict[str, nn.Parameter], float]],
        schedule: Schedule,
        batching: Batching,
    ) -> None:
        self.schedule, self.batching, self.step = schedule, batching, 0
        self.parameters = {name: value for group, _ in groups for name, value in group.items()}
        self.optimizer = torch.optim.AdamW(
            [{"params": list(group.values()), "lr": rate, "top": rate} for group, rate in groups],
            weight_decay=0.0,
            foreach=True,
        )

    def take_step(
        self, objective: Objective, batch: Examples, executor: ThreadPoolExecutor
    ) -> float:
        """Update the parameters by the gradient of one batch; return the loss per piece before.

        Errors: `TrainingError` when the loss or the gradient is not a number.
        """
        shards = cut_into_shards(batch, self.batching.shard_pieces)
        rank, world = rank_and_world()
        work = [(k, shards[k]) for k in range(rank, len(shards), world)]
        gradients = [torch.zeros_like(value) for value in self.parameters.values()]
        sums = torch.zeros(2, dtype=torch.float64)
        for found, loss, pieces in executor.map(lambda item: self._shard(objective, *item), work):
            for total, gradient in zip(gradients, found, strict=True):
                if gradient is not None:
                    total += gradient
            sums += torch.tensor([loss, pieces], dtype=torch.float64)
        add_over_processes([*gradients, sums])
        loss = float(sums[0] / sums[1].clamp(min=1))
        for value, total in zip(self.parameters.values(), gradients, strict=True):
            value.grad = total / sums[1].clamp(min=1).to(total.dtype)
        norm = nn.utils.clip_grad_norm_(list(self.parameters.values()), CLIP)
        if not (np.isfinite(loss) and bool(norm.isfinite())):
            raise TrainingError(
                f"step {self.step + 1}: the loss is {loss}, the gradient norm {float(norm)}; "
                "lower the learning rate, or go on from the last checkpoint with another --seed"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = group["top"] * share_of_rate(self.schedule, self.step)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        return loss

    def _shard(
        self, objective: Objective, number: int, examples: Examples
    ) -> tuple[tuple[Tensor | None, ...], float, float]:
        """Gradients of one shard's loss, the loss, and its number of pieces."""
        seed = np.random.SeedSequence([self.schedule.seed, self.step, number]).generate_state(1)
        values = list(self.parameters.values())
        with torch.autocast(values[0].device.type, torch.bfloat16, enabled=self.batching.bf16):
            loss, pieces = objective(examples, torch.Generator().manual_seed(int(seed[0])))
        found = torch.autograd.grad(loss, values, allow_unused=True)
        return found, float(loss.detach()), float(pieces)

    def state(self) -> dict[str, Tensor]:
        """Parameters and their optimiser state, by name, and the step number."""
        state = {f"value.{name}": value.detach() for name, value in self.parameters.items()}
        for name, value in self.parameters.items():
            for key, kept in self.optimizer.state[value].items():
                state[f"{key}.{name}"] = kept
        return state | {"number_of_steps": torch.tensor(self.step)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned: from there, the same steps give the same weights."""
        self.step = int(state["number_of_steps"])
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(state[f"value.{name}"])
                if self.step:
                    self.optimizer.state[value] = {
                        "step": state[f"step.{name}"].clone(),
                        "exp_avg": state[f"exp_avg.{name}"].clone().to(value.device),
                        "exp_avg_sq": state[f"exp_avg_sq.{name}"].clone().to(value.device),
                    }


def join_processes(device: torch.device) -> torch.device:
    """Under torchrun, join the other processes; return the device of this one."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return device


def rank_and_world() -> tuple[int, int]:
    """Rank of this process, and the number of processes."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def is_same_everywhere(number: int) -> bool:
    """Whether all processes give the same ``number``; each waits for all others."""
    if not dist.is_initialized():
        return True
    bounds = torch.tensor([number, -number])
    with naming_lost_processes():
        dist.all_reduce(bounds, dist.ReduceOp.MAX)
    return int(bounds[0]) == -int(bounds[1])


def broadcast_from_first(number: float) -> float:
    """The ``number`` that the first process gives."""
    found = torch.tensor(number, dtype=torch.float64)
    if dist.is_initialized():
        with naming_lost_processes():
            dist.broadcast(found, 0)
    return float(found)


def add_over_processes(tensors: Sequence[Tensor]) -> None:
    """Replace every tensor by its sum over all processes, in one exchange for each type."""
    if dist.is_initialized():
        with naming_lost_processes():
            exchange(tensors)


@contextlib.contextmanager
def naming_lost_processes() -> Iterator[None]:
    """Raise `TrainingError` when another process has ended during an exchange."""
    try:
        yield
    except RuntimeError as error:  # gloo and nccl raise nothing narrower
        raise TrainingError(
            "a process of this run has ended, or cannot be reached: "
            f"{str(error).splitlines()[0]}; start all again and go on with --resume"
        ) from error


def exchange(tensors: Sequence[Tensor]) -> None:
    """Compute the sums of `add_over_processes`."""
    for kind in dict.fromkeys(tensor.dtype for tensor in tensors):  # one order in all processes
        mine = [tensor for tensor in tensors if tensor.dtype == kind]
        flat = torch.cat([tensor.flatten() for tensor in mine])
        dist.all_reduce(flat)
        for tensor, part in zip(mine, torch.split(flat, [t.numel() for t in mine]), strict=True):
            tensor.copy_(part.view_as(tensor))


def steps(
    trainer: Trainer, objective: Objective, batches: Iterator[Examples]
) -> Iterator[Progress]:
    """Take steps up to the schedule's end; yield the progress after each."""
    started, pieces = time.perf_counter(), 0
    threads = trainer.batching.threads
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as executor:
        while trainer.step < trainer.schedule.steps:
            batch = next(batches)
            loss = trainer.take_step(objective, batch, executor)
            pieces += sum(example.num_pieces for example in batch)
            yield Progress(trainer.step, loss, pieces, time.perf_counter() - started)
