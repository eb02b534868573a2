#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/performance.md, its plots and its data, from runs of the benchmarks.

    tools/performance_doc.py                   write the document from docs/performance/figures.json
    tools/performance_doc.py RUN.json...       first make that file from what scripts/bench.sh --json
                                               and scripts/linux.sh --json have just written here
    tools/performance_doc.py --check [FOLDER]  exit 1 if what is in FOLDER (docs) is not what its
                                               data gives

Targets are in bench/targets. Nothing is left out: a figure without a table of its own is listed at
the end, a target without a figure is named. tools/performance_doc.sh does all of it."""
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from performance_svg import plot  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


# ---- what is read ----

class Figures:
    """By name; remembers which ones have been shown."""

    def __init__(self, rows):
        self.rows = {row["name"]: row for row in rows}
        self.shown = set()

    def __contains__(self, name):
        return name in self.rows

    def value(self, name):
        self.shown.add(name)
        return self.rows[name]["value"]

    def unit(self, name):
        return self.rows[name]["unit"]

    def over(self, name, yardstick):
        """The figure over a yardstick, as it was measured beside it if it was; else None."""
        row = self.rows[name]
        if row.get("yardstick") == yardstick:
            return row["ratio"]
        beside = name + ".vs_" + yardstick.split(".")[1]
        if self.rows.get(beside, {}).get("yardstick") == yardstick:
            return self.rows[beside]["ratio"]
        if yardstick in self.rows:
            return row["value"] / self.rows[yardstick]["value"]
        return None

    def beside(self, name, yardstick):
        """The yardstick's value, measured beside the figure if it was."""
        row = self.rows[name]
        return row["yardstick_value"] if row.get("yardstick") == yardstick \
            else self.rows[yardstick]["value"]

    def matching(self, pattern):
        """Groups of a pattern -> name, in order."""
        found = {}
        for name in self.rows:
            match = re.fullmatch(pattern, name)
            if match:
                found[match.groups()] = name
        return found

    def all(self, pattern):
        return [name for name in self.rows if re.fullmatch(pattern, name)]


class Target:
    def __init__(self, words):
        self.name, limit, self.unit = words[:3]
        self.least = limit.startswith(">=")
        self.limit = float(limit.lstrip(">="))
        self.yardstick = words[3] if len(words) > 3 else None
        self.pairs = []  # limit at reference
        if len(words) > 4:
            first, *more = words[4].split(",")
            self.pairs = [(self.limit, float(first))]
            self.pairs += [tuple(float(n) for n in pair.split("@")) for pair in more]


class Targets:
    def __init__(self, path):
        self.words, self.references, self.all = {}, {}, []
        for line in open(path, encoding="utf-8"):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0].isupper():
                self.words[words[0]] = words[1:]
            elif words[0] == "reference":
                self.references[words[1]] = float(words[2])
            else:
                self.all += [Target(w) for w in self.expand(words)]

    def expand(self, words):
        for word, each in self.words.items():
            if any(word in w.split(".") for w in words):
                return [[re.sub(rf"\b{word}\b", one, w) for w in words] for one in each]
        return [words]

    def ratio(self, target, yardstick, here):
        """Highest ratio to a yardstick that is `here` on this machine: see bench/targets."""
        if not target.pairs and yardstick not in self.references:
            sys.exit(f"bench/targets: no reference for {yardstick}, yardstick of {target.name}")
        pairs = target.pairs or [(target.limit, self.references[yardstick])]
        points = sorted((reference, most) for most, reference in pairs)
        for (r1, m1), (r2, m2) in zip(points, points[1:]):
            if r1 < here < r2:
                return (m1 + (m2 - m1) * (here - r1) / (r2 - r1)) / here
        reference, most = points[0] if here <= points[0][0] else points[-1]
        return most / reference


class Verdict:
    """A figure held against one of its targets. `got` and `want` are what is compared."""

    def __init__(self, figures, targets, target):
        self.target, self.name = target, target.name
        self.yardstick, self.got, self.want = target.yardstick, None, None
        if target.name not in figures:
            return
        row = figures.rows[target.name]
        if target.unit != "ns" and not target.yardstick:
            self.got, self.want = row["value"], target.limit
            return
        self.yardstick = target.yardstick or row.get("yardstick")
        if not self.yardstick:
            return
        self.got = figures.over(target.name, self.yardstick)
        if self.got is None:
            return
        self.want = target.limit if target.unit == "x" else \
            targets.ratio(target, self.yardstick, figures.beside(target.name, self.yardstick))

    def measured(self):
        return self.got is not None

    def met(self):
        return self.got >= self.want if self.target.least else self.got <= self.want

    def gap(self):
        """How many times too much; at most 1 if the target is met."""
        if self.want == 0 or self.got == 0:
            return 1.0 if self.met() else float("inf")
        return self.want / self.got if self.target.least else self.got / self.want


