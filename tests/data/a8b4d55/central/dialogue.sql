-- set up
BEGIN;
SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'form';
CREATE TABLE IF NOT EXISTS form (one BIGINT PRIMARY KEY, version BIGINT NOT NULL, changes BIGINT NOT NULL, closed_ms BIGINT);
CREATE TABLE IF NOT EXISTS node (name TEXT PRIMARY KEY, epoch BIGINT NOT NULL, boot BIGINT NOT NULL, last_seq BIGINT NOT NULL, chain BYTEA NOT NULL, last_ask BIGINT NOT NULL, lost BOOLEAN NOT NULL, seen_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, pocket_of TEXT, currency TEXT NOT NULL, posted BIGINT NOT NULL, held BIGINT NOT NULL, credit_limit BIGINT NOT NULL CHECK (credit_limit <= 0), state TEXT NOT NULL, wanted_by TEXT, wanted_ms BIGINT, ends_ms BIGINT, due_ms BIGINT, changed BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS account_pockets ON account (pocket_of);
CREATE INDEX IF NOT EXISTS account_due ON account (due_ms);
CREATE TABLE IF NOT EXISTS slice (account TEXT NOT NULL, node TEXT NOT NULL, granted BIGINT NOT NULL, returned BIGINT NOT NULL, used BIGINT NOT NULL, PRIMARY KEY (account, node));
CREATE INDEX IF NOT EXISTS slice_of_node ON slice (node);
CREATE TABLE IF NOT EXISTS lent (id TEXT PRIMARY KEY, node TEXT NOT NULL, account TEXT NOT NULL, amount BIGINT NOT NULL CHECK (amount > 0));
CREATE INDEX IF NOT EXISTS lent_to_node ON lent (node);
CREATE TABLE IF NOT EXISTS entry (node TEXT NOT NULL, seq BIGINT NOT NULL, account TEXT NOT NULL, at_ms BIGINT NOT NULL, body TEXT NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (node, seq));
CREATE INDEX IF NOT EXISTS entry_of_account ON entry (account, at_ms);
CREATE TABLE IF NOT EXISTS cdr (node TEXT NOT NULL, seq BIGINT NOT NULL, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, ended_ms BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (node, seq));
CREATE INDEX IF NOT EXISTS cdr_of_account ON cdr (account, ended_ms);
CREATE TABLE IF NOT EXISTS booking (account TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, at_ms BIGINT NOT NULL, transfer TEXT NOT NULL, method TEXT, balance_after BIGINT NOT NULL, PRIMARY KEY (account, key));
CREATE INDEX IF NOT EXISTS booking_of_request ON booking (account, request);
CREATE TABLE IF NOT EXISTS outcome (account TEXT NOT NULL, of_key TEXT NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (account, of_key));
CREATE TABLE IF NOT EXISTS house (node TEXT NOT NULL, currency TEXT NOT NULL, house TEXT NOT NULL, balance BIGINT NOT NULL, PRIMARY KEY (node, currency, house));
CREATE TABLE IF NOT EXISTS notice (id TEXT PRIMARY KEY, node TEXT, account TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS notice_of_node ON notice (node);
CREATE TABLE IF NOT EXISTS told (deck TEXT PRIMARY KEY, version TEXT NOT NULL, node TEXT NOT NULL);
INSERT INTO form (one, version, changes) VALUES (1, '2', 0) ON CONFLICT (one) DO NOTHING;
INSERT INTO node (name, epoch, boot, last_seq, chain, last_ask, lost, seen_ms, expires_ms) VALUES ('@central', 0, 0, 0, '\x0000000000000000000000000000000000000000000000000000000000000000', 0, FALSE, 0, 0) ON CONFLICT (name) DO NOTHING;
SELECT version FROM form WHERE one = 1;
COMMIT;

-- set up
BEGIN;
SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'form';
SELECT version FROM form WHERE one = 1;
COMMIT;

-- last shipped
BEGIN;
SELECT last_seq FROM node WHERE name = 'n1';
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT closed_ms FROM form WHERE one = 1;
UPDATE form SET changes = changes + 1 WHERE one = 1 RETURNING changes;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '900000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000159330,"low_armed":true,"expiries":0}', NULL, '1') ON CONFLICT (name) DO UPDATE SET posted = '900000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000159330,"low_armed":true,"expiries":0}', due_ms = NULL, changed = '1';
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'opening', 'opening', '1796000159330', '{"key":"opening","purpose":"opening","debit":"@opening","credit":"acme","amount":"9.00000","currency":"EUR"}', NULL, '900000');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '1', 'acme', '1796000159330', '{"v":1,"at":1796000159330,"account":"acme","body":{"account_opened":{"currency":"EUR","terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"limit":"0.00000","opening":{"key":"opening","purpose":"opening","debit":"@opening","credit":"acme","amount":"9.00000","currency":"EUR"}}}}', '\x1566c7da2b45ea2d1a710125ea3b94ae44d6cd1a694b958219e47263e32999fd');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@opening', '-900000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '1', chain = '\x1566c7da2b45ea2d1a710125ea3b94ae44d6cd1a694b958219e47263e32999fd', last_ask = '0', lost = 'f' WHERE name = '@central';
COMMIT;

-- accounts
BEGIN;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme}') OR pocket_of = ANY ('{acme}');
COMMIT;

-- join
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO node (name, epoch, boot, last_seq, chain, last_ask, lost, seen_ms, expires_ms) VALUES ('n1', 0, 0, 0, '\x0000000000000000000000000000000000000000000000000000000000000000', 0, FALSE, 0, 0) ON CONFLICT (name) DO NOTHING;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '0', chain = '\x0000000000000000000000000000000000000000000000000000000000000000', last_ask = '0', lost = 'f' WHERE name = 'n1';
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
UPDATE node SET seen_ms = '1796000159820', expires_ms = CASE WHEN expires_ms > '1796003759820' THEN expires_ms ELSE '1796003759820' END WHERE name = 'n1';
SELECT id, account, amount FROM lent WHERE node = 'n1' ORDER BY id LIMIT 1000;
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT closed_ms FROM form WHERE one = 1;
UPDATE form SET changes = changes + 1 WHERE one = 1 RETURNING changes;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme:shop', 'EUR', '200000', 0, '0', '{"terms":{"decks":["retail"]},"opened_at":1796000159330,"last_event":1796000159330,"low_armed":false,"expiries":0}', NULL, '2') ON CONFLICT (name) DO UPDATE SET posted = '200000', credit_limit = '0', state = '{"terms":{"decks":["retail"]},"opened_at":1796000159330,"last_event":1796000159330,"low_armed":false,"expiries":0}', due_ms = NULL, changed = '2';
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme:shop', 'opening', 'opening', '1796000159330', '{"key":"opening","purpose":"opening","debit":"@opening","credit":"acme:shop","amount":"2.00000","currency":"EUR"}', NULL, '200000');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '2', 'acme:shop', '1796000159330', '{"v":1,"at":1796000159330,"account":"acme:shop","body":{"account_opened":{"currency":"EUR","terms":{"decks":["retail"]},"limit":"0.00000","opening":{"key":"opening","purpose":"opening","debit":"@opening","credit":"acme:shop","amount":"2.00000","currency":"EUR"}}}}', '\xa6882260645c7a00648e8fccec8f4407d02ed87268f180592b9ec237f34d69fb');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@opening', '-200000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '2', chain = '\xa6882260645c7a00648e8fccec8f4407d02ed87268f180592b9ec237f34d69fb', last_ask = '0', lost = 'f' WHERE name = '@central';
COMMIT;

-- beat
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
UPDATE node SET seen_ms = '1796000159942', expires_ms = CASE WHEN expires_ms > '1796003759942' THEN expires_ms ELSE '1796003759942' END WHERE name = 'n1';
SELECT s.account FROM slice s JOIN account a ON a.name = s.account WHERE s.node = 'n1' AND s.granted - s.returned - s.used > 0 AND a.wanted_by <> 'n1' AND a.wanted_ms > '1796000149942' ORDER BY s.account LIMIT 1000;
SELECT a.name FROM slice s JOIN account a ON a.name = s.account WHERE s.node = 'n1' AND s.granted - s.returned - s.used <= 0 AND a.posted - a.held - a.credit_limit > 0 AND (a.ends_ms IS NULL OR a.ends_ms > '1796000159942') AND (a.wanted_by IS NULL OR a.wanted_by <> '@central' OR a.wanted_ms <= '1796000149942') UNION SELECT a.name FROM slice o JOIN account a ON a.pocket_of = o.account WHERE o.node = 'n1' AND NOT EXISTS (SELECT 1 FROM slice s WHERE s.account = a.name AND s.node = 'n1') AND a.posted - a.held - a.credit_limit > 0 AND (a.ends_ms IS NULL OR a.ends_ms > '1796000159942') AND (a.wanted_by IS NULL OR a.wanted_by <> '@central' OR a.wanted_ms <= '1796000149942') LIMIT 1000;
SELECT id, account, amount FROM lent WHERE node = 'n1' ORDER BY id LIMIT 1000;
UPDATE notice SET node = 'n1' WHERE node IS NULL AND id IN (SELECT id FROM notice WHERE node IS NULL ORDER BY id LIMIT 100);
SELECT id, body FROM notice WHERE node = 'n1' ORDER BY id LIMIT 100;
SELECT a.name, a.changed FROM slice s JOIN account a ON a.name = s.account WHERE s.node = 'n1' AND a.changed > '0' ORDER BY a.changed LIMIT 200;
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{1}'::BIGINT[], '{@node}'::TEXT[], '{1796000159320}'::BIGINT[], '{"{\"v\":1,\"at\":1796000159320,\"account\":\"@node\",\"body\":{\"started\":{\"node\":\"n1\",\"version\":\"0.1.0\"}}}"}'::TEXT[], '{"\\x8f7445c4eb0bb4241089951e4f08e7a7d1c2520cd8973bab6b182db35f5f053b"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '1', chain = '\x8f7445c4eb0bb4241089951e4f08e7a7d1c2520cd8973bab6b182db35f5f053b', last_ask = '0', lost = 'f' WHERE name = 'n1';
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n1' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000145129';
UPDATE account SET posted = '900000', held = '100000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
SELECT 1 FROM account WHERE name = 'acme' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '100000', returned = '0', used = '0' WHERE account = 'acme' AND node = 'n1';
INSERT INTO lent (id, node, account, amount) VALUES ('n1.1.1', 'n1', 'acme', '100000');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '1', chain = '\x8f7445c4eb0bb4241089951e4f08e7a7d1c2520cd8973bab6b182db35f5f053b', last_ask = '1', lost = 'f' WHERE name = 'n1';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme}') OR pocket_of = ANY ('{acme}');
COMMIT;

