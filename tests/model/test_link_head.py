"""The head that judges word pairs one by one."""

import pytest
import torch
from torch import Tensor

from xalign.model.link_head import (
    LinkHead,
    SymmetricConv,
    WordPairs,
    convolve,
    from_diagonal,
    init_link_head,
)

WIDTH, CHANNELS = 8, 5


def head(*, trained: bool = True) -> LinkHead:
    """A head whose parts all have something to say, or a new one."""
    generator = torch.Generator().manual_seed(0)
    made = LinkHead(WIDTH, CHANNELS)
    init_link_head(made, generator)
    if trained:
        with torch.no_grad():
            for weights in made.parameters():
                weights.add_(torch.randn(weights.shape, generator=generator), alpha=0.3)
    return made


def words(sizes: list[tuple[int, int]], table: tuple[int, int]) -> WordPairs:
    """Made-up words of pairs of these sizes, the same however large the ``table``."""
    parts: list[list[Tensor]] = [[], [], [], [], []]
    for s, t in sizes:
        generator = torch.Generator().manual_seed(100 * s + t)
        forward, backward = torch.rand(2, s, t, generator=generator)
        src, tgt = (torch.randn(n, WIDTH, generator=generator) for n in (s, t))
        rows, columns = table[0] - s, table[1] - t
        pad = torch.nn.functional.pad
        for part, value in zip(
            parts,
            (
                pad(forward, (0, columns, 0, rows)),
                pad(backward, (0, columns, 0, rows)),
                pad(src, (0, 0, 0, rows)),
                pad(tgt, (0, 0, 0, columns)),
                pad(torch.ones(s, t, dtype=torch.bool), (0, columns, 0, rows)),
            ),
            strict=True,
        ):
            part.append(value)
    forward, backward, src, tgt, mask = (torch.stack(part) for part in parts)
    return WordPairs(forward, backward, src, tgt, mask, 0.3)


def test_a_new_head_says_what_both_log_probabilities_say() -> None:
    pairs = words([(3, 4)], (3, 4))
    expected = torch.log(pairs.forward + 1e-4) + torch.log(pairs.backward + 1e-4) + 2
    torch.testing.assert_close(head(trained=False)(pairs), expected)


def test_swapping_the_sides_transposes_the_logits() -> None:
    pairs = words([(5, 7), (4, 7)], (5, 7))
    swapped = WordPairs(
        pairs.backward.transpose(1, 2),
        pairs.forward.transpose(1, 2),
        pairs.tgt,
        pairs.src,
        pairs.mask.transpose(1, 2),
        pairs.scale,
    )
    found, expected = head()(swapped), head()(pairs).transpose(1, 2)
    keep = swapped.mask
    torch.testing.assert_close(found[keep], expected[keep])


@pytest.mark.parametrize("table", [(16, 16), (32, 48)])
def test_padding_never_changes_a_logit(table: tuple[int, int]) -> None:
    alone, together = words([(5, 7)], (16, 16)), words([(2, 9), (5, 7)], table)
    found, expected = head()(together)[1, :5, :7], head()(alone)[0, :5, :7]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_a_symmetric_convolution_sees_a_table_and_its_transpose_alike() -> None:
    conv = SymmetricConv(2, 3)
    torch.nn.init.normal_(conv.weight)
    table = torch.randn(1, 2, 6, 4)
    torch.testing.assert_close(
        conv(table.transpose(2, 3)), conv(table).transpose(2, 3), rtol=1e-5, atol=1e-6
    )


def test_the_convolution_on_a_cpu_is_that_of_torch_and_never_depends_on_the_batch() -> None:
    weight = torch.randn(5, 3, 3, 3)
    x = torch.randn(4, 3, 16, 32)
    expected = torch.nn.functional.conv2d(x, weight, padding=1)
    torch.testing.assert_close(convolve(x, weight), expected, rtol=1e-4, atol=1e-4)
    for size in (1, 2, 3):
        assert torch.equal(convolve(x, weight)[:size], convolve(x[:size], weight))


def test_neighbours_have_a_say() -> None:
    pairs = words([(6, 6)], (6, 6))
    other = pairs._replace(forward=pairs.forward.clone())
    other.forward[0, 2, 2] = 0.0
    changed = (head()(pairs) - head()(other)).abs()[0] > 1e-6
    assert changed[1:4, 1:4].all()
    assert changed[:5, :5].sum() == changed.sum() > 9  # two cells away, no further


def test_the_distance_from_the_diagonal_is_relative() -> None:
    mask = torch.zeros(1, 16, 16, dtype=torch.bool)
    mask[0, :4, :2] = True
    assert from_diagonal(mask)[0, :4, :2].tolist() == [
        [0, 0.5],
        [0.25, 0.25],
        [0.5, 0],
        [0.75, 0.25],
    ]