# ---- how it is written ----

def number(value):
    """Three digits that count, and no more than are known."""
    if value == float("inf"):
        return "∞"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2
    size = abs(value)
    while size < 1 and digits < 6:
        size, digits = size * 10, digits + 1
    return f"{value:.{digits if abs(value) < 10 else 1}f}"


def limit(verdict):
    return ("≥ " if verdict.target.least else "≤ ") + number(verdict.want)


def elsewhere(verdict, beside):
    """A target over another yardstick than that of the row names it, and says what was measured."""
    if verdict.yardstick in (None, beside):
        return ""
    return f" `{verdict.yardstick}` (is {number(verdict.got)})"


def yes(verdict):
    return "yes" if verdict.met() else "**no**"


def table(head, rows, left=1):
    """The first `left` columns are words, the others numbers."""
    rule = [":--" if i < left else "--:" for i in range(len(head))]
    return ["| " + " | ".join(row) + " |" for row in [head, rule] + rows] + [""]


class Document:
    def __init__(self, data, targets):
        self.run = data["run"]
        self.figures = Figures(data["figures"])
        self.targets = targets
        self.verdicts = [Verdict(self.figures, targets, t) for t in targets.all]
        self.pictures = {}  # file name -> SVG
        self.lines = []

    def add(self, *lines):
        self.lines += lines

    def verdicts_of(self, name):
        return [v for v in self.verdicts if v.name == name and v.measured()]

    def judged(self, name):
        """Cells: target, met. With several targets each has a line."""
        verdicts = self.verdicts_of(name)
        beside = self.figures.rows[name].get("yardstick")
        return ["<br>".join(limit(v) + elsewhere(v, beside) for v in verdicts),
                "<br>".join(yes(v) for v in verdicts)]

    def picture(self, name, title, xlabel, ylabel, xnames, series, **scales):
        """See plot(). The numbers follow as a table."""
        series = [one for one in series if one[1]]
        if not series:
            self.add("*Not measured in this run.*", "")
            return
        used = {x for one in series for x, _ in one[1]}
        xnames = [(x, label) for x, label in xnames if x in used]
        self.pictures[name + ".svg"] = plot(title, xlabel, ylabel, xnames, series, **scales)
        self.add(f"![{title}](performance/{name}.svg)", "")
        rows = []
        for x, label in xnames:
            cells = [dict(one[1]).get(x) for one in series]
            rows.append([label] + ["" if c is None else number(c) for c in cells])
        self.add(*table([f"{xlabel}; {ylabel}"] + [one[0] for one in series], rows))

    def plain_rows(self, names):
        rows = []
        for name in names:
            row = self.figures.rows[name]
            beside = ["", ""]
            if "ratio" in row:
                beside = [f"{number(row['yardstick_value'])} `{row['yardstick']}`",
                          number(row["ratio"])]
            value = f"{number(self.figures.value(name))} {row['unit'].replace('x', '×')}"
            rows.append([f"`{name}`", value] + beside + self.judged(name))
        return rows

    def plain(self, names):
        head = ["figure", "value", "yardstick", "ratio", "target", "met"]
        self.add(*table(head, self.plain_rows(names)))


# ---- the parts ----

def head(doc):
    run = doc.run
    measured = [v for v in doc.verdicts if v.measured()]
    met = sum(v.met() for v in measured)
    doc.add("# Performance", # first, for Doxygen takes it for the page's title then
            "<!-- SPDX-License-Identifier: MIT -->",
            "<!-- Generated by tools/performance_doc.py from docs/performance/figures.json and"
            " bench/targets. Do not edit: see tools/performance_doc.sh. -->", "",
            "What one run measured, as it is. How each figure is made, and what its name means, says"
            " `bench/README.md`; `scripts/bench.sh` and `scripts/linux.sh`"
            " measure again.", "")
    rows = [[key, str(run[key])] for key in run if key != "comment"]
    doc.add(*table(["run", ""], rows, left=2))
    doc.add("Nanoseconds of two machines cannot be compared, so each time stands beside a"
            " yardstick that was measured next to it, and targets are ratios to yardsticks"
            " (`bench/targets`). Bytes, blocks and instructions are exact.", "",
            f"**{met} of {len(measured)} targets are met.** "
            f"{len(doc.verdicts) - len(measured)} more have no figure yet"
            + missing(doc), "")


