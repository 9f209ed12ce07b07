--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: account; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.account (
    name text NOT NULL,
    pocket_of text,
    currency text NOT NULL,
    posted bigint NOT NULL,
    held bigint NOT NULL,
    credit_limit bigint NOT NULL,
    state text NOT NULL,
    wanted_by text,
    wanted_ms bigint,
    ends_ms bigint,
    due_ms bigint,
    changed bigint NOT NULL,
    CONSTRAINT account_credit_limit_check CHECK ((credit_limit <= 0))
);


--
-- Name: booking; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.booking (
    account text NOT NULL,
    key text NOT NULL,
    request text NOT NULL,
    at_ms bigint NOT NULL,
    transfer text NOT NULL,
    method text,
    balance_after bigint NOT NULL
);


--
-- Name: cdr; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.cdr (
    node text NOT NULL,
    seq bigint NOT NULL,
    id text NOT NULL,
    account text NOT NULL,
    ended_ms bigint NOT NULL,
    body text NOT NULL
);


--
-- Name: entry; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.entry (
    node text NOT NULL,
    seq bigint NOT NULL,
    account text NOT NULL,
    at_ms bigint NOT NULL,
    body text NOT NULL,
    hash bytea NOT NULL
);


--
-- Name: form; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.form (
    one bigint NOT NULL,
    version bigint NOT NULL,
    changes bigint NOT NULL,
    closed_ms bigint
);


--
-- Name: house; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.house (
    node text NOT NULL,
    currency text NOT NULL,
    house text NOT NULL,
    balance bigint NOT NULL
);


--
-- Name: lent; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lent (
    id text NOT NULL,
    node text NOT NULL,
    account text NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT lent_amount_check CHECK ((amount > 0))
);


--
-- Name: node; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.node (
    name text NOT NULL,
    epoch bigint NOT NULL,
    boot bigint NOT NULL,
    last_seq bigint NOT NULL,
    chain bytea NOT NULL,
    last_ask bigint NOT NULL,
    lost boolean NOT NULL,
    seen_ms bigint NOT NULL,
    expires_ms bigint NOT NULL
);


--
-- Name: notice; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.notice (
    id text NOT NULL,
    node text,
    account text NOT NULL,
    body text NOT NULL
);


--
-- Name: outcome; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outcome (
    account text NOT NULL,
    of_key text NOT NULL,
    outcome text NOT NULL
);


--
-- Name: slice; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.slice (
    account text NOT NULL,
    node text NOT NULL,
    granted bigint NOT NULL,
    returned bigint NOT NULL,
    used bigint NOT NULL
);


--
-- Name: told; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.told (
    deck text NOT NULL,
    version text NOT NULL,
    node text NOT NULL
);


--
-- Data for Name: account; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.account VALUES ('acme', NULL, 'EUR', 1008000, 0, 0, '{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example","language":"es"},"opened_at":1796000159330,"last_event":1796000169994,"low_armed":true,"expiries":0,"announced":{"key/a2":{"at":1796000169660,"due":1796860800000}},"pockets":[{"name":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779,"low_armed":true,"expiries":0}]}', NULL, NULL, NULL, NULL, 4);
INSERT INTO public.account VALUES ('acme/free', 'acme', 'SEC', 300000, 0, 0, '', NULL, NULL, NULL, NULL, 0);
INSERT INTO public.account VALUES ('acme:shop', NULL, 'EUR', 198000, 0, 0, '{"terms":{"decks":["retail"]},"opened_at":1796000159330,"last_event":1796000168941,"low_armed":false,"expiries":0}', NULL, NULL, NULL, NULL, 2);


--
-- Data for Name: booking; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.booking VALUES ('acme', 'opening', 'opening', 1796000159330, '{"key":"opening","purpose":"opening","debit":"@opening","credit":"acme","amount":"9.00000","currency":"EUR"}', NULL, 900000);
INSERT INTO public.booking VALUES ('acme:shop', 'opening', 'opening', 1796000159330, '{"key":"opening","purpose":"opening","debit":"@opening","credit":"acme:shop","amount":"2.00000","currency":"EUR"}', NULL, 200000);
INSERT INTO public.booking VALUES ('acme', 'key/g1', 'key/g1', 1796000160779, '{"key":"key/g1","purpose":"grant","debit":"@minutes","credit":"acme/free","amount":"3.00000","currency":"SEC","memo":"minutes, for 34: welcome"}', NULL, 300000);
INSERT INTO public.booking VALUES ('acme', 'key/t1', 'key/t1', 1796000168999, '{"key":"key/t1","purpose":"top_up","debit":"@payments","credit":"acme","amount":"5.00000","currency":"EUR","memo":"invoice 7"}', NULL, 1388000);
INSERT INTO public.booking VALUES ('acme', 'key/a1', 'key/a1', 1796000169306, '{"key":"key/a1","purpose":"announced","debit":"@payments","credit":"@transit","amount":"20.00000","currency":"EUR","memo":"soon"}', 'bank', 1388000);
INSERT INTO public.booking VALUES ('acme', 'key/a2', 'key/a2', 1796000169660, '{"key":"key/a2","purpose":"announced","debit":"@payments","credit":"@transit","amount":"30.00000","currency":"EUR","memo":"later"}', 'bank', 1388000);
INSERT INTO public.booking VALUES ('acme', 'key/b1', 'key/b1', 1796000169816, '{"key":"key/b1","purpose":"top_up","debit":"@transit","credit":"acme","amount":"19.50000","currency":"EUR","memo":"soon"}', NULL, 3338000);
INSERT INTO public.booking VALUES ('acme', 'part/1/b1', 'key/b1', 1796000169816, '{"key":"part/1/b1","purpose":"fee","debit":"@transit","credit":"@fees","amount":"0.50000","currency":"EUR","memo":"soon"}', NULL, 3338000);
INSERT INTO public.booking VALUES ('acme', 'key/c1', 'key/c1', 1796000169994, '{"key":"key/c1","purpose":"charge","debit":"acme","credit":"@revenue","amount":"0.30000","currency":"EUR","memo":"fax pages: 3 x 0.10000"}', NULL, 3308000);
INSERT INTO public.booking VALUES ('acme', 'key/x1', 'key/x1', 1796000170187, '{"key":"key/x1","purpose":"correction","debit":"acme","credit":"@corrections","amount":"18.00000","currency":"EUR","memo":"counted twice"}', NULL, 1508000);
INSERT INTO public.booking VALUES ('acme', 'key/v1', 'key/v1', 1796000170302, '{"key":"key/v1","purpose":"reversal","debit":"acme","credit":"@payments","amount":"5.00000","currency":"EUR","memo":"chargeback"}', NULL, 1008000);


