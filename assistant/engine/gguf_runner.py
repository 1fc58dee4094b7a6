"""A GGUF as a `Runner`: llama.cpp's tokens with the family's template, markers and sampling."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assistant.catalog.families import Family, recognise
from assistant.catalog.gguf import GGUFInfo, inspect
from assistant.catalog.template import ChatTemplate
from assistant.engine.candidates import Candidates
from assistant.engine.llama import Llama, LlamaSampler
from assistant.engine.markers import markers
from assistant.engine.options import IDLE_SLOTS, LoadOptions
from assistant.engine.protocol import ModelInfo, Request, Sampling
from assistant.engine.runner import DecodeStatus, Drawn, Nudge, Piece, Prompt, Sampler
from assistant.engine.thinking import Ban, ForcedLengths
from assistant.errors import EngineError, ModelLoadError
from assistant.hardware.fit import in_words, sentence

_DEFAULT_N_CTX = 8192
_NUDGE_NATS = 8.0
"""What a full nudge adds to a logit, though never to more than just above the best one."""
_WARM_UP_TOKENS = 8


class GGUFRunner:
    """A model file, ready to compute.

    Args:
        options: how to load it.
        flag: two bytes, the second 0; setting the first to 1 interrupts. It may be shared memory.
        on_progress: called with 0 to 1 while the file is read.
        gguf: the file's header, where it has been read already.

    Raises:
        ModelFileError: the file is no usable GGUF.
        ModelLoadError: llama.cpp refused it.
        OutOfMemory: memory did not suffice.
    """

    def __init__(
        self,
        options: LoadOptions,
        flag: ctypes.Array[ctypes.c_char] | None = None,
        on_progress: Callable[[float], None] = lambda _: None,
        gguf: GGUFInfo | None = None,
    ) -> None:
        gguf = gguf or inspect(Path(options.path))
        family = recognise(gguf)
        self._template = ChatTemplate(gguf.chat_template, family, gguf.bos_token, gguf.eos_token)
        self._bos = gguf.bos_token
        self._flag = flag if flag is not None else ctypes.create_string_buffer(2)
        self.n_slots = options.n_seq_max + IDLE_SLOTS
        n_ctx = options.n_ctx or min(gguf.n_ctx_train or _DEFAULT_N_CTX, _DEFAULT_N_CTX)
        self._llama = Llama(options, n_ctx, self.n_slots, self._flag, on_progress)
        self.n_batch = self._llama.n_batch
        self.can_truncate = self._llama.can_truncate
        self._texts: dict[int, bytes] = {}
        self._blanks: npt.NDArray[np.intp] | None = None
        self._ends = np.array(sorted(self._llama.ends), dtype=np.intp)
        self._candidates = Candidates(self._llama.n_vocab)
        self.markers = markers(family, self._template.stop)
        self.lengths = ForcedLengths(
            hand_over=len(self.tokenize(self.markers.hand_over)),
            close=len(self.tokenize(self.markers.forced_close)),
            continuation=len(self.tokenize(self.markers.continuation)),
        )
        self.close_token = self._single_token(family)
        self.info = self._describe(options, gguf, family)
        self._warm_up(options.path)

    def prompt(self, request: Request) -> Prompt:
        """Render the messages with the model's template and tokenise them."""
        rendered = self._template.render(request.messages, thinking=request.thinking.maximum > 0)
        is_marked = bool(self._bos) and rendered.text.startswith(self._bos)
        tokens = self._llama.tokenize(rendered.text, add_special=not is_marked)
        text = rendered.text.encode("utf-8", "replace")
        if not is_marked and tokens[:1] == [self._llama.bos]:
            text = self.text_of(tokens[0]) + text
        left = len(rendered.text[rendered.stable_chars :].encode("utf-8", "replace"))
        return Prompt(text, tokens, rendered.is_thinking, len(text) - left)

    def tokenize(self, text: str) -> list[int]:
        """Tokens of text that goes on in mid-sequence; markers become their special tokens."""
        return self._llama.tokenize(text, add_special=False) if text else []

    def can_split_before(self, token: int) -> bool:
        """Anywhere, but for vocabularies that put a space before every piece of plain text."""
        return not self._llama.adds_spaces or self._llama.is_special(token)

    def text_of(self, token: int) -> bytes:
        """The bytes that a token stands for, markers spelled out; may be part of a character."""
        text = self._texts.get(token)
        if text is None:
            text = self._texts[token] = self._llama.text_of(token)
        return text

    def is_end(self, token: int) -> bool:
        """Whether the token ends a turn."""
        return token in self._llama.ends

    def sampler(self, sampling: Sampling, seed: int) -> LlamaSampler:
        """A new chain of llama.cpp's samplers."""
        return self._llama.sampler(sampling, seed)

    def decode(self, pieces: Sequence[Piece]) -> DecodeStatus:
        """Compute one batch."""
        return self._llama.decode(pieces)

    def draw(self, index: int, sampler: Sampler, ban: Ban, nudge: Nudge | None) -> Drawn:
        """Draw from the logits of the `index`-th piece of the last batch."""
        assert isinstance(sampler, LlamaSampler)
        logits = self._llama.logits(index)
        if ban != "nothing":
            logits[self._ends if ban == "end" else self._all_blanks()] = -np.inf
        if nudge is not None:
            ceiling = float(logits.max()) + 0.5
            favoured = float(logits[nudge.token]) + _NUDGE_NATS * nudge.strength
            logits[nudge.token] = max(float(logits[nudge.token]), min(ceiling, favoured))
        n = self._candidates.gather(logits, sampler.n_needed)
        if math.isnan(self._candidates.confidence):
            raise EngineError(
                "The model computes no numbers any more (NaN).",
                "Ask again with n_gpu_layers = 0; if that does not help, download the model again.",
            )
        token = self._llama.choose(sampler, self._candidates, n)
        logprob = self._candidates.logprob(float(logits[token]))
        return Drawn(token, logprob, self._candidates.confidence)

    def copy(self, source: int, target: int, n_tokens: int) -> bool:
        """Make `target` (empty) hold the first `n_tokens` of `source`."""
        self._llama.copy(source, target)
        return not self.can_truncate or self._llama.remove_from(target, n_tokens)

    def truncate(self, slot: int, n_tokens: int) -> bool:
        """Drop all but the first `n_tokens`."""
        return self._llama.remove_from(slot, n_tokens)

    def clear(self, slot: int) -> None:
        """Empty the slot."""
        self._llama.clear(slot)

    def save(self, slot: int) -> bytes:
        """The part of the slot's state that cannot be cut."""
        return self._llama.save(slot)

    def restore(self, source: int, target: int, n_tokens: int, state: bytes) -> bool:
        """Make `target` (empty, or `source`) what `source` was when `state` was saved at `n_tokens`."""
        if target != source:
            self._llama.copy(source, target)
        return self._llama.load(target, state) and self._llama.remove_from(target, n_tokens)

    def park(self, slot: int) -> bytes:
        """The slot's whole state."""
        return self._llama.save(slot, is_whole=True)

    def unpark(self, slot: int, state: bytes) -> bool:
        """Fill an empty slot from a whole state; False where the cache has no room."""
        return self._llama.load(slot, state, is_whole=True)

    def interrupt(self) -> None:
        """Abort the running `decode` and those to come; safe from any thread."""
        self._flag[0] = b"\1"

    def resume(self) -> None:
        """Compute again after an `interrupt`."""
        self._flag[0] = b"\0"

    def close(self) -> None:
        """Give the model back."""
        self._llama.close()

    def _single_token(self, family: Family) -> int | None:
        """The special token that begins the closing marker; None where that is ordinary text."""
        if family.thinking is None:
            return None
        tokens = self.tokenize(family.thinking.nudge or family.thinking.close)
        return tokens[0] if tokens and self._llama.is_special(tokens[0]) else None

    def _all_blanks(self) -> npt.NDArray[np.intp]:
        """Tokens that show no text: ends of turn, markup and white space."""
        if self._blanks is None:
            llama = self._llama
            self._blanks = np.array(
                [
                    token
                    for token in range(llama.n_vocab)
                    if self.is_end(token) or llama.is_special(token) or not llama.text_of(token).strip()
                ],
                dtype=np.intp,
            )
        return self._blanks

    def _warm_up(self, path: str) -> None:
        """Compute a little, so that a build that crashes does it now and not in the first answer."""
        tokens = self.tokenize("warming up with some words of no meaning at all")[:_WARM_UP_TOKENS]
        self.decode([Piece(0, 0, tokens, wants_logits=True)])
        self.decode([Piece(0, len(tokens), tokens[:1], wants_logits=True)])
        if self._flag[0] == b"\0" and np.isnan(self._llama.logits(0)).any():
            self.close()
            raise ModelLoadError(
                f"{Path(path).name} is damaged: it computes no numbers (NaN).",
                "Download it again, or name another file with --model.",
            )
        self.clear(0)

    def _describe(self, options: LoadOptions, gguf: GGUFInfo, family: Family) -> ModelInfo:
        on_gpu = self._llama.has_gpu and options.n_gpu_layers != 0
        notes = [family.note, self._template.note]
        n_gpu_layers = options.n_gpu_layers if on_gpu else 0
        place = in_words(n_gpu_layers, gguf.n_layer, options.n_cpu_experts, len(options.tensor_split))
        return ModelInfo(
            name=gguf.name,
            path=options.path,
            family=family.name,
            architecture=gguf.architecture,
            n_params=gguf.n_params,
            size_bytes=gguf.size_bytes,
            quantisation=gguf.quantisation,
            n_ctx=self._llama.n_ctx,
            n_ctx_train=gguf.n_ctx_train,
            n_seq_max=options.n_seq_max,
            has_thinking=family.thinking is not None,
            can_answer_directly=self._template.can_answer_directly,
            sampling=family.answer_sampling,
            thinking_sampling=family.thinking_sampling,
            vote_sampling=family.vote_sampling,
            device="GPU" if on_gpu else "CPU",
            plan=sentence(self._llama.n_ctx, options.kv_type, place, options.n_seq_max),
            build=self._llama.build,
            note=" ".join(note for note in notes if note),
            options={
                "n_gpu_layers": options.n_gpu_layers,
                "use_extra_bufts": options.use_extra_bufts,
                "flash_attn": options.flash_attn,
                "kv_type": options.kv_type,
            },
        )
