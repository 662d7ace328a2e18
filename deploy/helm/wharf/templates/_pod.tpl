{{/* A pod of ours: hardened, with memory for what is of this life only. */}}

{{/* What holds for any pod of this release. */}}
{{- define "wharf.pod-security" -}}
runAsNonRoot: true
runAsUser: {{ .user }}
runAsGroup: {{ .user }}
fsGroup: {{ .user }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "wharf.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "wharf.placement" -}}
{{- with .values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if .root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range .root.Values.topologySpread.keys }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.root.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{ include "wharf.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* A pod is replaced when what it reads only at its start has changed. Without a cluster nothing can be looked up. */}}
{{- define "wharf.checksums" -}}
checksum/settings: {{ .environment | sha256sum }}
{{- $read := list }}
{{- range .secrets | sortAlpha }}
{{- $of := dict "root" $.root "secret" . }}
{{- $found := lookup "v1" "Secret" $.root.Release.Namespace (include "wharf.secret-name" $of) }}
{{- with $found }}{{ $read = append $read (get (.data | default dict) (include "wharf.secret-key" $of)) }}{{ end }}
{{- end }}
checksum/secrets: {{ printf "%s %s" .root.Values.secrets.version (join " " $read) | sha256sum }}
{{- end -}}

{{/*
root, component, service, values, args, environment, secrets (a list), grace, ports, probes, lifecycle, storage (bool),
tmp (size). Gives a pod template.
*/}}
{{- define "wharf.pod" -}}
metadata:
  labels: {{ include "wharf.labels" . | nindent 4 }}
  annotations:
    {{- include "wharf.checksums" . | nindent 4 }}
    {{- with .values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "wharf.fullname" .root }}-{{ .component }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext: {{ include "wharf.pod-security" (dict "user" 10001) | nindent 4 }}
  terminationGracePeriodSeconds: {{ .grace }}
  {{- with .restart }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- include "wharf.placement" . | nindent 2 }}
  containers:
    - name: {{ .service }}
      image: {{ include "wharf.image" . | quote }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: {{ toJson .args }}
      env: {{ .environment | nindent 8 }}
      {{- with .ports }}
      ports: {{ toYaml . | nindent 8 }}
      {{- end }}
      {{- with .probes }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with .lifecycle }}
      lifecycle: {{ toYaml . | nindent 8 }}
      {{- end }}
      resources: {{ toYaml .values.resources | nindent 8 }}
      securityContext: {{ include "wharf.container-security" . | nindent 8 }}
      volumeMounts:
        - {name: run, mountPath: /run/wharf}
        - {name: tmp, mountPath: /tmp}
        - {name: secrets, mountPath: /run/secrets, readOnly: true}
        {{- if and .storage .root.Values.storage.volume.enabled }}
        - {name: objects, mountPath: /data/objects}
        {{- end }}
        {{- with .mounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - {name: run, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
    - {name: tmp, emptyDir: {sizeLimit: {{ .tmp | default "256Mi" }}}}
    {{- include "wharf.secrets-volume" . | nindent 4 }}
    {{- if and .storage .root.Values.storage.volume.enabled }}
    - name: objects
      persistentVolumeClaim:
        claimName: {{ .root.Values.storage.volume.existingClaim | default (printf "%s-objects" (include "wharf.fullname" .root)) }}
    {{- end }}
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Probes ask no broker and no database: a service that waits for them is well. */}}
{{- define "wharf.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{- define "wharf.budget" -}}
{{- if .root.Values.podDisruptionBudgets.enabled }}
---
# At most so many away at once, not so few there: one replica's budget would block every drain of its node.
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "wharf.fullname" .root }}-{{ .component }}
  labels: {{ include "wharf.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .root.Values.podDisruptionBudgets.maxUnavailable }}
  selector:
    matchLabels: {{ include "wharf.selector" . | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "wharf.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "wharf.fullname" .root }}-{{ .component }}
  labels: {{ include "wharf.labels" . | nindent 4 }}
  {{- with mustMergeOverwrite (dict) (deepCopy .root.Values.serviceAccounts.annotations) (.annotations | default dict) }}
  annotations: {{ toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}

{{/* Where a pod may go: to a server of this release, to what is named, or, named nothing, anywhere on those ports. */}}
{{- define "wharf.egress" -}}
{{- $bundled := "" -}}
{{- if and (eq .server "database") .root.Values.postgres.enabled }}{{ $bundled = "postgres" }}{{ end -}}
{{- if and (has .server (list "redis" "broker")) .root.Values.redis.enabled }}{{ $bundled = "redis" }}{{ end -}}
- ports:
    {{- range .to.ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- if and $bundled (not .to.to) }}
  to:
    - podSelector:
        matchLabels: {{ include "wharf.selector" (dict "root" .root "component" $bundled) | nindent 10 }}
  {{- else }}
  {{- with .to.to }}
  to: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}
