//! The operator's program: parse arguments, run one command.

fn main() {}
