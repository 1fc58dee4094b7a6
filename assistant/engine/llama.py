"""llama.cpp through its low-level API: the only module that imports llama_cpp.

It wraps pointers and nothing else; what a token means to Mull is decided in `gguf_runner`.
A `Llama` is used from one thread; only its flag may be set from others.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import llama_cpp
import numpy as np

from assistant.engine.candidates import Candidates, Logits, has_penalties, n_needed
from assistant.engine.messages import Messages
from assistant.engine.options import LoadOptions, usable_threads
from assistant.engine.placement import place
from assistant.engine.protocol import Sampling
from assistant.engine.runner import DecodeStatus, Piece
from assistant.errors import EngineError, ModelLoadError, OutOfMemory

_FULL, _ABORTED, _NO_MEMORY = 1, 2, -2
_PARTIAL = 1
"""LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY: just the part of a cache that cannot be cut."""
_MAX_PIECE_BYTES = 256
_KV_TYPES = {
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}


class _Log(Messages):
    """llama.cpp's own messages: to standard error, and the last ones kept to explain a failure."""

    def __init__(self) -> None:
        super().__init__()
        self._callback = llama_cpp.llama_log_callback(self._write)

    def begin(self) -> None:
        """Listen, and forget what was said before."""
        self.lines = []
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _write(self, level: int, text: bytes, _data: object) -> None:
        line = text.decode("utf-8", "replace")
        self.note(line)
        sys.stderr.write(line)


_LOG: Final = _Log()
"""One for the process: llama.cpp knows one callback only, and calls it to the end."""


class LlamaSampler:
    """One sequence's llama.cpp sampler chain."""

    def __init__(self, sampling: Sampling, seed: int, n_vocab: int) -> None:
        self.n_needed = n_needed(sampling, n_vocab)
        self.chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for link in self._links(sampling, seed, n_vocab):
            llama_cpp.llama_sampler_chain_add(self.chain, link)

    @staticmethod
    def _links(s: Sampling, seed: int, n_vocab: int) -> list[Any]:
        links: list[Any] = []
        if has_penalties(s):
            links.append(
                llama_cpp.llama_sampler_init_penalties(
                    n_vocab, s.penalty_last_n, s.repeat_penalty, s.frequency_penalty, s.presence_penalty
                )
            )
        if s.temperature <= 0:
            return [*links, llama_cpp.llama_sampler_init_greedy()]
        if s.top_k > 0:
            links.append(llama_cpp.llama_sampler_init_top_k(s.top_k))
        if s.top_p < 1:
            links.append(llama_cpp.llama_sampler_init_top_p(s.top_p, 1))
        if s.min_p > 0:
            links.append(llama_cpp.llama_sampler_init_min_p(s.min_p, 1))
        links.append(llama_cpp.llama_sampler_init_temp(s.temperature))
        return [*links, llama_cpp.llama_sampler_init_dist(seed % 0xFFFFFFFF)]

    def accept(self, token: int) -> None:
        """Let penalties know of a token that was forced."""
        llama_cpp.llama_sampler_accept(self.chain, token)

    def close(self) -> None:
        """Give the chain back."""
        if self.chain:
            llama_cpp.llama_sampler_free(self.chain)
            self.chain = None


class _BatchArrays:
    """The arrays of a `llama_batch`, owned here so that they can be filled a slice at a time."""

    def __init__(self, n_batch: int) -> None:
        self.tokens = np.zeros(n_batch, np.int32)
        self.positions = np.zeros(n_batch, np.int32)
        self.slots = np.zeros(n_batch, np.int32)
        self.logits = np.zeros(n_batch, np.int8)
        self._n_slots = np.ones(n_batch, np.int32)
        step = self.slots.itemsize
        self._slot_pointers = self.slots.ctypes.data + np.arange(n_batch, dtype=np.uintp) * step
        self.batch = llama_cpp.llama_batch()
        for name, array in (
            ("token", self.tokens),
            ("pos", self.positions),
            ("n_seq_id", self._n_slots),
            ("seq_id", self._slot_pointers),
            ("logits", self.logits),
        ):
            field: Any = getattr(self.batch, name)
            setattr(self.batch, name, ctypes.cast(array.ctypes.data, type(field)))

    def fill(self, pieces: Sequence[Piece]) -> list[int]:
        """Lay the pieces one after the other; the place of each one's last token."""
        start, lasts = 0, []
        for piece in pieces:
            end = start + len(piece.tokens)
            self.tokens[start:end] = piece.tokens
            self.positions[start:end] = np.arange(piece.position, piece.position + len(piece.tokens))
            self.slots[start:end] = piece.slot
            self.logits[start:end] = 0
            self.logits[end - 1] = piece.wants_logits
            lasts.append(end - 1)
            start = end
        self.batch.n_tokens = start
        return lasts


def _abort_if_set() -> Any:
    """C's own `strlen` as the abort callback: of a flag byte 0 it makes false, of 1 true.

    llama.cpp asks it before every operation; a Python function would cost some percent of the speed.
    """
    libc = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    return ctypes.cast(libc.strlen, llama_cpp.ggml_abort_callback)


