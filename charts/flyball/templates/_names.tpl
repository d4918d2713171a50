{{/* The name that objects of the release begin with: "flyball", or RELEASE-flyball. */}}
{{- define "flyball.name" -}}
{{- if contains "flyball" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-flyball" (.Release.Name | trunc 32 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "flyball.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{ .Values.image.repository }}{{ if hasPrefix "sha256:" $tag }}@{{ else }}:{{ end }}{{ $tag }}
{{- end }}

{{/* What selects a component's pods. Call with a list of the root and the component. */}}
{{- define "flyball.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: flyball
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "flyball.labels" -}}
{{- $root := index . 0 -}}
{{ include "flyball.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{- define "flyball.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "flyball.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/*
Says "true" where an object of the whole cluster is there and is not this release's: another one made it, or a person.
Call with a list of the root, the API version, the kind and the name. Without a cluster nothing is there.
*/}}
{{- define "flyball.isAnothers" -}}
{{- $release := (index . 0).Release -}}
{{- $there := lookup (index . 1) (index . 2) "" (index . 3) -}}
{{- if $there -}}
{{- $by := $there.metadata.annotations | default dict -}}
{{- if or (ne (get $by "meta.helm.sh/release-name") $release.Name) (ne (get $by "meta.helm.sh/release-namespace") $release.Namespace) -}}
true
{{- end -}}
{{- end -}}
{{- end }}
