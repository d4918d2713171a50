#!/bin/bash
# One node: containerd, kube-proxy and kubelet, in the node's own network and mount namespaces.   node.sh NUMBER
# Called by control_plane.sh; ends when one of the three ends.
set -euo pipefail
number=$1
own=$RUN/node-$number
data=$STATE/node-$number
mkdir -p "$own/cni" "$data"
mount --make-rshared /  # for volumes that are mounted through

# Control groups, version 1: kubelet wants its root in each hierarchy, and a new cpuset holds no processor.
for hierarchy in /sys/fs/cgroup/*/; do
  [ -e "$hierarchy/cgroup.procs" ] || continue
  for group in "$hierarchy/$NAME" "$hierarchy/$NAME/node-$number"; do
    mkdir -p "$group"
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$group/$file" ] || cat "$group/../$file" >"$group/$file"
    done
  done
done

cat >"$own/cni/10-bridge.conflist" <<END
{"cniVersion": "0.4.0", "name": "$NAME", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$own/ipam", "ranges": [[{"subnet": "$POD_NET.$number.0/24"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END

# restrict_oom_score_adj: root in a container may not lower that figure, and runc then starts nothing.
cat >"$own/containerd.toml" <<END
version = 2
root = "$data/containerd"
state = "$own/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "$own/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  disable_tcp_service = true
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$own/cni"
END

cat >"$own/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$own/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$NAME/node-$number
failSwapOn: false
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/serving-$number.crt
tlsPrivateKeyFile: $PKI/serving-$number.key
clusterDomain: cluster.local
clusterDNS: [$SERVICE_OF_DNS]
resolvConf: ""
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
volumePluginDir: $data/volume-plugins
podLogsDir: $data/pod-logs
nodeStatusUpdateFrequency: 2s
END

cat >"$own/proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $PKI/proxy.kubeconfig}
clusterCIDR: $POD_NET.0.0/16
hostnameOverride: node-$number
mode: iptables
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
iptables: {minSyncPeriod: 0s}
END

containerd -c "$own/containerd.toml" >>"$LOG/containerd-$number.log" 2>&1 &
"$BIN/kube-proxy" --config "$own/proxy.yaml" >>"$LOG/proxy-$number.log" 2>&1 &
for ((tries = 0; tries < 1200; tries++)); do
  [ ! -S "$own/containerd.sock" ] || break
  sleep 0.1
done
"$BIN/kubelet" --config "$own/kubelet.yaml" --kubeconfig "$PKI/node-$number.kubeconfig" --root-dir "$data/kubelet" \
  --hostname-override "node-$number" --node-ip "$NODE_NET.$((number + 1))" \
  --node-labels "topology.kubernetes.io/zone=zone-$((number % 3))" >>"$LOG/kubelet-$number.log" 2>&1 &
wait -n || true
echo "node-$number: containerd, kube-proxy or kubelet ended" >&2
exit 1
