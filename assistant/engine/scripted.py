"""An engine that replays texts: for tests of everything above the model.

It stands on the same sequences, budgets and cache as the real one; only the tokens come from a script.
One character is one token, so counts are easy to predict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from assistant.engine.local import LocalEngine
from assistant.engine.protocol import ModelInfo, Request, Sampling
from assistant.engine.runner import DecodeStatus, Drawn, Nudge, Piece, Prompt
from assistant.engine.splitter import Markers
from assistant.engine.thinking import Ban, ForcedLengths

END = 0
"""The token that ends a turn."""

THINK = Markers(
    open=("<think>",),
    close=("</think>",),
    forced_close="\n</think>\n\n",
    hand_over="\nTime is up.",
    continuation="\nWait",
)

Script = Callable[[Request, int], str]
"""What the model says to a request, for its i-th sample; a turn ends where the script ends."""

_PROMPT_END = "\x02"


class ScriptedSampler:
    """Remembers its seed and what was drawn."""

    def __init__(self, sampling: Sampling, seed: int) -> None:
        self.sampling = sampling
        self.seed = seed

    def accept(self, token: int) -> None:
        """Nothing to remember: a script has no penalties."""

    def close(self) -> None:
        """Nothing to give back."""


class ScriptedRunner:
    """A `Runner` that answers from a script, by what it has not yet said.

    A sequence goes on in its script where its own text has got to, so forced text, a fork and a rewind
    do what they would do to a model that knows what it wants to say.
    """

    def __init__(self, script: Script, info: ModelInfo, markers: Markers = THINK, n_batch: int = 32) -> None:
        self.logprob = -0.1
        """Of every token, in nats."""
        self.after_cut: Script | None = None
        """What it says, word for word, once its thinking was closed before the script closes it; None lets
        it go on in the script."""
        self.info = info
        self.markers = markers
        self.n_batch = n_batch
        self.n_slots = info.n_seq_max
        self.can_truncate = True
        self.lengths = ForcedLengths(
            len(markers.hand_over), len(markers.forced_close), len(markers.continuation)
        )
        self.close_token: int | None = None
        self.n_decoded = 0
        """Tokens computed so far: what prefix reuse saves shows here."""
        self.is_interrupted = False
        self._script = script
        self._cells: list[list[int]] = [[] for _ in range(self.n_slots)]
        self._requests: dict[str, Request] = {}
        self._rows: list[int] = []

    def prompt(self, request: Request) -> Prompt:
        """The messages' texts, one after the other."""
        opening = "<think>" if request.thinking.maximum > 0 and self.markers.open else ""
        history = "".join(f"{m.role}:{m.content}\n" for m in request.messages)
        text = f"{history}assistant:{opening}{_PROMPT_END}"
        self._requests[text] = request
        return Prompt(text.encode(), self.tokenize(text), bool(opening), len(history.encode()))

    def tokenize(self, text: str) -> list[int]:
        """One token a character."""
        return [ord(c) for c in text]

    def can_split_before(self, token: int) -> bool:
        """Anywhere."""
        return True

    def text_of(self, token: int) -> bytes:
        """The character."""
        return chr(token).encode()

    def is_end(self, token: int) -> bool:
        """Whether this is `END`."""
        return token == END

    def sampler(self, sampling: Sampling, seed: int) -> ScriptedSampler:
        """A sampler that draws the script of sample `seed - sampling.seed`."""
        return ScriptedSampler(sampling, seed - sampling.seed)

    def decode(self, pieces: Sequence[Piece]) -> DecodeStatus:
        """Store the tokens; full when the cells do not suffice."""
        if self.is_interrupted:
            return "aborted"
        n_tokens = sum(len(piece.tokens) for piece in pieces)
        assert n_tokens <= self.n_batch
        if self._is_full(n_tokens):
            return "full"
        for piece in pieces:
            assert piece.position == len(self._cells[piece.slot])
            self._cells[piece.slot].extend(piece.tokens)
        self.n_decoded += n_tokens
        self._rows = [piece.slot for piece in pieces]
        return "done"

    def draw(self, index: int, sampler: object, ban: Ban, nudge: Nudge | None) -> Drawn:
        """The script's next character, or its end."""
        assert isinstance(sampler, ScriptedSampler)
        text = "".join(map(chr, self._cells[self._rows[index]]))
        prompt, _, said = text.rpartition(_PROMPT_END)
        request = replace(self._requests[prompt + _PROMPT_END], sampling=sampler.sampling)
        script = self._script(request, sampler.seed)
        rest = script[_position(script, said, self.markers) :]
        if self.after_cut is not None and self._is_cut(rest, said):
            answer = self.after_cut(request, sampler.seed)
            begun = said.rpartition(self.markers.forced_close)[2]
            rest = answer[len(begun) :] if answer.startswith(begun) else ""
        token = ord(rest[0]) if rest else END
        if (ban == "end" and token == END) or (ban == "blank" and self._shows_nothing(rest)):
            token = ord("?")
        return Drawn(token, logprob=self.logprob, confidence=12.0)

    def copy(self, source: int, target: int, n_tokens: int) -> bool:
        """Copy the cells."""
        self._cells[target] = self._cells[source][:n_tokens]
        return True

    def truncate(self, slot: int, n_tokens: int) -> bool:
        """Drop the end."""
        if not self.can_truncate:
            return False
        del self._cells[slot][n_tokens:]
        return True

    def clear(self, slot: int) -> None:
        """Empty the slot."""
        self._cells[slot] = []

    def save(self, slot: int) -> bytes:
        """The cells' text."""
        return "".join(map(chr, self._cells[slot])).encode()

    def restore(self, source: int, target: int, n_tokens: int, state: bytes) -> bool:
        """Bring the text back."""
        self._cells[target] = self.tokenize(state.decode())
        assert len(self._cells[target]) == n_tokens
        return True

    def park(self, slot: int) -> bytes:
        """The cells' text."""
        return self.save(slot)

    def unpark(self, slot: int, state: bytes) -> bool:
        """Bring the text back, if there is room."""
        tokens = self.tokenize(state.decode())
        if self._is_full(len(tokens)):
            return False
        self._cells[slot] = tokens
        return True

    def interrupt(self) -> None:
        """Abort every decode to come."""
        self.is_interrupted = True

    def resume(self) -> None:
        """Compute again."""
        self.is_interrupted = False

    def close(self) -> None:
        """Nothing to give back."""

    def _is_cut(self, rest: str, said: str) -> bool:
        return any(close in rest for close in self.markers.close) and self.markers.forced_close in said

    def _shows_nothing(self, rest: str) -> bool:
        """Whether the script ends here, or goes on with white space or a marker."""
        markers = (*self.markers.open, *self.markers.close, *self.markers.noise, *self.markers.stop)
        return not rest or rest[0].isspace() or rest.startswith(markers)

    def _is_full(self, n_tokens: int) -> bool:
        n_held = sum(len(cells) for cells in self._cells)
        if n_held + n_tokens <= self.info.n_ctx:
            return False
        distinct = {tuple(cells[: i + 1]) for cells in self._cells for i in range(len(cells))}
        return len(distinct) + n_tokens > self.info.n_ctx


