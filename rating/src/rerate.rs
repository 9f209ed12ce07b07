//! Calls from a file at the prices of a deck: `call_id,answered_at,number,duration_ms` in, the same with prices out.
