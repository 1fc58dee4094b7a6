"""The least that can be done with llama.cpp from Python: what the engine's speed is measured against."""

from __future__ import annotations

import time
from typing import Any

import llama_cpp


class BareLoop:
    """`llama_decode` and `llama_sampler_sample` in a Python loop, with one chain of samplers a sequence.

    It takes a model that is loaded already: where a model lies in memory alone makes some percent of
    difference, so what is compared must share one.
    """

    def __init__(self, model: Any, n_seq_max: int, n_threads: int) -> None:
        self._model = model
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_seq_max = 8192, 512, n_seq_max
        params.n_threads = params.n_threads_batch = n_threads
        params.kv_unified, params.no_perf = True, True
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._batch = llama_cpp.llama_batch_init(512, 0, 1)

    def seconds_per_step(self, prompt: str, n_sequences: int, n_steps: int) -> float:
        """Mean seconds of a step that decodes and draws one token for each sequence."""
        llama_cpp.llama_memory_clear(self._memory, True)
        tokens = self._tokenize(prompt)
        self._fill([(token, i, 0) for i, token in enumerate(tokens)])
        llama_cpp.llama_decode(self._context, self._batch)
        for seq_id in range(1, n_sequences):
            llama_cpp.llama_memory_seq_cp(self._memory, 0, seq_id, -1, -1)
        chains = [_chain(seed) for seed in range(n_sequences)]
        last = len(tokens) - 1
        drawn = [llama_cpp.llama_sampler_sample(chain, self._context, last) for chain in chains]
        started = time.perf_counter()
        for step in range(n_steps):
            self._fill(
                [(token, len(tokens) + step, seq_id) for seq_id, token in enumerate(drawn)], every=True
            )
            llama_cpp.llama_decode(self._context, self._batch)
            drawn = [
                llama_cpp.llama_sampler_sample(chain, self._context, i) for i, chain in enumerate(chains)
            ]
        seconds = (time.perf_counter() - started) / n_steps
        for chain in chains:
            llama_cpp.llama_sampler_free(chain)
        return seconds

    def close(self) -> None:
        """Give everything back."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._context)

    def _tokenize(self, text: str) -> list[int]:
        data = text.encode()
        tokens = (llama_cpp.llama_token * (len(data) + 8))()
        n = llama_cpp.llama_tokenize(self._vocab, data, len(data), tokens, len(tokens), True, True)
        return list(tokens[:n])

    def _fill(self, rows: list[tuple[int, int, int]], every: bool = False) -> None:
        batch = self._batch
        batch.n_tokens = len(rows)
        for i, (token, position, seq_id) in enumerate(rows):
            batch.token[i], batch.pos[i] = token, position
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, seq_id
            batch.logits[i] = every or i == len(rows) - 1


def _chain(seed: int) -> Any:
    """The same samplers as the starter family's: top-k 40, top-p 0.95, temperature 0.7."""
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for link in (
        llama_cpp.llama_sampler_init_top_k(40),
        llama_cpp.llama_sampler_init_top_p(0.95, 1),
        llama_cpp.llama_sampler_init_temp(0.7),
        llama_cpp.llama_sampler_init_dist(seed),
    ):
        llama_cpp.llama_sampler_chain_add(chain, link)
    return chain
