#!/bin/bash
# The first process of the cluster's namespaces: the control plane, and the nodes as its children (the first one in
# these namespaces, the others in their own). It ends when any of them ends, and the kernel then ends all the rest.
# Called by cluster.py, which hands everything down in the environment.
set -euo pipefail

start() {
  local name=$1; shift
  "$@" >>"$LOG/$name.log" 2>&1 &
}

start etcd "$BIN/etcd" --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380

start apiserver "$BIN/kube-apiserver" --etcd-servers http://127.0.0.1:2379 \
  --bind-address 0.0.0.0 --secure-port "$PORT" --advertise-address "$NODE_NET.1" \
  --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" --client-ca-file "$PKI/ca.crt" \
  --kubelet-client-certificate "$PKI/admin.crt" --kubelet-client-key "$PKI/admin.key" \
  --kubelet-certificate-authority "$PKI/ca.crt" --kubelet-preferred-address-types InternalIP \
  --service-account-issuer https://kubernetes.default.svc.cluster.local \
  --service-account-key-file "$PKI/sa.pub" --service-account-signing-key-file "$PKI/sa.key" \
  --service-cluster-ip-range "$SERVICES" --authorization-mode Node,RBAC \
  --enable-admission-plugins NodeRestriction --allow-privileged \
  --requestheader-client-ca-file "$PKI/ca.crt" --requestheader-allowed-names front-proxy \
  --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
  --requestheader-extra-headers-prefix X-Remote-Extra- \
  --proxy-client-cert-file "$PKI/front-proxy.crt" --proxy-client-key-file "$PKI/front-proxy.key"

# The others come once the API server has its roles: the controller manager ends itself when it is refused, the rest
# back off for long. Who started us gives up after a while, and that ends this wait too.
until "$BIN/kubectl" --kubeconfig "$PKI/admin.kubeconfig" get --raw /readyz >/dev/null 2>&1; do sleep 0.2; done

own() {
  echo "--kubeconfig=$PKI/$1.kubeconfig --authentication-kubeconfig=$PKI/$1.kubeconfig" \
    "--authorization-kubeconfig=$PKI/$1.kubeconfig --bind-address=127.0.0.1 --leader-elect=false"
}
# shellcheck disable=SC2046 # options, without spaces in them
start controller-manager "$BIN/kube-controller-manager" $(own controller-manager) \
  --service-account-private-key-file "$PKI/sa.key" --root-ca-file "$PKI/ca.crt" \
  --cluster-signing-cert-file "$PKI/ca.crt" --cluster-signing-key-file "$PKI/ca.key" \
  --use-service-account-credentials --node-monitor-period=2s --node-monitor-grace-period=16s
# shellcheck disable=SC2046
start scheduler "$BIN/kube-scheduler" $(own scheduler)

for ((node = 1; node < NODES; node++)); do
  nsenter --net="/run/netns/$NAME-$node" unshare --mount --fork --kill-child --propagation private \
    "$HERE/node.sh" "$node" &
done
"$HERE/node.sh" 0 &

wait -n || true
echo "a component ended; see $LOG" >&2
exit 1
