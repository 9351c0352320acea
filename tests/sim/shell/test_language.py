"""The simulated shell's language against the machine's dash: both must print the same and end the same."""

import asyncio
import shutil
import subprocess

import pytest

SCRIPTS = [
    "echo hello world",
    "echo 'a  b' \"c  d\" e\\ f",
    "for i in $(seq 3); do echo $i; done",
    "for i in a 'b c' \"d\"; do printf '<%s>' \"$i\"; done; echo",
    "i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo $i; done",
    'until [ "$x" = aaa ]; do x=${x}a; done; echo $x',
    "while :; do n=$((n+1)); [ $n = 2 ] && continue; [ $n = 4 ] && break; echo $n; done; echo end $n",
    "for a in 1 2; do for b in 1 2; do [ $b = 2 ] && continue 2; echo $a$b; done; done",
    "if false; then echo a; elif true; then echo b; else echo c; fi",
    "case abc in x) echo x;; a*|b) echo glob;; *) echo other;; esac",
    "case 'a*' in 'a*') echo literal;; esac; case ab in 'a*') echo no;; *) echo yes;; esac",
    "true && echo yes || echo no; false && echo yes || echo no",
    "! false && echo negated; ! true; echo $?",
    "(exit 3); echo $?; { false; }; echo $?",
    "x=1; (x=2; echo $x); echo $x",
    'f() { echo "$1-$#"; return 4; }; f a b; echo $?',
    "echo one two three | wc -w | tr -d ' '",
    "printf 'b\\na\\nb\\n' | sort | uniq -c | tr -s ' '",
    "x=$(printf 'a\\n\\n\\n'); echo \"[$x]\"",
    'x="a b"; set -- $x; echo $#; set -- "$x"; echo $#; for w in "$@"; do echo "<$w>"; done',
    "set -- 'a b' c; printf '<%s>' \"$@\"; printf '<%s>' \"x$@y\"; printf '<%s>' $*; echo",
    "u=12345.67; echo ${u%.*}${u#*.} ${u%%.*} ${u##*.}",
    "p=/a/b/c.txt; echo ${p##*/} ${p%/*} ${p#/} ${#p}",
    'echo ${v:-default} ${v-unset} ${v:=set} $v ${v:+alt} "${w:-a b}"',
    "echo $((1+2*3)) $(( (1+2)*3 )) $((7/2)) $((-7/2)) $((7%3)) $((1<2)) $((5==5&&0)) $((010)) $((0x1f))",
    "x=5; y=$((x*2)); echo $y $((x=3)) $x $((y>3?1:2))",
    "echo a; echo b >&2; echo c 2>/dev/null",
    "{ echo out; echo err >&2; } 2>&1 | sort",
    "exec 3>&1; echo via3 >&3; x=$(echo cap; echo side >&3); echo $x",
    'r=$({ { echo body; echo meta >&4; } | cat; } 4>&1); echo "$r" | sort',
    "echo text > /dev/null; echo $?",
    "cat < /no/such/file; echo $?",
    "no-such-command; echo $?",
    "exit 7",
    "trap 'echo bye' EXIT; echo hi",
    "trap 'echo bye $?' 0; exit 3",
    "sleep 0.01 & wait $!; echo $?",
    "(exit 5) & p=$!; wait $p; echo $?",
    "for i in 1 2 3; do (exit $i) & done; wait; echo $?",
    "sleep 30 & p=$!; kill $p; wait $p; echo $?",
    "(trap 'echo term; exit 9' TERM; sleep 0.5 & wait) & sleep 0.1; kill $!; wait $!; echo $?",
    "printf 'a b c\\nd\\n' | { read -r x y; echo \"$x|$y\"; read z; echo $z; read w; echo $?; }",
    "printf 'a\\nb\\nc\\n' | while read -r l; do echo \"<$l>\"; done",
    "printf '%s %d %5.2f %03d %x|%-5s|%c\\n' str 42 3.14159 7 255 ab xyz",
    "printf '%s,' a b c; echo; printf '%%|\\t|\\101\\n'",
    'yes=1; [ "$yes" -eq 1 ] && [ -n "$yes" ] && [ -z "$no" ] && [ a != b ] && echo all',
    "test ! -n '' && echo ok; [ 1 -gt 2 -o 3 -gt 2 ] && echo or; [ a = a -a b = c ] || echo and",
    'echo "nested $(echo "inner $(echo deep)")" `echo back`',
    "# comment\necho a # trailing\necho b#notcomment",
    'echo a\\\nb; echo \'single\\n\'; echo "dollar \\$x \\"q\\""',
    "IFS=:; x=a:b:c; for i in $x; do echo $i; done",
    "echo abcdef | head -c 3; echo; seq 100 | head -n 2; seq 5 | tail -n 1",
    "echo Hello | tr 'a-z' 'A-Z'; echo a1b2 | tr -d '0-9'; echo a:b:c | cut -d: -f2",
    "printf 'x\\nxy\\nz\\n' | grep -c x; printf 'x\\nz\\n' | grep -v x; echo q | grep -q z; echo $?",
    "eval 'echo evaluated $((1+1))'; command -v sh >/dev/null && echo found; command -v nosuch || echo $?",
    "x=outer; f() { x=inner; }; f; echo $x; A=1 env | grep '^A='; export B=2; env | grep '^B='",
    "set -e; false || echo survived; true; false; echo never",
    "seq 3 -1 1; seq 2 2 6",
    "echo $0 $1 $2",
    "shift; echo $1; shift 5; echo unreachable",
    "if true; then echo a; fi; { echo b; }",
    "if true\nthen\n  echo a\nfi\nfor i in 1 2\ndo\n  echo $i\ndone",
    "echo 1;echo 2&&echo 3||echo 4;echo 5",
    'a=\'x y\'; b=$a; echo "$b"; c=$(echo $a); echo "$c"',
    "echo \"a$(printf 'x\\0y')b\"",
    "for x; do echo $x; done",
    "kill -0 $$ && echo alive",
]


@pytest.mark.skipif(shutil.which("dash") is None, reason="needs dash to compare with")
@pytest.mark.parametrize("script", SCRIPTS)
async def test_says_what_dash_says(bench, script):
    real = await asyncio.to_thread(_dash, script)
    ran = await bench.sh(script, "name", "one", "two")
    assert (ran.out, ran.code) == (real.stdout, real.returncode)
    assert bool(ran.err) == bool(real.stderr.replace("Terminated\n", ""))


def _dash(script):
    return subprocess.run(
        ["dash", "-c", script, "name", "one", "two"], capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.parametrize(
    "script", ["if true", "echo 'open", "echo $(", "done", "a | | b", "for 1 in x; do :; done", "echo )"]
)
async def test_what_is_not_understood_is_exit_2(bench, script):
    ran = await bench.sh(script)
    assert ran.code == 2
    assert "Syntax error" in ran.err