def missing(doc):
    names = dict.fromkeys(v.name for v in doc.verdicts if not v.measured())
    return ": " + ", ".join(f"`{n}`" for n in names) + "." if names else "."


def gaps(doc):
    missed = [v for v in doc.verdicts if v.measured() and not v.met()]
    missed.sort(key=lambda v: (-v.gap(), v.name))
    if not missed:
        return
    doc.add("## Widest gaps", "",
            "How many times too much. A figure with several targets has a row for each.", "")
    rows = [[f"`{v.name}`", f"`{v.yardstick}`" if v.yardstick else v.target.unit, number(v.got),
             limit(v), number(v.gap()) + " ×"] for v in missed[:20]]
    doc.add(*table(["figure", "over", "is", "target", "gap"], rows, left=2))
    if len(missed) > 20:
        doc.add(f"{len(missed) - 20} more are missed by {number(missed[20].gap())} × or less.", "")


def yardsticks(doc):
    doc.add("## Yardsticks", "")
    rows = []
    for name in doc.figures.all(r"yard\..*"):
        reference = doc.targets.references.get(name)
        rows.append([f"`{name}`", f"{number(doc.figures.value(name))} {doc.figures.unit(name)}",
                     f"{number(reference)} ns" if reference else ""])
    doc.add(*table(["yardstick", "here", "where targets were set"], rows))


def page_frames(doc):
    doc.add("## Page frames", "",
            "1 GiB of simulated memory, of which only metadata is touched.", "")
    doc.plain(doc.figures.all(r"page\.(?!growth\.|.*\.instructions).*"))
    doc.add("### Against arena size", "")
    sizes = [(24, "16 MiB"), (27, "128 MiB"), (30, "1 GiB"), (34, "16 GiB"), (38, "256 GiB"),
             (42, "4 TiB"), (44, "16 TiB")]
    code = {"16m": 24, "128m": 27, "1g": 30, "16g": 34, "256g": 38, "4t": 42, "16t": 44}
    works = {"hot0": "pair of order 0", "hot9": "pair of order 9",
             "bulk0": "order 0 in bulk, both ways"}
    lines = {work: [] for work in works}
    for (work, size), name in doc.figures.matching(r"page\.growth\.(\w+)\.(\w+)").items():
        if not lines[work]:  # the smallest machine is the yardstick of the others
            lines[work].append((24, doc.figures.rows[name]["yardstick_value"]))
        lines[work].append((code[size], doc.figures.value(name)))
    doc.picture("arena", "Page frames: cost against arena size", "size of the arena",
                "ns per operation", sizes, [(works[w], lines[w]) for w in works],
                xlog=False)
    doc.add("### Against CPUs", "")
    names = ["page.churn", "page.2t_churn"]
    points = [(i + 1, doc.figures.value(n)) for i, n in enumerate(names) if n in doc.figures]
    doc.picture("page-cpus", "Page frames: churn on one and two CPUs, in one zone", "CPUs",
                "ns per allocation or free", [(1, "1"), (2, "2")], [("orders 0 to 9", points)],
                xlog=False, ylog=False)


# Figure, name, colour, dash.
ALLOCATORS = [("slab.{}.l0", "mmlib, level 0", 0, 0), ("slab.{}.l1", "mmlib, level 1", 0, 1),
              ("peer.mimalloc.{}", "mimalloc", 1, 2), ("peer.jemalloc.{}", "jemalloc", 2, 2),
              ("peer.tcmalloc.{}", "tcmalloc", 3, 2), ("peer.glibc.{}", "glibc", 4, 2)]


