{{- define "authsvc.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "authsvc.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "authsvc.labels" -}}
{{ include "authsvc.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "authsvc.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "authsvc.tlsSecret" -}}
{{- .Values.tls.existingSecret | default (printf "%s-tls" (include "authsvc.name" .)) -}}
{{- end -}}

{{- define "authsvc.redis" -}}
{{- if or .Values.redis.url .Values.redis.existingSecret -}}yes{{- end -}}
{{- end -}}

{{- /* What the restricted Pod Security Standard asks for, and a read-only root. */ -}}
{{- define "authsvc.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "authsvc.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{- /* Contradictions the schema cannot see. */ -}}
{{- define "authsvc.check" -}}
{{- if and .Values.redis.url .Values.redis.existingSecret -}}
{{- fail "redis.url and redis.existingSecret are both given; give one of them" -}}
{{- end -}}
{{- if and .Values.tls.enabled (not .Values.tls.existingSecret) (not .Values.tls.certManager.issuerRef.name) -}}
{{- fail "tls.enabled needs tls.existingSecret or tls.certManager.issuerRef.name" -}}
{{- end -}}
{{- if and .Values.tls.clientCertificates (not .Values.tls.enabled) -}}
{{- fail "tls.clientCertificates needs tls.enabled" -}}
{{- end -}}
{{- if and .Values.secret.databaseKeys .Values.secret.cloudstackProperties -}}
{{- fail "secret.databaseKeys and secret.cloudstackProperties are both given; give one of them" -}}
{{- end -}}
{{- if and .Values.secret.cloudstackKey (not .Values.secret.cloudstackProperties) -}}
{{- fail "secret.cloudstackKey needs secret.cloudstackProperties too" -}}
{{- end -}}
{{- if and .Values.audit.strict (not .Values.audit.path) -}}
{{- fail "audit.strict needs audit.path too" -}}
{{- end -}}
{{- if and .Values.audit.path (hasPrefix "/var/" .Values.audit.path) (not .Values.audit.volume) -}}
{{- fail "audit.path names a file and needs audit.volume, as the root is read-only" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}
