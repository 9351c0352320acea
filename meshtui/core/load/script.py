"""The one command a load test executes in a client's container: POSIX sh around curl, or wget where that is missing.

The script's text is constant; everything a person chose reaches it as positional parameters, so nothing is quoted and
nothing can be injected. Each result is one write of less than 4096 bytes (atomic on a pipe), framed by a boundary that
no answer can know. End of standard input, a signal or a closed output ends every process it started: run it with
standard input open. They are killed outright: a shell that was forked a moment ago still has its parent's traps, and
loses a signal that can be caught when it drops them.
"""

from __future__ import annotations

import hashlib
import math
import re
from urllib.parse import urlsplit

from meshtui.core.errors import UsageError
from meshtui.core.load.spec import LoadSpec

BODY_LIMIT = 2048
"""Bytes of a body that are kept; with its frame and an error text it stays under PIPE_BUF (4096)."""
MOST_WORKERS = 200
MOST_RATE = 50.0
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]+(%\w+)?")

_SCRIPT = r"""
i=$1 total=$2 workers=$3 rate=$4 limit=$5 patience=$6 plain=$7 url=$8
shift 8
pids=
now() { read -r up _ </proc/uptime; up=${up%.*}${up#*.}; }
keep() { head -c "$limit"; cat >/dev/null; }
stop() {
  trap - HUP INT TERM
  read -r _ _ _ _ group _ </proc/$$/stat
  [ "$group" = "$$" ] && kill -KILL 0
  kill -KILL $pids $! $$
}
if command -v curl >/dev/null; then
  tool=curl
  once() {
    { { e=$(curl "$@" 2>&1 >&4); printf '%s' "${i}x$?${i}.${i}e$e${i}." >&4; } 3>&1 | keep; } 4>&1
  }
elif [ "$plain" = 1 ] && command -v wget >/dev/null; then
  tool=wget more=-q
  if wget --version 2>/dev/null | grep -q GNU; then more='-nv -t 1'; fi
  once() {
    now; begun=$up
    { { e=$(wget $more -T "$patience" -O - "$url" 2>&1 >&3); c=$?; now
        printf '%s' "${i}x$c${i}.${i}t$((up-begun))${i}.${i}e$e${i}." >&4; } 3>&1 | keep; } 4>&1
  }
else
  printf '%s\n' "${i}!"
  exit 127
fi
pace() {
  now; ahead=$((start+($1-1)*100000/rate-up))
  [ $ahead -gt 0 ] || return 0
  part=$((ahead%100)); [ $part -gt 9 ] || part=0$part
  sleep $((ahead/100)).$part 2>/dev/null || sleep 1
}
work() {
  n=$1; shift
  while [ $total = 0 ] || [ $n -le $total ]; do
    [ $rate = 0 ] || pace $n
    r=$(once "$@")
    printf '%s\n' "${i}+$n|$r${i}-" || exit 1
    n=$((n+workers))
  done
}
printf '%s\n' "${i}*$tool"
now; start=$up
exec 6<&0
trap stop HUP INT TERM
k=1
while [ $k -le $workers ]; do
  work $k "$@" 6<&- &
  pids="$pids $!"
  k=$((k+1))
done
{ while read -r _; do :; done; stop; } <&6 >/dev/null 2>&1 &
watch=$!
wait $pids
kill -KILL $watch
printf '%s\n' "${i}="
"""


def boundary(spec: LoadSpec) -> str:
    """The word that frames this run's results."""
    return spec.boundary or "mt" + hashlib.sha256(repr(spec).encode()).hexdigest()[:16]


def script(spec: LoadSpec) -> list[str]:
    """The argv of the one exec that makes all of `spec`'s requests. Raises UsageError for a spec that makes no sense.

    Its standard input must stay open: when it ends, so does the run.
    """
    check(spec)
    plain = spec.method == "GET" and not (spec.headers or spec.body or spec.cluster_header)
    numbers = (spec.total, _workers(spec), round(spec.rate * 1000), BODY_LIMIT, math.ceil(spec.max_time), int(plain))
    return ["sh", "-c", _SCRIPT, "meshtui", boundary(spec), *map(str, numbers), spec.url, *_curl_arguments(spec)]


def check(spec: LoadSpec) -> None:
    """Raise UsageError for a spec that cannot be run."""
    parts = urlsplit(spec.url if "://" in spec.url else f"http://{spec.url}")
    if parts.scheme not in ("http", "https") or not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise UsageError(
            f"{spec.url!r} is not an http or https URL", hint="for example rebel-base, or http://rebel-base:80/"
        )
    if not 0 < spec.max_time <= 3600:
        raise UsageError("the time limit of a request must be above 0 and at most 3600 seconds")
    if spec.count < 0 or not 1 <= spec.concurrency <= MOST_WORKERS:
        raise UsageError(f"count must be 0 or more, concurrency from 1 to {MOST_WORKERS}")
    if not 0 <= spec.rate <= MOST_RATE:
        raise UsageError(f"the rate must be at most {MOST_RATE:.0f} requests per second")
    if spec.duration < 0 or (spec.duration and not spec.rate):
        raise UsageError("a duration is for steady mode: say how many requests per second, too")
    if spec.rate and _needed(spec) > MOST_WORKERS:
        raise UsageError(
            "that rate with that time limit may need too many requests at once",
            cause=f"{_needed(spec)} at most {MOST_WORKERS}",
            hint="lower --rate or --max-time",
        )
    if not spec.method.isalpha() or any(c in f"{k}{v}" for k, v in spec.headers.items() for c in "\r\n\0"):
        raise UsageError("a method is letters, and headers have no line breaks")
    if "\0" in spec.url + spec.body:
        raise UsageError("a URL or body for curl's command line cannot have a NUL")


def _needed(spec: LoadSpec) -> int:
    """Requests that may be under way at once to keep the rate when none is answered."""
    return math.ceil(spec.rate * spec.max_time) + 1


def _workers(spec: LoadSpec) -> int:
    wanted = _needed(spec) if spec.rate else spec.concurrency
    return min(wanted, spec.total) if spec.total else wanted


def _curl_arguments(spec: LoadSpec) -> list[str]:
    word = boundary(spec)
    names = (
        *("http_code", "time_total", "time_namelookup", "time_connect"),
        *("local_ip", "local_port", "remote_ip", "remote_port", "size_download"),
    )
    told = word + "w" + "|".join(f"%{{{name}}}" for name in names) + word + "."
    arguments = ["-q", "-s", "-S", "-g", "-o", "/dev/fd/3", "-w", told, "--max-time", f"{spec.max_time:g}"]
    if spec.method == "HEAD":
        arguments.append("-I")
    elif spec.method != "GET" or spec.body:
        arguments += ["-X", spec.method]
    if spec.cluster_header and spec.method != "HEAD":
        arguments.append("-i")
    for name, value in spec.headers.items():
        arguments += ["-H", f"{name}: {value}"]
    if spec.body:
        arguments += ["--data-raw", spec.body]
    return [*arguments, "--url", spec.url]
