"""Small GGUF files for downloads: whole and split ones."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np


def gguf_bytes(folder: Path, seed: int = 0, part: tuple[int, int] | None = None) -> bytes:
    """A GGUF of about 200 kB; `part` is its number, from 0, and how many there are."""
    path = folder / "made.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Small Model")
    writer.add_context_length(2048)
    writer.add_block_count(1)
    writer.add_chat_template("{{ messages }}<think></think>")
    if part:
        writer.add_uint16("split.no", part[0])
        writer.add_uint16("split.count", part[1])
    draw = np.random.default_rng(seed + (part[0] if part else 0))
    writer.add_tensor("token_embd.weight", draw.standard_normal((400, 128)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    content = path.read_bytes()
    path.unlink()
    return content