def _position(script: str, said: str, markers: Markers) -> int:
    """How far in its script a sequence is that has said this, what was forced upon it left aside."""
    forced = [text for text in (markers.hand_over, markers.forced_close, markers.continuation) if text]
    position, i = 0, 0
    while i < len(said):
        text = next((f for f in forced if said.startswith(f, i) and not script.startswith(f, position)), "")
        if not text and script.startswith(said[i], position):
            position += 1
        i += len(text) or 1
    return position


def scripted_model(n_ctx: int = 4096, n_seq_max: int = 8, note: str = "") -> ModelInfo:
    """What a scripted engine says of itself."""
    return ModelInfo(
        name="scripted",
        path="",
        family="scripted",
        architecture="none",
        n_params=0,
        size_bytes=0,
        quantisation="",
        n_ctx=n_ctx,
        n_ctx_train=n_ctx,
        n_seq_max=n_seq_max,
        has_thinking=True,
        can_answer_directly=True,
        sampling=Sampling(),
        thinking_sampling=Sampling(),
        note=note,
    )


def scripted_engine(script: Script | str, markers: Markers = THINK, n_ctx: int = 4096) -> LocalEngine:
    """A `LocalEngine` that says what `script` says; a text is said to everything."""
    say = (lambda _request, _i: script) if isinstance(script, str) else script
    return LocalEngine(ScriptedRunner(say, scripted_model(n_ctx), markers))
