"""Accuracy over tokens, one point a policy: as text for the terminal and as a PNG picture."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Point = tuple[str, float, float, tuple[float, float]]
"""Label, mean tokens a question, accuracy, and the accuracy's interval; shares are 0 to 1."""

_COLOURS = ("#1f5fa8", "#c1440e", "#2e7d32", "#7b1fa2", "#b8860b", "#00838f", "#ad1457", "#455a64")


@dataclass(frozen=True, slots=True)
class Axes:
    """The ranges of a plot: tokens on a logarithmic scale, accuracy on a linear one."""

    left: float
    """Least tokens shown, more than 0."""
    right: float
    bottom: float
    """Least accuracy shown, a multiple of 0.1."""
    top: float

    @classmethod
    def around(cls, points: Sequence[Point]) -> Axes:
        """Axes that hold all points and their intervals."""
        tokens = [max(point[1], 1.0) for point in points] or [1.0]
        ends = [end for point in points for end in point[3]] or [0.0, 1.0]
        bottom, top = math.floor(min(ends) * 10) / 10, math.ceil(max(ends) * 10) / 10
        return cls(min(tokens) / 1.5, max(tokens) * 1.5, max(0.0, bottom), min(1.0, max(top, bottom + 0.1)))

    def x(self, tokens: float) -> float:
        """Place between left and right, 0 to 1."""
        return math.log(max(tokens, 1.0) / self.left) / math.log(self.right / self.left)

    def y(self, accuracy: float) -> float:
        """Place between bottom and top, 0 to 1."""
        return (accuracy - self.bottom) / (self.top - self.bottom)

    def x_ticks(self) -> list[int]:
        """Round numbers of tokens within the axes: 1, 2 and 5 times powers of ten."""
        ticks = [m * 10**e for e in range(8) for m in (1, 2, 5)]
        return [tick for tick in ticks if self.left <= tick <= self.right]

    def y_ticks(self) -> list[float]:
        """Accuracies to mark, every 0.1."""
        low, high = round(self.bottom * 10), round(self.top * 10)
        return [tick / 10 for tick in range(low, high + 1)]


def text_plot(points: Sequence[Point], width: int = 78, height: int = 16) -> str:
    """A scatter of letters, with a key below; no line is longer than `width`."""
    axes = Axes.around(points)
    inner = width - 7
    rows = [[" "] * inner for _ in range(height)]

    def column(tokens: float) -> int:
        return round(axes.x(tokens) * (inner - 1))

    def row(accuracy: float) -> int:
        return height - 1 - round(axes.y(accuracy) * (height - 1))

    for _, tokens, _, (low, high) in points:
        for i in range(row(high), row(low) + 1):
            rows[i][column(tokens)] = "|"
    for letter, (_, tokens, accuracy, _) in zip(_letters(), points, strict=False):
        here = rows[row(accuracy)]
        place = column(tokens)
        # two policies in one place stand side by side
        while here[place].isalpha() and place + 1 < inner:
            place += 1
        here[place] = letter
    marks = {row(tick): f"{tick:4.0%}" for tick in axes.y_ticks()}
    lines = [f"{marks.get(i, ''):>5} |{''.join(cells).rstrip()}" for i, cells in enumerate(rows)]
    lines.append("      +" + "-" * inner)
    lines.append(" " * 7 + _tick_line([(column(tick), _short(tick)) for tick in axes.x_ticks()], inner))
    lines.append(" " * 7 + "mean tokens a question (logarithmic)")
    for letter, (label, tokens, accuracy, _) in zip(_letters(), points, strict=False):
        lines.append(f"{letter} {label}: {accuracy:.1%} at {tokens:,.0f} tokens"[:width])
    return "\n".join(line.rstrip() for line in lines)


def png(points: Sequence[Point], title: str, size: tuple[int, int] = (1200, 800)) -> bytes:
    """The picture as the content of a PNG file; `size` is in pixels."""
    from PIL import Image, ImageDraw, ImageFont

    axes = Axes.around(points)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    font, large = ImageFont.load_default(20), ImageFont.load_default(26)
    left, right, top, bottom = 110, size[0] - 60, 90, size[1] - 100

    def x(tokens: float) -> float:
        return left + axes.x(tokens) * (right - left)

    def y(accuracy: float) -> float:
        return bottom - axes.y(accuracy) * (bottom - top)

    draw.text((size[0] / 2, 45), title, "black", large, anchor="mm")
    for tick in axes.x_ticks():
        draw.line((x(tick), top, x(tick), bottom), "#e4e4e4", 1)
        draw.text((x(tick), bottom + 22), _short(tick), "#333333", font, anchor="mm")
    for share in axes.y_ticks():
        draw.line((left, y(share), right, y(share)), "#e4e4e4", 1)
        draw.text((left - 14, y(share)), f"{share:.0%}", "#333333", font, anchor="rm")
    draw.rectangle((left, top, right, bottom), outline="#888888")
    draw.text(((left + right) / 2, size[1] - 40), "mean tokens a question", "black", font, anchor="mm")
    draw.text((left, top - 18), "right answers, with 95 % intervals", "black", font, anchor="lm")
    taken: list[tuple[float, float, float, float]] = [(0, 0, size[0], top - 6)]  # what stands above the plot
    for i, (_, tokens, accuracy, (low, high)) in enumerate(points):
        colour, px, py = _COLOURS[i % len(_COLOURS)], x(tokens), y(accuracy)
        draw.line((px, y(low), px, y(high)), colour, 2)
        for end in (low, high):
            draw.line((px - 7, y(end), px + 7, y(end)), colour, 2)
        draw.ellipse((px - 8, py - 8, px + 8, py + 8), fill=colour)
        taken.append((px - 8, py - 8, px + 8, py + 8))
    for i, (label, tokens, accuracy, _) in enumerate(points):
        colour, px, py = _COLOURS[i % len(_COLOURS)], x(tokens), y(accuracy)
        width = draw.textlength(label, font)
        place = _free_place(px, py, width, taken, right)
        draw.text(place, label, colour, font, anchor="lm")
        taken.append((place[0], place[1] - 12, place[0] + width, place[1] + 12))
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def _free_place(
    x: float, y: float, width: float, taken: Sequence[tuple[float, float, float, float]], right: float
) -> tuple[float, float]:
    """Where a label of this width stands next to its point without covering another, left middle."""
    for dy in (0, 12, -24, 24, -48, 48, -72, 72):
        for dx in (14.0, -14.0 - width):
            box = (x + dx, y + dy - 12, x + dx + width, y + dy + 12)
            is_free = all(box[2] < a or c < box[0] or box[3] < b or d < box[1] for a, b, c, d in taken)
            if is_free and box[2] <= right + 50:
                return box[0], y + dy
    return x + 14, y


def _letters() -> Iterator[str]:
    yield from "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _short(tokens: int) -> str:
    return f"{tokens // 1000}k" if tokens >= 1000 else str(tokens)


def _tick_line(ticks: Sequence[tuple[int, str]], width: int) -> str:
    line = ""
    for column, text in ticks:
        start = min(max(column - len(text) // 2, 0), width - len(text))
        if start > len(line) or not line:
            line = line.ljust(start) + text
    return line
