/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sample files of deploy/conf, for --print-sample-config. A unit test
 * compares them with the files.
 */
#include "lib/config/daemon.h"
#include "lib/config/source.h"

/* clang-format off */

const char *
dm_master_sample(void)
{
	return
"# Settings of dm-master. Every key can also be given as a flag, which then\n"
"# wins; `dm-master -help` lists the flags with their defaults.\n"
"\n"
"# Name of this member; unique in the cluster.\n"
"name = \"master1\"\n"
"\n"
"# Address for dmctl, dm-worker, browsers and Prometheus, and how the others\n"
"# reach it (unset: master-addr, which then needs a host).\n"
"master-addr = \"127.0.0.1:8261\"\n"
"advertise-addr = \"127.0.0.1:8261\"\n"
"\n"
"# The etcd member that runs inside this dm-master: its data and its peers.\n"
"data-dir = \"default.master1\"\n"
"peer-urls = \"http://127.0.0.1:8291\"\n"
"advertise-peer-urls = \"http://127.0.0.1:8291\"\n"
"\n"
"# A new cluster: all its members. One more member of a running cluster: leave\n"
"# initial-cluster out and set join.\n"
"initial-cluster = \"master1=http://127.0.0.1:8291\"\n"
"# join = \"127.0.0.1:8261\"\n"
"\n"
"# An etcd of your own instead:\n"
"# etcd-mode = \"external\"\n"
"# etcd-endpoints = [\"http://127.0.0.1:2379\"]\n"
"# etcd-user = \"\"\n"
"# etcd-password = \"\"\n"
"\n"
"# debug, info, warn, error, fatal; empty file: standard output; text or json.\n"
"log-level = \"info\"\n"
"log-file = \"\"\n"
"log-format = \"text\"\n"
"\n"
"# How long dm-master waits for an answer of a dm-worker, and how many requests\n"
"# it sends to one worker per second.\n"
"rpc-timeout = \"30s\"\n"
"rpc-rate-limit = 10.0\n"
"rpc-rate-burst = 40\n"
"\n"
"# Not available in this version, and refused: openapi = true, ssl-ca, ssl-cert,\n"
"# ssl-key, cert-allowed-cn, secret-key-path, v1-sources-path.\n"
"openapi = false\n";
}

const char *
dm_worker_sample(void)
{
	return
"# Settings of dm-worker. Every key can also be given as a flag, which then\n"
"# wins; `dm-worker -help` lists the flags with their defaults.\n"
"\n"
"# Name of this worker; unique in the cluster. Unset: advertise-addr.\n"
"name = \"worker1\"\n"
"\n"
"# Address for metrics and health checks, and how the others reach it (unset:\n"
"# worker-addr, which then needs a host).\n"
"worker-addr = \"127.0.0.1:8262\"\n"
"advertise-addr = \"127.0.0.1:8262\"\n"
"\n"
"# The dm-masters, separated by commas.\n"
"join = \"127.0.0.1:8261\"\n"
"\n"
"# Seconds of silence after which the cluster takes this worker for lost and\n"
"# gives its sources to another one; the second while it writes relay logs.\n"
"keepalive-ttl = 60\n"
"relay-keepalive-ttl = 1800\n"
"\n"
"# How many sources this worker takes at once.\n"
"max-sources = 1\n"
"\n"
"# debug, info, warn, error, fatal; empty file: standard output; text or json.\n"
"log-level = \"info\"\n"
"log-file = \"\"\n"
"log-format = \"text\"\n"
"\n"
"# Not available in this version, and refused: redact-info-log = true, relay-dir,\n"
"# ssl-ca, ssl-cert, ssl-key, cert-allowed-cn.\n"
"redact-info-log = false\n";
}

const char *
dm_source_cfg_sample(void)
{
	return
"# One upstream database: `dmctl operate-source create source.yaml`.\n"
"\n"
"# Name of the source; unique, at most 32 bytes.\n"
"source-id: \"mysql-replica-01\"\n"
"\n"
"# Where to read: MariaDB 10.5 to 11.8, row binlogs on.\n"
"# The user needs SELECT, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT.\n"
"from:\n"
"  host: \"127.0.0.1\"\n"
"  port: 3306\n"
"  user: \"root\"\n"
"  password: \"\"\n"
"  # Session variables of our connections to it.\n"
"  # session:\n"
"  #   max_statement_time: 0\n"
"  # TLS; the files must be readable on every dm-master and dm-worker.\n"
"  # security:\n"
"  #   ssl-ca: \"/path/ca.pem\"\n"
"  #   ssl-cert: \"/path/cert.pem\"\n"
"  #   ssl-key: \"/path/key.pem\"\n"
"\n"
"# Follow the source by GTID: survives a switch to another replica.\n"
"enable-gtid: false\n"
"\n"
"# mariadb; asked from the server when left out, like server-id, the number\n"
"# under which we register as a replica.\n"
"# flavor: \"mariadb\"\n"
"# server-id: 429523137\n"
"\n"
"# Relay logs are not available in this version: true is refused, as are\n"
"# relay-binlog-name and relay-binlog-gtid.\n"
"enable-relay: false\n"
"\n"
"# Resume tasks by ourselves after errors that may pass.\n"
"# checker:\n"
"#   check-enable: true\n"
"#   backoff-rollback: 5m\n"
"#   backoff-max: 5m\n";
}