--
-- Data for Name: cdr; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.cdr VALUES ('n1', 12, '01a229f3a19601e2a64b000000000001', 'acme', 1796000164306, '{"id":"01a229f3a19601e2a64b000000000001","node":"n1","account":"acme","gate":"pbx","caller":"caller1","called":"34911234567","called_e164":"34911234567","destination":"Spain","prefix":"34","deck":"retail","deck_version":"7997d11eccfd171e","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"1-21829@127.0.0.11","call_id_b":"ggi5rda6uqvspcsaouvg0","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:02.198Z","status":200,"cause":16,"reason":"answered","pdd_ms":89}],"started_at":"2026-11-30T00:56:02.198Z","answered_at":"2026-11-30T00:56:02.288Z","ended_at":"2026-11-30T00:56:04.306Z","pdd_ms":89,"duration_ms":2018,"billed_seconds":3,"initial":1,"increment":1,"rate":"0.60000","connect_fee":"0.00000","amount":"0.03000","currency":"EUR","deck_currency":"EUR","exchange_rate":null,"exchange_at":null,"cost":null,"cost_currency":null,"balance_before":"2.00000","balance_after":"1.97000","teardown_ms":0,"hangup_by":"caller","cause_q850":16,"sip_status":200,"reason":"normal","route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"}');
INSERT INTO public.cdr VALUES ('n1', 13, '01a229f3a1fb01e2a64b000000000002', 'acme', 1796000164313, '{"id":"01a229f3a1fb01e2a64b000000000002","node":"n1","account":"acme","gate":"pbx","caller":"caller2","called":"34911234567","called_e164":"34911234567","destination":"Spain","prefix":"34","deck":"retail","deck_version":"7997d11eccfd171e","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"2-21829@127.0.0.11","call_id_b":"lne4gfesbs7ohow4yc2v0","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:02.299Z","status":200,"cause":16,"reason":"answered","pdd_ms":3}],"started_at":"2026-11-30T00:56:02.299Z","answered_at":"2026-11-30T00:56:02.302Z","ended_at":"2026-11-30T00:56:04.313Z","pdd_ms":3,"duration_ms":2011,"billed_seconds":3,"initial":1,"increment":1,"rate":"0.60000","connect_fee":"0.00000","amount":"0.03000","currency":"EUR","deck_currency":"EUR","exchange_rate":null,"exchange_at":null,"cost":null,"cost_currency":null,"balance_before":"1.97000","balance_after":"1.94000","teardown_ms":0,"hangup_by":"caller","cause_q850":16,"sip_status":200,"reason":"normal","route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"}');
INSERT INTO public.cdr VALUES ('n2', 11, '01a229f3aaf90128778c000000000001', 'acme', 1796000167633, '{"id":"01a229f3aaf90128778c000000000001","node":"n2","account":"acme","gate":"pbx","caller":"caller1","called":"34911234567","called_e164":"34911234567","destination":"Spain","prefix":"34","deck":"retail","deck_version":"7997d11eccfd171e","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"1-21874@127.0.0.11","call_id_b":"lz5l5zcvhm2z2hzlzra20","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:04.601Z","status":200,"cause":16,"reason":"answered","pdd_ms":28}],"started_at":"2026-11-30T00:56:04.601Z","answered_at":"2026-11-30T00:56:04.630Z","ended_at":"2026-11-30T00:56:07.633Z","pdd_ms":28,"duration_ms":3002,"billed_seconds":4,"initial":1,"increment":1,"rate":"0.60000","connect_fee":"0.00000","amount":"0.04000","currency":"EUR","deck_currency":"EUR","exchange_rate":null,"exchange_at":null,"cost":null,"cost_currency":null,"balance_before":"2.00000","balance_after":"1.96000","teardown_ms":0,"hangup_by":"caller","cause_q850":16,"sip_status":200,"reason":"normal","route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"}');
INSERT INTO public.cdr VALUES ('n2', 14, '01a229f3b7f20128778c000000000002', 'acme:shop', 1796000168941, '{"id":"01a229f3b7f20128778c000000000002","node":"n2","account":"acme:shop","gate":"shop","caller":"caller1","called":"34911234567","called_e164":"34911234567","destination":"Spain","prefix":"34","deck":"retail","deck_version":"7997d11eccfd171e","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"1-21922@127.0.0.12","call_id_b":"esf2hnhnb6bac5thc5nx0","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:07.922Z","status":200,"cause":16,"reason":"answered","pdd_ms":1}],"started_at":"2026-11-30T00:56:07.922Z","answered_at":"2026-11-30T00:56:07.925Z","ended_at":"2026-11-30T00:56:08.941Z","pdd_ms":1,"duration_ms":1016,"billed_seconds":2,"initial":1,"increment":1,"rate":"0.60000","connect_fee":"0.00000","amount":"0.02000","currency":"EUR","deck_currency":"EUR","exchange_rate":null,"exchange_at":null,"cost":null,"cost_currency":null,"tiers":[{"account":"acme","deck":"retail","deck_version":"7997d11eccfd171e","prefix":"34","destination":"Spain","rate":"0.60000","initial":1,"increment":1,"billed_seconds":2,"amount":"0.02000","currency":"EUR"}],"balance_before":"0.74413","balance_after":"0.72413","teardown_ms":0,"hangup_by":"caller","cause_q850":16,"sip_status":200,"reason":"normal","route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"}');


