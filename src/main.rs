//! The operator's program: parse arguments, run one command.

fn main() {
    use std::io::Write;
    for (name, yaml) in wazzup_operator::api::crd::manifests().unwrap_or_default() {
        let _ = writeln!(std::io::stdout(), "---\n# {name}\n{yaml}");
    }
}
