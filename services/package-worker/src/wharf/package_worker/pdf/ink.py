"""Drawing on one page. All lengths are hundredths of a point, so that every number in the file is a whole one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wharf.package_worker.pdf.type import Setter
from wharf.package_worker.text import Style

POINT = 100
SCALE = b"0.01 0 0 0.01 0 0 cm\n"
Colour = tuple[float, float, float]
BLACK: Colour = (0.11, 0.13, 0.16)
GREY: Colour = (0.42, 0.45, 0.5)
LIGHT: Colour = (0.86, 0.88, 0.9)
PALE: Colour = (0.955, 0.962, 0.97)
ACCENT: Colour = (0.07, 0.33, 0.49)


@dataclass
class Ink:
    """A page's content in the making."""

    setter: Setter
    parts: list[bytes] = field(default_factory=lambda: [SCALE])

    def raw(self, code: bytes) -> None:
        """Content that is ready."""
        self.parts.append(code)

    def fill(self, colour: Colour) -> None:
        """The colour of text and areas."""
        self.parts.append(b"%.3g %.3g %.3g rg\n" % colour)

    def stroke(self, colour: Colour, width: int) -> None:
        """The colour and width of lines."""
        self.parts.append(b"%.3g %.3g %.3g RG %d w\n" % (*colour, width))

    def text(
        self,
        x: int,
        y: int,
        text: str,
        size: int,
        style: Style = Style.REGULAR,
        *,
        colour: Colour = BLACK,
        align: float = 0,
    ) -> None:
        """One line; `align` 0 begins at x, 1 ends there, 0.5 is centred on it."""
        start = round(x - align * self.setter.width(text, size, style)) if align else x
        self.fill(colour)
        self.parts.append(b"BT 1 0 0 1 %d %d Tm %sET\n" % (start, y, self.setter.show(text, size, style)))

    def area(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """A filled rectangle, from its lower left corner."""
        self.fill(colour)
        self.parts.append(b"%d %d %d %d re f\n" % (x, y, width, height))

    def line(self, x0: int, y0: int, x1: int, y1: int, colour: Colour = LIGHT, *, width: int = 50) -> None:
        """A straight line."""
        self.path([(x0, y0), (x1, y1)], colour, width)

    def path(self, points: Sequence[tuple[int, int]], colour: Colour, width: int) -> None:
        """A line through points."""
        self.stroke(colour, width)
        (x, y), *others = points
        self.parts.append(b"%d %d m " % (x, y) + b" ".join(b"%d %d l" % point for point in others) + b" S\n")

    @property
    def code(self) -> bytes:
        """The page's content."""
        return b"".join(self.parts)
