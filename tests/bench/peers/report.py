"""Results of peers.py as tables and as an SVG bar chart.

A ratio is a peer's median over vitc's: above 1 vitc is ahead. Dtypes that round have a table of
errors beside that of times.
"""
import math
from xml.sax.saxutils import escape

from contenders import limits_text

LABEL, BAR, GAP, WIDTH = 190, 13, 12, 560      # of the chart, in pixels
COLOURS = {"vitc": "#c8102e", "openvino": "#4c78a8", "onnxruntime": "#72b7b2",
           "torch-eager": "#d0b48c", "torch-sdpa": "#e0a050", "torch-compile": "#b279a2",
           "torch-compile-max": "#8c6bb1"}


def median(cell, name):
    """None: it failed"""
    return cell["results"].get(name, {}).get("median")


def best_peer(cell):
    """(ms, name) of the fastest; None when there is none"""
    peers = [(median(cell, n), n) for n in cell["results"] if n != "vitc" and median(cell, n)]
    return min(peers) if peers else None


def ratio(cell, peer_ms):
    ours = median(cell, "vitc")
    return peer_ms / ours if ours and peer_ms else None


def geometric_mean(ratios):
    return math.exp(sum(math.log(r) for r in ratios) / len(ratios))


def title(cell):
    return f"{cell['model']} b{cell['batch']} t{cell['threads']} {cell['dtype']}"


# ---- the table

def table_rows(data):
    peers = [n for n in data["contenders"] if n != "vitc"]
    rows = [["model", "batch", "threads", "dtype", "vitc ms", "best peer", "ratio", "vitc is"] +
            peers]
    for cell in data["cells"]:
        best = best_peer(cell)
        r = ratio(cell, best[0]) if best else None
        rows.append([cell["model"], str(cell["batch"]), str(cell["threads"]), cell["dtype"],
                     number(cell, "vitc"), best[1] if best else "-",
                     f"{r:.3f}" if r else "-",
                     ("ahead" if r > 1 else "behind") if r else "-"] +
                    [number(cell, n) for n in peers])
    return rows


def number(cell, name):
    if name not in cell["results"]:
        return "-"
    ms = median(cell, name)
    return f"{ms:.2f}" if ms else "FAILED"


def error_rows(data):
    """a row for each model, batch and rounding dtype: threads change no error"""
    names, rows = data["contenders"], {}
    for cell in data["cells"]:
        if cell["dtype"] != "f32":
            key = cell["model"], str(cell["batch"]), cell["dtype"]
            rows.setdefault(key, [error(cell, n) for n in names])
    return [["model", "batch", "dtype"] + names] + [list(k) + row for k, row in rows.items()]


def error(cell, name):
    e = cell["results"].get(name, {}).get("error")
    return "-" if e is None else f"{e:.2e}"


def error_lines(data):
    rows = error_rows(data)
    against = sorted({c["compared_with"] for c in data["cells"] if c["dtype"] != "f32"})
    return [f"relative L2 error against {', '.join(against)}", ""] + aligned(rows) + [""] \
        if len(rows) > 1 else []


def aligned(rows):
    """as Markdown"""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return lines


def summary_lines(data):
    lines = []
    against = {"the best peer": [ratio(c, (best_peer(c) or [None])[0]) for c in data["cells"]]}
    for name in data["contenders"]:
        if name != "vitc":
            against[name] = [ratio(c, median(c, name)) for c in data["cells"]]
    for name, ratios in against.items():
        ratios = [r for r in ratios if r]
        if ratios:
            lines.append(f"against {name}: ahead in {sum(r > 1 for r in ratios)} of {len(ratios)} "
                         f"cells, geometric mean {geometric_mean(ratios):.3f}, "
                         f"lowest {min(ratios):.3f}")
    return lines


def failure_lines(data):
    return [f"FAILED  {title(c)}: {name}: {r['failed']}" for c in data["cells"]
            for name, r in c["results"].items() if "failed" in r]


def doubt_lines(data, limit=0.08):
    """cells whose numbers another load has disturbed"""
    return [f"NOISY  {title(c)}: other processes used {c['others']:.2f} processors, "
            f"{c['stolen']:.2f} were stolen" for c in data["cells"]
            if c["others"] > limit or c["stolen"] > limit]


def heading_lines(data):
    s, m = data["settings"], data["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in data["versions"].items())
    return [f"median ms of one inference; output {s['output']} of every contender, random images; "
            f"{s['budget']:g} s each in turns",
            f"{m['cpu']}, {m['processors']} processors, {m['memory_gib']} GiB, Linux {m['kernel']}",
            versions, limits_text(data["contenders"], s["level"])] + \
        ["vitc compile " + s["vitc_options"]] * bool(s["vitc_options"])


def text(data):
    return "\n".join(heading_lines(data) + [""] + aligned(table_rows(data)) + [""] +
                     error_lines(data) + summary_lines(data) + failure_lines(data) + doubt_lines(data)) + "\n"


# ---- the chart: a group of bars for each cell, as long as the contender is fast

def bars(cell, names):
    """[(name, speed relative to the best peer or None, label)]"""
    best = best_peer(cell)
    unit = best[0] if best else median(cell, "vitc")
    return [(n, unit / median(cell, n), f"{median(cell, n):.1f} ms") if median(cell, n)
            else (n, None, "failed") for n in names if n in cell["results"]]


def svg_text(x, y, content, extra=""):
    return f'<text x="{x:.0f}" y="{y:.1f}"{extra}>{escape(content)}</text>'


def svg_group(cell, names, y, scale):
    """(elements, y below them)"""
    parts = [svg_text(LABEL - 8, y + BAR - 3, title(cell), ' text-anchor="end"')]
    for name, speed, label in bars(cell, names):
        length = (speed or 0) * scale
        parts.append(f'<rect x="{LABEL}" y="{y:.1f}" width="{length:.1f}" height="{BAR - 2}" '
                     f'fill="{COLOURS.get(name, "#888")}"/>')
        parts.append(svg_text(LABEL + length + 4, y + BAR - 4, label, ' font-size="9"'))
        y += BAR
    return parts, y + GAP


def svg_legend(names, y):
    parts, x = [], LABEL
    for name in names:
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" '
                     f'fill="{COLOURS.get(name, "#888")}"/>')
        parts.append(svg_text(x + 14, y, name))
        x += 34 + 7 * len(name)
    return parts, x


def svg(data):
    names = data["contenders"]
    speeds = [s for c in data["cells"] for _, s, _ in bars(c, names) if s]
    scale = WIDTH / max(speeds + [1.0])
    legend, right = svg_legend(names, 42)
    parts = [svg_text(LABEL, 20, f"speed relative to the best peer ({data['settings']['output']}, "
                      f"level {data['settings']['level']}); label: median ms",
                      ' font-weight="bold"')] + legend
    y = 58.0
    for cell in data["cells"]:
        group, y = svg_group(cell, names, y, scale)
        parts += group
    parts.append(f'<line x1="{LABEL + scale:.1f}" y1="52" x2="{LABEL + scale:.1f}" '
                 f'y2="{y - GAP:.1f}" stroke="#444" stroke-dasharray="3 3"/>')
    width = max(LABEL + WIDTH + 80, right)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y:.0f}" '
            f'font-family="sans-serif" font-size="11">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