--
-- Data for Name: entry; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.entry VALUES ('@central', 1, 'acme', 1796000159330, '{"v":1,"at":1796000159330,"account":"acme","body":{"account_opened":{"currency":"EUR","terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example"},"limit":"0.00000","opening":{"key":"opening","purpose":"opening","debit":"@opening","credit":"acme","amount":"9.00000","currency":"EUR"}}}}', '\x1566c7da2b45ea2d1a710125ea3b94ae44d6cd1a694b958219e47263e32999fd');
INSERT INTO public.entry VALUES ('@central', 2, 'acme:shop', 1796000159330, '{"v":1,"at":1796000159330,"account":"acme:shop","body":{"account_opened":{"currency":"EUR","terms":{"decks":["retail"]},"limit":"0.00000","opening":{"key":"opening","purpose":"opening","debit":"@opening","credit":"acme:shop","amount":"2.00000","currency":"EUR"}}}}', '\xa6882260645c7a00648e8fccec8f4407d02ed87268f180592b9ec237f34d69fb');
INSERT INTO public.entry VALUES ('n1', 1, '@node', 1796000159320, '{"v":1,"at":1796000159320,"account":"@node","body":{"started":{"node":"n1","version":"0.1.0"}}}', '\x8f7445c4eb0bb4241089951e4f08e7a7d1c2520cd8973bab6b182db35f5f053b');
INSERT INTO public.entry VALUES ('n2', 1, '@node', 1796000159834, '{"v":1,"at":1796000159834,"account":"@node","body":{"started":{"node":"n2","version":"0.1.0"}}}', '\xc524cb388d3e3b05d09d185eda90cd3b329d53c8f1e915fc545c89300a096ec4');
INSERT INTO public.entry VALUES ('n1', 2, 'acme', 1796000160240, '{"v":1,"at":1796000160240,"account":"acme","body":{"account_opened":{"currency":"EUR","terms":{"decks":["retail"],"email":"ops@acme.example"},"limit":"0.00000"}}}', '\x13b8483d5c5a579477941fe315521d054fb067e161f159aceab5896040867314');
INSERT INTO public.entry VALUES ('n1', 3, 'acme', 1796000160240, '{"v":1,"at":1796000160240,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n1.1.1","purpose":"slice","debit":"@slices","credit":"acme","amount":"1.00000","currency":"EUR"}}}}', '\x2ae704d179b0d51073da9619106f02fdf7a6708d5126f196ee8febb5dcbf2ef5');
INSERT INTO public.entry VALUES ('n1', 4, 'acme:shop', 1796000160313, '{"v":1,"at":1796000160313,"account":"acme:shop","body":{"account_opened":{"currency":"EUR","terms":{"decks":["retail"]},"limit":"0.00000"}}}', '\x719b4618abfd0d227cb26fe78e9c8f5c472f817c5d8f23332fa4e9d89e68aa09');
INSERT INTO public.entry VALUES ('n1', 5, 'acme:shop', 1796000160313, '{"v":1,"at":1796000160313,"account":"acme:shop","body":{"slice":{"transfer":{"key":"key/slice/n1.1.2","purpose":"slice","debit":"@slices","credit":"acme:shop","amount":"0.50000","currency":"EUR"}}}}', '\x35b0aad64c1d388302f7a7abff6a19dc5bdcb28c11278b50f769ad297c3b50f9');
INSERT INTO public.entry VALUES ('n2', 2, 'acme', 1796000160396, '{"v":1,"at":1796000160396,"account":"acme","body":{"account_opened":{"currency":"EUR","terms":{"decks":["retail"],"email":"ops@acme.example"},"limit":"0.00000"}}}', '\xc0fe3f2e5b67451057e4d9757e0c01a45393497384e437176adddf895b9be46e');
INSERT INTO public.entry VALUES ('n2', 3, 'acme', 1796000160396, '{"v":1,"at":1796000160396,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n2.1.1","purpose":"slice","debit":"@slices","credit":"acme","amount":"1.00000","currency":"EUR"}}}}', '\x6d693d2017832452f29918bf748b797d3626d8edecb0809eae8dc21668e0c551');
INSERT INTO public.entry VALUES ('n2', 4, 'acme:shop', 1796000160511, '{"v":1,"at":1796000160511,"account":"acme:shop","body":{"account_opened":{"currency":"EUR","terms":{"decks":["retail"]},"limit":"0.00000"}}}', '\x47122fc3c6b449f9eca64918ac8df08fe0d9102d8a2f11139247d023e6e8a527');
INSERT INTO public.entry VALUES ('n2', 5, 'acme:shop', 1796000160511, '{"v":1,"at":1796000160511,"account":"acme:shop","body":{"slice":{"transfer":{"key":"key/slice/n2.1.2","purpose":"slice","debit":"@slices","credit":"acme:shop","amount":"0.37500","currency":"EUR"}}}}', '\x175c1f6f7731be8f231fb8f6db56ad4ba64d850567eb8debd0e2cb2c1f4babdd');
INSERT INTO public.entry VALUES ('n1', 6, 'acme', 1796000160783, '{"v":1,"at":1796000160783,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n1.1.3","purpose":"slice","debit":"@slices","credit":"acme","amount":"1.00000","currency":"EUR"}}}}', '\x93826f7cca507e8440ab749f20df4be4fa72f284fb4111badf6f30c136bbd532');
INSERT INTO public.entry VALUES ('@central', 3, 'acme', 1796000160779, '{"v":1,"at":1796000160779,"account":"acme","body":{"pocket_granted":{"pocket":"free","terms":{"kind":"minutes","prefixes":["34"]},"transfer":{"key":"key/g1","purpose":"grant","debit":"@minutes","credit":"acme/free","amount":"3.00000","currency":"SEC","memo":"minutes, for 34: welcome"}}}}', '\x5bc10bbe48142688722e0f5ae44cbb05597af910267f5de2b0337510c91a82d2');
INSERT INTO public.entry VALUES ('n2', 6, 'acme', 1796000161049, '{"v":1,"at":1796000161049,"account":"acme","body":{"pocket_opened":{"pocket":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779}}}', '\x591b900fa54bd4c3d926e91c982e1a59e9eb4d11d6f17b90c34cbc9395fc3f81');
INSERT INTO public.entry VALUES ('n2', 7, 'acme', 1796000161049, '{"v":1,"at":1796000161049,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n2.1.3","purpose":"slice","debit":"@slices","credit":"acme","amount":"1.00000","currency":"EUR"}}}}', '\x9bba9ec53447b957abf985805c554672aedff2eda2a57c2709a5ef0f70d75d6d');
INSERT INTO public.entry VALUES ('n2', 8, 'acme:shop', 1796000161141, '{"v":1,"at":1796000161141,"account":"acme:shop","body":{"slice":{"transfer":{"key":"key/slice/n2.1.4","purpose":"slice","debit":"@slices","credit":"acme:shop","amount":"0.21093","currency":"EUR"}}}}', '\x3c3d1543d40f7b5ecf57803a4ab327ddf459a002c07143ff80b07fb48f3fd18b');
INSERT INTO public.entry VALUES ('n1', 7, 'acme:shop', 1796000160907, '{"v":1,"at":1796000160907,"account":"acme:shop","body":{"slice":{"transfer":{"key":"key/slice/n1.1.4","purpose":"slice","debit":"@slices","credit":"acme:shop","amount":"0.28125","currency":"EUR"}}}}', '\xb37207bd61d8cb73fb61d99ef90b24095be83f15f7cdc71646a2c5f09d45031c');
INSERT INTO public.entry VALUES ('n1', 8, 'acme', 1796000161207, '{"v":1,"at":1796000161207,"account":"acme","body":{"pocket_opened":{"pocket":"free","terms":{"kind":"minutes","prefixes":["34"]},"granted_at":1796000160779}}}', '\x8ab8cfad2583c4ef85cb94c05535dd81e70a20739a9d41d546625ea823ac9ed9');
INSERT INTO public.entry VALUES ('n1', 9, 'acme', 1796000161347, '{"v":1,"at":1796000161347,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n1.1.5","purpose":"slice","debit":"@slices","credit":"acme/free","amount":"0.75000","currency":"SEC"}}}}', '\x4028c968d792324fc8cfda9577f17da9cbc8ecb7405b68f1ca6d3ce69935fe63');
INSERT INTO public.entry VALUES ('n2', 9, 'acme', 1796000161480, '{"v":1,"at":1796000161480,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n2.1.5","purpose":"slice","debit":"@slices","credit":"acme/free","amount":"0.56250","currency":"SEC"}}}}', '\xcac9166323470b76cabf8df5e7ddde993a13a5374baedd4c844d25338c6fd448');
INSERT INTO public.entry VALUES ('n1', 10, 'acme', 1796000162288, '{"v":1,"at":1796000162288,"account":"acme","body":{"call_open":{"call":"01a229f3a19601e2a64b000000000001","gate":"pbx","answered_at":1796000162288,"leased_secs":1,"price":{"prefix":"34","destination":"Spain","rate":"0.60000","initial":1,"increment":1,"connect_fee":"0.00000","currency":"EUR","deck":"retail","deck_version":"7997d11eccfd171e"},"dialog_a":{"call_id":"1-21829@127.0.0.11","local":"<sip:34911234567@127.0.0.1>;tag=nyjziuwuehezyniobgysa","remote":"<sip:caller1@127.0.0.11>;tag=a21829-1","target":"sip:caller@127.0.0.11:43893;transport=UDP","routes":[],"cseq":0,"transport":"udp","here":"127.0.0.1:47531","peer":"127.0.0.11:43893"},"dialog_b":{"call_id":"ggi5rda6uqvspcsaouvg0","local":"<sip:caller1@127.0.0.1:47531>;tag=nyjziuwuehezyniobgysb","remote":"<sip:34911234567@127.0.0.1:48513>;tag=b21721-1","target":"sip:carrier@127.0.0.1:48513;transport=UDP","routes":[],"cseq":1,"transport":"udp","here":"127.0.0.1:47531","peer":"127.0.0.1:48513"},"cdr":{"node":"n1","caller":"caller1","called":"34911234567","called_e164":"34911234567","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"1-21829@127.0.0.11","call_id_b":"ggi5rda6uqvspcsaouvg0","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:02.198Z","status":200,"cause":16,"reason":"answered","pdd_ms":89}],"started_at":"2026-11-30T00:56:02.198Z","pdd_ms":89,"route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"}}}}', '\x1f0d6e62426a20e3ecbd5948f512539d68edc0edf4f2a8363e22a2003be8f514');
INSERT INTO public.entry VALUES ('@central', 4, 'acme', 1796000168999, '{"v":1,"at":1796000168999,"account":"acme","body":{"top_up":{"transfer":{"key":"key/t1","purpose":"top_up","debit":"@payments","credit":"acme","amount":"5.00000","currency":"EUR","memo":"invoice 7"}}}}', '\x3fe10082fa2a51b25c06db0e6517adb6c285517ddf5f0931ad9fce144b8de858');
INSERT INTO public.entry VALUES ('n1', 11, 'acme', 1796000162302, '{"v":1,"at":1796000162302,"account":"acme","body":{"call_open":{"call":"01a229f3a1fb01e2a64b000000000002","gate":"pbx","answered_at":1796000162302,"leased_secs":1,"price":{"prefix":"34","destination":"Spain","rate":"0.60000","initial":1,"increment":1,"connect_fee":"0.00000","currency":"EUR","deck":"retail","deck_version":"7997d11eccfd171e"},"dialog_a":{"call_id":"2-21829@127.0.0.11","local":"<sip:34911234567@127.0.0.1>;tag=dpldomgjk5g2pouu6glka","remote":"<sip:caller2@127.0.0.11>;tag=a21829-2","target":"sip:caller@127.0.0.11:43893;transport=UDP","routes":[],"cseq":0,"transport":"udp","here":"127.0.0.1:47531","peer":"127.0.0.11:43893"},"dialog_b":{"call_id":"lne4gfesbs7ohow4yc2v0","local":"<sip:caller2@127.0.0.1:47531>;tag=dpldomgjk5g2pouu6glkb","remote":"<sip:34911234567@127.0.0.1:48513>;tag=b21721-2","target":"sip:carrier@127.0.0.1:48513;transport=UDP","routes":[],"cseq":1,"transport":"udp","here":"127.0.0.1:47531","peer":"127.0.0.1:48513"},"cdr":{"node":"n1","caller":"caller2","called":"34911234567","called_e164":"34911234567","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"2-21829@127.0.0.11","call_id_b":"lne4gfesbs7ohow4yc2v0","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:02.299Z","status":200,"cause":16,"reason":"answered","pdd_ms":3}],"started_at":"2026-11-30T00:56:02.299Z","pdd_ms":3,"route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"}}}}', '\x560d46b373436473aeecf0c594c4370d8cafedc1d49030319c942ef994570c1b');
INSERT INTO public.entry VALUES ('n1', 12, 'acme', 1796000164306, '{"v":1,"at":1796000164306,"account":"acme","body":{"settled":{"call":"01a229f3a19601e2a64b000000000001","cdr":{"id":"01a229f3a19601e2a64b000000000001","node":"n1","account":"acme","gate":"pbx","caller":"caller1","called":"34911234567","called_e164":"34911234567","destination":"Spain","prefix":"34","deck":"retail","deck_version":"7997d11eccfd171e","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"1-21829@127.0.0.11","call_id_b":"ggi5rda6uqvspcsaouvg0","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:02.198Z","status":200,"cause":16,"reason":"answered","pdd_ms":89}],"started_at":"2026-11-30T00:56:02.198Z","answered_at":"2026-11-30T00:56:02.288Z","ended_at":"2026-11-30T00:56:04.306Z","pdd_ms":89,"duration_ms":2018,"billed_seconds":3,"initial":1,"increment":1,"rate":"0.60000","connect_fee":"0.00000","amount":"0.03000","currency":"EUR","deck_currency":"EUR","exchange_rate":null,"exchange_at":null,"cost":null,"cost_currency":null,"balance_before":"2.00000","balance_after":"1.97000","teardown_ms":0,"hangup_by":"caller","cause_q850":16,"sip_status":200,"reason":"normal","route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"},"transfers":[{"key":"call/01a229f3a19601e2a64b000000000001/0","purpose":"usage","debit":"acme","credit":"@revenue","amount":"0.03000","currency":"EUR"}]}}}', '\x53919024a998cb6353ea3b80923a42a034f8a3999528d376b712090f6c530a2b');
INSERT INTO public.entry VALUES ('n1', 13, 'acme', 1796000164313, '{"v":1,"at":1796000164313,"account":"acme","body":{"settled":{"call":"01a229f3a1fb01e2a64b000000000002","cdr":{"id":"01a229f3a1fb01e2a64b000000000002","node":"n1","account":"acme","gate":"pbx","caller":"caller2","called":"34911234567","called_e164":"34911234567","destination":"Spain","prefix":"34","deck":"retail","deck_version":"7997d11eccfd171e","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"2-21829@127.0.0.11","call_id_b":"lne4gfesbs7ohow4yc2v0","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:02.299Z","status":200,"cause":16,"reason":"answered","pdd_ms":3}],"started_at":"2026-11-30T00:56:02.299Z","answered_at":"2026-11-30T00:56:02.302Z","ended_at":"2026-11-30T00:56:04.313Z","pdd_ms":3,"duration_ms":2011,"billed_seconds":3,"initial":1,"increment":1,"rate":"0.60000","connect_fee":"0.00000","amount":"0.03000","currency":"EUR","deck_currency":"EUR","exchange_rate":null,"exchange_at":null,"cost":null,"cost_currency":null,"balance_before":"1.97000","balance_after":"1.94000","teardown_ms":0,"hangup_by":"caller","cause_q850":16,"sip_status":200,"reason":"normal","route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"},"transfers":[{"key":"call/01a229f3a1fb01e2a64b000000000002/0","purpose":"usage","debit":"acme","credit":"@revenue","amount":"0.03000","currency":"EUR"}]}}}', '\x1a17be489a7dc61347c91151383fac4e6da6f7998a8254d085cb7ee1e4face93');
INSERT INTO public.entry VALUES ('n1', 14, 'acme', 1796000170047, '{"v":1,"at":1796000170047,"account":"acme","body":{"notice":{"to":"ops@acme.example","event":{"top_up_booked":{"amount":"19.50000","currency":"EUR","reference":"soon","balance":"33.38000"}},"id":"@central.7.acme.0"}}}', '\x3516fda0881f3c1b26017f80629c42aa337fb40ea3f24db90322d58c27a71fff');
INSERT INTO public.entry VALUES ('n1', 15, 'acme', 1796000171372, '{"v":1,"at":1796000171372,"account":"acme","body":{"account_changed":{"terms":{"decks":["retail"],"email":"ops@acme.example","language":"es"},"limit":"0.00000"}}}', '\xe58dc3da777d7cb4520a414390cea689426b094e8b3c7dd8746e2b86840f4a88');
INSERT INTO public.entry VALUES ('n1', 16, 'acme', 1796000172237, '{"v":1,"at":1796000172237,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n1.4ba6e2e91a7ce0e9.end0/acme","purpose":"slice","debit":"acme","credit":"@slices","amount":"1.94000","currency":"EUR"}}}}', '\x727d2d4a8ae2608ed2505ae48016317e6ee58283803e1bbc3e09201f556f7e92');
INSERT INTO public.entry VALUES ('n1', 17, 'acme', 1796000172237, '{"v":1,"at":1796000172237,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n1.4ba6e2e91a7ce0e9.end0/acme/free","purpose":"slice","debit":"acme/free","credit":"@slices","amount":"0.75000","currency":"SEC"}}}}', '\x23dde2d498079b5c3b93546d84af86ffd05f7c46fadc81a52b472e8e99b3f0ea');
INSERT INTO public.entry VALUES ('n1', 18, 'acme:shop', 1796000172237, '{"v":1,"at":1796000172237,"account":"acme:shop","body":{"slice":{"transfer":{"key":"key/slice/n1.4ba6e2e91a7ce0e9.end0/acme:shop","purpose":"slice","debit":"acme:shop","credit":"@slices","amount":"0.78125","currency":"EUR"}}}}', '\x5f7fea7e19b51020532e32585ba7264fb9c6681b3504a614122f2aba8307f538');
INSERT INTO public.entry VALUES ('n2', 10, 'acme', 1796000164630, '{"v":1,"at":1796000164630,"account":"acme","body":{"call_open":{"call":"01a229f3aaf90128778c000000000001","gate":"pbx","answered_at":1796000164630,"leased_secs":1,"price":{"prefix":"34","destination":"Spain","rate":"0.60000","initial":1,"increment":1,"connect_fee":"0.00000","currency":"EUR","deck":"retail","deck_version":"7997d11eccfd171e"},"dialog_a":{"call_id":"1-21874@127.0.0.11","local":"<sip:34911234567@127.0.0.1>;tag=5su2qmkqww7kdovtz23za","remote":"<sip:caller1@127.0.0.11>;tag=a21874-1","target":"sip:caller@127.0.0.11:36497;transport=UDP","routes":[],"cseq":0,"transport":"udp","here":"127.0.0.1:36913","peer":"127.0.0.11:36497"},"dialog_b":{"call_id":"lz5l5zcvhm2z2hzlzra20","local":"<sip:caller1@127.0.0.1:36913>;tag=5su2qmkqww7kdovtz23zb","remote":"<sip:34911234567@127.0.0.1:48513>;tag=b21721-3","target":"sip:carrier@127.0.0.1:48513;transport=UDP","routes":[],"cseq":1,"transport":"udp","here":"127.0.0.1:36913","peer":"127.0.0.1:48513"},"cdr":{"node":"n2","caller":"caller1","called":"34911234567","called_e164":"34911234567","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"1-21874@127.0.0.11","call_id_b":"lz5l5zcvhm2z2hzlzra20","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:04.601Z","status":200,"cause":16,"reason":"answered","pdd_ms":28}],"started_at":"2026-11-30T00:56:04.601Z","pdd_ms":28,"route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"}}}}', '\x7370f334c9ebd462a36d0d5555dc547ec0aceeb9ac0e4eff9bc976b70c4fd5e4');
INSERT INTO public.entry VALUES ('n2', 11, 'acme', 1796000167633, '{"v":1,"at":1796000167633,"account":"acme","body":{"settled":{"call":"01a229f3aaf90128778c000000000001","cdr":{"id":"01a229f3aaf90128778c000000000001","node":"n2","account":"acme","gate":"pbx","caller":"caller1","called":"34911234567","called_e164":"34911234567","destination":"Spain","prefix":"34","deck":"retail","deck_version":"7997d11eccfd171e","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"1-21874@127.0.0.11","call_id_b":"lz5l5zcvhm2z2hzlzra20","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:04.601Z","status":200,"cause":16,"reason":"answered","pdd_ms":28}],"started_at":"2026-11-30T00:56:04.601Z","answered_at":"2026-11-30T00:56:04.630Z","ended_at":"2026-11-30T00:56:07.633Z","pdd_ms":28,"duration_ms":3002,"billed_seconds":4,"initial":1,"increment":1,"rate":"0.60000","connect_fee":"0.00000","amount":"0.04000","currency":"EUR","deck_currency":"EUR","exchange_rate":null,"exchange_at":null,"cost":null,"cost_currency":null,"balance_before":"2.00000","balance_after":"1.96000","teardown_ms":0,"hangup_by":"caller","cause_q850":16,"sip_status":200,"reason":"normal","route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"},"transfers":[{"key":"call/01a229f3aaf90128778c000000000001/0","purpose":"usage","debit":"acme","credit":"@revenue","amount":"0.04000","currency":"EUR"}]}}}', '\x8dcdbc55f4d5e15a72b19db6bcf9544eb816054dd17c3be48ad0eba30763ac8e');
INSERT INTO public.entry VALUES ('n2', 12, 'acme:shop', 1796000167925, '{"v":1,"at":1796000167925,"account":"acme:shop","body":{"call_open":{"call":"01a229f3b7f20128778c000000000002","gate":"shop","answered_at":1796000167925,"leased_secs":1,"price":{"prefix":"34","destination":"Spain","rate":"0.60000","initial":1,"increment":1,"connect_fee":"0.00000","currency":"EUR","deck":"retail","deck_version":"7997d11eccfd171e"},"tiers":[{"account":"acme","price":{"prefix":"34","destination":"Spain","rate":"0.60000","initial":1,"increment":1,"connect_fee":"0.00000","currency":"EUR","deck":"retail","deck_version":"7997d11eccfd171e"}}],"dialog_a":{"call_id":"1-21922@127.0.0.12","local":"<sip:34911234567@127.0.0.1>;tag=b5wym7esrqvld5kv7ot6a","remote":"<sip:caller1@127.0.0.12>;tag=a21922-1","target":"sip:caller@127.0.0.12:57443;transport=UDP","routes":[],"cseq":0,"transport":"udp","here":"127.0.0.1:36913","peer":"127.0.0.12:57443"},"dialog_b":{"call_id":"esf2hnhnb6bac5thc5nx0","local":"<sip:caller1@127.0.0.1:36913>;tag=b5wym7esrqvld5kv7ot6b","remote":"<sip:34911234567@127.0.0.1:48513>;tag=b21721-4","target":"sip:carrier@127.0.0.1:48513;transport=UDP","routes":[],"cseq":1,"transport":"udp","here":"127.0.0.1:36913","peer":"127.0.0.1:48513"},"cdr":{"node":"n2","caller":"caller1","called":"34911234567","called_e164":"34911234567","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"1-21922@127.0.0.12","call_id_b":"esf2hnhnb6bac5thc5nx0","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:07.922Z","status":200,"cause":16,"reason":"answered","pdd_ms":1}],"started_at":"2026-11-30T00:56:07.922Z","pdd_ms":1,"route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"}}}}', '\x5d28fb06fb1d2e20d84a462390971d12cc78706ba0ddde40c39182acbb289ae0');
INSERT INTO public.entry VALUES ('n2', 13, 'acme:shop', 1796000168483, '{"v":1,"at":1796000168483,"account":"acme:shop","body":{"slice":{"transfer":{"key":"key/slice/n2.1.6","purpose":"slice","debit":"@slices","credit":"acme:shop","amount":"0.15820","currency":"EUR"}}}}', '\x7387fa49b37725c4bbbe609e0c0eb4b14653e7202264ff6ecb50867359821acc');
INSERT INTO public.entry VALUES ('n2', 14, 'acme:shop', 1796000168941, '{"v":1,"at":1796000168941,"account":"acme:shop","body":{"settled":{"call":"01a229f3b7f20128778c000000000002","cdr":{"id":"01a229f3b7f20128778c000000000002","node":"n2","account":"acme:shop","gate":"shop","caller":"caller1","called":"34911234567","called_e164":"34911234567","destination":"Spain","prefix":"34","deck":"retail","deck_version":"7997d11eccfd171e","codec_a":"PCMA","codec_b":"PCMA","call_id_a":"1-21922@127.0.0.12","call_id_b":"esf2hnhnb6bac5thc5nx0","carrier":"alpha","attempts":[{"carrier":"alpha","started_at":"2026-11-30T00:56:07.922Z","status":200,"cause":16,"reason":"answered","pdd_ms":1}],"started_at":"2026-11-30T00:56:07.922Z","answered_at":"2026-11-30T00:56:07.925Z","ended_at":"2026-11-30T00:56:08.941Z","pdd_ms":1,"duration_ms":1016,"billed_seconds":2,"initial":1,"increment":1,"rate":"0.60000","connect_fee":"0.00000","amount":"0.02000","currency":"EUR","deck_currency":"EUR","exchange_rate":null,"exchange_at":null,"cost":null,"cost_currency":null,"tiers":[{"account":"acme","deck":"retail","deck_version":"7997d11eccfd171e","prefix":"34","destination":"Spain","rate":"0.60000","initial":1,"increment":1,"billed_seconds":2,"amount":"0.02000","currency":"EUR"}],"balance_before":"0.74413","balance_after":"0.72413","teardown_ms":0,"hangup_by":"caller","cause_q850":16,"sip_status":200,"reason":"normal","route_reason":"route 34, place 1 of 1, cost unknown","transport_a":"udp","transport_b":"udp"},"transfers":[{"key":"call/01a229f3b7f20128778c000000000002/0","purpose":"usage","debit":"acme:shop","credit":"@reseller-revenue","amount":"0.02000","currency":"EUR"},{"key":"call/01a229f3b7f20128778c000000000002/4352","purpose":"usage","debit":"acme","credit":"@revenue","amount":"0.02000","currency":"EUR"}]}}}', '\xf784efdfaba4e488189f0564dde023a66e537c0fe6ac7cc0779dda273c2455fb');
INSERT INTO public.entry VALUES ('n2', 15, 'acme', 1796000169416, '{"v":1,"at":1796000169416,"account":"acme","body":{"notice":{"to":"ops@acme.example","event":{"top_up_booked":{"amount":"5.00000","currency":"EUR","reference":"invoice 7","balance":"13.88000"}},"id":"@central.4.acme.0"}}}', '\x4202548cb477785cdde0ae23f557ef2200d2fd9284f1b5507b648b9683ada480');
INSERT INTO public.entry VALUES ('@central', 5, 'acme', 1796000169306, '{"v":1,"at":1796000169306,"account":"acme","body":{"announced":{"transfer":{"key":"key/a1","purpose":"announced","debit":"@payments","credit":"@transit","amount":"20.00000","currency":"EUR","memo":"soon"},"method":"bank","due":1796860800000}}}', '\xb2e52b1df86119350880ddea155b4d092eb92845a76b762120bc1188f00a4f14');
INSERT INTO public.entry VALUES ('@central', 6, 'acme', 1796000169660, '{"v":1,"at":1796000169660,"account":"acme","body":{"announced":{"transfer":{"key":"key/a2","purpose":"announced","debit":"@payments","credit":"@transit","amount":"30.00000","currency":"EUR","memo":"later"},"method":"bank","due":1796860800000}}}', '\x0abf9542f540600fcafc0f8c0b686db929f7454e6424ce56b24636d2280daddd');
INSERT INTO public.entry VALUES ('@central', 7, 'acme', 1796000169816, '{"v":1,"at":1796000169816,"account":"acme","body":{"top_up":{"transfer":{"key":"key/b1","purpose":"top_up","debit":"@transit","credit":"acme","amount":"19.50000","currency":"EUR","memo":"soon"},"fee":{"key":"part/1/b1","purpose":"fee","debit":"@transit","credit":"@fees","amount":"0.50000","currency":"EUR","memo":"soon"},"of":"key/a1"}}}', '\x797efd4eb8173c546c1654205bcc815244d401d8de4e67d26f1420c82218b557');
INSERT INTO public.entry VALUES ('@central', 8, 'acme', 1796000169994, '{"v":1,"at":1796000169994,"account":"acme","body":{"charged":{"pieces":3,"price":"0.10000","transfer":{"key":"key/c1","purpose":"charge","debit":"acme","credit":"@revenue","amount":"0.30000","currency":"EUR","memo":"fax pages: 3 x 0.10000"}}}}', '\x174d074e61d86dc16d5a975fbb4449423dcde8430cbaab367b1debbf9b3e8e3a');
INSERT INTO public.entry VALUES ('@central', 11, 'acme', 1796000170440, '{"v":1,"at":1796000170440,"account":"acme","body":{"account_changed":{"terms":{"decks":["retail"],"low_balance":"8.00000","email":"ops@acme.example","language":"es"},"limit":"0.00000"}}}', '\x1bc845479c5fceb34f1eca3d84e94adcd0094d83fbc8ddb41a2c44fcedaca8ab');
INSERT INTO public.entry VALUES ('@central', 9, 'acme', 1796000170187, '{"v":1,"at":1796000170187,"account":"acme","body":{"corrected":{"transfer":{"key":"key/x1","purpose":"correction","debit":"acme","credit":"@corrections","amount":"18.00000","currency":"EUR","memo":"counted twice"}}}}', '\x3847e703ccd6465c559649cb5f1d9fe4b24a782e468c874776e2ec2ce1d4b08b');
INSERT INTO public.entry VALUES ('@central', 10, 'acme', 1796000170302, '{"v":1,"at":1796000170302,"account":"acme","body":{"reversed":{"of":"key/t1","transfers":[{"key":"key/v1","purpose":"reversal","debit":"acme","credit":"@payments","amount":"5.00000","currency":"EUR","memo":"chargeback"}]}}}', '\xb6f7f5eb5567245fd1832dde92a0b01f91771a966d1a8fbe70a69f819880fbf4');
INSERT INTO public.entry VALUES ('n2', 16, 'acme', 1796000170980, '{"v":1,"at":1796000170980,"account":"acme","body":{"account_changed":{"terms":{"decks":["retail"],"email":"ops@acme.example","language":"es"},"limit":"0.00000"}}}', '\x06017002411b255cfeaeb8aa64a7e2b19467cdf964d420c78d54fc0e87eec50b');
INSERT INTO public.entry VALUES ('n2', 17, 'acme', 1796000172673, '{"v":1,"at":1796000172673,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n2.8c7728c1b1c81524.end0/acme","purpose":"slice","debit":"acme","credit":"@slices","amount":"1.94000","currency":"EUR"}}}}', '\xa20a5829c66f05f09871c18e16ceb2d7851adf9397f73eb5a31be236574c08db');
INSERT INTO public.entry VALUES ('n2', 18, 'acme', 1796000172673, '{"v":1,"at":1796000172673,"account":"acme","body":{"slice":{"transfer":{"key":"key/slice/n2.8c7728c1b1c81524.end0/acme/free","purpose":"slice","debit":"acme/free","credit":"@slices","amount":"0.56250","currency":"SEC"}}}}', '\x14b96ea4ad03b511f9935ff7cad69a6378e7163ec7b7e72f936538d590681cd6');
INSERT INTO public.entry VALUES ('n2', 19, 'acme:shop', 1796000172673, '{"v":1,"at":1796000172673,"account":"acme:shop","body":{"slice":{"transfer":{"key":"key/slice/n2.8c7728c1b1c81524.end0/acme:shop","purpose":"slice","debit":"acme:shop","credit":"@slices","amount":"0.72413","currency":"EUR"}}}}', '\xd7ca74e936e5abfa5c781cc6bc3fd2c81224b531d13616c21a937c67d61cca8b');


