"""Examples shown in help, verb by verb."""

from __future__ import annotations

SHELLS = ("bash", "zsh", "fish")
EXAMPLES = {
    "": """\
  meshtui demo                                   see it work, nothing installed
  meshtui --context koornacht --context tion     the dashboard on two clusters
  meshtui status                                 are the clusters and their links well? (exit 1 if not)
  meshtui annotate rebel-base --global true      one service, two clusters
  meshtui load rebel-base --expect 'tion>0'      ten requests; did the other cluster answer?""",
    "demo": "  meshtui demo\n  meshtui demo --state default-deny",
    "simulate": """\
  meshtui simulate --state global
  meshtui simulate --directory /tmp/mesh & kubectl --kubeconfig /tmp/mesh/kubeconfig get nodes""",
    "status": """\
  meshtui status
  meshtui status -o json | jq '.links[]'
  meshtui status --wait --timeout 5m
  meshtui status --watch -o jsonl""",
    "nodes": "  meshtui nodes\n  meshtui nodes -o jsonl",
    "services": """\
  meshtui services --meshed
  meshtui services explain default/rebel-base
  meshtui services --findings""",
    "findings": """\
  meshtui findings
  meshtui findings --fix 1 --dry-run
  meshtui findings --wait --timeout 5m           until nothing is wrong""",
    "drill": """\
  meshtui drill rebel-base --cluster tion        its workload in tion to zero
  meshtui drill rebel-base --cluster tion        and back to what it was""",
    "undo": "  meshtui undo --list\n  meshtui undo --yes --wait",
    "serve": """\
  meshtui serve --context koornacht --context tion
  meshtui serve --read-write --port 9000
  meshtui serve --host 0.0.0.0 --tls-cert tls.crt --tls-key tls.key""",
    "schema": "  meshtui schema status\n  meshtui schema config",
    "flows": """\
  meshtui flows --last 50 verdict:dropped
  meshtui flows --follow --clusters to-pod:default/rebel-base --not reply
  meshtui flows --explain verdict:dropped
  meshtui flows --source agents --follow verdict:dropped
  meshtui flows --first 10 --from-pod default/x-wing --not --protocol udp -o dict
  meshtui flows --since 5m -o jsonl > flows.jsonl""",
    "policies": """\
  meshtui policies -n default
  meshtui policies check koornacht/x-wing rebel-base              a Service: each backend is judged
  meshtui policies check koornacht/default/x-wing tion/default/rebel-base:80/TCP
  meshtui policies --filter is:differs
  meshtui policies diff deny.yaml
  meshtui policies apply deny.yaml --context kind-koornacht
  meshtui policies suggest --from flows.jsonl > policies.yaml
  meshtui policies suggest --allow-seen --since 1h""",
    "annotate": """\
  meshtui annotate rebel-base --global true
  meshtui annotate default/rebel-base --context tion --shared false --yes
  meshtui annotate rebel-base --affinity - --dry-run""",
    "load": """\
  meshtui load rebel-base
  meshtui load --from koornacht/x-wing -n 100 -c 5 http://rebel-base/ -o json
  meshtui load rebel-base --expect 'koornacht>0,tion>0' --max-timeouts 0
  meshtui load rebel-base --steady --rate 20""",
    "lab": """\
  meshtui lab tour --demo                        learn it on the embedded mesh, nothing installed
  meshtui lab up                                 two kind clusters, meshed; then `lab tour`
  meshtui lab step default-deny                  bring that step about, from wherever the mesh is
  meshtui lab check --context A --context B      a smoke test of a mesh (exit 1 if a step fails); --yes in a pipeline
  meshtui lab deploy --context A --context B -n lab
  meshtui lab down""",
    "info": "  meshtui info\n  MESHTUI_UTC=1 meshtui info -o json",
    "completion": "  source <(meshtui completion bash)\n  meshtui completion fish | source",
}
