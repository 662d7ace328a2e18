{{/* Replicas by themselves: docs/scaling.md tells the policy, and where its numbers come from. */}}

{{- define "wharf.down" -}}
scaleDown:
  stabilizationWindowSeconds: {{ .down }}
  # A quarter at once: whoever goes gives its jobs back, and those who stay take them over.
  policies: [{type: Percent, value: 25, periodSeconds: 60}, {type: Pods, value: 1, periodSeconds: 60}]
  selectPolicy: Max
{{- end -}}

{{- define "wharf.hpa" }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "wharf.scalername" . }}
  labels: {{ include "wharf.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ include "wharf.fullname" .root }}-{{ .component }}}
  minReplicas: {{ .scaling.minReplicas }}
  maxReplicas: {{ .scaling.maxReplicas }}
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ .cpu }}}}
  behavior:
    {{- include "wharf.down" . | nindent 4 }}
{{- end -}}

{{/*
What the ledger is asked. Waiting is what is due and not paused, for all or for its tenant. Running is what holds a
lease: an import that waits for its parts holds none, and no slot.
*/}}
{{- define "wharf.waiting-sql" -}}
{{- /* Two halves, each with an index of its own. */ -}}
SELECT tenant_id, count(*) AS jobs, min(available_at) AS since FROM wharf.jobs WHERE admitted AND queue = '{{ . }}' AND status = 'queued' AND available_at <= now() GROUP BY tenant_id UNION ALL SELECT tenant_id, count(*), min(available_at) FROM wharf.jobs WHERE NOT admitted AND queue = '{{ . }}' AND status = 'queued' AND available_at <= now() GROUP BY tenant_id
{{- end -}}

{{- define "wharf.jobs-sql" -}}
SELECT ((SELECT coalesce(sum(jobs), 0) FROM ({{ include "wharf.waiting-sql" . }}) waiting WHERE NOT wharf.is_paused('{{ . }}', tenant_id)) + (SELECT count(*) FROM wharf.leases l JOIN wharf.jobs j ON j.id = l.job_id AND j.status IN ('running', 'cancelling') WHERE j.queue = '{{ . }}'))::float8
{{- end -}}

{{/*
Replicas that the oldest wait asks for. Kubernetes overlooks a tenth: who has waited too long is one in five more, so that
the last job in ten is not left waiting for those that run.
*/}}
{{- define "wharf.wait-sql" -}}
SELECT (least((SELECT coalesce(extract(epoch FROM now() - min(since)), 0) FROM ({{ include "wharf.waiting-sql" .queue }}) waiting WHERE NOT wharf.is_paused('{{ .queue }}', tenant_id)) / {{ .within }}, 1.2) * ({{ include "wharf.jobs-sql" .queue }}) / {{ .slots }})::float8
{{- end -}}

{{- define "wharf.jobs-promql" -}}
sum(max by (priority) (wharf_queue_depth{queue="{{ . }}"})) * (1 - max(wharf_queue_paused{queue="{{ . }}"})) + max(wharf_jobs_running{queue="{{ . }}"})
{{- end -}}

{{- define "wharf.wait-promql" -}}
clamp_max(max(wharf_queue_oldest_wait_seconds{queue="{{ .queue }}"}) / {{ .within }}, 1.2) * ({{ include "wharf.jobs-promql" .queue }}) / {{ .slots }}
{{- end -}}

{{- define "wharf.keda" }}
{{- $scaling := .values.autoscaling }}
{{- $keda := $scaling.keda }}
{{- $name := include "wharf.scalername" . }}
{{- $asks := eq $keda.trigger "postgresql" }}
{{- $aim := mul .values.slots $keda.jobsPerSlot }}
{{- if $asks }}
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  name: {{ $name }}
  labels: {{ include "wharf.labels" . | nindent 4 }}
spec:
  secretTargetRef:
    {{- $of := dict "root" .root "secret" "dispatch_database_url" }}
    - {parameter: connection, name: {{ include "wharf.secret-name" $of }}, key: {{ include "wharf.secret-key" $of }}}
---
{{- end }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $name }}
  labels: {{ include "wharf.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {name: {{ include "wharf.fullname" .root }}-{{ .component }}}
  minReplicaCount: {{ $scaling.minReplicas }}
  maxReplicaCount: {{ $scaling.maxReplicas }}
  pollingInterval: {{ $keda.pollingSeconds }}
  cooldownPeriod: {{ $keda.cooldownSeconds }}
  fallback: {failureThreshold: {{ $keda.fallbackAfter }}, replicas: {{ $keda.fallbackReplicas }}}
  advanced:
    horizontalPodAutoscalerConfig:
      name: {{ $name }}
      behavior:
        scaleUp: {stabilizationWindowSeconds: 0}
        {{- include "wharf.down" (dict "down" $scaling.scaleDownSeconds) | nindent 8 }}
  triggers:
    {{- if $asks }}
    - type: postgresql
      name: jobs
      metricType: AverageValue
      authenticationRef: {name: {{ $name }}}
      metadata:
        query: {{ include "wharf.jobs-sql" .values.queue | quote }}
        targetQueryValue: {{ $aim | quote }}
    - type: postgresql
      name: wait
      metricType: AverageValue
      authenticationRef: {name: {{ $name }}}
      metadata:
        query: {{ include "wharf.wait-sql" (dict "queue" .values.queue "within" $keda.waitSeconds "slots" .values.slots) | quote }}
        targetQueryValue: "1"
    {{- else }}
    - type: prometheus
      name: jobs
      metricType: AverageValue
      metadata:
        serverAddress: {{ $keda.prometheusAddress | quote }}
        query: {{ include "wharf.jobs-promql" .values.queue | quote }}
        threshold: {{ $aim | quote }}
        # No answer is no zero: without it KEDA falls back.
        ignoreNullValues: "false"
    - type: prometheus
      name: wait
      metricType: AverageValue
      metadata:
        serverAddress: {{ $keda.prometheusAddress | quote }}
        query: {{ include "wharf.wait-promql" (dict "queue" .values.queue "within" $keda.waitSeconds "slots" .values.slots) | quote }}
        threshold: "1"
        ignoreNullValues: "false"
    {{- end }}
{{- end -}}
