{{/*
A component's role in the release's namespace, and who has it.
Call with a dict: root, component, rules (YAML).
*/}}
{{- define "flyball.rights" -}}
{{- $root := .root -}}
{{- $name := printf "%s-%s" (include "flyball.name" $root) .component -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "flyball.labels" (list $root .component) | nindent 4 }}
rules: {{- .rules | nindent 2 }}
  # Who makes a Lease cannot name it yet; who holds it can.
  - {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create]}
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    resourceNames: [{{ .component }}]
    verbs: [get, list, watch, update, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "flyball.labels" (list $root .component) | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }}}
subjects:
  - {kind: ServiceAccount, name: {{ $name }}, namespace: {{ $root.Release.Namespace }}}
{{- end }}
