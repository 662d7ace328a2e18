{{/* What a schema cannot say. Each ends the rendering with a sentence that tells what to do. */}}

{{- define "wharf.checks" -}}
{{- include "wharf.check-secrets" . -}}
{{- include "wharf.check-storage" . -}}
{{- include "wharf.check-version" . -}}
{{- include "wharf.check-workers" . -}}
{{- include "wharf.check-connections" . -}}
{{- if and .Values.ingress.enabled .Values.httpRoute.enabled -}}
{{- fail "Both ingress.enabled and httpRoute.enabled are true. Choose one way in." -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.enabled is true and httpRoute.parentRefs is empty. Name the Gateway that the route belongs to." -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.enabled is true and ingress.hosts is empty. Name at least one host." -}}
{{- end -}}
{{- end -}}

{{/* The secrets that this release's pods read. */}}
{{- define "wharf.wanted-secrets" -}}
{{- $always := list "owner_database_url" "app_database_url" "dispatch_database_url" "redis_url" "broker_url" "app_password" "dispatch_password" -}}
{{- $all := concat $always .Values.secrets.use -}}
{{- if .Values.postgres.enabled }}{{ $all = append $all "postgres_password" }}{{ end -}}
{{- if .Values.redis.enabled }}{{ $all = append $all "redis_password" }}{{ end -}}
{{- if .Values.flower.enabled }}{{ $all = append $all "flower_password" }}{{ end -}}
{{ toJson $all }}
{{- end -}}