def objects(doc):
    doc.add("## Objects", "", "Levels 0, 1 and 2 of `MM_CHECKS`; 1 is the default.", "")
    names = doc.figures.all(r"(?:slab|tiny)\.(?!.*\.vs_|.*\.instructions).*")
    doc.plain(names)
    jobs = list(dict.fromkeys(j for _, j in doc.figures.matching(r"peer\.(\w+)\.(\w+)")))
    peers = list(dict.fromkeys(p for p, _ in doc.figures.matching(r"peer\.(\w+)\.(\w+)")))
    if peers:
        doc.add("Other allocators on the same work, each in a process of its own that takes turns"
                " with mmlib's; in brackets mmlib over it, of the same rounds (below 1: mmlib is"
                " faster).", "")
        doc.add(*table(["work", "mmlib"] + peers, peer_rows(doc, jobs, peers)))
    doc.add("### Against CPUs", "")
    series = []
    for pattern, label, *look in ALLOCATORS:
        names = [pattern.format("churn"), pattern.format("2t_churn")]
        if all(n in doc.figures for n in names):
            points = [(i + 1, doc.figures.value(n)) for i, n in enumerate(names)]
            series.append((label, points, *look))
    doc.picture("object-cpus", "Objects: churn on one and two CPUs", "CPUs, each with objects of its own",
                "ns per free and allocation", [(1, "1"), (2, "2")], series,
                xlog=False, ylog=False)
    live_objects(doc)


def peer_rows(doc, jobs, peers):
    rows = []
    for job in jobs:
        ours = [n for n in doc.figures.all(rf"slab\.{job}(\.[a-z0-9]+)*")
                if not n.endswith(".instructions")]
        for name in ours or [None]:
            cells = []
            for peer in peers:
                theirs = f"peer.{peer}.{job}"
                if theirs not in doc.figures:
                    cells.append("")
                    continue
                cell = number(doc.figures.value(theirs))
                if name:
                    cell += f" ({number(doc.figures.over(name, theirs))})"
                    doc.figures.shown.add(f"{name}.vs_{peer}")
                cells.append(cell)
            shown = [f"`{name}`", number(doc.figures.value(name))] if name else [job, ""]
            rows.append(shown + cells)
    return rows


def live_objects(doc):
    doc.add("### Against live objects", "")
    counts = [(n, f"{n:,}") for n in (100, 1000, 10000, 100000, 1000000)]
    series = []
    for side, *look in (("slab", 0, 0), ("glibc", 4, 2)):
        found = doc.figures.matching(rf"sweep\.{side}\.live\.(\d+)")
        points = [(int(n), doc.figures.value(name)) for (n,), name in found.items()]
        series.append(("glibc" if side == "glibc" else "mmlib, level 1", points, *look))
    doc.picture("live", "Objects: churn against live objects",
                "live objects of 16 to 4,095 bytes", "ns per free and allocation", counts, series)


PORTS = [("x86_64", "x86-64"), ("aarch64", "AArch64"), ("riscv64", "RISC-V Sv39")]


def page_tables(doc):
    doc.add("## Page tables", "",
            "1 GiB of 4 KiB pages, ns a page; the yardstick is a loop written by hand for that"
            " format. Two targets: a factor to that loop, and what an experiment reached on another"
            " machine over the loop by hand there. That was one for x86-64, so x86-64's loop of this run is the"
            " yardstick there for every format.", "")
    for port, title in PORTS:
        rows = []
        for (work,), name in doc.figures.matching(rf"pt\.{port}\.(\w+)").items():
            hand = f"hand.{port}.{work}"
            verdicts = doc.verdicts_of(name)
            cells = [cell for v in verdicts
                     for cell in (limit(v) + elsewhere(v, hand), yes(v))] + [""] * 4
            rows.append([work, number(doc.figures.value(name)), number(doc.figures.value(hand)),
                         number(doc.figures.over(name, hand))] + cells[:4])
        if rows:
            doc.add(f"### {title}", "")
            doc.add(*table(["work", "mmlib", "by hand", "ratio", "target", "met",
                            "of the experiment", "met"], rows))
    doc.add("### Against pages per call", "")
    for port, title in PORTS:
        series, pages = [], set()
        for colour, work in enumerate(("map", "unmap")):
            for dash, (side, who) in enumerate((("pt", "mmlib"), ("hand", "by hand"))):
                found = doc.figures.matching(rf"sweep\.{side}\.{port}\.{work}\.(\d+)")
                points = [(int(n), doc.figures.value(name)) for (n,), name in found.items()]
                pages |= {x for x, _ in points}
                series.append((f"{work}, {who}", points, colour, dash))
        doc.picture(f"pages-{port}", f"Page tables, {title}: cost against pages per call",
                    "pages of 4 KiB per call", "ns per page",
                    [(n, f"{n:,}") for n in sorted(pages)], series)


