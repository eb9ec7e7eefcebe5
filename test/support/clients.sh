# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The clients of test/clients: stubs made from our .proto files, packages of
# Node. Source it after cluster_init.
C=$CLUSTER_ROOT/test/clients
PROTO=$CLUSTER_ROOT/proto
# Debian's own: that is where its gRPC is.
PYTHON=/usr/bin/python3
export PYTHONPATH=$W/py:$C PYTHONDONTWRITEBYTECODE=1 no_proxy=127.0.0.1
export GRPC_VERBOSITY=NONE

# py FILE CASE ADDR ARG...
py() {
	local file=$1
	shift
	timeout 900 "$PYTHON" "$C/$file.py" "$@"
}

stubs() {
	mkdir -p "$W/py"
	sed 's/^package grpc.reflection.v1;/package grpc.reflection.v1alpha;/' \
		"$PROTO/reflection.proto" >"$W/py/reflection_v1alpha.proto"
	protoc --plugin=protoc-gen-grpc="$(command -v grpc_python_plugin)" \
		--python_out="$W/py" --grpc_out="$W/py" \
		-I"$PROTO" -I"$W/py" -I/usr/include \
		"$PROTO"/*.proto "$W/py/reflection_v1alpha.proto"
}

# Kept between runs, outside of this tree.
NODE=${XDG_CACHE_HOME:-${HOME:-$W}/.cache}/dm-test-node
node_packages() {
	local p=(@grpc/grpc-js@1.9 @grpc/proto-loader@0.7)
	export NODE_PATH=$NODE/node_modules
	node -e 'require("@grpc/grpc-js"); require("@grpc/proto-loader")' \
		2>/dev/null && return
	mkdir -p "$NODE" || return
	timeout 600 npm install --prefix "$NODE" --no-audit --no-fund \
		--no-save --ignore-scripts "${p[@]}" && return
	echo "npm could not install ${p[*]}: is its registry reachable?"
	return 1
}

# What services of the standard every port of ours has.
# shellcheck disable=SC2034 # for those who source this
STANDARD=(grpc.health.v1.Health grpc.reflection.v1.ServerReflection
	grpc.reflection.v1alpha.ServerReflection)
