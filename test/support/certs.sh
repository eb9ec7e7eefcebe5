# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Certificates for tests, made by the openssl program in a folder. Needs
# cluster.sh (W).

# ca_new NAME: an authority, $W/certs/NAME.pem and NAME.key.
ca_new() {
	mkdir -p "$W/certs"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -keyout "$W/certs/$1.key" -out "$W/certs/$1.pem" \
		-days 30 -subj "/CN=$1" 2>>"$W/certs/openssl.out"
}

# cert_new NAME CA CN [SAN [DAYS]]: $W/certs/NAME.pem and NAME.key. A negative
# number of days: expired. CN: a whole subject if it begins with /.
cert_new() {
	local c=$W/certs san=${4:-IP:127.0.0.1,DNS:localhost} days=${5:-30}
	local from to subject=/CN=$3
	[ "${3#/}" = "$3" ] || subject=$3
	from=$(date -u -d '-10 days' +%Y%m%d%H%M%SZ)
	to=$(date -u -d "$days days" +%Y%m%d%H%M%SZ)
	mkdir -p "$c/$2.ca"
	[ -e "$c/$2.ca/index" ] || {
		: >"$c/$2.ca/index"
		echo 01 >"$c/$2.ca/serial"
	}
	cat >"$c/$1.cnf" <<-E
		[ca]
		default_ca = d
		[d]
		dir = $c/$2.ca
		database = $c/$2.ca/index
		serial = $c/$2.ca/serial
		new_certs_dir = $c/$2.ca
		certificate = $c/$2.pem
		private_key = $c/$2.key
		default_md = sha256
		policy = p
		unique_subject = no
		x509_extensions = e
		[p]
		commonName = optional
		organizationName = optional
		[e]
		subjectAltName = $san
	E
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-keyout "$c/$1.key" -out "$c/$1.csr" -subj "$subject" \
		2>>"$c/openssl.out" &&
		openssl ca -batch -config "$c/$1.cnf" -startdate "$from" \
			-enddate "$to" -in "$c/$1.csr" -out "$c/$1.pem" \
			-notext 2>>"$c/openssl.out"
}

# tls_flags CA NAME: the flags of all programs.
tls_flags() {
	echo "--ssl-ca $W/certs/$1.pem --ssl-cert $W/certs/$2.pem" \
		"--ssl-key $W/certs/$2.key"
}
