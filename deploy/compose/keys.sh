#!/bin/sh
# Makes what is secret, once, into the volumes /keys and /tls: verifyd's keys, and the certificate of the vendors' stand-in.
set -eu
umask 077
[ -e /keys/verifyd/env ] || { rm -rf /keys/verifyd && verifyctl keys new --out /keys/verifyd; }
if [ ! -e /tls/vendors.pem ]; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 -subj /CN=vendors \
		-addext subjectAltName=DNS:vendors -keyout /tls/vendors.pem.key -out /tls/vendors.new
	mv /tls/vendors.new /tls/vendors.pem
fi
