#!/bin/sh
# Stands in for kind, cilium, kubectl, docker and podman: records its arguments, keeps what they would have made in
# files, fails or hangs where the test says so, and prints what the real ones print.
name=${0##*/}
here=$STANDIN
line=$name
for word in "$@"; do line="$line	$word"; done
printf '%s\n' "$line" >>"$here/log"
said="$name $*"
matches() {
    [ -f "$here/$1" ] || return 1
    while IFS= read -r pattern; do case "$said" in *"$pattern"*) return 0 ;; esac; done <"$here/$1"
    return 1
}
context= previous= cluster= config=
for word in "$@"; do
    case "$previous" in
    --context) context=${word#kind-} ;;
    --name) cluster=$word ;;
    --config) config=$word ;;
    esac
    previous=$word
done
half() { # what a command that fails or hangs has done by then
    case "$said" in "kind create"*) echo "none" >"$here/clusters/$cluster" ;; esac
}
if matches fail; then
    half
    printf 'Error: Unable to do it: timeout while waiting for condition\n' >&2
    exit 1
fi
if matches hang; then
    half
    printf '⌛ Waiting ...\n'
    touch "$here/hanging"
    sleep 600 &
    echo $! >"$here/child"
    wait
fi
case "$said" in
"docker info"* | "podman info"*) echo "Server Version: 28.3.3" ;;
"kind version"*) echo "kind v0.30.0 go1.24.6 linux/amd64" ;;
"kind get clusters"*) ls "$here/clusters" ;;
"kind create cluster"*)
    printf 'Creating cluster "%s" ...\n' "$cluster" >&2
    printf ' • Ensuring node image (kindest/node:v1.34.0) 🖼  ...\n ✓ Ensuring node image (kindest/node:v1.34.0) 🖼\n' >&2
    cp "$config" "$here/clusters/$cluster"
    printf 'Set kubectl context to "kind-%s"\n' "$cluster" >&2
    ;;
"kind delete cluster"*)
    rm -f "$here/clusters/$cluster" "$here/installed/$cluster" "$here/ca/$cluster"
    printf 'Deleting cluster "%s" ...\n' "$cluster" >&2
    ;;
"cilium version"*) echo "cilium-cli: v0.18.8 compiled with go1.25.1 on linux/amd64" ;;
"cilium install --help"*)
    echo "      --set stringArray   Set helm values on the command line"
    [ -f "$here/classic" ] && echo "      --inherit-ca string   Inherit/import CA from another cluster"
    ;;
"cilium install"*)
    [ -f "$here/installed/$context" ] && { echo "Error: Unable to install Cilium: cannot re-use a name that is still in use" >&2; exit 1; }
    printf '🔮 Auto-detected Kubernetes kind: kind\nℹ️  Using Cilium version 1.18.3\n'
    touch "$here/installed/$context"
    [ -f "$here/ca/$context" ] || printf 'apiVersion: v1\nkind: Secret\ndata:\n  ca.key: VERY-SECRET-%s\n' "$context" >"$here/ca/$context"
    ;;
"cilium clustermesh enable"*) printf '✨ Deploying clustermesh-apiserver...\n' ;;
"cilium clustermesh connect"*) printf '✨ Extracting access information of cluster tion...\n✅ Connected cluster kind-koornacht and kind-tion!\n' ;;
"cilium status"*) printf '\033[33m    /¯¯\\\n\033[0m /¯¯\\__/¯¯\\    Cilium:             \033[32mOK\033[0m\n' ;;
"cilium clustermesh status"*) printf '✅ Deployment clustermesh-apiserver is ready\n' ;;
"cilium hubble enable"*) ;;
"kubectl version"*) echo "Client Version: v1.34.1" ;;
"kubectl"*"get nodes -l "*)
    [ -f "$here/clusters/$context" ] || exit 1
    label=${said##*meshtui.io/lab=}
    grep -q "meshtui.io/lab: \"${label%% *}\"" "$here/clusters/$context" && echo "node/$context-control-plane"
    exit 0
    ;;
"kubectl"*"get nodes"*) [ -f "$here/clusters/$context" ] && sed -n "s/.*role: \(.*\)/node\/$context-\1/p" "$here/clusters/$context" ;;
"kubectl"*"get daemonset cilium"*) [ -f "$here/installed/$context" ] && echo daemonset.apps/cilium; exit 0 ;;
"kubectl"*"get secret cilium-ca"*"-o yaml"*) cat "$here/ca/$context" ;;
"kubectl"*"get secret cilium-ca"*) [ -f "$here/ca/$context" ] && echo secret/cilium-ca; exit 0 ;;
"kubectl"*"create -f -"*)
    [ -f "$here/ca/$context" ] && { echo 'Error from server (AlreadyExists): secrets "cilium-ca" already exists' >&2; exit 1; }
    cat >"$here/ca/$context"
    echo "secret/cilium-ca created"
    ;;
*) echo "the stand-in does not know: $said" >&2; exit 64 ;;
esac
