"""The words of `docs/benchmarks.md`."""

from __future__ import annotations

HEAD = """\
# Benchmarks

Made by `make bench` on {day}; do not edit. Figures of different machines or runs say little beside each other:
compare within one run, ratios above all.
"""

IMPORTS = """\
## Imports

A CSV of new transactions (one line each), from the first byte of the upload to `completed`, asked for through the
API; beside a bare single `COPY` of the same file into an ordinary table whose primary key is `transaction_id`, on the
same server. Both load into an empty table after a checkpoint, a new file each round, taking turns in who is first;
medians of the rounds ({rounds}). The import finds out the dialect, maps and types the columns, checks them and the key,
numbers the lines, keeps line and import with each row, and can be resumed; the bare COPY does none of that.

| rows | file | bare COPY | import | import, rows/s | speed / bare COPY | submit | picked up | peak worker memory |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{imports}

*Submit* is until the 202, the whole file included; *picked up* from the job's creation until a worker has it; the
memory is the peak resident set of the largest worker process during the import.
"""

MODES = """\
## Modes and undo

{rows} rows into a dataset that holds as many (but for the new ones), through the API as above; beside `COPY` into an
unlogged staging table and one `INSERT … ON CONFLICT DO UPDATE … WHERE … IS DISTINCT FROM` into a table whose key is
`transaction_id`, on the same server, after a checkpoint. The import keeps what each row was before; the bare upsert
does not. *Undo* is from the request until `completed`. Medians of the rounds ({rounds}).

| rows are | bare upsert | import | import / bare | undo | undo / import |
|---|---:|---:|---:|---:|---:|
{modes}
"""

BAD_ROWS = """\
## Bad rows

A file of {rows} rows of which every one is bad (in turn: a required cell is empty, no number, no date, a cell too many)
beside a good one, loaded as above, taking turns; medians of {rounds} rounds. Of each bad row its text, its place, all
reasons and the number that it would have been given are kept.

| | until `completed` |
|---|---:|
| good rows | {good:.2f} s |
| bad rows | {bad:.2f} s |

**Bad / good: {ratio:.2f}** (at most 2 is the aim).
"""

SUBMITS = """\
## Submits

{count} files of {file_kb:.1f} kB, {rate} a second, each with its own rows, while the workers import them on the same
machine; from the moment when a file was due.

| | p50 | p95 | p99 | max |
|---|---:|---:|---:|---:|
{submits}

With everything on this machine {files_a_second:.1f} such files a second are imported; the last one was done
{drained:.1f} s after the last 202.
"""

SATURATION = """\
## Submits at saturation

{clients} clients send a file of {file_kb:.1f} kB as soon as their last one was answered, to Wharf and to a bare FastAPI
endpoint (its own uvicorn process with the same options) that writes the file to a folder, inserts one row on the same
PostgreSQL, commits and calls `send_task` on the same Redis. They take turns ({turns} each), and no worker takes
anything meanwhile; every submit is admitted and published.

| | requests/s | p50 | p95 |
|---|---:|---:|---:|
{wharf}
{bare}

**Wharf / bare endpoint: {ratio:.2f}** (median of the turns). The broker had the message of Wharf's last job
{published:.1f} s after its 202.
"""

JOBS = """\
## Jobs
"""

NOOPS = """
Jobs that do nothing (`echo`), {jobs} at a time, all queued before the workers go on; from the first start to the last
end, medians of {rounds} rounds. Beside them, with as many child processes, on the same servers and with the same way of
delivery: plain Celery tasks that do nothing, and plain Celery tasks with two bare commits (an INSERT and an UPDATE
through one kept connection), which is the least that a ledger can cost.

| | jobs/s | Wharf / it |
|---|---:|---:|
| Wharf | {wharf:.0f} | |
| plain Celery, two bare commits | {commits:.0f} | **{to_commits:.2f}** |
| plain Celery | {plain:.0f} | {to_plain:.2f} |
"""

PICKUP = """
How long a job waits for an idle worker, {rate} a second for {seconds:.0f} s: from the job's creation to its start in
the ledger (commit and publishing included), and from before plain Celery's `send_task` to the task's first line.

| | p50 | p95 | p99 | max |
|---|---:|---:|---:|---:|
{pickup}
"""

PACKAGES = """\
## Packages

{rows} transactions as a PDF of {pages} pages (cover, contents, page x of y) and a workbook (styles, filters, charts),
through the API, from the submit to the end of the job; beside it the usual way to write such files, and the bare
floors of the libraries.

| what | seconds |
|---|---:|
| Wharf, PDF and workbook, with reading the rows and storing the files | {ours:.2f} |
| openpyxl in normal mode, and one platypus LongTable with a two-pass page counter | {usual:.2f} |
| ReportLab's canvas, bare | {bare_pdf:.2f} |
| XlsxWriter with constant memory, bare | {bare_workbook:.2f} |

{times_faster:.1f} times faster than the usual way. A PDF of {large_pages} pages took {large_seconds:.1f} s and
{large_memory:.0f} MB at most; a page of it {per_page:.2f} of the time that one of the smaller one takes. A workbook of
{cells_rows} rows of seven cells took {cells_ours:.1f} s, openpyxl in write-only mode {cells_streamed:.1f} s:
{cells_ratio:.1f} times as long.
"""

TICKS = """\
## Ticks of the scheduler

{schedules} schedules, each every hour, their times spread evenly; a tick finds what is due, notes it, writes its jobs
and moves the schedules on, in the scheduler's role, on a PostgreSQL of its own, without workers.

| | p50 | p95 | p99 | max |
|---|---:|---:|---:|---:|
{ticks}

At most 50 ms a tick is the aim. Of what is due at once a tick takes a hundred; all of them took {all:.1f} s.
"""

COSTS = """\
## What metrics and logs cost

Time of the processor that the services' processes took, in two new stacks on this machine; in one of them metrics and
log lines do nothing, its code is otherwise the same. The same files, taking turns in who is first; medians of
{rounds} rounds. *More* is of the rounds, with the least and the greatest: what the machine does beside is in it.

| | with | without | more | |
|---|---:|---:|---:|---:|
{costs}

**{submit:.2f} ms of a submit, {share:.1f} % of an import of 100,000 rows** (at most 1 ms and 3 % are the aim).
"""

NEIGHBOURS = """\
## Imports beside other work

Imports of {rows} new rows each, one after the other, on the same machine: alone; while two packages of {package_rows}
rows (PDF and workbook) are being made all the time; while a ledger of {backed_up:.1f} GB is backed up. Medians.

| | rows/s | of its rate alone |
|---|---:|---:|
| alone | {alone} | |
| beside two packages ({made} were made) | {packages} | {beside_packages:.2f} |
| right before and after a backup | {around} | |
| beside it ({backups} imports; it took {backup_seconds:.0f} s) | {backup} | {beside_backup:.2f} |

The packages had {share:.2f} of the machine's processors, so an import had {rest:.2f} of them left (no less is the aim);
beside a backup 0.7 is the aim.
"""

PROMISES = """\
## The numbers of the systems that it replaces

Theirs as their documents tell or ask for them, on their machines; ours on this one, one run each, through the API, from
the first byte sent to the end of the job.

| system | what | theirs | Wharf |
|---|---|---:|---:|
{promises}
"""

TAIL = """\
## Where

{machine}

## Again

`make bench` (about {minutes:.0f} min here), `make bench ARGS='--rounds 5'`, `make bench ARGS=--quick` and
`make bench ARGS='--only noops,pickup'` (these print only). Every run leaves its raw figures in `bench/results`.
"""
