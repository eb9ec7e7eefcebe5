-- SPDX-License-Identifier: Apache-2.0
-- The demo's shop: 24 tables with every column type, tables without primary
-- key, foreign keys that cascade, and one large table.

CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;

CREATE TABLE customers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  email VARCHAR(120) NOT NULL,
  name VARCHAR(80) NOT NULL,
  born DATE,
  credit DECIMAL(12,2) NOT NULL DEFAULT 0,
  level ENUM('new','silver','gold') NOT NULL DEFAULT 'new',
  wants SET('mail','sms','post') NOT NULL DEFAULT '',
  seen TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  UNIQUE KEY email (email)
);
CREATE TABLE addresses (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer INT UNSIGNED NOT NULL,
  street VARCHAR(100) NOT NULL,
  city VARCHAR(60) NOT NULL,
  CONSTRAINT address_of FOREIGN KEY (customer) REFERENCES customers (id)
    ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE categories (
  id SMALLINT UNSIGNED NOT NULL PRIMARY KEY,
  parent SMALLINT UNSIGNED,
  name VARCHAR(60) NOT NULL,
  CONSTRAINT part_of FOREIGN KEY (parent) REFERENCES categories (id)
);
CREATE TABLE products (
  id INT UNSIGNED NOT NULL PRIMARY KEY,
  category SMALLINT UNSIGNED NOT NULL,
  sku CHAR(12) CHARACTER SET ascii NOT NULL,
  name VARCHAR(120) NOT NULL,
  price DECIMAL(10,2) NOT NULL,
  weight FLOAT,
  margin DOUBLE,
  gross DECIMAL(12,4) GENERATED ALWAYS AS (price * 1.19) STORED,
  UNIQUE KEY sku (sku),
  CONSTRAINT product_in FOREIGN KEY (category) REFERENCES categories (id)
);
CREATE TABLE product_texts (
  product INT UNSIGNED NOT NULL,
  lang CHAR(2) NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (product, lang),
  CONSTRAINT text_of FOREIGN KEY (product) REFERENCES products (id)
    ON DELETE CASCADE
);
CREATE TABLE warehouses (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  name VARCHAR(40) NOT NULL,
  place POINT NOT NULL
);
CREATE TABLE stock (
  warehouse TINYINT UNSIGNED NOT NULL,
  product INT UNSIGNED NOT NULL,
  pieces MEDIUMINT NOT NULL,
  PRIMARY KEY (warehouse, product)
);
CREATE TABLE orders (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer INT UNSIGNED NOT NULL,
  made DATETIME(6) NOT NULL,
  state ENUM('open','paid','sent','closed') NOT NULL DEFAULT 'open',
  total DECIMAL(14,2) NOT NULL DEFAULT 0,
  KEY by_customer (customer),
  CONSTRAINT order_of FOREIGN KEY (customer) REFERENCES customers (id)
    ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE order_items (
  orders BIGINT UNSIGNED NOT NULL,
  line SMALLINT NOT NULL,
  product INT UNSIGNED NOT NULL,
  pieces SMALLINT NOT NULL,
  price DECIMAL(10,2) NOT NULL,
  PRIMARY KEY (orders, line),
  CONSTRAINT item_of FOREIGN KEY (orders) REFERENCES orders (id)
    ON DELETE CASCADE
);
CREATE TABLE payments (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  orders BIGINT UNSIGNED,
  amount DECIMAL(14,2) NOT NULL,
  made TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  CONSTRAINT payment_of FOREIGN KEY (orders) REFERENCES orders (id)
    ON DELETE SET NULL
);
CREATE TABLE reviews (
  product INT UNSIGNED NOT NULL,
  author VARCHAR(40) NOT NULL,
  stars TINYINT NOT NULL,
  said MEDIUMTEXT,
  UNIQUE KEY once (product, author)
);
CREATE TABLE coupons (
  code VARCHAR(20) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY,
  percent DECIMAL(5,2) NOT NULL,
  used INT NOT NULL DEFAULT 0,
  serial INT,
  UNIQUE KEY serial (serial)
);
CREATE TABLE tags (
  id INT NOT NULL PRIMARY KEY,
  word VARCHAR(40) NOT NULL,
  UNIQUE KEY word (word)
);
CREATE TABLE product_tags (
  product INT UNSIGNED NOT NULL,
  tag INT NOT NULL,
  PRIMARY KEY (product, tag),
  KEY by_tag (tag)
);
CREATE TABLE carts (
  token BINARY(16) NOT NULL PRIMARY KEY,
  content JSON,
  touched DATETIME NOT NULL
);
CREATE TABLE files (
  id INT NOT NULL PRIMARY KEY,
  name VARBINARY(200) NOT NULL,
  content LONGBLOB,
  thumb TINYBLOB
);
CREATE TABLE settings (
  name VARCHAR(50) NOT NULL PRIMARY KEY,
  value JSON NOT NULL
);
CREATE TABLE zones (
  id INT NOT NULL PRIMARY KEY,
  area POLYGON NOT NULL,
  line LINESTRING,
  anything GEOMETRY
);
CREATE TABLE audit_log (
  at DATETIME(3) NOT NULL,
  who VARCHAR(40),
  what VARCHAR(200)
) COMMENT 'no key at all';
CREATE TABLE page_views (
  day DATE NOT NULL,
  path VARCHAR(80) NOT NULL,
  hits INT NOT NULL,
  KEY by_day (day)
) COMMENT 'no unique key';
CREATE TABLE legacy (
  id INT NOT NULL PRIMARY KEY,
  name VARCHAR(60) CHARACTER SET latin1,
  note TEXT CHARACTER SET utf8mb3,
  raw CHAR(20) CHARACTER SET binary,
  code CHAR(8) CHARACTER SET ucs2
);
CREATE TABLE numbers (
  id INT NOT NULL PRIMARY KEY,
  b1 BOOL, t1 TINYINT, t2 TINYINT UNSIGNED, s1 SMALLINT,
  s2 SMALLINT UNSIGNED, m1 MEDIUMINT, m2 MEDIUMINT UNSIGNED, i1 INT,
  i2 INT UNSIGNED, g1 BIGINT, g2 BIGINT UNSIGNED, d1 DECIMAL(65,30),
  d2 DECIMAL(5,0) UNSIGNED, f1 FLOAT, f2 DOUBLE, z1 INT(8) ZEROFILL,
  bit1 BIT(1), bit7 BIT(7), bit64 BIT(64), half INT AS (i1 DIV 2) VIRTUAL
);
CREATE TABLE everything (
  id INT NOT NULL PRIMARY KEY,
  y YEAR, d DATE, t0 TIME, t6 TIME(6), dt0 DATETIME, dt3 DATETIME(3),
  ts0 TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL, c CHAR(30), v VARCHAR(300),
  b BINARY(10), vb VARBINARY(300), tt TINYTEXT, tx TEXT, mt MEDIUMTEXT,
  lt LONGTEXT, tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb LONGBLOB,
  e ENUM('a','b','it''s','ü'), s SET('x','y','z'), j JSON, p POINT,
  ip4 INET4, ip6 INET6, u UUID
);
CREATE TABLE events (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer INT UNSIGNED NOT NULL,
  kind VARCHAR(20) NOT NULL,
  amount DECIMAL(10,2),
  detail VARCHAR(200),
  at DATETIME NOT NULL,
  KEY by_customer (customer, at)
) COMMENT 'the large one';
