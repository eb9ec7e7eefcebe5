# SPDX-License-Identifier: Apache-2.0
# Random expressions over the columns of columns.txt:
#   awk -f generate.awk -v seed=1 -v count=300
# Types are mostly kept, so that few are refused. Numbers stay small, since
# what overflows is an error on both sides and proves little.

function pick(list,   n, part) {
	n = split(list, part, " ")
	return part[1 + int(rand() * n)]
}

function number(depth,   k) {
	k = int(rand() * (depth > 0 ? 16 : 4))
	if (k == 0) return pick("0 1 -1 2 7 10 255 -3 100")
	if (k == 1) return pick("0.5 1.25 -2.50 10.0 0.001 99.99")
	if (k == 2) return pick("i tiny d wide y")
	if (k == 3) return pick("1.5e0 i d")
	if (k < 9) return "(" number(depth - 1) " " pick("+ - * / - +") " " number(depth - 1) ")"
	if (k == 9) return pick("ABS FLOOR CEIL SIGN ROUND") "(" number(depth - 1) ")"
	if (k == 10) return "ROUND(" number(depth - 1) ", " pick("0 1 2 -1") ")"
	if (k == 11) return "IF(" logic(depth - 1) ", " number(depth - 1) ", " number(depth - 1) ")"
	if (k == 12) return "COALESCE(" number(depth - 1) ", " number(depth - 1) ")"
	if (k == 13) return pick("LENGTH CHAR_LENGTH") "(" text(depth - 1) ")"
	if (k == 14) return pick("YEAR MONTH DAY WEEKDAY DAYOFYEAR") "(" date(depth - 1) ")"
	return "LOCATE(" text(0) ", " text(depth - 1) ")"
}

function text(depth,   k) {
	k = int(rand() * (depth > 0 ? 13 : 3))
	if (k == 0) return pick("'a' 'Hello' 'l' 'o,' 'WORLD' '12' 'x' '' 'é' 'ss' '%l%'")
	if (k == 1) return pick("s sb sb s num")
	if (k == 2) return pick("sb 'hello,' s")
	if (k == 3) return pick("UPPER LOWER REVERSE TRIM LTRIM RTRIM") "(" text(depth - 1) ")"
	if (k == 4) return "CONCAT(" text(depth - 1) ", " text(depth - 1) ")"
	if (k == 5) return pick("LEFT RIGHT") "(" text(depth - 1) ", " pick("0 1 3 8 -1") ")"
	if (k == 6) return "SUBSTRING(" text(depth - 1) ", " pick("-3 -1 0 1 2 5") ", " pick("0 1 2 10") ")"
	if (k == 7) return "REPLACE(" text(depth - 1) ", " text(0) ", " text(0) ")"
	if (k == 8) return "IF(" logic(depth - 1) ", " text(depth - 1) ", " text(depth - 1) ")"
	if (k == 9) return "IFNULL(" text(depth - 1) ", " text(depth - 1) ")"
	if (k == 10) return "CONCAT_WS(" text(0) ", " text(depth - 1) ", " text(depth - 1) ")"
	if (k == 11) return "CASE WHEN " logic(depth - 1) " THEN " text(depth - 1) " ELSE " text(depth - 1) " END"
	return "SUBSTRING_INDEX(" text(depth - 1) ", " pick("'l' ',' 'o' 'lo'") ", " pick("1 2 -1 -2") ")"
}

function date(depth,   k) {
	k = int(rand() * (depth > 0 ? 7 : 3))
	if (k < 2) return pick("day ts ts6 day")
	if (k == 2) return pick("ts DATE'2024-03-31' DATE'2023-12-31'")
	if (k < 5) return pick("DATE_ADD DATE_SUB") "(" date(depth - 1) ", INTERVAL " pick("0 1 31 -7 400") " " pick("DAY MONTH YEAR HOUR SECOND WEEK") ")"
	if (k == 5) return "LAST_DAY(" date(depth - 1) ")"
	return "DATE(" date(depth - 1) ")"
}

function compare() {
	return pick("= <> < <= > >= <=>")
}

function logic(depth,   k) {
	k = int(rand() * (depth > 0 ? 14 : 4))
	if (k == 0) return "(" number(depth - 1) " " compare() " " number(depth - 1) ")"
	if (k == 1) return "(" text(depth - 1) " " compare() " " text(depth - 1) ")"
	if (k == 2) return "(" date(depth - 1) " " compare() " " date(depth - 1) ")"
	if (k == 3) return "(" pick("i d s day e") " IS " pick("NULL NULL UNKNOWN") ")"
	if (k == 4) return "(NOT " logic(depth - 1) ")"
	if (k < 8) return "(" logic(depth - 1) " " pick("AND OR XOR AND OR") " " logic(depth - 1) ")"
	if (k == 8) return "(" number(depth - 1) " BETWEEN " number(depth - 1) " AND " number(depth - 1) ")"
	if (k == 9) return "(" number(depth - 1) " IN (" number(depth - 1) ", " number(depth - 1) "))"
	if (k == 10) return "(" text(depth - 1) " LIKE " pick("'%l%' 'h_l%' '%' '_' 'a%' '%O'") ")"
	if (k == 11) return "(" text(depth - 1) " REGEXP " pick("'l+' '^h' '[0-9]' 'o$'") ")"
	if (k == 12) return "(" pick("num s i") " " compare() " " pick("'5' 5 '12.5' 0 'Hello'") ")"
	return "(" logic(depth - 1) " IS " pick("TRUE FALSE") ")"
}

BEGIN {
	srand(seed)
	for (n = 0; n < count; n++) {
		k = rand()
		if (k < 0.4) print logic(4)
		else if (k < 0.65) print number(4)
		else if (k < 0.85) print text(4)
		else print date(4)
	}
}
