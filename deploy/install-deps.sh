#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install the Debian packages that this project builds and tests with: those
# that are missing, and only those. Needs root (or sudo) only if one is.
# RUNTIME_ONLY=1 leaves out what only building, tests and benchmarks need.
set -eu

runtime="etcd-server mariadb-client libgrpc29 libprotobuf-c1 libcurl4
libmariadb3 libglib2.0-0 libfyaml0 libjansson4 libmicrohttpd12 libedit2
libpcre2-8-0 libzstd1 zlib1g libdeflate0 libssl3 ca-certificates"
build="gcc make pkg-config libc6-dev libgrpc-dev libprotobuf-c-dev
protobuf-c-compiler protobuf-compiler libprotobuf-dev libcurl4-openssl-dev
libmariadb-dev libglib2.0-dev libfyaml-dev libjansson-dev libmicrohttpd-dev libedit-dev
libpcre2-dev zlib1g-dev libdeflate-dev libzstd-dev libssl-dev"
tests="check mariadb-server etcd-client mydumper sysbench clang clang-format
percona-toolkit clang-tidy cppcheck shellcheck curl iproute2 procps python3 time
libclang-rt-14-dev python3-grpcio python3-protobuf protobuf-compiler-grpc"
# Any Node with npm will do: Debian's only if there is none.
command -v node >/dev/null || tests="$tests nodejs"
command -v npm >/dev/null || tests="$tests npm"

wanted="$runtime"
if [ -z "${RUNTIME_ONLY:-}" ]; then
	wanted="$wanted $build $tests"
fi

missing=""
for p in $wanted; do
	s=$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null || true)
	case "$s" in
	ii*) ;;
	*) missing="$missing $p" ;;
	esac
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
sudo=""
if [ "$(id -u)" != 0 ]; then
	sudo="sudo"
	command -v sudo >/dev/null || {
		echo "install-deps.sh: these Debian packages are missing and only root may install them:$missing" >&2
		exit 1
	}
fi
# A policy script that says no keeps the packages from starting their own
# servers: the tests start private ones, on free ports.
policy=/usr/sbin/policy-rc.d
made=""
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
	$sudo chmod 0755 "$policy"
	made=1
fi
trap '[ -z "$made" ] || $sudo rm -f "$policy"' EXIT
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	--no-install-recommends $missing >/dev/null
