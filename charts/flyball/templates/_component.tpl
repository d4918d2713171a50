{{/*
One component: its account, its processes, and what guards them.
Call with a dict: root, component, arguments (a list), port.
*/}}
{{- define "flyball.component" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .component -}}
{{- $who := list $root .component -}}
{{- $name := printf "%s-%s" (include "flyball.name" $root) .component -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "flyball.labels" $who | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "flyball.labels" $who | nindent 4 }}
spec:
  replicas: {{ $values.replicas }}
  revisionHistoryLimit: 5
  # A new standby is there before an old process goes; with a node for each and no further one, an old one goes first.
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}
  selector:
    matchLabels: {{- include "flyball.selector" $who | nindent 6 }}
  template:
    metadata:
      labels:
        {{- with $values.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
        {{- include "flyball.labels" $who | nindent 8 }}
      {{- with $values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: true
      enableServiceLinks: false
      terminationGracePeriodSeconds: 15
      securityContext: {{- include "flyball.podSecurity" $root | nindent 8 }}
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . | quote }}
        {{- end }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . | quote }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      affinity:
        podAntiAffinity:
          {{- if eq $root.Values.spread "required" }}
          requiredDuringSchedulingIgnoredDuringExecution:
            - topologyKey: kubernetes.io/hostname
              labelSelector:
                matchLabels: {{- include "flyball.selector" $who | nindent 18 }}
          {{- else }}
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm:
                topologyKey: kubernetes.io/hostname
                labelSelector:
                  matchLabels: {{- include "flyball.selector" $who | nindent 20 }}
          {{- end }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "flyball.selector" $who | nindent 14 }}
      containers:
        - name: {{ .component }}
          image: {{ include "flyball.image" $root | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: {{- toYaml (concat .arguments $values.extraArgs) | nindent 12 }}
          env:
            - name: POD_NAME
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
          ports:
            - {name: metrics, containerPort: {{ .port }}, protocol: TCP}
          startupProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 90
          readinessProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 5
            timeoutSeconds: 5
          # /healthz fails when no pass has ended for half a minute: a process that hangs makes room for its standby.
          livenessProbe:
            httpGet: {path: /healthz, port: metrics}
            periodSeconds: 10
            timeoutSeconds: 10
            failureThreshold: 6
          {{- with $values.resources }}
          resources: {{- toYaml . | nindent 12 }}
          {{- end }}
          securityContext: {{- include "flyball.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: 64Mi}
{{- if $root.Values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "flyball.labels" $who | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "flyball.selector" $who | nindent 6 }}
{{- end }}
{{- if $root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "flyball.labels" $who | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "flyball.selector" $who | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - ports: [{port: metrics, protocol: TCP}]
      {{- with $root.Values.networkPolicy.metricsFrom }}
      from: {{- toYaml . | nindent 8 }}
      {{- else }}
      from: [{namespaceSelector: {}}]
      {{- end }}
{{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}-metrics
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "flyball.labels" $who | nindent 4 }}
spec:
  selector: {{- include "flyball.selector" $who | nindent 4 }}
  ports:
    - {name: metrics, port: {{ .port }}, targetPort: metrics, protocol: TCP}
{{- end }}
