"""The page of `ds.stats()`: one HTML text with its style and pictures in it; what comes from the data is escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from bearhug.datasets.arrow import to_list
from bearhug.datasets.features import ClassLabel

if TYPE_CHECKING:
    from bearhug.datasets.summary import Part

MEDIA = 512 << 10  # bytes of a picture or sound up to which it is shown
SIGNS = (  # how the files begin that a browser shows by itself
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
)
STYLE = """
.bearhug-stats{--ink:#1c1e21;--soft:#667;--line:#dfe3e8;--card:#fff;--bar:#4f7cac;--back:#f6f7f9;color:var(--ink);
background:var(--back);font:14px/1.45 system-ui,sans-serif;padding:20px;border-radius:8px}
@media(prefers-color-scheme:dark){.bearhug-stats{--ink:#e6e8eb;--soft:#9aa3ad;--line:#353b42;--card:#22262b;
--bar:#7fb0e0;--back:#191c20}}
.bearhug-stats h2{font-size:20px;margin:0 0 12px}.bearhug-stats h2:not(:first-child){margin-top:32px}
.bearhug-stats h2 small,.bearhug-stats h3 small{color:var(--soft);font-weight:normal}
.bearhug-stats h3{font-size:15px;margin:0 0 8px;overflow-wrap:anywhere}
.bearhug-stats .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:12px;
align-items:start}
.bearhug-stats .card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px;min-width:0}
.bearhug-stats dl{display:grid;grid-template-columns:repeat(3,1fr);gap:6px 12px;margin:0 0 10px}
.bearhug-stats dt{color:var(--soft);font-size:11px}.bearhug-stats dd{margin:0;font-variant-numeric:tabular-nums;
overflow-wrap:anywhere}
.bearhug-stats svg{display:block;width:100%;height:70px;fill:var(--bar)}
.bearhug-stats .ends{display:flex;justify-content:space-between;color:var(--soft);font-size:11px;margin-bottom:8px}
.bearhug-stats .what{color:var(--soft);font-size:11px;margin:4px 0 2px}
.bearhug-stats .share{display:grid;grid-template-columns:minmax(0,2fr) 3fr auto;gap:8px;align-items:center;margin:2px 0}
.bearhug-stats .share span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.bearhug-stats .share i{display:block;height:9px;border-radius:2px;background:var(--bar);min-width:1px}
.bearhug-stats .share b{font-weight:normal;color:var(--soft);font-variant-numeric:tabular-nums}
.bearhug-stats .rows{overflow-x:auto;margin-top:12px}
.bearhug-stats table{border-collapse:collapse;width:100%;background:var(--card);font-size:13px}
.bearhug-stats th,.bearhug-stats td{border:1px solid var(--line);padding:6px 8px;text-align:left;vertical-align:top;
max-width:420px;overflow-wrap:break-word}.bearhug-stats th{color:var(--soft);font-weight:600}
.bearhug-stats td img{max-width:160px;max-height:120px}.bearhug-stats td audio{height:32px;max-width:220px}
.bearhug-stats em{color:var(--soft)}
"""


def page(parts: Mapping[str, Part]) -> str:
    """A whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Data set</title></head>'
        f'<body style="margin:0">{fragment(parts)}</body></html>\n'
    )


def fragment(parts: Mapping[str, Part]) -> str:
    """The same to stand in a notebook."""
    return f'<style>{STYLE}</style><div class="bearhug-stats">{"".join(map(_part, parts.values()))}</div>'


def _part(part: Part) -> str:
    sampled = ", a sample" if part.sampled else ""
    title = (
        f"{escape(part.name) or 'Data set'} <small>{part.rows:,} rows{sampled}, {len(part.features)} columns</small>"
    )
    cards = "".join(_card(name, one, part.rows) for name, one in part.columns.items())
    return f'<h2>{title}</h2><div class="cards">{cards}</div>{_examples(part)}'