def inside_linux(doc):
    doc.add("## Inside Linux", "",
            "Instructions an operation takes in Debian's kernel, by its own allocator and by mmlib as"
            " a module of the same kernel. Exact: two machines count the same.", "")
    rows = []
    for (work,), name in doc.figures.matching(r"linux\.(\w+)\.mmlib").items():
        own = f"linux.{work}.own"
        rows.append([work, number(doc.figures.value(own)), number(doc.figures.value(name)),
                     number(doc.figures.over(name, own))] + doc.judged(name))
    if rows:
        doc.add(*table(["work", "Linux", "mmlib", "ratio", "target", "met"], rows))
    else:
        doc.add("*Not measured in this run.*", "")


WORKS = {"map": "map", "map_list": "map a list", "map_page": "map a page", "map_big": "map large leaves",
         "query_call": "query", "query_cursor": "query, cursor", "protect": "protect", "unmap_visit": "unmap, visiting",
         "unmap_discard": "unmap, discarding", "unmap_page_random": "unmap a page, random"}


def format_tables(doc, title, about, suffix):
    """A row for each format that has no table of its own, a column for each work."""
    ports = "|".join(port for port, _ in PORTS)
    found = doc.figures.matching(rf"pt\.(?!(?:{ports})\.)(\w+)\.(\w+){re.escape(suffix)}")
    doc.add(f"### {title}", "")
    if not found:
        doc.add("*Not measured in this run.*", "")
        return
    works = [w for w in WORKS if any((f, w) in found for f, _ in found)]
    verdicts = [v for name in found.values() for v in doc.verdicts_of(name)]
    limits = sorted({v.want for v in verdicts})
    if limits:
        about += (f" Target: ≤ {', '.join(number(most) for most in limits)}; {sum(v.met() for v in verdicts)} of"
                  f" {len(verdicts)} are met.")
    rows = []
    for name in dict.fromkeys(f for f, _ in found):
        row = [f"`{name}`"]
        for work in works:
            figure, hand = f"pt.{name}.{work}{suffix}", f"hand.{name}.{work}{suffix}"
            if figure not in doc.figures:
                row.append("")
                continue
            ratio = number(doc.figures.over(figure, hand))
            if not all(v.met() for v in doc.verdicts_of(figure)):
                ratio = f"**{ratio}**"
            row.append(f"{ratio} ({number(doc.figures.value(figure))} / {number(doc.figures.value(hand))})")
        rows.append(row)
    doc.add(about, "")
    doc.add(*table(["format"] + [WORKS[w] for w in works], rows))


def formats(doc):
    doc.add("## Page tables of all 64-bit formats", "",
            "Of a page, or a leaf, over a loop written by hand for that format; in brackets mmlib and that loop."
            " Bold: more than the target allows, which is a factor to that loop.", "")
    format_tables(doc, "Time", "In ns, of slices in turn.", "")
    format_tables(doc, "Instructions", "Counted under callgrind.", ".instructions")


def instructions(doc):
    doc.add("## Instructions", "",
            "Counted under callgrind, the same in each run: of a pair; of page tables, of a page.", "")
    names = [n for n in doc.figures.all(r"(?!hand\.).*\.instructions") if n not in doc.figures.shown]
    if not names:
        doc.add("*Not counted in this run.*", "")
        return
    rows = []
    for name in names:
        row = doc.figures.rows[name]
        beside = [number(row["yardstick_value"]), number(row["ratio"])] if "ratio" in row else ["", ""]
        doc.figures.shown.add(row.get("yardstick"))
        rows.append([f"`{name[:-len('.instructions')]}`", number(doc.figures.value(name))] + beside)
    doc.add(*table(["figure", "instructions", "by hand", "ratio"], rows))