--
-- Data for Name: form; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.form VALUES (1, 2, 4, NULL);


--
-- Data for Name: house; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.house VALUES ('@central', 'EUR', '@opening', -1100000);
INSERT INTO public.house VALUES ('@central', 'SEC', '@minutes', -300000);
INSERT INTO public.house VALUES ('n1', 'EUR', '@revenue', 6000);
INSERT INTO public.house VALUES ('n2', 'EUR', '@revenue', 6000);
INSERT INTO public.house VALUES ('n2', 'EUR', '@reseller-revenue', 2000);
INSERT INTO public.house VALUES ('@central', 'EUR', '@transit', 3000000);
INSERT INTO public.house VALUES ('@central', 'EUR', '@fees', 50000);
INSERT INTO public.house VALUES ('@central', 'EUR', '@revenue', 30000);
INSERT INTO public.house VALUES ('@central', 'EUR', '@corrections', 1800000);
INSERT INTO public.house VALUES ('@central', 'EUR', '@payments', -5000000);


--
-- Data for Name: lent; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: node; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.node VALUES ('@central', 0, 0, 11, '\x1bc845479c5fceb34f1eca3d84e94adcd0094d83fbc8ddb41a2c44fcedaca8ab', 0, false, 0, 0);
INSERT INTO public.node VALUES ('n1', 1, 5451293889778213097, 18, '\x5f7fea7e19b51020532e32585ba7264fb9c6681b3504a614122f2aba8307f538', 5, false, 1796000172081, 1796003772081);
INSERT INTO public.node VALUES ('n2', 1, -8325140573794593500, 19, '\xd7ca74e936e5abfa5c781cc6bc3fd2c81224b531d13616c21a937c67d61cca8b', 6, false, 1796000172462, 1796003772462);


