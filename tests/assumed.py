"""Models of no file, in the usual shape of their size."""

from __future__ import annotations

from typing import Final

from assistant.hardware.memory import Layer, ModelMemory

_LAYERS: Final = ((0.3, 24), (2.5, 28), (10, 36), (20, 40), (28, 48), (45, 64), (90, 80))
"""Usual number of layers up to so many billion parameters."""
_MOST_LAYERS: Final = 94
_KV: Final = 2 * 8 * 128
"""Numbers that a token usually leaves in a layer's cache: keys and values of 8 heads of 128."""
_VOCABULARY: Final = 152_000
_WIDTH: Final = 13
"""Widest moment of a computation, in lengths of a vector: hidden activations are three times as long."""
_EXPERT_SHARE: Final = 1 / 16
"""Share of a mixture's experts that a token usually takes."""


def assumed(
    name: str,
    size_bytes: int,
    n_params: int,
    *,
    n_active: int = 0,
    n_ctx_train: int = 0,
    n_layer: int = 0,
    kv_per_token: int = 0,
) -> ModelMemory:
    """A model of the usual shape of its size, for tests that need some model.

    Args:
        name: what it is called.
        size_bytes: of the file, or of all its parts.
        n_params: weights.
        n_active: weights that a token uses; 0 means all of them.
        n_ctx_train: context that it was trained for, in tokens; 0 unknown.
        n_layer: blocks, if that is known.
        kv_per_token: numbers that a token leaves in the caches of all layers, if that is known.
    """
    n_layer = n_layer or next((n for most, n in _LAYERS if n_params <= most * 1e9), _MOST_LAYERS)
    active = min(n_active or n_params, n_params)
    n_embd = max(round((active / (12 * n_layer)) ** 0.5 / 256) * 256, 256)
    vocabulary = min(n_embd * _VOCABULARY / max(n_params, 1), 0.3)
    embedding = int(size_bytes * vocabulary)
    each = max(size_bytes - 2 * embedding, 0) // n_layer
    unread = each * (1 - active / n_params) if active < n_params else 0.0
    experts = min(int(unread / (1 - _EXPERT_SHARE)), each)
    layer = Layer(each, experts, largest=each // 3, kv=kv_per_token // n_layer or _KV)
    return ModelMemory(
        name=name,
        size_bytes=size_bytes,
        n_ctx_train=n_ctx_train,
        n_vocab=_VOCABULARY,
        n_embd=n_embd,
        embedding=embedding,
        output=embedding,
        is_tied=False,
        layers=(layer,) * n_layer,
        width=_WIDTH * n_embd,
        mixer=0,
        attention=6 * n_embd,
        n_head=max(n_embd // 128, 1),
        expert_share=_EXPERT_SHARE if experts else 1.0,
        can_quantize_kv=True,
    )
