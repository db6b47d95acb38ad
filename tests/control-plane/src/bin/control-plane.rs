//! `control-plane build` builds the programs into the cache; `control-plane run` starts a control plane and stays up.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

use std::{io::Read, process::ExitCode};

use control_plane::{ControlPlane, Error, Programs};

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("build") => {
            Programs::find(|line| eprintln!("{line}")).map(|found| println!("{}", found.kubectl.display()))
        }
        Some("run") => run(),
        _ => {
            eprintln!(
                "usage: control-plane build | run\n  build  find or build etcd, kube-apiserver, kube-controller-manager and kubectl\n  run    start them, print a KUBECONFIG line, stay up until standard input ends or Ctrl-C"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("control-plane: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let plane = ControlPlane::start()?;
    println!("export KUBECONFIG={}", plane.kubeconfig().display());
    // Ends with our input; Ctrl-C ends us at once, and the guards then end the rest.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}
