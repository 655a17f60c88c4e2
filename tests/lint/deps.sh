#!/bin/sh
# Dependencies point inward. A row: whose files may not include what.
. "$(dirname "$0")/lib.sh"

IO='curl/|librdkafka/|hiredis/|microhttpd|uv\.h|sys/socket|netinet/|arpa/|netdb|sys/epoll|sys/stat|unistd|fcntl|pthread|openssl/|time\.h|stdio\.h|poll\.h'
VENDOR_IO='curl/|librdkafka/|hiredis/|microhttpd|uv\.h|sys/|netinet/|arpa/|netdb|unistd|fcntl|pthread|time\.h'
rows=0

# none FOLDER… -- PATTERN WHY: no file there includes what the pattern names.
none() {
	folders=""
	while [ "$1" != -- ]; do
		folders="$folders $1"
		shift
	done
	rows=$((rows + 1))
	# shellcheck disable=SC2086
	for file in $(files 'c h def' $folders); do
		grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($2)" "$file" | while IFS=: read -r line text; do
			wrong "$file:$line: $text: $3"
		done
	done
}

none common/domain -- "$IO|common/adapters/|common/base/(clock|log|process|config|metrics)|ingress/|workers/|ctl/" "the domain does no I/O and reads no clock"
none common/base -- 'common/domain/|common/adapters/|ingress/|workers/vendors/[a-z]*/[a-z_]*\.h|workers/[a-z_]*\.h|ctl/' "base depends on nothing of the tree"
none common/base -- 'curl/|librdkafka/|hiredis/|microhttpd|uv\.h' "base links none of these"
none common/adapters -- 'ingress/|workers/|ctl/' "adapters know no program"
none ingress -- 'workers/|ctl/|tests/' "ingress and workers share messages and schemas only"
none workers -- 'ingress/|ctl/|tests/' "ingress and workers share messages and schemas only"
none ctl -- 'ingress/|tests/' "verifyctl is no part of the ingress"
none ingress -- 'curl/|hiredis/|librdkafka/' "only adapters use these libraries"
for vendor in workers/vendors/*/; do
	none "$vendor" -- "$VENDOR_IO|common/adapters/|common/base/(clock|log|process)|workers/[a-z_]*\.h" "a vendor is sans-I/O"
done
rows=$((rows + 1))
for file in $(files 'c h' common ingress workers ctl); do
	case $file in
	common/adapters/kafka_* | common/adapters/redis_* | common/adapters/ops_* | common/adapters/http_fetch.c | common/adapters/http_way.c | common/adapters/otlp_export.c) continue ;; # the adapters themselves
	workers/http_*.[ch] | ingress/http_server*.[ch] | ingress/header_check.c) continue ;;        # the two ports to HTTP
	*/main.c) continue ;;                                                                        # global set-up of a library
	esac
	grep -nE '#include <(curl/|librdkafka/|hiredis/|microhttpd)' "$file" | while IFS=: read -r line text; do
		wrong "$file:$line: $text: only adapters, http_curl and http_server use these libraries"
	done
done
finish "$rows rules"
