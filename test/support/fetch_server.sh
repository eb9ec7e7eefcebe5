#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Get a database server that this Debian does not have into a folder of its
# own, with all libraries it needs, and print that folder. Nothing is
# installed: packages of another Debian suite are unpacked there. Their libc is
# newer than ours, so programs are started by the loader that came with them:
# `FOLDER/run PROGRAM ARGUMENT...`. No privileges are needed.
#
#   fetch_server.sh mysql      MySQL 9.x, from unstable
#   fetch_server.sh mariadb11  MariaDB 11.8, from Debian 13
#
# The folder is ${XDG_CACHE_HOME:-$HOME/.cache}/dm-test-servers/NAME-VERSION.
# Packages come from the mirror that the machine's own apt uses, and are
# verified by apt with Debian's keys. Once complete it is never fetched again;
# remove the folder to get a newer version. FOLDER/template is a fresh data
# folder, whose root user has no password.
set -eu

case ${1:-} in
mysql) suite=unstable packages="mysql-server-core mysql-client-core" ;;
mariadb11) suite=trixie packages="mariadb-server-core mariadb-client-core" ;;
*) echo "usage: $0 mysql|mariadb11" >&2; exit 2 ;;
esac
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dm-test-servers
mkdir -p "$cache"
exec 9>"$cache/$1.lock"
flock 9 # tests may ask at the same time

found() {
	local d
	for d in "$cache/$1"-[0-9]*; do
		[ -e "$d/complete" ] && echo "$d"
	done | sort -V | tail -n 1
}
root=$(found "$1")
if [ -n "$root" ]; then
	echo "$root"
	exit 0
fi
# An apt state of its own, in which nothing is installed yet: so apt gives
# every library down to libc.
work=$(mktemp -d "$cache/$1.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/state/lists/partial "$work"/cache/archives/partial \
	"$work"/parts "$work"/root
: >"$work/status"
# shellcheck disable=SC1091
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016 # apt's own variables
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' \
	'Created-By: Packages' |
	awk -v c="$codename" '$1 == c && $2 == "main" { print $3; exit }')
[ -n "$mirror" ] || { echo "$0: apt has no source for $codename main" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
	>"$work/list"

own_apt() {
	apt-get -qq -o Dir::State="$work/state" -o Dir::Cache="$work/cache" \
		-o Dir::State::status="$work/status" \
		-o Dir::Etc::sourcelist="$work/list" \
		-o Dir::Etc::sourceparts="$work/parts" \
		-o Dir::Etc::preferences=/dev/null \
		-o Dir::Etc::preferencesparts="$work/parts" \
		-o APT::Sandbox::User="$(id -un)" \
		-o Debug::NoLocking=true -o APT::Install-Recommends=false \
		-o Acquire::Retries=3 -o Acquire::Languages=none "$@"
}
own_apt update >&2
# shellcheck disable=SC2086 # a list of words
own_apt install -y --download-only $packages >&2

for deb in "$work"/cache/archives/*.deb; do
	dpkg-deb -x "$deb" "$work/root"
done
root=$work/root
for d in bin sbin lib lib64; do # as usrmerge has it
	mkdir -p "$root/usr/$d"
	if [ -d "$root/$d" ] && [ ! -L "$root/$d" ]; then
		cp -a "$root/$d/." "$root/usr/$d/"
		rm -rf "${root:?}/$d"
	fi
	[ -e "$root/$d" ] || ln -s "usr/$d" "$root/$d"
done
cat >"$root/run" <<'E'
#!/bin/sh
# run PROGRAM ARGUMENT...: a program of this folder with its own libraries.
set -eu
root=$(cd "$(dirname "$0")" && pwd)
lib=$(dirname "$(ls "$root"/usr/lib/*/libc.so.6)")
program=$root/usr/$1
shift
exec "$root"/lib64/ld-linux*.so.2 --library-path "$lib" "$program" "$@"
E
chmod +x "$root/run"

# The flags every start needs are written down, too: one a line, with @ for
# the folder.
if [ "$1" = mysql ]; then
	server=sbin/mysqld
	cat >"$root/flags" <<-'E'
		--no-defaults
		--basedir=@/usr
		--lc-messages-dir=@/usr/share/mysql
		--character-sets-dir=@/usr/share/mysql/charsets
		--plugin-dir=@/usr/lib/mysql/plugin
	E
else
	server=sbin/mariadbd
	cat >"$root/flags" <<-'E'
		--no-defaults
		--basedir=@/usr
		--lc-messages-dir=@/usr/share/mariadb
		--character-sets-dir=@/usr/share/mariadb/charsets
	E
fi
mapfile -t flags < <(sed "s|@|$root|" "$root/flags")
version=$("$root/run" $server --no-defaults --version |
	sed -n 's/.*Ver \([0-9.]*\).*/\1/p')
[ -n "$version" ] || { echo "$0: $server does not run" >&2; exit 1; }
if [ "$1" = mysql ]; then
	"$root/run" $server "${flags[@]}" --initialize-insecure \
		--user="$(id -un)" --datadir="$root/template" \
		--tmpdir="$work" \
		>"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
	rm -f "$root/template/auto.cnf" # each server gets its own uuid
else
	mkdir -p "$root/template/mysql"
	{
		# One statement a line, as --bootstrap reads them.
		echo "CREATE DATABASE IF NOT EXISTS mysql;"
		echo "USE mysql;"
		echo "SET @auth_root_socket=NULL;"
		cat "$root"/usr/share/mariadb/mariadb_system_tables.sql \
			"$root"/usr/share/mariadb/mariadb_performance_tables.sql \
			"$root"/usr/share/mariadb/mariadb_system_tables_data.sql
	} | "$root/run" $server "${flags[@]}" --bootstrap \
		--user="$(id -un)" --datadir="$root/template" \
		--tmpdir="$work" \
		>"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
fi
touch "$root/complete"
rm -rf "${cache:?}/$1-$version"
mv "$root" "$cache/$1-$version"
echo "$cache/$1-$version"
