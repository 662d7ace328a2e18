{{/* One pod with one volume: a PostgreSQL or a Redis for a laptop. */}}

{{- define "wharf.server" -}}
{{- $of := dict "root" .root "component" .component -}}
{{- $name := printf "%s-%s" (include "wharf.fullname" .root) .component -}}
{{ include "wharf.account" $of }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels: {{ include "wharf.labels" $of | nindent 4 }}
spec:
  selector: {{ include "wharf.selector" $of | nindent 4 }}
  ports: [{name: {{ .component }}, port: {{ .port }}, targetPort: {{ .component }}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels: {{ include "wharf.labels" $of | nindent 4 }}
spec:
  serviceName: {{ $name }}
  replicas: 1
  selector:
    matchLabels: {{ include "wharf.selector" $of | nindent 6 }}
  template:
    metadata:
      labels: {{ include "wharf.labels" $of | nindent 8 }}
      annotations:
        {{- include "wharf.checksums" (dict "root" .root "environment" (toJson .command) "secrets" (list .secret)) | nindent 8 }}
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext: {{ include "wharf.pod-security" (dict "user" 999) | nindent 8 }}
      terminationGracePeriodSeconds: 60
      containers:
        - name: {{ .component }}
          image: {{ .values.image | quote }}
          command: {{ toJson .command }}
          {{- with .environment }}
          env: {{ toYaml . | nindent 12 }}
          {{- end }}
          ports: [{name: {{ .component }}, containerPort: {{ .port }}}]
          readinessProbe:
            exec: {command: ["sh", "-c", {{ .ready | quote }}]}
            periodSeconds: 5
            timeoutSeconds: 5
          livenessProbe:
            exec: {command: ["sh", "-c", {{ .ready | quote }}]}
            initialDelaySeconds: 60
            periodSeconds: 15
            timeoutSeconds: 10
            failureThreshold: 8
          resources: {{ toYaml .values.resources | nindent 12 }}
          securityContext: {{ include "wharf.container-security" . | nindent 12 }}
          volumeMounts:
            - {name: data, mountPath: {{ .folder }}}
            - {name: tmp, mountPath: /tmp}
            - {name: run, mountPath: {{ .run }}}
            - {name: secrets, mountPath: /run/secrets, readOnly: true}
      volumes:
        - {name: tmp, emptyDir: {sizeLimit: 256Mi}}
        - {name: run, emptyDir: {sizeLimit: 16Mi}}
        {{- include "wharf.secrets-volume" (dict "root" .root "secrets" (list .secret)) | nindent 8 }}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.storageClass }}
        storageClassName: {{ . }}
        {{- end }}
        resources: {requests: {storage: {{ .values.size }}}}
{{- end -}}
