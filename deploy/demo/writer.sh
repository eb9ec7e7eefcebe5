#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The shop's traffic: prints SQL for the given number of seconds, for a client
# to run: inserts, updates (some change keys), deletes that cascade, and in
# between one ALTER and one TRUNCATE. Nothing here can fail at the source: what
# may be gone by then is addressed by SELECT.
set -eu
seconds=${1:-20}
new=1000000

one() { # some transactions
	local c=$((1 + (RANDOM << 15 | RANDOM) % 20000)) p=$((1 + RANDOM % 5000))
	local t=$((1 + RANDOM % 500)) w=$((1 + RANDOM % 8))
	local e=$((1 + (RANDOM << 15 | RANDOM) % 300000))
	new=$((new + 1))
	cat <<-E
		BEGIN;
		INSERT INTO orders (id, customer, made, total) SELECT $new, id, NOW(6), $p FROM customers WHERE id=$c;
		INSERT INTO order_items SELECT id, 1, $p, 2, 9.5 FROM orders WHERE id=$new;
		INSERT INTO order_items SELECT id, 2, $t, 1, 1.5 FROM orders WHERE id=$new;
		INSERT INTO payments (orders, amount) SELECT id, $p FROM orders WHERE id=$new;
		UPDATE stock SET pieces=pieces-1 WHERE warehouse=$w AND product=$p;
		COMMIT;
		INSERT INTO events (customer, kind, detail, at) VALUES ($c, 'view', 'page $p; it''s', NOW());
		UPDATE events SET kind='seen', amount=$p/100 WHERE id=$e;
		DELETE FROM events WHERE id=$((e / 2));
		INSERT INTO audit_log VALUES (NOW(3), 'user$((c % 100))', 'paid $new');
		INSERT INTO page_views VALUES (CURDATE(), '/p/$p', 1);
		UPDATE everything SET v=CONCAT('changed ', $new), t6=CURTIME(6), j=JSON_OBJECT('n', $new) WHERE id=$((p % 3000));
		UPDATE numbers SET g2=$new, d1=d1/3, f2=f2*1.1, bit64=bit64+1 WHERE id=$((p % 3000 + 1));
	E
	case $((new % 8)) in
	0) echo "UPDATE audit_log SET what='read' WHERE who='user$((c % 100))' LIMIT 1;" ;;
	1) echo "DELETE FROM audit_log WHERE who='user$((t % 100))' LIMIT 2;" ;;
	2) echo "UPDATE tags SET id=$new, word='moved $new' WHERE id=$t;" ;;
	3) echo "UPDATE customers SET id=$new WHERE id=$c;" ;;
	4) echo "DELETE FROM customers WHERE id=$c;" ;;
	5) echo "INSERT INTO carts VALUES (UNHEX(MD5($new)), JSON_ARRAY($c, '☃'), NOW());" ;;
	6) echo "UPDATE coupons SET code='SAVE X$new', serial=$new, used=used+1 WHERE code='save$t';" ;;
	7) echo "REPLACE INTO reviews VALUES ($p, 'author 1', 5, 'again $new');" ;;
	esac
}

altered=
emptied=
while [ "$SECONDS" -lt "$seconds" ]; do
	begun=${EPOCHREALTIME/[.,]/}
	for _ in {1..8}; do
		one
	done
	if [ -z "$altered" ] && [ "$SECONDS" -ge $((seconds / 3)) ]; then
		altered=1
		echo "ALTER TABLE orders ADD COLUMN remark VARCHAR(50) NOT NULL DEFAULT 'none' AFTER state;"
	fi
	if [ -z "$emptied" ] && [ "$SECONDS" -ge $((seconds * 2 / 3)) ]; then
		emptied=1
		echo "TRUNCATE TABLE page_views;"
	fi
	# Rounds of a tenth of a second: some 700 transactions in a second.
	left=$((100000 - (${EPOCHREALTIME/[.,]/} - begun)))
	[ "$left" -le 0 ] || sleep "$(printf '0.%06d' "$left")"
done