def sizes(doc):
    found = doc.figures.matching(r"size\.(\w+)\.(\w+)\.text")
    if not found:
        return
    archs = list(dict.fromkeys(a for a, _ in found))
    parts = list(dict.fromkeys(p for _, p in found))
    data = sum(doc.figures.value(n) for n in doc.figures.all(r"size\..*\.data"))
    doc.add("## Size", "", "Bytes of code and constants, as kernels of each machine compile"
            f" (`scripts/size.sh`). Writable data, all together: {number(data)} bytes.", "")
    rows = []
    for part in parts:
        cells = [number(doc.figures.value(found[a, part])) if (a, part) in found else ""
                 for a in archs]
        rows.append([f"`{part}`"] + cells)
    doc.add(*table(["part"] + archs, rows))


def rest(doc):
    names = [n for n in doc.figures.rows if n not in doc.figures.shown]
    if names:
        doc.add("## Other figures", "")
        doc.plain(names)


def document(data, targets):
    """File name -> content, of all that is generated."""
    doc = Document(data, targets)
    for part in (head, gaps, yardsticks, page_frames, objects, page_tables, formats, inside_linux,
                 instructions, sizes, rest):
        part(doc)
    while doc.lines and not doc.lines[-1]:
        doc.lines.pop()
    files = {"performance/" + name: svg for name, svg in doc.pictures.items()}
    files["performance.md"] = "\n".join(doc.lines) + "\n"
    return files


# ---- data ----

def output(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def processor():
    """Its name and, as several have one name, what CPUID calls it."""
    facts = {}
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        key, _, value = line.partition(":")
        facts[key.strip()] = value.strip()
    name = facts.get("model name") or facts.get("Model") or os.uname().machine
    return f"{name} (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else name


def describe():
    """Where and of what the figures are."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30
    commit = output("git", "rev-parse", "--short=10", "HEAD")
    if output("git", "status", "--porcelain", "--", "src", "include", "bench", "examples/linux",
              "scripts"):
        commit += ", with changes that are not committed"
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": commit,
        "machine": f"{processor()}, {os.cpu_count()} CPUs, {memory:.0f} GiB, {os.uname().machine}",
        "system": f"Debian {open('/etc/debian_version', encoding='utf-8').read().strip()},"
                  f" Linux {os.uname().release}",
        "compiler": output(os.environ.get("CC", "gcc"), "--version").split("\n")[0],
        "load": f"{os.getloadavg()[2]:.1f} (average of the last 15 minutes)",
    }


def collect(paths):
    rows = {}
    for path in paths:
        for row in json.load(open(path, encoding="utf-8"))["figures"]:
            if row["name"] in rows:
                sys.exit(f"{row['name']} is in two runs")
            rows[row["name"]] = row
    return {"run": describe(), "figures": list(rows.values())}


def dump(data):
    """A figure a line: differences of two runs can be read."""
    lines = ["{", '"comment": [', '"SPDX-License-Identifier: MIT"', '],',
             f'"run": {json.dumps(data["run"], indent=1, ensure_ascii=False)},', '"figures": [']
    rows = [json.dumps(row, ensure_ascii=False) for row in data["figures"]]
    return "\n".join(lines) + "\n" + ",\n".join(rows) + "\n]\n}\n"


def generate(folder):
    with open(os.path.join(folder, "performance/figures.json"), encoding="utf-8") as f:
        return document(json.load(f), Targets(os.path.join(ROOT, "bench/targets")))


def check(folder):
    files = generate(folder)
    there = {"performance/" + n for n in os.listdir(os.path.join(folder, "performance"))}
    bad = sorted(there - set(files) - {"performance/figures.json"})
    for name, content in files.items():
        path = os.path.join(folder, name)
        if not os.path.exists(path) or open(path, encoding="utf-8").read() != content:
            bad.append(name)
    for name in bad:
        print(f"{name} is not what figures.json gives: run tools/performance_doc.py")
    return 1 if bad else 0


def write(folder):
    files = generate(folder)
    for name in os.listdir(os.path.join(folder, "performance")):
        if name.endswith(".svg") and "performance/" + name not in files:
            os.remove(os.path.join(folder, "performance", name))
    for name, content in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(content)


def main(arguments):
    folder = os.path.join(ROOT, "docs")
    if arguments[:1] == ["--check"]:
        return check(arguments[1] if len(arguments) > 1 else folder)
    if arguments:
        os.makedirs(os.path.join(folder, "performance"), exist_ok=True)
        content = dump(collect(arguments))
        with open(os.path.join(folder, "performance/figures.json"), "w", encoding="utf-8") as f:
            f.write(content)
    write(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
