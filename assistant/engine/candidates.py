"""From a row of logits to the few tokens that a sampler chain has to look at.

llama.cpp's samplers copy the whole vocabulary into an array of candidates for every token. All but a
few hundred of those have no chance, so they are left out first; what the chain draws stays the same.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from assistant.engine.protocol import Sampling

Logits = npt.NDArray[np.float32]
Ids = npt.NDArray[np.signedinteger]

TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""The memory layout of llama.cpp's `llama_token_data`."""

_MARGINS = (20.0, 40.0)
"""Nats under the best logit; what lies deeper has less than e^-20 of the best one's probability."""
_N_CONFIDENCE = 20
"""Candidates in the confidence, as in DeepConf (arXiv 2508.15260)."""


def has_penalties(sampling: Sampling) -> bool:
    """Whether earlier tokens change the logits."""
    is_neutral = sampling.repeat_penalty == 1 and not sampling.presence_penalty
    return sampling.penalty_last_n != 0 and not (is_neutral and not sampling.frequency_penalty)


def n_needed(sampling: Sampling, n_vocab: int) -> int:
    """Candidates without which the chain might draw another token than from the whole vocabulary.

    The top k after penalties are among the top k + n before them, where n tokens are penalised.
    """
    n_penalised = max(sampling.penalty_last_n, 0) if has_penalties(sampling) else 0
    if sampling.penalty_last_n < 0 and has_penalties(sampling):
        return n_vocab
    if sampling.temperature <= 0:
        return min(n_vocab, 1 + n_penalised)
    if sampling.top_k <= 0:
        return n_vocab
    return min(n_vocab, sampling.top_k + n_penalised)


class Candidates:
    """A reusable array of candidates for one vocabulary."""

    def __init__(self, n_vocab: int) -> None:
        self.array = np.zeros(n_vocab, TOKEN_DATA)
        self._ids = self.array["id"]
        self._logits = self.array["logit"]
        self._everything: Ids = np.arange(n_vocab)
        self._mask = np.zeros(n_vocab, np.bool_)
        self._log_total = 0.0
        self.confidence = 0.0
        """Mean negative log-probability of the 20 likeliest tokens, in nats."""

    def gather(self, logits: Logits, n_least: int, with_facts: bool = True) -> int:
        """Fill the array from the logits of one position, shape (n_vocab,); how many candidates there are.

        Without `with_facts`, log-probabilities and the confidence are left as they were.
        """
        top = float(np.maximum.reduce(logits))
        ids = self._near(logits, top, max(n_least, _N_CONFIDENCE))
        n = len(ids)
        values = logits[ids]
        self._ids[:n] = ids
        self._logits[:n] = values
        if not with_facts:
            return n
        self._log_total = top + math.log(float(np.add.reduce(np.exp(values - top))))
        self.confidence = self._log_total - _mean_of_best(values)
        return n

    def _near(self, logits: Logits, top: float, n_least: int) -> Ids:
        """Tokens close to the best one: at least `n_least`, or all."""
        for margin in _MARGINS:
            np.greater(logits, top - margin, out=self._mask)
            ids: Ids = self._mask.nonzero()[0]
            if len(ids) >= n_least:
                return ids
        return self._everything

    def token_at(self, place: int) -> int:
        """The token of one candidate, as a sampler chain has left them."""
        return int(self._ids[place])

    def logprob(self, logit: float) -> float:
        """Log-probability, in nats, of a token with this logit in the row that was gathered last."""
        return logit - self._log_total


def _mean_of_best(logits: Logits) -> float:
    """Mean of the 20 highest logits, without those that were banned."""
    n = len(logits)
    best = logits if n <= _N_CONFIDENCE else np.partition(logits, n - _N_CONFIDENCE)[n - _N_CONFIDENCE :]
    if np.minimum.reduce(best) == -np.inf:
        best = best[best > -np.inf]
    return float(np.add.reduce(best)) / len(best)
