{{- define "journeys.labels" -}}
app.kubernetes.io/name: journeys
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "journeys.selector" -}}
app.kubernetes.io/name: journeys
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "journeys.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "journeys.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "journeys.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Secrets are files, not variables: they are in no process list and no crash dump. */}}
{{- define "journeys.env" -}}
{{- if .Values.secret }}
{{- range $name := list "kafka-password" "kafka-token" "kafka-client-secret" "clickhouse-password" "clickhouse-read-password" "clickhouse-migrate-password" "privacy-key" "erasure-key" }}
{{- if has $name $.Values.secretKeys }}
- name: JOURNEYS_{{ $name | upper | replace "-" "_" }}_FILE
  value: /run/secrets/journeys/{{ $name }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "journeys.mounts" -}}
- {name: settings, mountPath: /etc/journeys, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- if .Values.secret }}
- {name: secrets, mountPath: /run/secrets/journeys, readOnly: true}
{{- end }}
{{- if .Values.tlsSecret }}
- {name: tls, mountPath: /run/secrets/journeys-tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "journeys.volumes" -}}
- name: settings
  configMap: {name: "{{ .Release.Name }}-settings"}
- name: tmp
  emptyDir: {}
{{- if .Values.secret }}
- name: secrets
  secret: {secretName: {{ .Values.secret }}, defaultMode: 0440}
{{- end }}
{{- if .Values.tlsSecret }}
- name: tls
  secret: {secretName: {{ .Values.tlsSecret }}, defaultMode: 0440}
{{- end }}
{{- end }}
