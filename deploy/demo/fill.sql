-- SPDX-License-Identifier: Apache-2.0
-- What the shop holds when the migration starts.

USE shop;

INSERT INTO customers (id, email, name, born, credit, level, wants)
SELECT seq, CONCAT('user', seq, '@example.org'),
  ELT(1 + seq MOD 5, 'Ana Müller', 'Ōta 太田', 'O''Neill', '😀 Smile', 'Back\\slash'),
  IF(seq MOD 7, DATE '1950-01-01' + INTERVAL seq DAY, NULL), seq * 1.37,
  1 + seq MOD 3, seq MOD 8
FROM seq_1_to_20000;
INSERT INTO addresses (customer, street, city)
SELECT 1 + seq MOD 20000, CONCAT(seq, ' High Street'),
  ELT(1 + seq MOD 3, 'Köln', 'São Paulo', '東京')
FROM seq_1_to_25000;
INSERT INTO categories SELECT seq, NULL, CONCAT('group ', seq)
FROM seq_1_to_10;
INSERT INTO categories SELECT seq, 1 + seq MOD 10, CONCAT('part ', seq)
FROM seq_11_to_100;
INSERT INTO products (id, category, sku, name, price, weight, margin)
SELECT seq, 1 + seq MOD 100, CONCAT('SKU', LPAD(seq, 9, '0')),
  CONCAT('Thing no. ', seq), 1 + seq MOD 500 + 0.99, seq / 7, PI() * seq
FROM seq_1_to_5000;
INSERT INTO product_texts
SELECT seq, 'en', REPEAT(CONCAT('Fine thing ', seq, '. '), 1 + seq MOD 20)
FROM seq_1_to_5000;
INSERT INTO product_texts
SELECT seq, 'de', REPEAT(CONCAT('Schönes Ding ', seq, '. '), 1 + seq MOD 20)
FROM seq_1_to_2500;
INSERT INTO warehouses SELECT seq, CONCAT('hall ', seq), POINT(seq, -seq / 3)
FROM seq_1_to_8;
INSERT INTO stock SELECT 1 + seq MOD 8, seq DIV 8 + 1, seq MOD 1000
FROM seq_0_to_39999;
INSERT INTO orders (id, customer, made, state, total)
SELECT seq, 1 + (seq * 7) MOD 20000,
  TIMESTAMP '2024-01-01 00:00:00' + INTERVAL seq * 977001 MICROSECOND,
  1 + seq MOD 4, seq MOD 1000 + 0.5
FROM seq_1_to_40000;
INSERT INTO order_items
SELECT 1 + seq DIV 2, 1 + seq MOD 2, 1 + seq MOD 5000, 1 + seq MOD 9, 9.99
FROM seq_0_to_79999;
INSERT INTO payments (orders, amount, made)
SELECT seq, seq MOD 1000 + 0.5,
  TIMESTAMP '2024-01-02 00:00:00.123' + INTERVAL seq MINUTE
FROM seq_1_to_30000;
INSERT INTO reviews
SELECT 1 + seq MOD 5000, CONCAT('author ', seq DIV 5000), 1 + seq MOD 5,
  IF(seq MOD 3, REPEAT('good ', seq MOD 50), NULL)
FROM seq_0_to_14999;
INSERT INTO coupons SELECT CONCAT('SAVE', seq), seq MOD 50 + 0.25, 0,
  IF(seq MOD 4, seq, NULL)
FROM seq_1_to_2000;
INSERT INTO tags SELECT seq, CONCAT('tag', seq) FROM seq_1_to_500;
INSERT INTO product_tags SELECT 1 + seq MOD 5000, 1 + seq DIV 50
FROM seq_0_to_19999;
INSERT INTO carts
SELECT UNHEX(MD5(seq)), JSON_OBJECT('items', JSON_ARRAY(seq, seq + 1, NULL),
  'note', 'quote " and 雪'), TIMESTAMP '2024-05-05 05:05:05' + INTERVAL seq SECOND
FROM seq_1_to_8000;
INSERT INTO files
SELECT seq, UNHEX(SHA1(seq)), REPEAT(UNHEX(SHA2(seq, 512)), 200),
  IF(seq MOD 2, UNHEX(MD5(seq)), '')
FROM seq_1_to_400;
INSERT INTO files VALUES (1001, 'one large one', REPEAT(UNHEX('00275C0A0D1AFF'), 150000), NULL);
INSERT INTO settings SELECT CONCAT('key.', seq), JSON_OBJECT('v', seq)
FROM seq_1_to_200;
INSERT INTO zones
SELECT seq, ST_GeomFromText(CONCAT('POLYGON((0 0,', seq, ' 0,', seq, ' 5,0 0))')),
  IF(seq MOD 2, ST_GeomFromText('LINESTRING(0 0,1 1,2 4)'), NULL),
  ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,3 3))')
