"""Other aligners beside xalign on the same text: commands for each, in an environment of their own.

SimAlign gets the embedded encoder, as a folder that transformers reads. awesome-align gets a random
encoder of the size of mBERT, with word pieces made of the embedded encoder's: its speed does not
depend on weights. eflomal and fast_align learn from the text that they align.
"""

import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from xalign.weights.backbones import packed_state
from xalign.weights.embedded import embedded_encoder
from xalign.weights.foreign import BERT_NAMES, BERT_QUERY_KEY_VALUE
from xalign.weights.names import E5_SMALL
from xalign.weights.packed import PackedEncoder

PACKAGES = (
    "torch==2.13.0",
    "simalign==0.4",
    "awesome-align==0.1.7",
    "eflomal==2.0.0",
    "systran-align==3.5.0",
)
SIMALIGN = """
import sys
from simalign import SentenceAligner
aligner = SentenceAligner(model=sys.argv[1], token_type="bpe", matching_methods="a", layer=7)
with open(sys.argv[2]) as lines, open(sys.argv[3], "w") as out:
    for line in lines:
        src, tgt = line.rstrip("\\n").split(" ||| ")
        found = aligner.get_word_aligns(src.split(), tgt.split())["inter"]
        print(*(f"{i}-{j}" for i, j in found), file=out)
"""
FAST_ALIGN = """
import sys
import systran_align
tables = [f"{sys.argv[2]}.{way}" for way in ("there", "back")]
systran_align.generate_alignment_probabilities(
    sys.argv[1], *tables, favor_diagonal=True, optimize_tension=True, variational_bayes=True)
aligner = systran_align.Aligner(*tables)
with open(sys.argv[1]) as lines, open(sys.argv[2], "w") as out:
    for line in lines:
        src, tgt = line.rstrip("\\n").split(" ||| ")
        found = aligner.align(src.split(), tgt.split())["alignments"]
        print(*(f"{i}-{j}" for i, j in found), file=out)
"""
LAUNCHER = """
import os, resource, subprocess, sys, time
output, *command = sys.argv[1:]
start = time.perf_counter()
with open(output + ".stdout", "wb") as out:
    running, first = subprocess.Popen(command, stdout=out), None
    while running.poll() is None:
        time.sleep(0.02)
        if first is None and any(os.path.exists(path) and os.path.getsize(path) for path in (output, output + ".stdout")):
            first = time.perf_counter() - start
taken = time.perf_counter() - start
print(taken, first or taken, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
sys.exit(running.returncode)
"""
"""Tells seconds, seconds to the first output, and megabytes of a command: a small process, whose
size its children inherit."""


@dataclass(frozen=True, slots=True)
class System:
    """An aligner: its command on a file of pairs and an output, and the most pairs it is given."""

    name: str
    command: list[str]
    max_pairs: int | None = None
    learns: bool = False

    def measure(self, lines: list[str], folder: Path) -> "Run":
        """Run the command on one of ``lines``, and on all that it is given."""
        lines = lines[: self.max_pairs]
        one = 0.0 if self.learns else self.run(lines[:1], folder)[0]
        return Run(len(lines), one, *self.run(lines, folder))

    def run(self, lines: list[str], folder: Path) -> tuple[float, float, float]:
        """Seconds, seconds to the first output, most megabytes of the command on ``lines``."""
        pairs, output = folder / "pairs.txt", folder / "output.txt"
        printed = Path(f"{output}.stdout")
        pairs.write_text("".join(lines))
        output.unlink(missing_ok=True)
        command = [
            part.replace("{pairs}", str(pairs)).replace("{output}", str(output))
            for part in self.command
        ]
        launched = [sys.executable, "-S", "-c", LAUNCHER, str(output), *command]
        done = subprocess.run(launched, capture_output=True, text=True, check=False)
        links = output if output.exists() else printed
        if done.returncode or len(links.read_text().splitlines()) != len(lines):
            raise RuntimeError(f"{self.name} failed: {done.stderr[-2000:]}")
        seconds, first, memory = map(float, done.stdout.split())
        return seconds, first, memory


@dataclass(frozen=True, slots=True)
class Run:
    """How long a command took for ``one`` pair, for ``all`` of them, and until its ``first`` output
    when it was given all; its memory in MB."""

    pairs: int
    one: float
    all: float
    first: float
    memory: float

    @property
    def rate(self) -> float:
        """Pairs a second, after the first."""
        return (self.pairs - bool(self.one)) / (self.all - self.one)


def median_run(runs: list[Run]) -> Run:
    """Medians of runs over the same pairs."""
    times = zip(*((run.one, run.all, run.first, run.memory) for run in runs), strict=True)
    return Run(runs[0].pairs, *map(statistics.median, times))


