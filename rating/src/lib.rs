//! rating
#![forbid(unsafe_code)]
