# SPDX-License-Identifier: MIT
"""Line plots as SVG, from the standard library alone, so that the same data gives the same bytes.

plot() is all there is. Opaque background, since readers with dark pages show the picture as it is;
each line has a marker and a dash of its own besides its colour, and its name at its end."""
import math

WIDTH, HEIGHT = 820, 440
LEFT, RIGHT, TOP, BOTTOM = 76, 212, 54, 60
INK, FAINT, GRID, PAPER = "#1a1a1a", "#5a5a5a", "#dcdcdc", "#ffffff"
# Okabe and Ito: told apart with any kind of colour vision; without their yellow, which is too faint.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1a1a1a"]
DASHES = ["", "7 4", "2 3", "9 3 2 3"]
LABEL_GAP = 17


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text(x, y, words, anchor="start", size=13, colour=INK, more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"'
            f' text-anchor="{anchor}"{more}>{escape(words)}</text>')


def line(x1, y1, x2, y2, colour, width):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            f' stroke="{colour}" stroke-width="{width}"/>')


def log_ticks(low, high):
    """1, 2 and 5 times powers of ten that enclose [low, high]."""
    steps = [m * 10.0 ** e for e in range(-4, 10) for m in (1, 2, 5)]
    first = max((s for s in steps if s <= low * 1.0001), default=steps[0])
    last = min((s for s in steps if s >= high * 0.9999), default=steps[-1])
    return [s for s in steps if first <= s <= last]


def linear_ticks(high):
    """From 0, six at most."""
    rough = high / 6
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= rough)
    return [step * i for i in range(int(math.ceil(high / step - 1e-9)) + 1)]


def tick_name(value):
    return f"{value:,.10g}" if value >= 1000 else f"{value:.10g}"


def spread(wanted, low, high):
    """Positions near the wanted ones, LABEL_GAP apart, between low and high."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    at = [0.0] * len(wanted)
    last = low - LABEL_GAP
    for i in order:
        last = at[i] = max(wanted[i], last + LABEL_GAP)
    limit = high
    for i in reversed(order):
        at[i] = min(at[i], limit)
        limit = at[i] - LABEL_GAP
    return at


def marker(line, x, y):
    kind, colour = line.number, line.colour
    if kind % 4 == 0:
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6"'
    elif kind % 4 == 1:
        shape = f'<rect x="{x - 3.3:.1f}" y="{y - 3.3:.1f}" width="6.6" height="6.6"'
    elif kind % 4 == 2:
        shape = f'<path d="M{x:.1f} {y - 4.4:.1f}l4.2 7.4h-8.4z"'
    else:
        shape = f'<path d="M{x:.1f} {y - 4.8:.1f}l4.8 4.8l-4.8 4.8l-4.8 -4.8z"'
    return f'{shape} fill="{colour}" stroke="{PAPER}" stroke-width="0.8"/>'


class Line:
    """What is drawn as one line. The colour says whose it is, if several are one's."""

    def __init__(self, number, name, points, colour=None, dash=None):
        self.number, self.name, self.points = number, name, points
        self.colour = COLOURS[(number if colour is None else colour) % len(COLOURS)]
        self.dash = DASHES[(number if dash is None else dash) % len(DASHES)]


class Axes:
    """Where a point lies."""

    def __init__(self, xs, ys, xlog, ylog):
        self.xlog, self.ylog = xlog, ylog
        self.first, self.last = self.along(xs[0]), self.along(xs[-1])
        self.ticks = log_ticks(min(ys), max(ys)) if ylog else linear_ticks(max(ys))

    def along(self, x):
        return math.log(x) if self.xlog else x

    def x(self, x):
        part = (self.along(x) - self.first) / (self.last - self.first or 1)
        return LEFT + 18 + part * (WIDTH - LEFT - RIGHT - 36)

    def y(self, y):
        low, high = self.ticks[0], self.ticks[-1]
        if self.ylog:
            part = math.log(y / low) / math.log(high / low)
        else:
            part = (y - low) / (high - low)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)


def frame(axes, title, xlabel, ylabel, xnames):
    bottom = HEIGHT - BOTTOM
    out = [text(LEFT, 27, title, size=16, more=' font-weight="bold"')]
    for tick in axes.ticks:
        out.append(line(LEFT, axes.y(tick), WIDTH - RIGHT, axes.y(tick), GRID, 1))
        out.append(text(LEFT - 9, axes.y(tick) + 4.5, tick_name(tick), "end", colour=FAINT))
    for x, name in xnames:
        out.append(line(axes.x(x), bottom, axes.x(x), bottom + 5, FAINT, 1))
        out.append(text(axes.x(x), bottom + 21, name, "middle", colour=FAINT))
    out.append(line(LEFT, bottom, WIDTH - RIGHT, bottom, FAINT, 1))
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 15, xlabel, "middle"))
    middle = (TOP + bottom) / 2
    out.append(text(20, middle, ylabel, "middle",
                    more=f' transform="rotate(-90 20 {middle:.1f})"'))
    return out


def curve(axes, one):
    path = "L".join(f"{axes.x(x):.1f} {axes.y(y):.1f}" for x, y in one.points)
    dashed = f' stroke-dasharray="{one.dash}"' if one.dash else ""
    out = [f'<path d="M{path}" fill="none" stroke="{one.colour}" stroke-width="2"{dashed}/>']
    return out + [marker(one, axes.x(x), axes.y(y)) for x, y in one.points]


def names(axes, lines):
    """The name of each line, right of its last point."""
    ends = [axes.y(one.points[-1][1]) for one in lines]
    at = spread(ends, TOP + 4, HEIGHT - BOTTOM)
    edge, out = WIDTH - RIGHT, []
    for one, end, y in zip(lines, ends, at):
        x = axes.x(one.points[-1][0]) + 6
        out.append(f'<path d="M{x:.1f} {end:.1f}L{edge + 2} {end:.1f}L{edge + 14} {y:.1f}"'
                   f' fill="none" stroke="{one.colour}" stroke-width="0.8"/>')
        out.append(marker(one, edge + 20, y))
        out.append(text(edge + 29, y + 4.5, one.name))
    return out


def plot(title, xlabel, ylabel, xnames, series, xlog=True, ylog=True):
    """xnames: (x, name) in order. series: (name, [(x, y), ...]) and, if they are not to differ for
    each, a colour and a dash by number."""
    lines = [Line(number, *one) for number, one in enumerate(series)]
    axes = Axes([x for x, _ in xnames], [y for one in lines for _, y in one.points], xlog, ylog)
    out = ['<?xml version="1.0" encoding="UTF-8"?>',
           "<!-- SPDX-License-Identifier: MIT -->", "<!-- Generated by tools/performance_doc.py. -->",
           f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
           f' viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
           ' font-family="Helvetica, Arial, \'Liberation Sans\', sans-serif">',
           f"<title>{escape(title)}</title>",
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>']
    out += frame(axes, title, xlabel, ylabel, xnames)
    for one in lines:
        out += curve(axes, one)
    return "\n".join(out + names(axes, lines) + ["</svg>"]) + "\n"