def by_length(lines: list[str]) -> dict[str, list[str]]:
    """The shortest and the longest quarter of pairs, in their order."""
    ends = sorted(map(len, lines))
    low, high = ends[len(ends) // 4], ends[-len(ends) // 4]
    return {
        "short": [line for line in lines if len(line) <= low],
        "long": [line for line in lines if len(line) >= high],
    }


def xalign_systems() -> list[System]:
    """xalign in the precisions of this machine."""
    from xalign.aligning.devices import has_fast_int8

    precisions = ["fp32", "int8"] if has_fast_int8() else ["fp32"]
    command = [sys.executable, "-m", "xalign", "align", "-q", "--device", "cpu"]
    return [
        System(f"xalign {one}", [*command, "--precision", one, "-i", "{pairs}"])
        for one in precisions
    ]


def rival_systems(folder: Path) -> list[System]:
    """The others, installed into ``folder`` at the first use (a few minutes)."""
    python = install(folder)
    programs = python.parent
    e5, mbert = folder / E5_SMALL, folder / "mbert-random"
    if not (e5 / "tokenizer_config.json").exists():
        export_e5(e5)
    if not (mbert / "vocab.txt").exists():
        export_random_mbert(mbert)
    return [
        System(
            "SimAlign, same encoder",
            [str(python), "-c", SIMALIGN, str(e5), "{pairs}", "{output}"],
            500,
        ),
        System(
            "awesome-align, size of mBERT",
            [
                str(programs / "awesome-align"),
                "--model_name_or_path",
                str(mbert),
                "--data_file",
                "{pairs}",
                "--output_file",
                "{output}",
                "--extraction",
                "softmax",
                "--batch_size",
                "32",
                "--no_cuda",
                "--num_workers",
                "0",
            ],
            500,
        ),
        System(
            "eflomal",
            [
                str(programs / "eflomal-align"),
                "--overwrite",
                "-i",
                "{pairs}",
                "-f",
                "{output}",
                "-r",
                "{output}.reverse",
            ],
            learns=True,
        ),
        System("fast_align", [str(python), "-c", FAST_ALIGN, "{pairs}", "{output}"], learns=True),
    ]


def install(folder: Path) -> Path:
    """Python of the environment in ``folder``, made if needed."""
    python = folder / "env" / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (folder / "ready").touch()
    return python


def export_e5(folder: Path) -> None:
    """Write the whole embedded encoder as transformers has it, and a tokenizer of its pieces."""
    import transformers

    packed, _ = embedded_encoder()
    config = transformers.BertConfig(
        vocab_size=packed.vocab_size,
        hidden_size=packed.width,
        num_hidden_layers=packed.num_layers,
        num_attention_heads=packed.num_heads,
        intermediate_size=packed.ffn_width,
        max_position_embeddings=packed.max_positions,
        layer_norm_eps=packed.layer_norm_eps,
    )
    model = transformers.BertModel(config, add_pooling_layer=False)
    model.load_state_dict(bert_state(packed), strict=False)
    model.save_pretrained(folder)
    fast_tokenizer(packed).save_pretrained(folder)


def bert_state(packed: PackedEncoder) -> dict[str, torch.Tensor]:
    """Weights of a packed encoder under BERT's names."""
    ours = packed_state(packed, packed.num_layers)
    state = {
        "embeddings.word_embeddings.weight": torch.from_numpy(
            packed.dense("emb.word", -1, packed.width)
        ),
        "embeddings.position_embeddings.weight": ours["positions.weight"],  # types are in there
        "embeddings.token_type_embeddings.weight": torch.zeros(2, packed.width),
        "embeddings.LayerNorm.weight": ours["norm.weight"],
        "embeddings.LayerNorm.bias": ours["norm.bias"],
    }
    for layer in range(packed.num_layers):
        for part in ("weight", "bias"):
            prefix = f"encoder.layer.{layer}"
            for our, their in BERT_NAMES.items():
                state[f"{prefix}.{their}.{part}"] = ours[f"layers.{layer}.{our}.{part}"]
            thirds = ours[f"layers.{layer}.query_key_value.{part}"].tensor_split(3)
            for name, value in zip(BERT_QUERY_KEY_VALUE, thirds, strict=True):
                state[f"{prefix}.{name}.{part}"] = value
    return state


def fast_tokenizer(packed: PackedEncoder) -> "transformers.PreTrainedTokenizerFast":  # type: ignore[name-defined]  # noqa: F821
    """A tokenizer of transformers with a packed encoder's pieces."""
    import tokenizers
    import transformers

    pieces = [piece.decode() for piece in packed.pieces]
    vocabulary = list(zip(pieces, packed.scores.tolist(), strict=True))
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(vocabulary, packed.unk, False))
    tokenizer.normalizer = tokenizers.normalizers.NFKC()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    bos, eos = pieces[packed.bos], pieces[packed.eos]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{bos} $A {eos}", special_tokens=[(bos, packed.bos), (eos, packed.eos)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=eos,
        cls_token=bos,
        sep_token=eos,
        unk_token=pieces[packed.unk],
        pad_token=pieces[packed.pad],
    )


def export_random_mbert(folder: Path) -> None:
    """Write a random encoder of mBERT's size, and word pieces for it."""
    import transformers

    config = transformers.BertConfig(vocab_size=119_547)
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    model = transformers.BertForMaskedLM(config)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for piece in embedded_encoder()[0].pieces[5:]:
        text = piece.decode()
        words.append(text[1:] if text.startswith("▁") else f"##{text}")
    unique = list(dict.fromkeys(word for word in words if word not in ("", "##")))
    (folder / "vocab.txt").write_text("\n".join(unique[: config.vocab_size]) + "\n")