--
-- Data for Name: notice; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outcome; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outcome VALUES ('acme', 'key/a1', '{"booked":"b1"}');
INSERT INTO public.outcome VALUES ('acme', 'key/t1', '{"reversed":"v1"}');


--
-- Data for Name: slice; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.slice VALUES ('acme', 'n1', 200000, 194000, 6000);
INSERT INTO public.slice VALUES ('acme/free', 'n1', 75000, 75000, 0);
INSERT INTO public.slice VALUES ('acme:shop', 'n1', 78125, 78125, 0);
INSERT INTO public.slice VALUES ('acme', 'n2', 200000, 194000, 6000);
INSERT INTO public.slice VALUES ('acme/free', 'n2', 56250, 56250, 0);
INSERT INTO public.slice VALUES ('acme:shop', 'n2', 74413, 72413, 2000);


--
-- Data for Name: told; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: account account_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name);


--
-- Name: booking booking_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_pkey PRIMARY KEY (account, key);


--
-- Name: cdr cdr_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdr
    ADD CONSTRAINT cdr_id_key UNIQUE (id);


--
-- Name: cdr cdr_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cdr
    ADD CONSTRAINT cdr_pkey PRIMARY KEY (node, seq);


--
-- Name: entry entry_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (node, seq);


--
-- Name: form form_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.form
    ADD CONSTRAINT form_pkey PRIMARY KEY (one);


