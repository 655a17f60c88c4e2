{{- define "verifyd.name" -}}
{{- printf "%s-%s" .root.Release.Name .part | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "verifyd.selector" -}}
app.kubernetes.io/name: verifyd
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "verifyd.labels" -}}
{{ include "verifyd.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "verifyd.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* root, settings (of the part), secretSettings (of the part): the settings as variables, the secrets as paths. */}}
{{- define "verifyd.env" -}}
{{- $values := .root.Values -}}
{{- range $name, $value := merge (deepCopy (.settings | default dict)) $values.settings }}
- name: VERIFYD_{{ $name }}
  value: {{ if kindIs "float64" $value }}{{ int64 $value | quote }}{{ else }}{{ $value | quote }}{{ end }}
{{- end }}
{{- range concat $values.secretSettings (.secretSettings | default list) | uniq }}
- name: VERIFYD_{{ . }}_FILE
  value: /etc/verifyd/secret/{{ . }}
{{- end }}
{{- range $name, $key := $values.secretFiles }}
- name: VERIFYD_{{ $name }}
  value: /etc/verifyd/secret/{{ $key }}
{{- end }}
{{- end }}

{{- define "verifyd.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "verifyd.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* root, part: what all pods of a Deployment have. */}}
{{- define "verifyd.pod" -}}
serviceAccountName: {{ .root.Release.Name }}-verifyd
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ add .root.Values.drainSeconds 15 }}
securityContext:
  {{- include "verifyd.podSecurity" . | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "verifyd.selector" $ | nindent 8 }}
  {{- end }}
volumes:
  - name: secret
    secret: {secretName: {{ .root.Values.existingSecret }}, defaultMode: 0440}
{{- end }}

{{- define "verifyd.probes" -}}
startupProbe:
  httpGet: {path: /readyz, port: ops}
  periodSeconds: 2
  failureThreshold: 150
readinessProbe:
  httpGet: {path: /readyz, port: ops}
  periodSeconds: 2
  failureThreshold: 1
livenessProbe:
  httpGet: {path: /livez, port: ops}
  periodSeconds: 10
  failureThreshold: 3
{{- end }}
