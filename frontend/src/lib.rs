//! What people and programs outside see: accounts and, later, everything else as JSON.

pub mod account_view;

pub use account_view::{AccountView, StateView};