--
-- Name: house house_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.house
    ADD CONSTRAINT house_pkey PRIMARY KEY (node, currency, house);


--
-- Name: lent lent_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lent
    ADD CONSTRAINT lent_pkey PRIMARY KEY (id);


--
-- Name: node node_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (name);


--
-- Name: notice notice_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (id);


--
-- Name: outcome outcome_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outcome
    ADD CONSTRAINT outcome_pkey PRIMARY KEY (account, of_key);


--
-- Name: slice slice_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.slice
    ADD CONSTRAINT slice_pkey PRIMARY KEY (account, node);


--
-- Name: told told_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.told
    ADD CONSTRAINT told_pkey PRIMARY KEY (deck);


--
-- Name: account_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX account_due ON public.account USING btree (due_ms);


--
-- Name: account_pockets; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX account_pockets ON public.account USING btree (pocket_of);


--
-- Name: booking_of_request; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX booking_of_request ON public.booking USING btree (account, request);


--
-- Name: cdr_of_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX cdr_of_account ON public.cdr USING btree (account, ended_ms);


--
-- Name: entry_of_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX entry_of_account ON public.entry USING btree (account, at_ms);


--
-- Name: lent_to_node; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX lent_to_node ON public.lent USING btree (node);


--
-- Name: notice_of_node; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX notice_of_node ON public.notice USING btree (node);


--
-- Name: slice_of_node; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX slice_of_node ON public.slice USING btree (node);


--
-- PostgreSQL database dump complete
--


