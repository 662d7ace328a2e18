{{/* The environment of a service: its settings, and where its secrets are. */}}

{{/* YAML has one kind of number; a large one would be said as 2.147483648e+09. */}}
{{- define "wharf.said" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}{{ . }}{{ end -}}
{{- end -}}

{{/* root, service, settings (the component's own), own (what the chart says by itself), secrets: variable → secret */}}
{{- define "wharf.environment" -}}
{{- $known := get (.root.Files.Get "files/settings.yaml" | fromYaml) .service -}}
{{- $said := mustMergeOverwrite (dict) (deepCopy .root.Values.settings) (deepCopy .settings) -}}
{{- $all := dict -}}
{{- range $name, $value := $said -}}
{{- if has $name $known }}{{ $_ := set $all $name (include "wharf.said" $value) }}{{ end -}}
{{- end -}}
{{- range $name, $value := .own }}{{ $_ := set $all $name (include "wharf.said" $value) }}{{ end -}}
{{- range $name, $secret := .secrets -}}
{{- $variable := hasSuffix "_FILE" $name | ternary $name (printf "%s_FILE" $name) -}}
{{- $_ := set $all $variable (printf "/run/secrets/%s" $secret) -}}
{{- end -}}
{{- range $name, $value := $all }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end -}}
{{- end -}}

{{/* What every long-running service is told; where it listens, and its folders, are the image's own defaults. */}}
{{- define "wharf.common-own" -}}
WHARF_STORAGE_URL: {{ .Values.storage.url | quote }}
WHARF_METRICS_PORT: {{ .Values.ports.metrics }}
{{- end -}}

{{- define "wharf.common-secrets" -}}
WHARF_REDIS_URL: redis_url
WHARF_BROKER_URL: broker_url
{{- if has "s3_access_key" .Values.secrets.use }}
WHARF_S3_ACCESS_KEY: s3_access_key
{{- end }}
{{- if has "s3_secret_key" .Values.secrets.use }}
WHARF_S3_SECRET_KEY: s3_secret_key
{{- end }}
{{- if has "sentry_dsn" .Values.secrets.use }}
WHARF_SENTRY_DSN: sentry_dsn
{{- end }}
{{- end -}}

{{- define "wharf.secret-name" -}}
{{- $elsewhere := get .root.Values.secrets.from .secret | default dict -}}
{{ $elsewhere.name | default .root.Values.secrets.name }}
{{- end -}}

{{- define "wharf.secret-key" -}}
{{- $elsewhere := get .root.Values.secrets.from .secret | default dict -}}
{{ $elsewhere.key | default .secret }}
{{- end -}}

{{/* root, secrets: a list. One that is not there keeps the pod waiting, and its event tells which. */}}
{{- define "wharf.secrets-volume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .secrets | sortAlpha }}
      {{- $of := dict "root" $.root "secret" . }}
      - secret: {name: {{ include "wharf.secret-name" $of }}, items: [{key: {{ include "wharf.secret-key" $of }}, path: {{ . }}}]}
      {{- end }}
{{- end -}}
