//! Workloads: reads the files, plays them, and says how it went.
//!
//! * [`input`]: lines of plain or compressed files and of standard input.
//! * [`mod@line`]: what a line says.
//! * [`player`]: sends the commands of a file to the workers as fast as they take them.
//! * [`resumed`]: whether an earlier run played all of a file.
//! * [`scoreboard`]: counts replies and measures how long they took.
//! * [`report`]: the figures of a run as JSON, as a page and as a table.
//! * [`generate`]: makes workload files.

pub mod generate;
pub mod input;
pub mod line;
pub mod played;
pub mod player;
pub mod report;
pub mod resumed;
pub mod scoreboard;
