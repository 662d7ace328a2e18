{{/* What things are called. `component` is a process: gateway, scheduler, worker-ingest, migrate, … */}}

{{- define "wharf.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end -}}

{{/* The alert on scalers that are at their end knows them by this word. */}}
{{- define "wharf.scalername" -}}
{{- $name := printf "%s-%s" (include "wharf.fullname" .root) .component -}}
{{ if contains "wharf" $name }}{{ $name }}{{ else }}{{ printf "wharf-%s" $name }}{{ end }}
{{- end -}}

{{- define "wharf.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- if .component }}
app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- end -}}

{{- define "wharf.labels" -}}
{{ include "wharf.selector" . }}
app.kubernetes.io/part-of: wharf
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "wharf.image" -}}
{{- with .root.Values.image -}}
{{ with .registry }}{{ . }}/{{ end }}wharf/{{ $.service }}:{{ .tag | default $.root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Which image serves a queue. */}}
{{- define "wharf.service-of" -}}
{{ get (dict "ingest" "ingest-worker" "ingest-bulk" "ingest-worker" "package" "package-worker" "maintenance" "scheduler") . }}
{{- end -}}

{{/* A worker's values with what holds for all of them, as YAML. */}}
{{- define "wharf.worker" -}}
{{ toYaml (mustMergeOverwrite (deepCopy .root.Values.workerDefaults) (deepCopy .worker)) }}
{{- end -}}

{{/* Below which path of its host the gateway is shown; empty: the whole host. It is the setting that tells the gateway. */}}
{{- define "wharf.basePath" -}}
{{- $settings := merge (dict) .Values.gateway.settings .Values.settings -}}
{{- $settings.WHARF_BASE_PATH | default "" | trimSuffix "/" -}}
{{- end -}}