-- join
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO node (name, epoch, boot, last_seq, chain, last_ask, lost, seen_ms, expires_ms) VALUES ('n2', 0, 0, 0, '\x0000000000000000000000000000000000000000000000000000000000000000', 0, FALSE, 0, 0) ON CONFLICT (name) DO NOTHING;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '0', chain = '\x0000000000000000000000000000000000000000000000000000000000000000', last_ask = '0', lost = 'f' WHERE name = 'n2';
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
UPDATE node SET seen_ms = '1796000160147', expires_ms = CASE WHEN expires_ms > '1796003760147' THEN expires_ms ELSE '1796003760147' END WHERE name = 'n2';
SELECT id, account, amount FROM lent WHERE node = 'n2' ORDER BY id LIMIT 1000;
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{1}'::BIGINT[], '{@node}'::TEXT[], '{1796000159834}'::BIGINT[], '{"{\"v\":1,\"at\":1796000159834,\"account\":\"@node\",\"body\":{\"started\":{\"node\":\"n2\",\"version\":\"0.1.0\"}}}"}'::TEXT[], '{"\\xc524cb388d3e3b05d09d185eda90cd3b329d53c8f1e915fc545c89300a096ec4"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '1', chain = '\xc524cb388d3e3b05d09d185eda90cd3b329d53c8f1e915fc545c89300a096ec4', last_ask = '0', lost = 'f' WHERE name = 'n2';
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n1' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000145240';
UPDATE account SET posted = '200000', held = '50000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
SELECT 1 FROM account WHERE name = 'acme:shop' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '50000', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n1';
INSERT INTO lent (id, node, account, amount) VALUES ('n1.1.2', 'n1', 'acme:shop', '50000');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '1', chain = '\x8f7445c4eb0bb4241089951e4f08e7a7d1c2520cd8973bab6b182db35f5f053b', last_ask = '2', lost = 'f' WHERE name = 'n1';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme,acme:shop}') OR pocket_of = ANY ('{acme,acme:shop}');
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n2' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000145280';
UPDATE account SET posted = '900000', held = '200000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
SELECT 1 FROM account WHERE name = 'acme' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '100000', returned = '0', used = '0' WHERE account = 'acme' AND node = 'n2';
INSERT INTO lent (id, node, account, amount) VALUES ('n2.1.1', 'n2', 'acme', '100000');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '1', chain = '\xc524cb388d3e3b05d09d185eda90cd3b329d53c8f1e915fc545c89300a096ec4', last_ask = '1', lost = 'f' WHERE name = 'n2';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme}') OR pocket_of = ANY ('{acme}');
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{2,3}'::BIGINT[], '{acme,acme}'::TEXT[], '{1796000160240,1796000160240}'::BIGINT[], '{"{\"v\":1,\"at\":1796000160240,\"account\":\"acme\",\"body\":{\"account_opened\":{\"currency\":\"EUR\",\"terms\":{\"decks\":[\"retail\"],\"email\":\"ops@acme.example\"},\"limit\":\"0.00000\"}}}","{\"v\":1,\"at\":1796000160240,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n1.1.1\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme\",\"amount\":\"1.00000\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\x13b8483d5c5a579477941fe315521d054fb067e161f159aceab5896040867314","\\x2ae704d179b0d51073da9619106f02fdf7a6708d5126f196ee8febb5dcbf2ef5"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '900000', held = '200000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '100000', returned = '0', used = '0' WHERE account = 'acme' AND node = 'n1';
DELETE FROM lent WHERE id = ANY ('{n1.1.1}');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '3', chain = '\x2ae704d179b0d51073da9619106f02fdf7a6708d5126f196ee8febb5dcbf2ef5', last_ask = '2', lost = 'f' WHERE name = 'n1';
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n2' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000145397';
UPDATE account SET posted = '200000', held = '87500', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
SELECT 1 FROM account WHERE name = 'acme:shop' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '37500', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n2';
INSERT INTO lent (id, node, account, amount) VALUES ('n2.1.2', 'n2', 'acme:shop', '37500');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '1', chain = '\xc524cb388d3e3b05d09d185eda90cd3b329d53c8f1e915fc545c89300a096ec4', last_ask = '2', lost = 'f' WHERE name = 'n2';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme,acme:shop}') OR pocket_of = ANY ('{acme,acme:shop}');
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{4,5}'::BIGINT[], '{acme:shop,acme:shop}'::TEXT[], '{1796000160313,1796000160313}'::BIGINT[], '{"{\"v\":1,\"at\":1796000160313,\"account\":\"acme:shop\",\"body\":{\"account_opened\":{\"currency\":\"EUR\",\"terms\":{\"decks\":[\"retail\"]},\"limit\":\"0.00000\"}}}","{\"v\":1,\"at\":1796000160313,\"account\":\"acme:shop\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n1.1.2\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme:shop\",\"amount\":\"0.50000\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\x719b4618abfd0d227cb26fe78e9c8f5c472f817c5d8f23332fa4e9d89e68aa09","\\x35b0aad64c1d388302f7a7abff6a19dc5bdcb28c11278b50f769ad297c3b50f9"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '200000', held = '87500', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
UPDATE slice SET granted = '50000', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n1';
DELETE FROM lent WHERE id = ANY ('{n1.1.2}');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '5', chain = '\x35b0aad64c1d388302f7a7abff6a19dc5bdcb28c11278b50f769ad297c3b50f9', last_ask = '2', lost = 'f' WHERE name = 'n1';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{2,3}'::BIGINT[], '{acme,acme}'::TEXT[], '{1796000160396,1796000160396}'::BIGINT[], '{"{\"v\":1,\"at\":1796000160396,\"account\":\"acme\",\"body\":{\"account_opened\":{\"currency\":\"EUR\",\"terms\":{\"decks\":[\"retail\"],\"email\":\"ops@acme.example\"},\"limit\":\"0.00000\"}}}","{\"v\":1,\"at\":1796000160396,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n2.1.1\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme\",\"amount\":\"1.00000\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\xc0fe3f2e5b67451057e4d9757e0c01a45393497384e437176adddf895b9be46e","\\x6d693d2017832452f29918bf748b797d3626d8edecb0809eae8dc21668e0c551"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '900000', held = '200000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '100000', returned = '0', used = '0' WHERE account = 'acme' AND node = 'n2';
DELETE FROM lent WHERE id = ANY ('{n2.1.1}');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '3', chain = '\x6d693d2017832452f29918bf748b797d3626d8edecb0809eae8dc21668e0c551', last_ask = '2', lost = 'f' WHERE name = 'n2';
COMMIT;

-- beat
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
UPDATE node SET seen_ms = '1796000160561', expires_ms = CASE WHEN expires_ms > '1796003760561' THEN expires_ms ELSE '1796003760561' END WHERE name = 'n1';
SELECT s.account FROM slice s JOIN account a ON a.name = s.account WHERE s.node = 'n1' AND s.granted - s.returned - s.used > 0 AND a.wanted_by <> 'n1' AND a.wanted_ms > '1796000150561' ORDER BY s.account LIMIT 1000;
SELECT a.name FROM slice s JOIN account a ON a.name = s.account WHERE s.node = 'n1' AND s.granted - s.returned - s.used <= 0 AND a.posted - a.held - a.credit_limit > 0 AND (a.ends_ms IS NULL OR a.ends_ms > '1796000160561') AND (a.wanted_by IS NULL OR a.wanted_by <> '@central' OR a.wanted_ms <= '1796000150561') UNION SELECT a.name FROM slice o JOIN account a ON a.pocket_of = o.account WHERE o.node = 'n1' AND NOT EXISTS (SELECT 1 FROM slice s WHERE s.account = a.name AND s.node = 'n1') AND a.posted - a.held - a.credit_limit > 0 AND (a.ends_ms IS NULL OR a.ends_ms > '1796000160561') AND (a.wanted_by IS NULL OR a.wanted_by <> '@central' OR a.wanted_ms <= '1796000150561') LIMIT 1000;
SELECT id, account, amount FROM lent WHERE node = 'n1' ORDER BY id LIMIT 1000;
UPDATE notice SET node = 'n1' WHERE node IS NULL AND id IN (SELECT id FROM notice WHERE node IS NULL ORDER BY id LIMIT 100);
SELECT id, body FROM notice WHERE node = 'n1' ORDER BY id LIMIT 100;
SELECT a.name, a.changed FROM slice s JOIN account a ON a.name = s.account WHERE s.node = 'n1' AND a.changed > '0' ORDER BY a.changed LIMIT 200;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme,acme:shop}') OR pocket_of = ANY ('{acme,acme:shop}');
COMMIT;

-- expire
BEGIN;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT 1 FROM (SELECT name FROM account WHERE due_ms <= '1796000160665' ORDER BY due_ms LIMIT 50) due LIMIT 1;
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n1' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000145679';
UPDATE account SET posted = '900000', held = '300000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
SELECT 1 FROM account WHERE name = 'acme' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '200000', returned = '0', used = '0' WHERE account = 'acme' AND node = 'n1';
INSERT INTO lent (id, node, account, amount) VALUES ('n1.1.3', 'n1', 'acme', '100000');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '5', chain = '\x35b0aad64c1d388302f7a7abff6a19dc5bdcb28c11278b50f769ad297c3b50f9', last_ask = '3', lost = 'f' WHERE name = 'n1';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme}') OR pocket_of = ANY ('{acme}');
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{4,5}'::BIGINT[], '{acme:shop,acme:shop}'::TEXT[], '{1796000160511,1796000160511}'::BIGINT[], '{"{\"v\":1,\"at\":1796000160511,\"account\":\"acme:shop\",\"body\":{\"account_opened\":{\"currency\":\"EUR\",\"terms\":{\"decks\":[\"retail\"]},\"limit\":\"0.00000\"}}}","{\"v\":1,\"at\":1796000160511,\"account\":\"acme:shop\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n2.1.2\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme:shop\",\"amount\":\"0.37500\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\x47122fc3c6b449f9eca64918ac8df08fe0d9102d8a2f11139247d023e6e8a527","\\x175c1f6f7731be8f231fb8f6db56ad4ba64d850567eb8debd0e2cb2c1f4babdd"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '200000', held = '87500', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
UPDATE slice SET granted = '37500', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n2';
DELETE FROM lent WHERE id = ANY ('{n2.1.2}');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '5', chain = '\x175c1f6f7731be8f231fb8f6db56ad4ba64d850567eb8debd0e2cb2c1f4babdd', last_ask = '2', lost = 'f' WHERE name = 'n2';
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n1' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000145781';
UPDATE account SET posted = '200000', held = '115625', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
SELECT 1 FROM account WHERE name = 'acme:shop' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '78125', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n1';
INSERT INTO lent (id, node, account, amount) VALUES ('n1.1.4', 'n1', 'acme:shop', '28125');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '5', chain = '\x35b0aad64c1d388302f7a7abff6a19dc5bdcb28c11278b50f769ad297c3b50f9', last_ask = '4', lost = 'f' WHERE name = 'n1';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme,acme:shop}') OR pocket_of = ANY ('{acme,acme:shop}');
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/g1}') ORDER BY of_key;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/g1}') ORDER BY of_key;
SELECT transfer, method, balance_after FROM booking WHERE account = 'acme' AND request = ANY ('{key/g1}') ORDER BY key;
SELECT closed_ms FROM form WHERE one = 1;
UPDATE form SET changes = changes + 1 WHERE one = 1 RETURNING changes;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '900000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000159330,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '900000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000159330,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'key/g1', 'key/g1', '1796000160779', '{"key":"key/g1","purpose":"grant","debit":"@minutes","credit":"acme/free","amount":"3.00000","currency":"SEC","memo":"minutes, for 34: welcome"}', NULL, '300000');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '3', 'acme', '1796000160779', '{"v":1,"at":1796000160779,"account":"acme","body":{"pocket_granted":{"pocket":"free","terms":{"kind":"minutes","prefixes":["34"]},"transfer":{"key":"key/g1","purpose":"grant","debit":"@minutes","credit":"acme/free","amount":"3.00000","currency":"SEC","memo":"minutes, for 34: welcome"}}}}', '\x5bc10bbe48142688722e0f5ae44cbb05597af910267f5de2b0337510c91a82d2');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'SEC', '@minutes', '-300000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '3', chain = '\x5bc10bbe48142688722e0f5ae44cbb05597af910267f5de2b0337510c91a82d2', last_ask = '0', lost = 'f' WHERE name = '@central';
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n2' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000145863';
UPDATE account SET posted = '900000', held = '400000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
SELECT 1 FROM account WHERE name = 'acme' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '200000', returned = '0', used = '0' WHERE account = 'acme' AND node = 'n2';
INSERT INTO lent (id, node, account, amount) VALUES ('n2.1.3', 'n2', 'acme', '100000');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '5', chain = '\x175c1f6f7731be8f231fb8f6db56ad4ba64d850567eb8debd0e2cb2c1f4babdd', last_ask = '3', lost = 'f' WHERE name = 'n2';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme}') OR pocket_of = ANY ('{acme}');
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{6}'::BIGINT[], '{acme}'::TEXT[], '{1796000160783}'::BIGINT[], '{"{\"v\":1,\"at\":1796000160783,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n1.1.3\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme\",\"amount\":\"1.00000\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\x93826f7cca507e8440ab749f20df4be4fa72f284fb4111badf6f30c136bbd532"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '900000', held = '400000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '200000', returned = '0', used = '0' WHERE account = 'acme' AND node = 'n1';
DELETE FROM lent WHERE id = ANY ('{n1.1.3}');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '6', chain = '\x93826f7cca507e8440ab749f20df4be4fa72f284fb4111badf6f30c136bbd532', last_ask = '4', lost = 'f' WHERE name = 'n1';
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n2' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000146049';
UPDATE account SET posted = '200000', held = '136718', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
SELECT 1 FROM account WHERE name = 'acme:shop' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '58593', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n2';
INSERT INTO lent (id, node, account, amount) VALUES ('n2.1.4', 'n2', 'acme:shop', '21093');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '5', chain = '\x175c1f6f7731be8f231fb8f6db56ad4ba64d850567eb8debd0e2cb2c1f4babdd', last_ask = '4', lost = 'f' WHERE name = 'n2';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme,acme:shop}') OR pocket_of = ANY ('{acme,acme:shop}');
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme/free', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme/free' AND node = 'n1' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000146212';
UPDATE account SET posted = '300000', held = '75000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme/free';
SELECT 1 FROM account WHERE name = 'acme/free' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '75000', returned = '0', used = '0' WHERE account = 'acme/free' AND node = 'n1';
INSERT INTO lent (id, node, account, amount) VALUES ('n1.1.5', 'n1', 'acme/free', '75000');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '6', chain = '\x93826f7cca507e8440ab749f20df4be4fa72f284fb4111badf6f30c136bbd532', last_ask = '5', lost = 'f' WHERE name = 'n1';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme}') OR pocket_of = ANY ('{acme}');
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{6,7,8}'::BIGINT[], '{acme,acme,acme:shop}'::TEXT[], '{1796000161049,1796000161049,1796000161141}'::BIGINT[], '{"{\"v\":1,\"at\":1796000161049,\"account\":\"acme\",\"body\":{\"pocket_opened\":{\"pocket\":\"free\",\"terms\":{\"kind\":\"minutes\",\"prefixes\":[\"34\"]},\"granted_at\":1796000160779}}}","{\"v\":1,\"at\":1796000161049,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n2.1.3\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme\",\"amount\":\"1.00000\",\"currency\":\"EUR\"}}}}","{\"v\":1,\"at\":1796000161141,\"account\":\"acme:shop\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n2.1.4\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme:shop\",\"amount\":\"0.21093\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\x591b900fa54bd4c3d926e91c982e1a59e9eb4d11d6f17b90c34cbc9395fc3f81","\\x9bba9ec53447b957abf985805c554672aedff2eda2a57c2709a5ef0f70d75d6d","\\x3c3d1543d40f7b5ecf57803a4ab327ddf459a002c07143ff80b07fb48f3fd18b"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '900000', held = '400000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '200000', returned = '0', used = '0' WHERE account = 'acme' AND node = 'n2';
DELETE FROM lent WHERE id = ANY ('{n2.1.3}');
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '200000', held = '136718', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
UPDATE slice SET granted = '58593', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n2';
DELETE FROM lent WHERE id = ANY ('{n2.1.4}');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '8', chain = '\x3c3d1543d40f7b5ecf57803a4ab327ddf459a002c07143ff80b07fb48f3fd18b', last_ask = '4', lost = 'f' WHERE name = 'n2';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{7,8}'::BIGINT[], '{acme:shop,acme}'::TEXT[], '{1796000160907,1796000161207}'::BIGINT[], '{"{\"v\":1,\"at\":1796000160907,\"account\":\"acme:shop\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n1.1.4\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme:shop\",\"amount\":\"0.28125\",\"currency\":\"EUR\"}}}}","{\"v\":1,\"at\":1796000161207,\"account\":\"acme\",\"body\":{\"pocket_opened\":{\"pocket\":\"free\",\"terms\":{\"kind\":\"minutes\",\"prefixes\":[\"34\"]},\"granted_at\":1796000160779}}}"}'::TEXT[], '{"\\xb37207bd61d8cb73fb61d99ef90b24095be83f15f7cdc71646a2c5f09d45031c","\\x8ab8cfad2583c4ef85cb94c05535dd81e70a20739a9d41d546625ea823ac9ed9"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '200000', held = '136718', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
UPDATE slice SET granted = '78125', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n1';
DELETE FROM lent WHERE id = ANY ('{n1.1.4}');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '8', chain = '\x8ab8cfad2583c4ef85cb94c05535dd81e70a20739a9d41d546625ea823ac9ed9', last_ask = '5', lost = 'f' WHERE name = 'n1';
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme/free', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme/free' AND node = 'n2' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000146383';
UPDATE account SET posted = '300000', held = '131250', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme/free';
SELECT 1 FROM account WHERE name = 'acme/free' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '56250', returned = '0', used = '0' WHERE account = 'acme/free' AND node = 'n2';
INSERT INTO lent (id, node, account, amount) VALUES ('n2.1.5', 'n2', 'acme/free', '56250');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '8', chain = '\x3c3d1543d40f7b5ecf57803a4ab327ddf459a002c07143ff80b07fb48f3fd18b', last_ask = '5', lost = 'f' WHERE name = 'n2';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme}') OR pocket_of = ANY ('{acme}');
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{9}'::BIGINT[], '{acme}'::TEXT[], '{1796000161480}'::BIGINT[], '{"{\"v\":1,\"at\":1796000161480,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n2.1.5\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme/free\",\"amount\":\"0.56250\",\"currency\":\"SEC\"}}}}"}'::TEXT[], '{"\\xcac9166323470b76cabf8df5e7ddde993a13a5374baedd4c844d25338c6fd448"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme/free', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme/free' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '300000', held = '131250', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme/free';
UPDATE slice SET granted = '56250', returned = '0', used = '0' WHERE account = 'acme/free' AND node = 'n2';
DELETE FROM lent WHERE id = ANY ('{n2.1.5}');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '9', chain = '\xcac9166323470b76cabf8df5e7ddde993a13a5374baedd4c844d25338c6fd448', last_ask = '5', lost = 'f' WHERE name = 'n2';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{9}'::BIGINT[], '{acme}'::TEXT[], '{1796000161347}'::BIGINT[], '{"{\"v\":1,\"at\":1796000161347,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n1.1.5\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme/free\",\"amount\":\"0.75000\",\"currency\":\"SEC\"}}}}"}'::TEXT[], '{"\\x4028c968d792324fc8cfda9577f17da9cbc8ecb7405b68f1ca6d3ce69935fe63"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme/free', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme/free' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '300000', held = '131250', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme/free';
UPDATE slice SET granted = '75000', returned = '0', used = '0' WHERE account = 'acme/free' AND node = 'n1';
DELETE FROM lent WHERE id = ANY ('{n1.1.5}');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '9', chain = '\x4028c968d792324fc8cfda9577f17da9cbc8ecb7405b68f1ca6d3ce69935fe63', last_ask = '5', lost = 'f' WHERE name = 'n1';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{10,11}'::BIGINT[], '{acme,acme}'::TEXT[], '{1796000162288,1796000162302}'::BIGINT[], '{"{\"v\":1,\"at\":1796000162288,\"account\":\"acme\",\"body\":{\"call_open\":{\"call\":\"01a229f3a19601e2a64b000000000001\",\"gate\":\"pbx\",\"answered_at\":1796000162288,\"leased_secs\":1,\"price\":{\"prefix\":\"34\",\"destination\":\"Spain\",\"rate\":\"0.60000\",\"initial\":1,\"increment\":1,\"connect_fee\":\"0.00000\",\"currency\":\"EUR\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\"},\"dialog_a\":{\"call_id\":\"1-21829@127.0.0.11\",\"local\":\"<sip:34911234567@127.0.0.1>;tag=nyjziuwuehezyniobgysa\",\"remote\":\"<sip:caller1@127.0.0.11>;tag=a21829-1\",\"target\":\"sip:caller@127.0.0.11:43893;transport=UDP\",\"routes\":[],\"cseq\":0,\"transport\":\"udp\",\"here\":\"127.0.0.1:47531\",\"peer\":\"127.0.0.11:43893\"},\"dialog_b\":{\"call_id\":\"ggi5rda6uqvspcsaouvg0\",\"local\":\"<sip:caller1@127.0.0.1:47531>;tag=nyjziuwuehezyniobgysb\",\"remote\":\"<sip:34911234567@127.0.0.1:48513>;tag=b21721-1\",\"target\":\"sip:carrier@127.0.0.1:48513;transport=UDP\",\"routes\":[],\"cseq\":1,\"transport\":\"udp\",\"here\":\"127.0.0.1:47531\",\"peer\":\"127.0.0.1:48513\"},\"cdr\":{\"node\":\"n1\",\"caller\":\"caller1\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"1-21829@127.0.0.11\",\"call_id_b\":\"ggi5rda6uqvspcsaouvg0\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:02.198Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":89}],\"started_at\":\"2026-11-30T00:56:02.198Z\",\"pdd_ms\":89,\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"}}}}","{\"v\":1,\"at\":1796000162302,\"account\":\"acme\",\"body\":{\"call_open\":{\"call\":\"01a229f3a1fb01e2a64b000000000002\",\"gate\":\"pbx\",\"answered_at\":1796000162302,\"leased_secs\":1,\"price\":{\"prefix\":\"34\",\"destination\":\"Spain\",\"rate\":\"0.60000\",\"initial\":1,\"increment\":1,\"connect_fee\":\"0.00000\",\"currency\":\"EUR\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\"},\"dialog_a\":{\"call_id\":\"2-21829@127.0.0.11\",\"local\":\"<sip:34911234567@127.0.0.1>;tag=dpldomgjk5g2pouu6glka\",\"remote\":\"<sip:caller2@127.0.0.11>;tag=a21829-2\",\"target\":\"sip:caller@127.0.0.11:43893;transport=UDP\",\"routes\":[],\"cseq\":0,\"transport\":\"udp\",\"here\":\"127.0.0.1:47531\",\"peer\":\"127.0.0.11:43893\"},\"dialog_b\":{\"call_id\":\"lne4gfesbs7ohow4yc2v0\",\"local\":\"<sip:caller2@127.0.0.1:47531>;tag=dpldomgjk5g2pouu6glkb\",\"remote\":\"<sip:34911234567@127.0.0.1:48513>;tag=b21721-2\",\"target\":\"sip:carrier@127.0.0.1:48513;transport=UDP\",\"routes\":[],\"cseq\":1,\"transport\":\"udp\",\"here\":\"127.0.0.1:47531\",\"peer\":\"127.0.0.1:48513\"},\"cdr\":{\"node\":\"n1\",\"caller\":\"caller2\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"2-21829@127.0.0.11\",\"call_id_b\":\"lne4gfesbs7ohow4yc2v0\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:02.299Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":3}],\"started_at\":\"2026-11-30T00:56:02.299Z\",\"pdd_ms\":3,\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"}}}}"}'::TEXT[], '{"\\x1f0d6e62426a20e3ecbd5948f512539d68edc0edf4f2a8363e22a2003be8f514","\\x560d46b373436473aeecf0c594c4370d8cafedc1d49030319c942ef994570c1b"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '11', chain = '\x560d46b373436473aeecf0c594c4370d8cafedc1d49030319c942ef994570c1b', last_ask = '5', lost = 'f' WHERE name = 'n1';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{12}'::BIGINT[], '{acme}'::TEXT[], '{1796000164306}'::BIGINT[], '{"{\"v\":1,\"at\":1796000164306,\"account\":\"acme\",\"body\":{\"settled\":{\"call\":\"01a229f3a19601e2a64b000000000001\",\"cdr\":{\"id\":\"01a229f3a19601e2a64b000000000001\",\"node\":\"n1\",\"account\":\"acme\",\"gate\":\"pbx\",\"caller\":\"caller1\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"destination\":\"Spain\",\"prefix\":\"34\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"1-21829@127.0.0.11\",\"call_id_b\":\"ggi5rda6uqvspcsaouvg0\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:02.198Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":89}],\"started_at\":\"2026-11-30T00:56:02.198Z\",\"answered_at\":\"2026-11-30T00:56:02.288Z\",\"ended_at\":\"2026-11-30T00:56:04.306Z\",\"pdd_ms\":89,\"duration_ms\":2018,\"billed_seconds\":3,\"initial\":1,\"increment\":1,\"rate\":\"0.60000\",\"connect_fee\":\"0.00000\",\"amount\":\"0.03000\",\"currency\":\"EUR\",\"deck_currency\":\"EUR\",\"exchange_rate\":null,\"exchange_at\":null,\"cost\":null,\"cost_currency\":null,\"balance_before\":\"2.00000\",\"balance_after\":\"1.97000\",\"teardown_ms\":0,\"hangup_by\":\"caller\",\"cause_q850\":16,\"sip_status\":200,\"reason\":\"normal\",\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"},\"transfers\":[{\"key\":\"call/01a229f3a19601e2a64b000000000001/0\",\"purpose\":\"usage\",\"debit\":\"acme\",\"credit\":\"@revenue\",\"amount\":\"0.03000\",\"currency\":\"EUR\"}]}}}"}'::TEXT[], '{"\\x53919024a998cb6353ea3b80923a42a034f8a3999528d376b712090f6c530a2b"}'::BYTEA[]);
INSERT INTO cdr (node, seq, id, account, ended_ms, body) SELECT 'n1', * FROM unnest('{12}'::BIGINT[], '{01a229f3a19601e2a64b000000000001}'::TEXT[], '{acme}'::TEXT[], '{1796000164306}'::BIGINT[], '{"{\"id\":\"01a229f3a19601e2a64b000000000001\",\"node\":\"n1\",\"account\":\"acme\",\"gate\":\"pbx\",\"caller\":\"caller1\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"destination\":\"Spain\",\"prefix\":\"34\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"1-21829@127.0.0.11\",\"call_id_b\":\"ggi5rda6uqvspcsaouvg0\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:02.198Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":89}],\"started_at\":\"2026-11-30T00:56:02.198Z\",\"answered_at\":\"2026-11-30T00:56:02.288Z\",\"ended_at\":\"2026-11-30T00:56:04.306Z\",\"pdd_ms\":89,\"duration_ms\":2018,\"billed_seconds\":3,\"initial\":1,\"increment\":1,\"rate\":\"0.60000\",\"connect_fee\":\"0.00000\",\"amount\":\"0.03000\",\"currency\":\"EUR\",\"deck_currency\":\"EUR\",\"exchange_rate\":null,\"exchange_at\":null,\"cost\":null,\"cost_currency\":null,\"balance_before\":\"2.00000\",\"balance_after\":\"1.97000\",\"teardown_ms\":0,\"hangup_by\":\"caller\",\"cause_q850\":16,\"sip_status\":200,\"reason\":\"normal\",\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"}"}'::TEXT[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '897000', held = '397000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '200000', returned = '0', used = '3000' WHERE account = 'acme' AND node = 'n1';
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '897000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000164306,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '897000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000164306,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO house (node, currency, house, balance) VALUES ('n1', 'EUR', '@revenue', '3000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '12', chain = '\x53919024a998cb6353ea3b80923a42a034f8a3999528d376b712090f6c530a2b', last_ask = '5', lost = 'f' WHERE name = 'n1';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{13}'::BIGINT[], '{acme}'::TEXT[], '{1796000164313}'::BIGINT[], '{"{\"v\":1,\"at\":1796000164313,\"account\":\"acme\",\"body\":{\"settled\":{\"call\":\"01a229f3a1fb01e2a64b000000000002\",\"cdr\":{\"id\":\"01a229f3a1fb01e2a64b000000000002\",\"node\":\"n1\",\"account\":\"acme\",\"gate\":\"pbx\",\"caller\":\"caller2\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"destination\":\"Spain\",\"prefix\":\"34\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"2-21829@127.0.0.11\",\"call_id_b\":\"lne4gfesbs7ohow4yc2v0\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:02.299Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":3}],\"started_at\":\"2026-11-30T00:56:02.299Z\",\"answered_at\":\"2026-11-30T00:56:02.302Z\",\"ended_at\":\"2026-11-30T00:56:04.313Z\",\"pdd_ms\":3,\"duration_ms\":2011,\"billed_seconds\":3,\"initial\":1,\"increment\":1,\"rate\":\"0.60000\",\"connect_fee\":\"0.00000\",\"amount\":\"0.03000\",\"currency\":\"EUR\",\"deck_currency\":\"EUR\",\"exchange_rate\":null,\"exchange_at\":null,\"cost\":null,\"cost_currency\":null,\"balance_before\":\"1.97000\",\"balance_after\":\"1.94000\",\"teardown_ms\":0,\"hangup_by\":\"caller\",\"cause_q850\":16,\"sip_status\":200,\"reason\":\"normal\",\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"},\"transfers\":[{\"key\":\"call/01a229f3a1fb01e2a64b000000000002/0\",\"purpose\":\"usage\",\"debit\":\"acme\",\"credit\":\"@revenue\",\"amount\":\"0.03000\",\"currency\":\"EUR\"}]}}}"}'::TEXT[], '{"\\x1a17be489a7dc61347c91151383fac4e6da6f7998a8254d085cb7ee1e4face93"}'::BYTEA[]);
INSERT INTO cdr (node, seq, id, account, ended_ms, body) SELECT 'n1', * FROM unnest('{13}'::BIGINT[], '{01a229f3a1fb01e2a64b000000000002}'::TEXT[], '{acme}'::TEXT[], '{1796000164313}'::BIGINT[], '{"{\"id\":\"01a229f3a1fb01e2a64b000000000002\",\"node\":\"n1\",\"account\":\"acme\",\"gate\":\"pbx\",\"caller\":\"caller2\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"destination\":\"Spain\",\"prefix\":\"34\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"2-21829@127.0.0.11\",\"call_id_b\":\"lne4gfesbs7ohow4yc2v0\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:02.299Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":3}],\"started_at\":\"2026-11-30T00:56:02.299Z\",\"answered_at\":\"2026-11-30T00:56:02.302Z\",\"ended_at\":\"2026-11-30T00:56:04.313Z\",\"pdd_ms\":3,\"duration_ms\":2011,\"billed_seconds\":3,\"initial\":1,\"increment\":1,\"rate\":\"0.60000\",\"connect_fee\":\"0.00000\",\"amount\":\"0.03000\",\"currency\":\"EUR\",\"deck_currency\":\"EUR\",\"exchange_rate\":null,\"exchange_at\":null,\"cost\":null,\"cost_currency\":null,\"balance_before\":\"1.97000\",\"balance_after\":\"1.94000\",\"teardown_ms\":0,\"hangup_by\":\"caller\",\"cause_q850\":16,\"sip_status\":200,\"reason\":\"normal\",\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"}"}'::TEXT[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '894000', held = '394000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '200000', returned = '0', used = '6000' WHERE account = 'acme' AND node = 'n1';
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '894000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000164313,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '894000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000164313,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO house (node, currency, house, balance) VALUES ('n1', 'EUR', '@revenue', '3000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '13', chain = '\x1a17be489a7dc61347c91151383fac4e6da6f7998a8254d085cb7ee1e4face93', last_ask = '5', lost = 'f' WHERE name = 'n1';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{10}'::BIGINT[], '{acme}'::TEXT[], '{1796000164630}'::BIGINT[], '{"{\"v\":1,\"at\":1796000164630,\"account\":\"acme\",\"body\":{\"call_open\":{\"call\":\"01a229f3aaf90128778c000000000001\",\"gate\":\"pbx\",\"answered_at\":1796000164630,\"leased_secs\":1,\"price\":{\"prefix\":\"34\",\"destination\":\"Spain\",\"rate\":\"0.60000\",\"initial\":1,\"increment\":1,\"connect_fee\":\"0.00000\",\"currency\":\"EUR\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\"},\"dialog_a\":{\"call_id\":\"1-21874@127.0.0.11\",\"local\":\"<sip:34911234567@127.0.0.1>;tag=5su2qmkqww7kdovtz23za\",\"remote\":\"<sip:caller1@127.0.0.11>;tag=a21874-1\",\"target\":\"sip:caller@127.0.0.11:36497;transport=UDP\",\"routes\":[],\"cseq\":0,\"transport\":\"udp\",\"here\":\"127.0.0.1:36913\",\"peer\":\"127.0.0.11:36497\"},\"dialog_b\":{\"call_id\":\"lz5l5zcvhm2z2hzlzra20\",\"local\":\"<sip:caller1@127.0.0.1:36913>;tag=5su2qmkqww7kdovtz23zb\",\"remote\":\"<sip:34911234567@127.0.0.1:48513>;tag=b21721-3\",\"target\":\"sip:carrier@127.0.0.1:48513;transport=UDP\",\"routes\":[],\"cseq\":1,\"transport\":\"udp\",\"here\":\"127.0.0.1:36913\",\"peer\":\"127.0.0.1:48513\"},\"cdr\":{\"node\":\"n2\",\"caller\":\"caller1\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"1-21874@127.0.0.11\",\"call_id_b\":\"lz5l5zcvhm2z2hzlzra20\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:04.601Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":28}],\"started_at\":\"2026-11-30T00:56:04.601Z\",\"pdd_ms\":28,\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"}}}}"}'::TEXT[], '{"\\x7370f334c9ebd462a36d0d5555dc547ec0aceeb9ac0e4eff9bc976b70c4fd5e4"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '10', chain = '\x7370f334c9ebd462a36d0d5555dc547ec0aceeb9ac0e4eff9bc976b70c4fd5e4', last_ask = '5', lost = 'f' WHERE name = 'n2';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{11}'::BIGINT[], '{acme}'::TEXT[], '{1796000167633}'::BIGINT[], '{"{\"v\":1,\"at\":1796000167633,\"account\":\"acme\",\"body\":{\"settled\":{\"call\":\"01a229f3aaf90128778c000000000001\",\"cdr\":{\"id\":\"01a229f3aaf90128778c000000000001\",\"node\":\"n2\",\"account\":\"acme\",\"gate\":\"pbx\",\"caller\":\"caller1\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"destination\":\"Spain\",\"prefix\":\"34\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"1-21874@127.0.0.11\",\"call_id_b\":\"lz5l5zcvhm2z2hzlzra20\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:04.601Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":28}],\"started_at\":\"2026-11-30T00:56:04.601Z\",\"answered_at\":\"2026-11-30T00:56:04.630Z\",\"ended_at\":\"2026-11-30T00:56:07.633Z\",\"pdd_ms\":28,\"duration_ms\":3002,\"billed_seconds\":4,\"initial\":1,\"increment\":1,\"rate\":\"0.60000\",\"connect_fee\":\"0.00000\",\"amount\":\"0.04000\",\"currency\":\"EUR\",\"deck_currency\":\"EUR\",\"exchange_rate\":null,\"exchange_at\":null,\"cost\":null,\"cost_currency\":null,\"balance_before\":\"2.00000\",\"balance_after\":\"1.96000\",\"teardown_ms\":0,\"hangup_by\":\"caller\",\"cause_q850\":16,\"sip_status\":200,\"reason\":\"normal\",\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"},\"transfers\":[{\"key\":\"call/01a229f3aaf90128778c000000000001/0\",\"purpose\":\"usage\",\"debit\":\"acme\",\"credit\":\"@revenue\",\"amount\":\"0.04000\",\"currency\":\"EUR\"}]}}}"}'::TEXT[], '{"\\x8dcdbc55f4d5e15a72b19db6bcf9544eb816054dd17c3be48ad0eba30763ac8e"}'::BYTEA[]);
INSERT INTO cdr (node, seq, id, account, ended_ms, body) SELECT 'n2', * FROM unnest('{11}'::BIGINT[], '{01a229f3aaf90128778c000000000001}'::TEXT[], '{acme}'::TEXT[], '{1796000167633}'::BIGINT[], '{"{\"id\":\"01a229f3aaf90128778c000000000001\",\"node\":\"n2\",\"account\":\"acme\",\"gate\":\"pbx\",\"caller\":\"caller1\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"destination\":\"Spain\",\"prefix\":\"34\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"1-21874@127.0.0.11\",\"call_id_b\":\"lz5l5zcvhm2z2hzlzra20\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:04.601Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":28}],\"started_at\":\"2026-11-30T00:56:04.601Z\",\"answered_at\":\"2026-11-30T00:56:04.630Z\",\"ended_at\":\"2026-11-30T00:56:07.633Z\",\"pdd_ms\":28,\"duration_ms\":3002,\"billed_seconds\":4,\"initial\":1,\"increment\":1,\"rate\":\"0.60000\",\"connect_fee\":\"0.00000\",\"amount\":\"0.04000\",\"currency\":\"EUR\",\"deck_currency\":\"EUR\",\"exchange_rate\":null,\"exchange_at\":null,\"cost\":null,\"cost_currency\":null,\"balance_before\":\"2.00000\",\"balance_after\":\"1.96000\",\"teardown_ms\":0,\"hangup_by\":\"caller\",\"cause_q850\":16,\"sip_status\":200,\"reason\":\"normal\",\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"}"}'::TEXT[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '890000', held = '390000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '200000', returned = '0', used = '4000' WHERE account = 'acme' AND node = 'n2';
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '890000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000167633,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '890000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000167633,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO house (node, currency, house, balance) VALUES ('n2', 'EUR', '@revenue', '4000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '11', chain = '\x8dcdbc55f4d5e15a72b19db6bcf9544eb816054dd17c3be48ad0eba30763ac8e', last_ask = '5', lost = 'f' WHERE name = 'n2';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{12}'::BIGINT[], '{acme:shop}'::TEXT[], '{1796000167925}'::BIGINT[], '{"{\"v\":1,\"at\":1796000167925,\"account\":\"acme:shop\",\"body\":{\"call_open\":{\"call\":\"01a229f3b7f20128778c000000000002\",\"gate\":\"shop\",\"answered_at\":1796000167925,\"leased_secs\":1,\"price\":{\"prefix\":\"34\",\"destination\":\"Spain\",\"rate\":\"0.60000\",\"initial\":1,\"increment\":1,\"connect_fee\":\"0.00000\",\"currency\":\"EUR\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\"},\"tiers\":[{\"account\":\"acme\",\"price\":{\"prefix\":\"34\",\"destination\":\"Spain\",\"rate\":\"0.60000\",\"initial\":1,\"increment\":1,\"connect_fee\":\"0.00000\",\"currency\":\"EUR\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\"}}],\"dialog_a\":{\"call_id\":\"1-21922@127.0.0.12\",\"local\":\"<sip:34911234567@127.0.0.1>;tag=b5wym7esrqvld5kv7ot6a\",\"remote\":\"<sip:caller1@127.0.0.12>;tag=a21922-1\",\"target\":\"sip:caller@127.0.0.12:57443;transport=UDP\",\"routes\":[],\"cseq\":0,\"transport\":\"udp\",\"here\":\"127.0.0.1:36913\",\"peer\":\"127.0.0.12:57443\"},\"dialog_b\":{\"call_id\":\"esf2hnhnb6bac5thc5nx0\",\"local\":\"<sip:caller1@127.0.0.1:36913>;tag=b5wym7esrqvld5kv7ot6b\",\"remote\":\"<sip:34911234567@127.0.0.1:48513>;tag=b21721-4\",\"target\":\"sip:carrier@127.0.0.1:48513;transport=UDP\",\"routes\":[],\"cseq\":1,\"transport\":\"udp\",\"here\":\"127.0.0.1:36913\",\"peer\":\"127.0.0.1:48513\"},\"cdr\":{\"node\":\"n2\",\"caller\":\"caller1\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"1-21922@127.0.0.12\",\"call_id_b\":\"esf2hnhnb6bac5thc5nx0\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:07.922Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":1}],\"started_at\":\"2026-11-30T00:56:07.922Z\",\"pdd_ms\":1,\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"}}}}"}'::TEXT[], '{"\\x5d28fb06fb1d2e20d84a462390971d12cc78706ba0ddde40c39182acbb289ae0"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '12', chain = '\x5d28fb06fb1d2e20d84a462390971d12cc78706ba0ddde40c39182acbb289ae0', last_ask = '5', lost = 'f' WHERE name = 'n2';
COMMIT;

-- lend
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n2' FOR UPDATE;
SELECT count(*) FROM node WHERE seen_ms > '1796000153428';
UPDATE account SET posted = '200000', held = '152538', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
SELECT 1 FROM account WHERE name = 'acme:shop' AND posted - held - credit_limit >= 0;
UPDATE slice SET granted = '74413', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n2';
INSERT INTO lent (id, node, account, amount) VALUES ('n2.1.6', 'n2', 'acme:shop', '15820');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '12', chain = '\x5d28fb06fb1d2e20d84a462390971d12cc78706ba0ddde40c39182acbb289ae0', last_ask = '6', lost = 'f' WHERE name = 'n2';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = ANY ('{acme,acme:shop}') OR pocket_of = ANY ('{acme,acme:shop}');
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{13}'::BIGINT[], '{acme:shop}'::TEXT[], '{1796000168483}'::BIGINT[], '{"{\"v\":1,\"at\":1796000168483,\"account\":\"acme:shop\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n2.1.6\",\"purpose\":\"slice\",\"debit\":\"@slices\",\"credit\":\"acme:shop\",\"amount\":\"0.15820\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\x7387fa49b37725c4bbbe609e0c0eb4b14653e7202264ff6ecb50867359821acc"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '200000', held = '152538', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
UPDATE slice SET granted = '74413', returned = '0', used = '0' WHERE account = 'acme:shop' AND node = 'n2';
DELETE FROM lent WHERE id = ANY ('{n2.1.6}');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '13', chain = '\x7387fa49b37725c4bbbe609e0c0eb4b14653e7202264ff6ecb50867359821acc', last_ask = '6', lost = 'f' WHERE name = 'n2';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{14}'::BIGINT[], '{acme:shop}'::TEXT[], '{1796000168941}'::BIGINT[], '{"{\"v\":1,\"at\":1796000168941,\"account\":\"acme:shop\",\"body\":{\"settled\":{\"call\":\"01a229f3b7f20128778c000000000002\",\"cdr\":{\"id\":\"01a229f3b7f20128778c000000000002\",\"node\":\"n2\",\"account\":\"acme:shop\",\"gate\":\"shop\",\"caller\":\"caller1\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"destination\":\"Spain\",\"prefix\":\"34\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"1-21922@127.0.0.12\",\"call_id_b\":\"esf2hnhnb6bac5thc5nx0\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:07.922Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":1}],\"started_at\":\"2026-11-30T00:56:07.922Z\",\"answered_at\":\"2026-11-30T00:56:07.925Z\",\"ended_at\":\"2026-11-30T00:56:08.941Z\",\"pdd_ms\":1,\"duration_ms\":1016,\"billed_seconds\":2,\"initial\":1,\"increment\":1,\"rate\":\"0.60000\",\"connect_fee\":\"0.00000\",\"amount\":\"0.02000\",\"currency\":\"EUR\",\"deck_currency\":\"EUR\",\"exchange_rate\":null,\"exchange_at\":null,\"cost\":null,\"cost_currency\":null,\"tiers\":[{\"account\":\"acme\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"prefix\":\"34\",\"destination\":\"Spain\",\"rate\":\"0.60000\",\"initial\":1,\"increment\":1,\"billed_seconds\":2,\"amount\":\"0.02000\",\"currency\":\"EUR\"}],\"balance_before\":\"0.74413\",\"balance_after\":\"0.72413\",\"teardown_ms\":0,\"hangup_by\":\"caller\",\"cause_q850\":16,\"sip_status\":200,\"reason\":\"normal\",\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"},\"transfers\":[{\"key\":\"call/01a229f3b7f20128778c000000000002/0\",\"purpose\":\"usage\",\"debit\":\"acme:shop\",\"credit\":\"@reseller-revenue\",\"amount\":\"0.02000\",\"currency\":\"EUR\"},{\"key\":\"call/01a229f3b7f20128778c000000000002/4352\",\"purpose\":\"usage\",\"debit\":\"acme\",\"credit\":\"@revenue\",\"amount\":\"0.02000\",\"currency\":\"EUR\"}]}}}"}'::TEXT[], '{"\\xf784efdfaba4e488189f0564dde023a66e537c0fe6ac7cc0779dda273c2455fb"}'::BYTEA[]);
INSERT INTO cdr (node, seq, id, account, ended_ms, body) SELECT 'n2', * FROM unnest('{14}'::BIGINT[], '{01a229f3b7f20128778c000000000002}'::TEXT[], '{acme:shop}'::TEXT[], '{1796000168941}'::BIGINT[], '{"{\"id\":\"01a229f3b7f20128778c000000000002\",\"node\":\"n2\",\"account\":\"acme:shop\",\"gate\":\"shop\",\"caller\":\"caller1\",\"called\":\"34911234567\",\"called_e164\":\"34911234567\",\"destination\":\"Spain\",\"prefix\":\"34\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"codec_a\":\"PCMA\",\"codec_b\":\"PCMA\",\"call_id_a\":\"1-21922@127.0.0.12\",\"call_id_b\":\"esf2hnhnb6bac5thc5nx0\",\"carrier\":\"alpha\",\"attempts\":[{\"carrier\":\"alpha\",\"started_at\":\"2026-11-30T00:56:07.922Z\",\"status\":200,\"cause\":16,\"reason\":\"answered\",\"pdd_ms\":1}],\"started_at\":\"2026-11-30T00:56:07.922Z\",\"answered_at\":\"2026-11-30T00:56:07.925Z\",\"ended_at\":\"2026-11-30T00:56:08.941Z\",\"pdd_ms\":1,\"duration_ms\":1016,\"billed_seconds\":2,\"initial\":1,\"increment\":1,\"rate\":\"0.60000\",\"connect_fee\":\"0.00000\",\"amount\":\"0.02000\",\"currency\":\"EUR\",\"deck_currency\":\"EUR\",\"exchange_rate\":null,\"exchange_at\":null,\"cost\":null,\"cost_currency\":null,\"tiers\":[{\"account\":\"acme\",\"deck\":\"retail\",\"deck_version\":\"7997d11eccfd171e\",\"prefix\":\"34\",\"destination\":\"Spain\",\"rate\":\"0.60000\",\"initial\":1,\"increment\":1,\"billed_seconds\":2,\"amount\":\"0.02000\",\"currency\":\"EUR\"}],\"balance_before\":\"0.74413\",\"balance_after\":\"0.72413\",\"teardown_ms\":0,\"hangup_by\":\"caller\",\"cause_q850\":16,\"sip_status\":200,\"reason\":\"normal\",\"route_reason\":\"route 34, place 1 of 1, cost unknown\",\"transport_a\":\"udp\",\"transport_b\":\"udp\"}"}'::TEXT[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '888000', held = '388000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '200000', returned = '0', used = '6000' WHERE account = 'acme' AND node = 'n2';
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '888000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000168941,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '888000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000168941,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '198000', held = '150538', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
UPDATE slice SET granted = '74413', returned = '0', used = '2000' WHERE account = 'acme:shop' AND node = 'n2';
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme:shop', 'EUR', '198000', 0, '0', '{"terms":{"decks":["retail"]},"opened_at":1796000159330,"last_event":1796000168941,"low_armed":false,"expiries":0}', NULL, '2') ON CONFLICT (name) DO UPDATE SET posted = '198000', credit_limit = '0', state = '{"terms":{"decks":["retail"]},"opened_at":1796000159330,"last_event":1796000168941,"low_armed":false,"expiries":0}', due_ms = NULL, changed = '2';
INSERT INTO house (node, currency, house, balance) VALUES ('n2', 'EUR', '@revenue', '2000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
INSERT INTO house (node, currency, house, balance) VALUES ('n2', 'EUR', '@reseller-revenue', '2000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '14', chain = '\xf784efdfaba4e488189f0564dde023a66e537c0fe6ac7cc0779dda273c2455fb', last_ask = '6', lost = 'f' WHERE name = 'n2';
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/t1}') ORDER BY of_key;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/t1}') ORDER BY of_key;
SELECT transfer, method, balance_after FROM booking WHERE account = 'acme' AND request = ANY ('{key/t1}') ORDER BY key;
SELECT closed_ms FROM form WHERE one = 1;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '1388000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000168999,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '1388000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000168999,"low_armed":true,"expiries":0,"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'key/t1', 'key/t1', '1796000168999', '{"key":"key/t1","purpose":"top_up","debit":"@payments","credit":"acme","amount":"5.00000","currency":"EUR","memo":"invoice 7"}', NULL, '1388000');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '4', 'acme', '1796000168999', '{"v":1,"at":1796000168999,"account":"acme","body":{"top_up":{"transfer":{"key":"key/t1","purpose":"top_up","debit":"@payments","credit":"acme","amount":"5.00000","currency":"EUR","memo":"invoice 7"}}}}', '\x3fe10082fa2a51b25c06db0e6517adb6c285517ddf5f0931ad9fce144b8de858');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@payments', '-500000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '4', chain = '\x3fe10082fa2a51b25c06db0e6517adb6c285517ddf5f0931ad9fce144b8de858', last_ask = '0', lost = 'f' WHERE name = '@central';
INSERT INTO notice (id, node, account, body) VALUES ('@central.4.acme.0', NULL, 'acme', '{"v":1,"at":1796000168999,"account":"acme","body":{"notice":{"to":"ops@acme.example","event":{"top_up_booked":{"amount":"5.00000","currency":"EUR","reference":"invoice 7","balance":"13.88000"}}}}}') ON CONFLICT (id) DO NOTHING;
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{15}'::BIGINT[], '{acme}'::TEXT[], '{1796000169416}'::BIGINT[], '{"{\"v\":1,\"at\":1796000169416,\"account\":\"acme\",\"body\":{\"notice\":{\"to\":\"ops@acme.example\",\"event\":{\"top_up_booked\":{\"amount\":\"5.00000\",\"currency\":\"EUR\",\"reference\":\"invoice 7\",\"balance\":\"13.88000\"}},\"id\":\"@central.4.acme.0\"}}}"}'::TEXT[], '{"\\x4202548cb477785cdde0ae23f557ef2200d2fd9284f1b5507b648b9683ada480"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
DELETE FROM notice WHERE id = ANY ('{@central.4.acme.0}');
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '15', chain = '\x4202548cb477785cdde0ae23f557ef2200d2fd9284f1b5507b648b9683ada480', last_ask = '6', lost = 'f' WHERE name = 'n2';
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/a1}') ORDER BY of_key;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/a1}') ORDER BY of_key;
SELECT transfer, method, balance_after FROM booking WHERE account = 'acme' AND request = ANY ('{key/a1}') ORDER BY key;
SELECT closed_ms FROM form WHERE one = 1;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '1388000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000168999,"low_armed":true,"expiries":0,"announced":{"key/a1":{"at":1796000169306,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '1388000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000168999,"low_armed":true,"expiries":0,"announced":{"key/a1":{"at":1796000169306,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'key/a1', 'key/a1', '1796000169306', '{"key":"key/a1","purpose":"announced","debit":"@payments","credit":"@transit","amount":"20.00000","currency":"EUR","memo":"soon"}', 'bank', '1388000');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '5', 'acme', '1796000169306', '{"v":1,"at":1796000169306,"account":"acme","body":{"announced":{"transfer":{"key":"key/a1","purpose":"announced","debit":"@payments","credit":"@transit","amount":"20.00000","currency":"EUR","memo":"soon"},"method":"bank","due":1796860800000}}}', '\xb2e52b1df86119350880ddea155b4d092eb92845a76b762120bc1188f00a4f14');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@payments', '-2000000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@transit', '2000000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '5', chain = '\xb2e52b1df86119350880ddea155b4d092eb92845a76b762120bc1188f00a4f14', last_ask = '0', lost = 'f' WHERE name = '@central';
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/a2}') ORDER BY of_key;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/a2}') ORDER BY of_key;
SELECT transfer, method, balance_after FROM booking WHERE account = 'acme' AND request = ANY ('{key/a2}') ORDER BY key;
SELECT closed_ms FROM form WHERE one = 1;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '1388000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000168999,"low_armed":true,"expiries":0,"announced":{"key/a1":{"at":1796000169306,"due":1796860800000},"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '1388000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000168999,"low_armed":true,"expiries":0,"announced":{"key/a1":{"at":1796000169306,"due":1796860800000},"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'key/a2', 'key/a2', '1796000169660', '{"key":"key/a2","purpose":"announced","debit":"@payments","credit":"@transit","amount":"30.00000","currency":"EUR","memo":"later"}', 'bank', '1388000');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '6', 'acme', '1796000169660', '{"v":1,"at":1796000169660,"account":"acme","body":{"announced":{"transfer":{"key":"key/a2","purpose":"announced","debit":"@payments","credit":"@transit","amount":"30.00000","currency":"EUR","memo":"later"},"method":"bank","due":1796860800000}}}', '\x0abf9542f540600fcafc0f8c0b686db929f7454e6424ce56b24636d2280daddd');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@payments', '-3000000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@transit', '3000000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '6', chain = '\x0abf9542f540600fcafc0f8c0b686db929f7454e6424ce56b24636d2280daddd', last_ask = '0', lost = 'f' WHERE name = '@central';
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/a1,key/b1}') ORDER BY of_key;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/a1,key/b1}') ORDER BY of_key;
SELECT transfer, method, balance_after FROM booking WHERE account = 'acme' AND request = ANY ('{key/a1,key/b1}') ORDER BY key;
SELECT closed_ms FROM form WHERE one = 1;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '3338000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000169816,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '3338000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000169816,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'key/b1', 'key/b1', '1796000169816', '{"key":"key/b1","purpose":"top_up","debit":"@transit","credit":"acme","amount":"19.50000","currency":"EUR","memo":"soon"}', NULL, '3338000');
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'part/1/b1', 'key/b1', '1796000169816', '{"key":"part/1/b1","purpose":"fee","debit":"@transit","credit":"@fees","amount":"0.50000","currency":"EUR","memo":"soon"}', NULL, '3338000');
INSERT INTO outcome (account, of_key, outcome) VALUES ('acme', 'key/a1', '{"booked":"b1"}');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '7', 'acme', '1796000169816', '{"v":1,"at":1796000169816,"account":"acme","body":{"top_up":{"transfer":{"key":"key/b1","purpose":"top_up","debit":"@transit","credit":"acme","amount":"19.50000","currency":"EUR","memo":"soon"},"fee":{"key":"part/1/b1","purpose":"fee","debit":"@transit","credit":"@fees","amount":"0.50000","currency":"EUR","memo":"soon"},"of":"key/a1"}}}', '\x797efd4eb8173c546c1654205bcc815244d401d8de4e67d26f1420c82218b557');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@transit', '-2000000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@fees', '50000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '7', chain = '\x797efd4eb8173c546c1654205bcc815244d401d8de4e67d26f1420c82218b557', last_ask = '0', lost = 'f' WHERE name = '@central';
INSERT INTO notice (id, node, account, body) VALUES ('@central.7.acme.0', NULL, 'acme', '{"v":1,"at":1796000169816,"account":"acme","body":{"notice":{"to":"ops@acme.example","event":{"top_up_booked":{"amount":"19.50000","currency":"EUR","reference":"soon","balance":"33.38000"}}}}}') ON CONFLICT (id) DO NOTHING;
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{14}'::BIGINT[], '{acme}'::TEXT[], '{1796000170047}'::BIGINT[], '{"{\"v\":1,\"at\":1796000170047,\"account\":\"acme\",\"body\":{\"notice\":{\"to\":\"ops@acme.example\",\"event\":{\"top_up_booked\":{\"amount\":\"19.50000\",\"currency\":\"EUR\",\"reference\":\"soon\",\"balance\":\"33.38000\"}},\"id\":\"@central.7.acme.0\"}}}"}'::TEXT[], '{"\\x3516fda0881f3c1b26017f80629c42aa337fb40ea3f24db90322d58c27a71fff"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
DELETE FROM notice WHERE id = ANY ('{@central.7.acme.0}');
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '14', chain = '\x3516fda0881f3c1b26017f80629c42aa337fb40ea3f24db90322d58c27a71fff', last_ask = '5', lost = 'f' WHERE name = 'n1';
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/c1}') ORDER BY of_key;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/c1}') ORDER BY of_key;
SELECT transfer, method, balance_after FROM booking WHERE account = 'acme' AND request = ANY ('{key/c1}') ORDER BY key;
SELECT closed_ms FROM form WHERE one = 1;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '3308000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000169994,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '3308000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000169994,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'key/c1', 'key/c1', '1796000169994', '{"key":"key/c1","purpose":"charge","debit":"acme","credit":"@revenue","amount":"0.30000","currency":"EUR","memo":"fax pages: 3 x 0.10000"}', NULL, '3308000');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '8', 'acme', '1796000169994', '{"v":1,"at":1796000169994,"account":"acme","body":{"charged":{"pieces":3,"price":"0.10000","transfer":{"key":"key/c1","purpose":"charge","debit":"acme","credit":"@revenue","amount":"0.30000","currency":"EUR","memo":"fax pages: 3 x 0.10000"}}}}', '\x174d074e61d86dc16d5a975fbb4449423dcde8430cbaab367b1debbf9b3e8e3a');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@revenue', '30000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '8', chain = '\x174d074e61d86dc16d5a975fbb4449423dcde8430cbaab367b1debbf9b3e8e3a', last_ask = '0', lost = 'f' WHERE name = '@central';
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/x1}') ORDER BY of_key;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/x1}') ORDER BY of_key;
SELECT transfer, method, balance_after FROM booking WHERE account = 'acme' AND request = ANY ('{key/x1}') ORDER BY key;
SELECT closed_ms FROM form WHERE one = 1;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '1508000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000169994,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '1508000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000169994,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'key/x1', 'key/x1', '1796000170187', '{"key":"key/x1","purpose":"correction","debit":"acme","credit":"@corrections","amount":"18.00000","currency":"EUR","memo":"counted twice"}', NULL, '1508000');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '9', 'acme', '1796000170187', '{"v":1,"at":1796000170187,"account":"acme","body":{"corrected":{"transfer":{"key":"key/x1","purpose":"correction","debit":"acme","credit":"@corrections","amount":"18.00000","currency":"EUR","memo":"counted twice"}}}}', '\x3847e703ccd6465c559649cb5f1d9fe4b24a782e468c874776e2ec2ce1d4b08b');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@corrections', '1800000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '9', chain = '\x3847e703ccd6465c559649cb5f1d9fe4b24a782e468c874776e2ec2ce1d4b08b', last_ask = '0', lost = 'f' WHERE name = '@central';
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/t1,key/v1}') ORDER BY of_key;
SELECT of_key, outcome FROM outcome WHERE account = 'acme' AND of_key = ANY ('{key/t1,key/v1}') ORDER BY of_key;
SELECT transfer, method, balance_after FROM booking WHERE account = 'acme' AND request = ANY ('{key/t1,key/v1}') ORDER BY key;
SELECT closed_ms FROM form WHERE one = 1;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '1008000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000169994,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '3') ON CONFLICT (name) DO UPDATE SET posted = '1008000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"opened_at":1796000159330,"last_event":1796000169994,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '3';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ('acme', 'key/v1', 'key/v1', '1796000170302', '{"key":"key/v1","purpose":"reversal","debit":"acme","credit":"@payments","amount":"5.00000","currency":"EUR","memo":"chargeback"}', NULL, '1008000');
INSERT INTO outcome (account, of_key, outcome) VALUES ('acme', 'key/t1', '{"reversed":"v1"}');
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '10', 'acme', '1796000170302', '{"v":1,"at":1796000170302,"account":"acme","body":{"reversed":{"of":"key/t1","transfers":[{"key":"key/v1","purpose":"reversal","debit":"acme","credit":"@payments","amount":"5.00000","currency":"EUR","memo":"chargeback"}]}}}', '\xb6f7f5eb5567245fd1832dde92a0b01f91771a966d1a8fbe70a69f819880fbf4');
INSERT INTO house (node, currency, house, balance) VALUES ('@central', 'EUR', '@payments', '500000') ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance;
UPDATE node SET epoch = '0', boot = '0', last_seq = '10', chain = '\xb6f7f5eb5567245fd1832dde92a0b01f91771a966d1a8fbe70a69f819880fbf4', last_ask = '0', lost = 'f' WHERE name = '@central';
COMMIT;