class Llama:
    """A model and its context in llama.cpp.

    Args:
        options: how to load it.
        n_ctx: context in tokens, shared by all sequences.
        n_slots: sequences that the cache can hold.
        flag: two bytes, the second 0; setting the first to 1 aborts. It may be shared memory.
        on_progress: called with 0 to 1 while the file is read.

    Raises:
        ModelLoadError: llama.cpp refused the file.
        OutOfMemory: memory did not suffice.
    """

    def __init__(
        self,
        options: LoadOptions,
        n_ctx: int,
        n_slots: int,
        flag: ctypes.Array[ctypes.c_char],
        on_progress: Callable[[float], None],
    ) -> None:
        self._flag = flag
        _LOG.begin()
        self._path = options.path
        llama_cpp.llama_backend_init()
        self._model = self._load(options, on_progress)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.n_vocab: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._context = self._new_context(options, n_ctx, n_slots)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self.n_ctx: int = llama_cpp.llama_n_ctx(self._context)
        self.n_batch: int = llama_cpp.llama_n_batch(self._context)
        self._arrays = _BatchArrays(self.n_batch)
        self._lasts: list[int] = []
        self._chosen = llama_cpp.llama_token_data_array()
        self._chosen_from: Candidates | None = None
        self._row_type = ctypes.c_float * self.n_vocab
        self._piece = ctypes.create_string_buffer(_MAX_PIECE_BYTES)
        self.ends = frozenset(t for t in range(self.n_vocab) if llama_cpp.llama_vocab_is_eog(self._vocab, t))

    def _load(self, options: LoadOptions, on_progress: Callable[[float], None]) -> Any:
        params = llama_cpp.llama_model_default_params()
        params.use_extra_bufts = options.use_extra_bufts
        kept = place(params, options)
        flag = self._flag

        def progress(done: float, _data: object) -> bool:
            on_progress(done)
            return flag[0] == b"\0"

        callback = llama_cpp.llama_progress_callback(progress)
        params.progress_callback = callback
        model = llama_cpp.llama_model_load_from_file(options.path.encode(), params)
        del kept
        if not model:
            raise self._refused("loaded")
        return model

    def _new_context(self, options: LoadOptions, n_ctx: int, n_slots: int) -> Any:
        n_threads = options.n_threads or usable_threads()
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = options.n_batch
        params.n_ubatch = min(options.n_batch, params.n_ubatch)
        # logits of one token a sequence are all that is ever asked for; room for a whole batch of them
        # would be the largest part of the intermediate results
        params.n_seq_max = params.n_outputs_max = n_slots
        params.type_k = params.type_v = _KV_TYPES[options.kv_type]
        params.n_threads = params.n_threads_batch = n_threads
        params.kv_unified = True
        params.swa_full = False
        params.no_perf = True
        if not options.flash_attn:
            params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._abort = _abort_if_set()
        # A batch that is broken off leaves recurrent states undefined, of other sequences too.
        if not self.is_recurrent:
            params.abort_callback = self._abort
            params.abort_callback_data = ctypes.addressof(self._flag)
        context = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            error = self._refused("given a context")
            llama_cpp.llama_model_free(self._model)
            raise error
        return context

    def _refused(self, what: str) -> ModelLoadError | OutOfMemory:
        name = self._path.replace("\\", "/").rpartition("/")[2]
        if _LOG.is_memory():
            return OutOfMemory(
                f"There is not enough memory for {name}.",
                "Take a smaller model, a smaller n_ctx, or fewer n_gpu_layers.",
            )
        return ModelLoadError(
            f"{name} could not be {what}: {_LOG.failure()}.",
            "Try another file of this model, or a newer llama-cpp-python.",
        )

    @property
    def can_truncate(self) -> bool:
        """Whether every layer keeps all positions, so that the end of a sequence can be dropped."""
        return not self._window and not self.is_recurrent

    @property
    def _window(self) -> int:
        """Tokens that sliding layers see; 0 without such layers."""
        return int(llama_cpp.llama_model_n_swa(self._model))

    @property
    def is_recurrent(self) -> bool:
        """Whether some layers keep a running state instead of positions."""
        recurrent = llama_cpp.llama_model_is_recurrent(self._model)
        return bool(recurrent or llama_cpp.llama_model_is_hybrid(self._model))

    @property
    def bos(self) -> int:
        """The start token, -1 if there is none."""
        return int(llama_cpp.llama_vocab_bos(self._vocab))

    @property
    def adds_spaces(self) -> bool:
        """Whether this is a SentencePiece vocabulary, which may put a space before plain text."""
        return bool(llama_cpp.llama_vocab_type(self._vocab) == llama_cpp.LLAMA_VOCAB_TYPE_SPM)

    @property
    def build(self) -> str:
        """Version of the binding and what llama.cpp was compiled for."""
        info = llama_cpp.llama_print_system_info().decode("utf-8", "replace")
        return f"llama-cpp-python {llama_cpp.__version__}; {info}"

    @property
    def has_gpu(self) -> bool:
        """Whether this build can put layers on a GPU."""
        return bool(llama_cpp.llama_supports_gpu_offload())

    def tokenize(self, text: str, add_special: bool) -> list[int]:
        """Tokens of `text`, markers as their special tokens; `add_special` lets the model's BOS be added."""
        data = text.encode("utf-8", "replace")
        size = len(data) + 8
        while True:
            tokens = (llama_cpp.llama_token * size)()
            n = llama_cpp.llama_tokenize(self._vocab, data, len(data), tokens, size, add_special, True)
            if n >= 0:
                return tokens[:n]
            size = -n

    def text_of(self, token: int) -> bytes:
        """The bytes of a token, special ones spelled out."""
        n = llama_cpp.llama_token_to_piece(self._vocab, token, self._piece, _MAX_PIECE_BYTES, 0, True)
        return self._piece.raw[:n] if n > 0 else b""

    def is_special(self, token: int) -> bool:
        """Whether the token is markup (control or user-defined) rather than text."""
        attributes = llama_cpp.llama_vocab_get_attr(self._vocab, token)
        markup = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        return bool(attributes & markup)

    def sampler(self, sampling: Sampling, seed: int) -> LlamaSampler:
        """A new sampler chain."""
        return LlamaSampler(sampling, seed, self.n_vocab)

    def decode(self, pieces: Sequence[Piece]) -> DecodeStatus:
        """Compute one batch.

        Raises:
            OutOfMemory: the machine or the GPU ran out of memory.
            EngineError: llama.cpp failed otherwise.
        """
        if self._flag[0] != b"\0":
            return "aborted"
        self._lasts = self._arrays.fill(pieces)
        status = llama_cpp.llama_decode(self._context, self._arrays.batch)
        if status == 0:
            return "done"
        if status == _FULL:
            return "full"
        if status == _ABORTED:
            return "aborted"
        if status == _NO_MEMORY or _LOG.is_memory():
            raise OutOfMemory("Memory ran out while the model was computing.", "Set a smaller n_ctx.")
        raise EngineError(f"llama.cpp could not compute a batch (status {status}).", "Ask again.")

    def logits(self, index: int) -> Logits:
        """Logits after the `index`-th piece of the last batch, shape (n_vocab,): llama.cpp's own memory."""
        pointer = llama_cpp.llama_get_logits_ith(self._context, self._lasts[index])
        return np.frombuffer(self._row_type.from_address(ctypes.addressof(pointer.contents)), np.float32)

    def choose(self, sampler: LlamaSampler, candidates: Candidates, n: int) -> int:
        """Draw a token from the first `n` candidates; the chain reorders them."""
        chosen = self._chosen
        if self._chosen_from is not candidates:
            data: Any = ctypes.cast(candidates.array.ctypes.data, llama_cpp.llama_token_data_p)
            chosen.data, self._chosen_from = data, candidates
        chosen.size, chosen.selected, chosen.sorted = n, -1, False
        llama_cpp.llama_sampler_apply(sampler.chain, ctypes.byref(chosen))
        token = candidates.token_at(chosen.selected)
        llama_cpp.llama_sampler_accept(sampler.chain, token)
        return token

    def copy(self, source: int, target: int) -> None:
        """Copy the whole of a sequence to an empty one; cells are shared, states are copied."""
        if self._window:
            # Shared cells of a sliding window are never used again: saving and loading gives the
            # source cells of its own, so that the window can go on sliding.
            self.load(source, self.save(source))
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def remove_from(self, slot: int, position: int) -> bool:
        """Drop all positions from `position` on; False where the model can't."""
        if self._window and position > 0:
            # llama.cpp says yes to this also where the window's cells have been used again.
            first = llama_cpp.llama_memory_seq_pos_min(self._memory, slot)
            if first > max(0, position - self._window + 1):
                return False
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, slot, position, -1))

    def clear(self, slot: int) -> None:
        """Empty a sequence."""
        llama_cpp.llama_memory_seq_rm(self._memory, slot, -1, -1)

    def save(self, slot: int, is_whole: bool = False) -> bytes:
        """A sequence's state: the part that cannot be cut, or the whole with its cells."""
        flags = 0 if is_whole else _PARTIAL
        size = llama_cpp.llama_state_seq_get_size_ext(self._context, slot, flags)
        buffer = (ctypes.c_uint8 * size)()
        n = llama_cpp.llama_state_seq_get_data_ext(self._context, buffer, size, slot, flags)
        return bytes(memoryview(buffer)[:n])

    def load(self, slot: int, state: bytes, is_whole: bool = False) -> bool:
        """Put a saved state into a sequence; False where the cache has no room for it."""
        flags = 0 if is_whole else _PARTIAL
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        n = llama_cpp.llama_state_seq_set_data_ext(self._context, buffer, len(state), slot, flags)
        return bool(n == len(state))

    def close(self) -> None:
        """Give context and model back."""
        if self._context:
            llama_cpp.llama_free(self._context)
            llama_cpp.llama_model_free(self._model)
            self._context = None