{{- define "wharf.check-secrets" -}}
{{- /* Every namespace has this account: where it is not found there is no cluster to ask. */ -}}
{{- $cluster := lookup "v1" "ServiceAccount" .Release.Namespace "default" -}}
{{- $looked := dict -}}
{{- range include "wharf.wanted-secrets" . | fromJsonArray -}}
{{- $of := dict "root" $ "secret" . -}}
{{- $name := include "wharf.secret-name" $of -}}
{{- if not $name -}}
{{- fail (printf "No Secret is named for %s. Make one (docs/helm.md tells how) and say secrets.name." .) -}}
{{- end -}}
{{- if $cluster -}}
{{- if not (hasKey $looked $name) }}{{ $_ := set $looked $name (lookup "v1" "Secret" $.Release.Namespace $name) }}{{ end -}}
{{- $found := get $looked $name -}}
{{- if not $found -}}
{{- fail (printf "There is no Secret %s in the namespace %s. Make it (docs/helm.md tells how), then try again." $name $.Release.Namespace) -}}
{{- end -}}
{{- $key := include "wharf.secret-key" $of -}}
{{- if not (hasKey ($found.data | default dict) $key) -}}
{{- fail (printf "The Secret %s has no key %s. Add it, or say in secrets.from where it is; an optional one may leave secrets.use." $name $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $both := list "s3_access_key" "s3_secret_key" -}}
{{- if ne (has (first $both) .Values.secrets.use) (has (last $both) .Values.secrets.use) -}}
{{- fail "secrets.use has one of s3_access_key and s3_secret_key. Name both, or neither where a role gives access." -}}
{{- end -}}
{{- if ne (has "backup_database_url" .Values.secrets.use) (has "backup_password" .Values.secrets.use) -}}
{{- fail "secrets.use has one of backup_database_url and backup_password. Name both, or neither (there are no backups then)." -}}
{{- end -}}
{{- end -}}

{{- define "wharf.check-storage" -}}
{{- $url := .Values.storage.url -}}
{{- if not $url -}}
{{- fail "storage.url is empty. Say s3://bucket/prefix, or file:///data/objects with storage.volume.enabled." -}}
{{- end -}}
{{- if and (hasPrefix "file://" $url) (not .Values.storage.volume.enabled) -}}
{{- fail "storage.url is a folder, and storage.volume.enabled is false: each pod would have a folder of its own. Enable the volume, or use s3://." -}}
{{- end -}}
{{- if and (hasPrefix "file://" $url) (not (hasPrefix "file:///data/objects" $url)) -}}
{{- fail "storage.url is a folder outside the volume. Say file:///data/objects, where the volume is." -}}
{{- end -}}
{{- if and (hasPrefix "s3://" $url) .Values.storage.volume.enabled -}}
{{- fail "storage.volume.enabled is true, and storage.url is no folder. Disable the volume, or say file:///data/objects." -}}
{{- end -}}
{{- end -}}

{{/* An older service beside this chart's migrations and settings is what rolling out never does; an older chart is right for it. */}}
{{- define "wharf.check-version" -}}
{{- $tag := .Values.image.tag -}}
{{- if and $tag (regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+" $tag) -}}
{{- if semverCompare (printf "<%s" .Chart.AppVersion) ($tag | trimPrefix "v") -}}
{{- fail (printf "image.tag %s is older than this chart's %s: schedulers and workers of two versions would stay side by side. Take the chart of that version." $tag .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wharf.check-workers" -}}
{{- $served := .Values.queuesServedElsewhere -}}
{{- range $name, $worker := .Values.workers -}}
{{- $values := include "wharf.worker" (dict "root" $ "worker" $worker) | fromYaml -}}
{{- if $values.enabled -}}
{{- $served = append $served $values.queue -}}
{{- include "wharf.check-scaling" (dict "name" $name "values" $values "own" $worker) -}}
{{- end -}}
{{- end -}}
{{- range list "ingest" "ingest-bulk" "package" "maintenance" -}}
{{- if not (has . $served) -}}
{{- fail (printf "No worker serves the queue %s: its jobs would wait for ever. Add one to workers, or name the queue in queuesServedElsewhere." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "wharf.check-scaling" -}}
{{- $mode := .values.autoscaling.mode -}}
{{- /* The schema sees what one worker says; the mode may come from workerDefaults. */ -}}
{{- if and (ne $mode "none") (hasKey .own "replicas") -}}
{{- fail (printf "workers.%s has replicas, and workerDefaults says autoscaling.mode: %s. Say minReplicas and maxReplicas, or mode: none for it." .name $mode) -}}
{{- end -}}
{{- range $other := list "hpa" "keda" -}}
{{- if and (ne $mode $other) (hasKey ($.own.autoscaling | default dict) $other) -}}
{{- fail (printf "workers.%s has autoscaling.%s, and its mode is %s. Say one of them only." $.name $other $mode) -}}
{{- end -}}
{{- end -}}
{{- with .values.autoscaling -}}
{{- if ne .mode "none" -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "workers.%s.autoscaling: minReplicas %v is more than maxReplicas %v." $.name .minReplicas .maxReplicas) -}}
{{- end -}}
{{- if and (eq (int .minReplicas) 0) (ne $.values.queue "package") -}}
{{- fail (printf "workers.%s.autoscaling.minReplicas is 0: only workers of the queue package may go to zero. An import that waits for a pod is one that nobody expects to wait." $.name) -}}
{{- end -}}
{{- if and (eq (int .minReplicas) 0) (ne .mode "keda") -}}
{{- fail (printf "workers.%s.autoscaling.minReplicas is 0: an HPA of Kubernetes cannot begin from zero. Say mode: keda." $.name) -}}
{{- end -}}
{{- end -}}
{{- if eq .mode "keda" -}}
{{- if and (eq .keda.trigger "prometheus") (not .keda.prometheusAddress) -}}
{{- fail (printf "workers.%s.autoscaling.keda.trigger is prometheus, and prometheusAddress is empty. Say where your Prometheus answers." $.name) -}}
{{- end -}}
{{- if gt (int .keda.fallbackReplicas) (int .maxReplicas) -}}
{{- fail (printf "workers.%s.autoscaling.keda.fallbackReplicas is more than maxReplicas." $.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Connections to PostgreSQL when all replicas run that may, and a version is being rolled out: docs/operations.md has the
formula. Beside them stand then one gateway and one scheduler more, and a quarter of each worker's, rounded up (maxSurge).
*/}}
{{- define "wharf.connections" -}}
{{- $gateway := .Values.gateway -}}
{{- $pool := int (get (mustMergeOverwrite (dict) (deepCopy .Values.settings) (deepCopy $gateway.settings)) "WHARF_DATABASE_POOL" | default 5) -}}
{{- $gateways := eq $gateway.autoscaling.mode "none" | ternary (kindIs "invalid" $gateway.replicas | ternary 2 $gateway.replicas) $gateway.autoscaling.maxReplicas -}}
{{- $sum := add (mul (add 1 (int $gateways)) (add $pool 1)) (mul (add 1 (int .Values.scheduler.replicas)) 7) 5 -}}
{{- range $name, $worker := .Values.workers -}}
{{- $values := include "wharf.worker" (dict "root" $ "worker" $worker) | fromYaml -}}
{{- if $values.enabled -}}
{{- $most := eq $values.autoscaling.mode "none" | ternary $values.replicas $values.autoscaling.maxReplicas -}}
{{- $surge := div (add (int $most) 3) 4 -}}
{{- $each := eq $values.queue "package" | ternary 2 3 -}}
{{- $sum = add $sum (mul (add (int $most) $surge) (add 1 (mul $each (int $values.slots)))) -}}
{{- if eq $values.autoscaling.mode "keda" }}{{ $sum = add $sum 2 }}{{ end -}}
{{- end -}}
{{- end -}}
{{ $sum }}
{{- end -}}

{{- define "wharf.check-connections" -}}
{{- $limit := int (.Values.postgres.enabled | ternary .Values.postgres.maxConnections .Values.connectionLimit) -}}
{{- $sum := int (include "wharf.connections" .) -}}
{{- if and $limit (gt $sum $limit) -}}
{{- fail (printf "With all replicas that may run there are, while a version is rolled out, up to %d connections to PostgreSQL, which allows %d. Lower maxReplicas or slots, raise max_connections, or put a pooler between (docs/scaling.md)." $sum $limit) -}}
{{- end -}}
{{- end -}}
