"""Telling llama.cpp where tensors go, in the C structures that it wants."""

from __future__ import annotations

import ctypes
from typing import Any, Final

from assistant.engine.options import LoadOptions
from assistant.hardware.devices import cpu_buffer_type
from assistant.hardware.fit import expert_pattern

_MAX_DEVICES: Final = 128
"""llama.cpp reads `llama_max_devices()` shares, which is 16 today."""


class _Override(ctypes.Structure):
    """llama.cpp's `llama_model_tensor_buft_override`."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def place(params: Any, options: LoadOptions) -> list[object]:
    """Fill in a `llama_model_params`; what is returned must live until the model is loaded."""
    kept: list[object] = []
    params.n_gpu_layers = options.n_gpu_layers
    if options.tensor_split:
        shares = (ctypes.c_float * _MAX_DEVICES)(*options.tensor_split)
        params.tensor_split = ctypes.cast(shares, ctypes.POINTER(ctypes.c_float))
        kept.append(shares)
    if options.n_cpu_experts and options.n_gpu_layers:
        pattern = expert_pattern(options.n_cpu_experts).encode()
        # the entry after the last one is null
        entries = (_Override * 2)(_Override(pattern, cpu_buffer_type()))
        params.tensor_buft_overrides = ctypes.addressof(entries)
        kept += [entries, pattern]
    return kept
