"""What one request leaves behind, told once per course it can take; `{c}` and `{s}` are the client's and server's
cluster, `{i}` and `{j}` their ids. Events of two nodes reach Relay in no fixed order, so each node tells its own.
"""

from __future__ import annotations

PLAIN_LOOKUP = """
{c}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > coredns[{i}]:53  UDP
{c}  to-endpoint  egress  reply  FORWARDED  coredns[{i}]:53 > x-wing[{i}]  UDP
"""
PROXIED_LOOKUP = """
{c}  policy-verdict  egress  request  REDIRECTED  x-wing[{i}] > coredns[{i}]:53  L3/L4 by default-deny  UDP
{c}  to-proxy  egress  request  FORWARDED  x-wing[{i}] > coredns[{i}]:53  UDP
{c}  l7  egress  request  FORWARDED  x-wing[{i}] > coredns[{i}]:53  DNS Query rebel-base.default.svc.cluster.local. A
{c}  l7  egress  request  FORWARDED  x-wing[{i}] > coredns[{i}]:53  DNS Query rebel-base.default.svc.cluster.local. AAAA
{c}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > coredns[{i}]:53  UDP
{c}  to-proxy  egress  reply  FORWARDED  coredns[{i}]:53 > x-wing[{i}]  UDP
{c}  l7  egress  reply  FORWARDED  coredns[{i}]:53 > x-wing[{i}]  \
DNS Answer "{vip}" TTL: 5 (Proxy rebel-base.default.svc.cluster.local. A)
{c}  l7  egress  reply  FORWARDED  coredns[{i}]:53 > x-wing[{i}]  \
DNS Answer  TTL: 4294967295 (Proxy rebel-base.default.svc.cluster.local. AAAA)
"""
"""With a DNS rule the agent's proxy asks for both families over one socket."""
ANSWERED_HERE = """
{c}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{i}]:80  TCP Flags: SYN
{c}  to-endpoint  egress  reply  FORWARDED  rebel-base[{i}]:80 > x-wing[{i}]  TCP Flags: SYN, ACK
{c}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{i}]:80  TCP Flags: ACK
{c}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{i}]:80  TCP Flags: ACK, PSH
{c}  to-endpoint  egress  reply  FORWARDED  rebel-base[{i}]:80 > x-wing[{i}]  TCP Flags: ACK, PSH
{c}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{i}]:80  TCP Flags: ACK, FIN
{c}  to-endpoint  egress  reply  FORWARDED  rebel-base[{i}]:80 > x-wing[{i}]  TCP Flags: ACK, FIN
{c}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{i}]:80  TCP Flags: ACK
"""
ANSWERED_THERE = """
{c}  to-overlay  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: SYN
{c}  to-endpoint  egress  reply  FORWARDED  rebel-base[{j}]:80 > x-wing[{i}]  TCP Flags: SYN, ACK
{c}  to-overlay  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: ACK
{c}  to-overlay  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: ACK, PSH
{c}  to-endpoint  egress  reply  FORWARDED  rebel-base[{j}]:80 > x-wing[{i}]  TCP Flags: ACK, PSH
{c}  to-overlay  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: ACK, FIN
{c}  to-endpoint  egress  reply  FORWARDED  rebel-base[{j}]:80 > x-wing[{i}]  TCP Flags: ACK, FIN
{c}  to-overlay  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: ACK
{s}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: SYN
{s}  to-overlay  ingress  reply  FORWARDED  rebel-base[{j}]:80 > x-wing[{i}]  TCP Flags: SYN, ACK
{s}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: ACK
{s}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: ACK, PSH
{s}  to-overlay  ingress  reply  FORWARDED  rebel-base[{j}]:80 > x-wing[{i}]  TCP Flags: ACK, PSH
{s}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: ACK, FIN
{s}  to-overlay  ingress  reply  FORWARDED  rebel-base[{j}]:80 > x-wing[{i}]  TCP Flags: ACK, FIN
{s}  to-endpoint  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: ACK
"""
"""Both nodes see it: the client's node what it sends into the tunnel, the server's what it delivers."""
_LET = "  policy-verdict  {0}  request  FORWARDED  x-wing[{{i}}] > rebel-base[{{j}}]:80  L3 by {1}  TCP Flags: SYN"
OUT = "{c}" + _LET.format("egress", "x-wing-to-rebel-base")
IN = "{s}" + _LET.format("ingress", "rebel-base-from-x-wing")
ALLOWED_HERE = f"\n{OUT}\n{IN}{ANSWERED_HERE}"
_THERE = ANSWERED_THERE.strip().splitlines()
ALLOWED_THERE = "\n".join([OUT, *_THERE[:8], IN, *_THERE[8:]])
REFUSED_GOING_OUT = """
{c}  policy-verdict  egress  -  DROPPED POLICY_DENIED  x-wing[{i}] > rebel-base[{j}]:80  \
none by nobody named  TCP Flags: SYN
{c}  drop  egress  -  DROPPED POLICY_DENIED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: SYN
{c}  policy-verdict  egress  -  DROPPED POLICY_DENIED  x-wing[{i}] > rebel-base[{j}]:80  \
none by nobody named  TCP Flags: SYN
{c}  drop  egress  -  DROPPED POLICY_DENIED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: SYN
"""
"""The SYN, and the SYN again after one second: a pair of events each, no policy named, no is_reply."""
_REFUSED = """
{s}  policy-verdict  ingress  -  DROPPED POLICY_DENIED  x-wing[{i}] > rebel-base[{j}]:80  \
none by nobody named  TCP Flags: SYN
{s}  drop  ingress  -  DROPPED POLICY_DENIED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: SYN"""
REFUSED_COMING_IN = f"\n{OUT}{_REFUSED}{_REFUSED}"
"""Let out once, refused twice: the second SYN belongs to a connection that egress already knows."""
PROBED = """
{c}  to-endpoint  egress  request  FORWARDED  host > rebel-base[{i}]:80  TCP Flags: SYN
{c}  to-stack  ingress  reply  FORWARDED  rebel-base[{i}]:80 > host  TCP Flags: SYN, ACK
{c}  to-endpoint  egress  request  FORWARDED  host > rebel-base[{i}]:80  TCP Flags: ACK
{c}  to-endpoint  egress  request  FORWARDED  host > rebel-base[{i}]:80  TCP Flags: ACK, PSH
{c}  to-stack  ingress  reply  FORWARDED  rebel-base[{i}]:80 > host  TCP Flags: ACK, FIN, PSH
{c}  to-endpoint  egress  request  FORWARDED  host > rebel-base[{i}]:80  TCP Flags: ACK, FIN
{c}  to-stack  ingress  reply  FORWARDED  rebel-base[{i}]:80 > host  TCP Flags: ACK
"""
"""A kubelet asks a pod of its own node whether it is ready."""
PROBED_UNDER_POLICY = f"""
{{c}}  policy-verdict  ingress  request  FORWARDED  host > rebel-base[{{i}}]:80  L3 by -  TCP Flags: SYN{PROBED}"""
"""With ingress policy a verdict comes first: the node is always let in, by a rule without a name."""
LOST_ON_THE_WAY = (
    f"\n{OUT}"
    """
{c}  to-overlay  egress  request  FORWARDED  x-wing[{i}] > rebel-base[{j}]:80  TCP Flags: SYN
"""
)
"""Sent into the tunnel and never seen again; nobody calls it dropped."""