-- order
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = '@central' FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
SELECT closed_ms FROM form WHERE one = 1;
UPDATE form SET changes = changes + 1 WHERE one = 1 RETURNING changes;
INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed) VALUES ('acme', 'EUR', '1008000', 0, '0', '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example","language":"es"},"opened_at":1796000159330,"last_event":1796000169994,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, '4') ON CONFLICT (name) DO UPDATE SET posted = '1008000', credit_limit = '0', state = '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example","language":"es"},"opened_at":1796000159330,"last_event":1796000169994,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', due_ms = NULL, changed = '4';
INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) VALUES ('acme/free', 'acme', 'SEC', '300000', 0, 0, '', NULL, 0) ON CONFLICT (name) DO UPDATE SET posted = '300000', ends_ms = NULL;
INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ('@central', '11', 'acme', '1796000170440', '{"v":1,"at":1796000170440,"account":"acme","body":{"account_changed":{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example","language":"es"},"limit":"0.00000"}}}', '\x1bc845479c5fceb34f1eca3d84e94adcd0094d83fbc8ddb41a2c44fcedaca8ab');
UPDATE node SET epoch = '0', boot = '0', last_seq = '11', chain = '\x1bc845479c5fceb34f1eca3d84e94adcd0094d83fbc8ddb41a2c44fcedaca8ab', last_ask = '0', lost = 'f' WHERE name = '@central';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{16}'::BIGINT[], '{acme}'::TEXT[], '{1796000170980}'::BIGINT[], '{"{\"v\":1,\"at\":1796000170980,\"account\":\"acme\",\"body\":{\"account_changed\":{\"terms\":{\"decks\":[\"retail\"],\"email\":\"ops@acme.example\",\"language\":\"es\"},\"limit\":\"0.00000\"}}}"}'::TEXT[], '{"\\x06017002411b255cfeaeb8aa64a7e2b19467cdf964d420c78d54fc0e87eec50b"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '16', chain = '\x06017002411b255cfeaeb8aa64a7e2b19467cdf964d420c78d54fc0e87eec50b', last_ask = '6', lost = 'f' WHERE name = 'n2';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{15}'::BIGINT[], '{acme}'::TEXT[], '{1796000171372}'::BIGINT[], '{"{\"v\":1,\"at\":1796000171372,\"account\":\"acme\",\"body\":{\"account_changed\":{\"terms\":{\"decks\":[\"retail\"],\"email\":\"ops@acme.example\",\"language\":\"es\"},\"limit\":\"0.00000\"}}}"}'::TEXT[], '{"\\xe58dc3da777d7cb4520a414390cea689426b094e8b3c7dd8746e2b86840f4a88"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '15', chain = '\xe58dc3da777d7cb4520a414390cea689426b094e8b3c7dd8746e2b86840f4a88', last_ask = '5', lost = 'f' WHERE name = 'n1';
COMMIT;

-- accounts
BEGIN;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name IN (SELECT name FROM account WHERE name > '' AND pocket_of IS NULL ORDER BY name LIMIT '100000') OR pocket_of IN (SELECT name FROM account WHERE name > '' AND pocket_of IS NULL ORDER BY name LIMIT '100000');
COMMIT;

-- slices
BEGIN;
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT s.account, s.node, s.granted, s.returned, s.used, n.epoch, n.lost, n.expires_ms FROM slice s JOIN node n ON n.name = s.node ORDER BY s.account, s.node;
COMMIT;

-- trial balance
BEGIN;
SELECT currency, house, CAST(SUM(balance) AS BIGINT), CAST(0 AS BIGINT) FROM house GROUP BY currency, house UNION ALL SELECT currency, CASE WHEN pocket_of IS NULL THEN 'customers' ELSE 'pockets' END, CAST(SUM(posted) AS BIGINT), CAST(SUM(held) AS BIGINT) FROM account GROUP BY currency, CASE WHEN pocket_of IS NULL THEN 'customers' ELSE 'pockets' END;
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n1' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n1', * FROM unnest('{16,17,18}'::BIGINT[], '{acme,acme,acme:shop}'::TEXT[], '{1796000172237,1796000172237,1796000172237}'::BIGINT[], '{"{\"v\":1,\"at\":1796000172237,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n1.4ba6e2e91a7ce0e9.end0/acme\",\"purpose\":\"slice\",\"debit\":\"acme\",\"credit\":\"@slices\",\"amount\":\"1.94000\",\"currency\":\"EUR\"}}}}","{\"v\":1,\"at\":1796000172237,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n1.4ba6e2e91a7ce0e9.end0/acme/free\",\"purpose\":\"slice\",\"debit\":\"acme/free\",\"credit\":\"@slices\",\"amount\":\"0.75000\",\"currency\":\"SEC\"}}}}","{\"v\":1,\"at\":1796000172237,\"account\":\"acme:shop\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n1.4ba6e2e91a7ce0e9.end0/acme:shop\",\"purpose\":\"slice\",\"debit\":\"acme:shop\",\"credit\":\"@slices\",\"amount\":\"0.78125\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\x727d2d4a8ae2608ed2505ae48016317e6ee58283803e1bbc3e09201f556f7e92","\\x23dde2d498079b5c3b93546d84af86ffd05f7c46fadc81a52b472e8e99b3f0ea","\\x5f7fea7e19b51020532e32585ba7264fb9c6681b3504a614122f2aba8307f538"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '1008000', held = '194000', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '200000', returned = '194000', used = '6000' WHERE account = 'acme' AND node = 'n1';
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme/free', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme/free' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '300000', held = '56250', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme/free';
UPDATE slice SET granted = '75000', returned = '75000', used = '0' WHERE account = 'acme/free' AND node = 'n1';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n1', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n1' FOR UPDATE;
UPDATE account SET posted = '198000', held = '72413', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
UPDATE slice SET granted = '78125', returned = '78125', used = '0' WHERE account = 'acme:shop' AND node = 'n1';
UPDATE node SET epoch = '1', boot = '5451293889778213097', last_seq = '18', chain = '\x5f7fea7e19b51020532e32585ba7264fb9c6681b3504a614122f2aba8307f538', last_ask = '5', lost = 'f' WHERE name = 'n1';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{17}'::BIGINT[], '{acme}'::TEXT[], '{1796000172673}'::BIGINT[], '{"{\"v\":1,\"at\":1796000172673,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n2.8c7728c1b1c81524.end0/acme\",\"purpose\":\"slice\",\"debit\":\"acme\",\"credit\":\"@slices\",\"amount\":\"1.94000\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\xa20a5829c66f05f09871c18e16ceb2d7851adf9397f73eb5a31be236574c08db"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '1008000', held = '0', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme';
UPDATE slice SET granted = '200000', returned = '194000', used = '6000' WHERE account = 'acme' AND node = 'n2';
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '17', chain = '\xa20a5829c66f05f09871c18e16ceb2d7851adf9397f73eb5a31be236574c08db', last_ask = '6', lost = 'f' WHERE name = 'n2';
COMMIT;

-- ship
BEGIN;
SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = 'n2' FOR UPDATE;
INSERT INTO entry (node, seq, account, at_ms, body, hash) SELECT 'n2', * FROM unnest('{18,19}'::BIGINT[], '{acme,acme:shop}'::TEXT[], '{1796000172673,1796000172673}'::BIGINT[], '{"{\"v\":1,\"at\":1796000172673,\"account\":\"acme\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n2.8c7728c1b1c81524.end0/acme/free\",\"purpose\":\"slice\",\"debit\":\"acme/free\",\"credit\":\"@slices\",\"amount\":\"0.56250\",\"currency\":\"SEC\"}}}}","{\"v\":1,\"at\":1796000172673,\"account\":\"acme:shop\",\"body\":{\"slice\":{\"transfer\":{\"key\":\"key/slice/n2.8c7728c1b1c81524.end0/acme:shop\",\"purpose\":\"slice\",\"debit\":\"acme:shop\",\"credit\":\"@slices\",\"amount\":\"0.72413\",\"currency\":\"EUR\"}}}}"}'::TEXT[], '{"\\x14b96ea4ad03b511f9935ff7cad69a6378e7163ec7b7e72f936538d590681cd6","\\xd7ca74e936e5abfa5c781cc6bc3fd2c81224b531d13616c21a937c67d61cca8b"}'::BYTEA[]);
SELECT CAST(extract(epoch FROM now()) * 1000 AS BIGINT);
SELECT closed_ms FROM form WHERE one = 1;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme/free', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme/free' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '300000', held = '0', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme/free';
UPDATE slice SET granted = '56250', returned = '56250', used = '0' WHERE account = 'acme/free' AND node = 'n2';
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE name = 'acme:shop' AND pocket_of IS NULL FOR UPDATE;
SELECT name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed FROM account WHERE pocket_of = 'acme:shop' ORDER BY name FOR UPDATE;
INSERT INTO slice (account, node, granted, returned, used) VALUES ('acme:shop', 'n2', 0, 0, 0) ON CONFLICT (account, node) DO NOTHING;
SELECT granted, returned, used FROM slice WHERE account = 'acme:shop' AND node = 'n2' FOR UPDATE;
UPDATE account SET posted = '198000', held = '0', wanted_by = NULL, wanted_ms = NULL WHERE name = 'acme:shop';
UPDATE slice SET granted = '74413', returned = '72413', used = '2000' WHERE account = 'acme:shop' AND node = 'n2';
UPDATE node SET epoch = '1', boot = '-8325140573794593500', last_seq = '19', chain = '\xd7ca74e936e5abfa5c781cc6bc3fd2c81224b531d13616c21a937c67d61cca8b', last_ask = '6', lost = 'f' WHERE name = 'n2';
COMMIT;
