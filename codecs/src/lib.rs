//! codecs
#![forbid(unsafe_code)]
