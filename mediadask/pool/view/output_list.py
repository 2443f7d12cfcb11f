"""A page of a job's outputs as HTML: each with its thumbnail, its name, where it stands, or how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from mediadask.pool.view.outputs import PAGE_OUTPUTS
from mediadask.pool.view.sections import progress, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediadask.pool.descriptions import OutputStatus

__all__ = ["output_list"]

_MOST_PATHS = 3


def output_list(job: str, listed: Sequence[OutputStatus], start: int, number: int) -> tuple[str, str]:
    """Return the title and the body of a page of a job's outputs.

    Parameters
    ----------
    job
        Its id.
    listed
        Its outputs from `start` on, without those that are not planned.
    number
        How many outputs the job has; 0 if the pool no longer keeps them.
    """
    if not number:
        return "Outputs", '<p class="soft">The pool no longer keeps what this job made.</p>'
    last = min(start + PAGE_OUTPUTS, number)
    title = "Outputs" if number <= PAGE_OUTPUTS else f"Outputs {start + 1} to {last} of {number}"
    if start >= number:
        title = f"Outputs: there are {number}"
    kind = "outputs" if any(each.has_picture for each in listed) else "outputs plain"
    body = f'<div class="{kind}">{"".join(_output(job, each) for each in listed)}</div>'
    if (later := last - start - len(listed)) > 0:
        body += f'<p class="soft">{later} {"is" if later == 1 else "are"} not planned</p>'
    return title, body + _pages(job, start, number)


def _output(job: str, output: OutputStatus) -> str:
    picture = (
        f'<img alt="" src="mediadask/thumbnail?job={quote(job)}&amp;output={output.index}">'
        if output.has_picture
        else ""
    )
    lines = [f"<b>{text(output.name)}</b>"]
    if output.state == "failed":
        lines.append(f'<small class="bad">{text(output.error)}</small>')
    elif output.state == "done":
        paths = [f'<small class="soft">{text(path)}</small>' for path in output.paths[:_MOST_PATHS]]
        more = len(output.paths) - len(paths)
        lines += [*paths, f'<small class="soft">and {more} more</small>' if more else ""]
        lines.append("" if paths else f'<small class="soft">{text(output.text) or "done"}</small>')
    else:
        lines.append(f'<small class="soft">{output.state}</small>')
        lines.append(progress(output.fraction, "var(--good)") if output.fraction else "")
    return f'<div class="output"><div class="frame">{picture}</div><div>{"".join(lines)}</div></div>'


def _pages(job: str, start: int, number: int) -> str:
    """Links to the first, the one before, the next and the last page, where there are several."""
    if number <= PAGE_OUTPUTS and not start:
        return ""
    end = (number - 1) // PAGE_OUTPUTS * PAGE_OUTPUTS
    places = (
        ("first", 0),
        ("before", min(start - PAGE_OUTPUTS, end)),
        ("next", start + PAGE_OUTPUTS),
        ("last", end),
    )
    links = [
        f'<a href="?job={quote(job)}&amp;from={place}">{name}</a>'
        if 0 <= place <= end and place != start
        else f'<span class="soft">{name}</span>'
        for name, place in places
    ]
    return f'<div class="pages">{"".join(links)}</div>'