def _card(name: str, one: dict[str, Any], rows: int) -> str:
    from bearhug.datasets.summary import UNITS, number

    facts = {"nulls": f"{one['nulls']:,}" + (f" ({one['nulls'] / rows:.1%})" if one["nulls"] else "")}
    for key in ("unique", "nan", "infinite", "unlabelled", "embedded"):
        if one.get(key) is not None and (one[key] or key in ("unique", "embedded")):
            facts[key] = number(one[key])
    body = []
    for what, inner in (
        ("", one),
        (f"length in {UNITS.get(one['kind'], '')}", one.get("lengths")),
        ("values", one.get("values")),
    ):
        if not inner or "min" not in inner:
            continue
        shown = {key: inner.get(key) for key in ("min", "mean", "max")}
        shown |= {key.replace("50%", "median"): inner.get("quantiles", {}).get(key) for key in ("5%", "50%", "95%")}
        body.append((f'<div class="what">{what}</div>' if what else "") + _histogram(inner))
        body.append(_facts({key: number(value) for key, value in shown.items() if value is not None}))
    shares = list(one["counts"].items()) if "counts" in one else one.get("most_common")
    shares = shares or (one.get("values") or {}).get("most_common")
    if shares:
        body.append(_shares(shares, rows))
    title = f"<h3>{escape(name)} <small>{escape(one['type'])}</small></h3>"
    return f'<div class="card">{title}{_facts(facts)}{"".join(body)}</div>'


def _facts(facts: dict[str, str]) -> str:
    return "<dl>" + "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items()) + "</dl>"


def _histogram(inner: dict[str, Any]) -> str:
    from bearhug.datasets.summary import number

    found = inner.get("histogram")
    if not found or not found["counts"]:
        return ""
    counts, edges = found["counts"], found["edges"]
    most, wide = max(counts) or 1, 300 / len(counts)
    bars = []
    named = len(edges) == len(counts) + 1
    for i, count in enumerate(counts):
        tall = 68 * count / most
        tall = max(tall, 1) if count else 0
        label = f"{number(edges[i])} to {number(edges[i + 1])}: {count:,}" if named else f"{count:,}"
        bars.append(
            f'<rect x="{i * wide + 0.5:.2f}" y="{70 - tall:.2f}" width="{max(wide - 1, 0.5):.2f}" height="{tall:.2f}">'
            f"<title>{escape(label)}</title></rect>"
        )
    low, high = (f"<span>{escape(number(inner[end]))}</span>" for end in ("min", "max"))
    ends = f'<div class="ends">{low}{high}</div>'
    return f'<svg viewBox="0 0 300 70" preserveAspectRatio="none" role="img">{"".join(bars)}</svg>{ends}'


def _shares(shares: list, rows: int) -> str:
    from bearhug.datasets.summary import shortened

    most = max(count for _, count in shares) or 1
    lines = []
    for value, count in shares[:20]:
        text = escape(str(shortened(value, 80)))
        part = f"{count:,}" + (f" · {count / rows:.1%}" if rows else "")
        lines.append(
            f'<div class="share"><span title="{text}">{text or "<em>empty</em>"}</span>'
            f'<i style="width:{100 * count / most:.1f}%"></i><b>{part}</b></div>'
        )
    more = f'<div class="what">and {len(shares) - 20:,} more</div>' if len(shares) > 20 else ""
    return "".join(lines) + more


def _examples(part: Part) -> str:
    if not part.examples.num_rows:
        return ""
    names = part.examples.column_names
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    columns = [[_cell(value, part.features[name]) for value in to_list(part.examples.column(name))] for name in names]
    rows = "".join(f"<tr>{''.join(cells)}</tr>" for cells in zip(*columns, strict=True))
    return f'<div class="rows"><table><tr>{head}</tr>{rows}</table></div>'


def _cell(value: Any, feature: Any) -> str:
    from bearhug.datasets.summary import shortened

    if value is None:
        return "<td><em>none</em></td>"
    if isinstance(feature, ClassLabel) and isinstance(value, int) and 0 <= value < (feature.num_classes or 0):
        return f"<td>{escape(str(feature.int2str(value)))} <em>{value}</em></td>"
    if isinstance(value, dict) and {"bytes", "path"} <= set(value) and not isinstance(feature, dict):
        return f"<td>{_media(value)}</td>"
    if isinstance(value, dict | list):
        value = shortened(value, 120)
    text = str(shortened(value))
    return f"<td>{escape(text)}</td>"


def _media(value: dict) -> str:
    """A picture or a sound as it lies there, shown by the browser; else its name and size."""
    data = value["bytes"]
    name = escape(str(value["path"] or "").rpartition("/")[2])
    if not data:
        return f"<em>{name or 'empty'}</em>"
    kind = next((kind for sign, kind in SIGNS if data.startswith(sign)), None)
    if data[:4] == b"RIFF":
        kind = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}.get(bytes(data[8:12]))
    if kind is None or len(data) > MEDIA:
        return f"<em>{name} {len(data):,} bytes</em>"
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    if kind.startswith("image"):
        return f'<img alt="{name}" src="{source}">'
    return f'<audio controls src="{source}"></audio> <em>{name}</em>'
