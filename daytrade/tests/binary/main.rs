//! Runs the program as its users do, and looks at what it says and leaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

mod common;
#[path = "../../../audit_logger/tests/elasticsearch/node.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod elasticsearch_node;
#[path = "../../../audit_logger/tests/postgres/server.rs"]
#[allow(dead_code, reason = "each test takes what it needs")]
mod postgres;

mod audit;
mod bad_input;
mod disk_full;
mod engines;
mod experiments;
mod first_steps;
mod foreign_text;
mod from_postgres;
mod interrupt;
// The slow reading of the rules that the rules themselves are tested against.
#[path = "../../../domain/tests/invariants/model.rs"]
mod model;
mod one_grammar;
mod orders;
mod outputs;
mod parquet_export;
mod proof;
mod quote_server;
mod replay_course;
mod reports;
mod resume;
mod retain;
mod search_store;
mod snapshot;
mod stores;
mod tls_proxy;
#[allow(dead_code, reason = "each test takes what it needs")]
mod victim;
mod virtual_clock;
