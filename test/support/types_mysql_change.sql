-- SPDX-License-Identifier: Apache-2.0
-- Updates and deletes over the rows of types_mysql.sql with the same @k.
SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';
SET SESSION time_zone='+00:00';
USE types;
UPDATE numbers SET ti=5, d1=d1/2, f=f/3, d=d/7, bit17=bit17^1 WHERE id BETWEEN @k AND @k+4;
UPDATE numbers SET id=id+50 WHERE id=@k+3;
DELETE FROM numbers WHERE id=@k+4;
UPDATE times SET t6=ADDTIME(t6,'00:00:00.000001'), dt6='1999-12-31 23:59:59.999999' WHERE id IN (@k+1,@k+4);
DELETE FROM times WHERE id=@k+3;
UPDATE texts SET v=CONCAT(IFNULL(v,''),'+'), bi=x'ff00', e='b', s='', vl='ñ', v0='y ' WHERE id IN (@k+0,@k+2,@k+4);
DELETE FROM texts WHERE id=@k+3;
UPDATE docs SET j=JSON_SET(j,'$.a',42,'$.new',JSON_ARRAY(1,2,3)) WHERE id IN (@k+1,@k+3,@k+4);
UPDATE docs SET j=JSON_REMOVE(j,'$.bb[1]','$.dec'), k=JSON_REPLACE(k,'$.s','changed') WHERE id IN (@k+1,@k+3);
UPDATE docs SET j=JSON_SET(j,'$."odd key.\\"x\\""','ä') WHERE id=@k+1;
UPDATE docs SET j=JSON_SET(j,'$."odd key.\\"x\\""',JSON_OBJECT('deep',1)) WHERE id=@k+1;
UPDATE docs SET j=JSON_SET(j,'$.l[1]','replaced'), dj=JSON_ARRAY_APPEND(dj,'$','y') WHERE id=@k+4;
UPDATE docs SET dj=JSON_ARRAY_INSERT(dj,'$[0]',0) WHERE id=@k+0;
DELETE FROM docs WHERE id=@k+2;
UPDATE shapes SET g=POINT(9,9), v=TO_VECTOR('[7,8,9]') WHERE id=@k+0;
UPDATE keyless SET a=a+1 WHERE b='x' AND c>1 LIMIT 1;
DELETE FROM keyless WHERE a IS NULL LIMIT 1;
UPDATE keyless SET j=JSON_SET(j,'$.a[0]',9) WHERE b='x' AND c>1 LIMIT 1;
UPDATE `odd ``name` SET `sel``ect`=`sel``ect`+1000000 WHERE `key`=@k+0;
UPDATE `odd ``name` SET `key`=`key`+20, inv=NULL WHERE `key`=@k+1;
UPDATE strkey SET v=v+1;
UPDATE strkey SET k=CONCAT(k,'x') WHERE k2=2;
UPDATE binkey SET v=7 WHERE k=CONCAT('',@k);
DELETE FROM binkey WHERE k=CONCAT(x'5c27',CAST(@k AS BINARY));
