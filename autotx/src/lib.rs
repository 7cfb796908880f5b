//! autotx
