/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sample files of deploy/conf, for --print-sample-config. A unit test
 * compares them with the files.
 */
#include "lib/config/daemon.h"

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
"# Serve the OpenAPI at /api/v1/.\n"
"openapi = false\n"
"\n"
"# TLS between all parts of the cluster: set all three, on every part.\n"
"# ssl-ca = \"/path/ca.pem\"\n"
"# ssl-cert = \"/path/dm-master.pem\"\n"
"# ssl-key = \"/path/dm-master-key.pem\"\n"
"# cert-allowed-cn = [\"dm\"]\n";
}

const char *
dm_worker_sample(void)
{
	return
"# Settings of dm-worker. Every key but relay-dir can also be given as a flag,\n"
"# which then wins; `dm-worker -help` lists the flags with their defaults.\n"
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
"# Where relay logs go: <relay-dir>/<worker name>. Empty: as the source says.\n"
"relay-dir = \"\"\n"
"\n"
"# debug, info, warn, error, fatal; empty file: standard output; text or json.\n"
"log-level = \"info\"\n"
"log-file = \"\"\n"
"log-format = \"text\"\n"
"# Write ? instead of row values into the log.\n"
"redact-info-log = false\n"
"\n"
"# TLS between all parts of the cluster: set all three, on every part.\n"
"# ssl-ca = \"/path/ca.pem\"\n"
"# ssl-cert = \"/path/dm-worker.pem\"\n"
"# ssl-key = \"/path/dm-worker-key.pem\"\n"
"# cert-allowed-cn = [\"dm\"]\n";
}