FROM seq_1_to_300;
INSERT INTO audit_log
SELECT TIMESTAMP '2024-03-03 03:03:03.003' + INTERVAL seq DIV 4 SECOND,
  IF(seq MOD 9, CONCAT('user', seq MOD 100), NULL), 'logged in'
FROM seq_1_to_20000;
INSERT INTO page_views SELECT DATE '2024-01-01' + INTERVAL seq DIV 100 DAY,
  CONCAT('/p/', seq MOD 100), seq
FROM seq_1_to_10000;
INSERT INTO legacy
SELECT seq, CONVERT('Ärger in Zürich' USING latin1), 'naïve ☕', CHAR(0, 9, 255),
  'ŻÓŁW'
FROM seq_1_to_1000;
INSERT INTO numbers
  (id, b1, t1, t2, s1, s2, m1, m2, i1, i2, g1, g2, d1, d2, f1, f2, z1, bit1, bit7, bit64)
VALUES
  (-1, 0, -128, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808,
   0, -99999999999999999999999999999999999.999999999999999999999999999999,
   0, -3.40282e38, -1.7976931348623157e308, 0, b'0', b'0', b'0'),
  (0, 1, 127, 255, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295,
   9223372036854775807, 18446744073709551615,
   99999999999999999999999999999999999.999999999999999999999999999999,
   99999, 3.40282e38, 1.7976931348623157e308, 42, b'1', b'1111111',
   b'1111111111111111111111111111111111111111111111111111111111111111'),
  (-2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO numbers
  (id, b1, t1, t2, s1, s2, m1, m2, i1, i2, g1, g2, d1, d2, f1, f2, z1, bit1, bit7, bit64)
SELECT seq, seq MOD 2, seq MOD 128, seq MOD 256, -CAST(seq AS INT), seq, seq * 100, seq * 100,
  CAST(seq AS INT) * -1000, seq * 1000, CAST(seq AS INT) * -1000000007, seq * 1000000007, seq / 7,
  seq, seq / 3, 1 / seq, seq, seq MOD 2, seq MOD 128, seq * 4294967291
FROM seq_1_to_3000;
INSERT INTO everything (id) VALUES (0);
INSERT INTO everything
SELECT seq, 1901 + seq MOD 254, DATE '1000-01-01' + INTERVAL seq * 50 DAY,
  SEC_TO_TIME(CAST(seq AS INT) - 2000), SEC_TO_TIME(seq + 0.123456) + 0,
  TIMESTAMP '1999-12-31 23:59:59' + INTERVAL seq HOUR,
  TIMESTAMP '1999-12-31 23:59:59.999' + INTERVAL seq MINUTE,
  TIMESTAMP '2001-02-03 04:05:06' + INTERVAL seq DAY,
  TIMESTAMP '2001-02-03 04:05:06.000007' + INTERVAL seq SECOND,
  CONCAT('c', seq), REPEAT('é', seq MOD 100), CHAR(0, seq MOD 256, 0),
  UNHEX(SHA2(seq, 256)), 'tiny', REPEAT('line\n', seq MOD 40), 'medium\t\\',
  REPEAT('長', seq MOD 60), '', UNHEX(MD5(seq)), CHAR(0, 39, 92, 10, 13, 26),
  REPEAT(CHAR(255), seq MOD 90), 1 + seq MOD 4, seq MOD 8,
  JSON_ARRAY(seq, 'x', JSON_OBJECT('k', NULL)), POINT(seq / 3, seq),
  CONCAT('10.0.', seq DIV 256, '.', seq MOD 256), CONCAT('2001:db8::', HEX(seq)),
  CONCAT('123e4567-e89b-12d3-a456-', LPAD(HEX(seq), 12, '0'))
FROM seq_1_to_3000;
INSERT INTO events (id, customer, kind, amount, detail, at)
SELECT seq, 1 + seq MOD 20000, ELT(1 + seq MOD 4, 'view', 'cart', 'buy', 'return'),
  IF(seq MOD 4 = 2, seq MOD 10000 / 100, NULL),
  CONCAT('from page ', seq MOD 977, ' by campaign ', seq MOD 31),
  TIMESTAMP '2024-01-01 00:00:00' + INTERVAL seq SECOND
FROM seq_1_to_300000;
