//! `make run`: a control plane, the simulated service and the operator come up, samples of every transport are applied, and
//! a simulated person scans, follows links and refuses to pay, until every sample is where it belongs.
//!
//! `stage` brings everything up and down, `person` acts on what a person would see, `table` shows and judges.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod person;
mod stage;
mod table;

use std::{process::ExitCode, time::Duration};

use person::Person;
use stage::Stage;
use table::Table;

/// How long the samples may take to get where they belong.
const PATIENCE: Duration = Duration::from_secs(180);

/// What goes wrong ends the demo with a sentence.
type Failure = String;

#[tokio::main]
async fn main() -> ExitCode {
    let once = std::env::args().any(|argument| argument == "--once");
    let interrupted = async {
        // Without signals there is nothing to wait for; the demo then ends by itself or is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => {
            println!("\nstopping");
            ExitCode::from(u8::from(once))
        }
        done = show(once) => match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("demo: {failure}");
                ExitCode::FAILURE
            }
        }
    }
}

async fn show(once: bool) -> Result<(), Failure> {
    let mut stage = Stage::raise().await?;
    println!("\nTo look yourself, in another terminal:\n{}\n", stage.exports());
    stage.apply_samples().await?;
    let mut person = Person::default();
    let mut table = Table::default();
    let mut looks = 0_u32;
    loop {
        stage.check_operator()?;
        person.act(&stage).await?;
        if let Some(page) = table.look(&stage).await? {
            println!("{page}");
        }
        if table.is_complete() && person.is_satisfied(&stage).await? {
            break;
        }
        looks += 1;
        if Duration::from_millis(500) * looks > PATIENCE {
            return Err(format!(
                "these are not where they belong: {}; see {}",
                table.missing().join(", "),
                stage.log().display()
            ));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("Every sample is where it belongs.");
    if once {
        return stage.clear().await;
    }
    println!(
        "Everything stays up until Ctrl-C. Try: kubectl get wazzup; kubectl describe wazzupchannel unpaid; kubectl delete wazzupchannel telegram"
    );
    println!("{}", stage.exports());
    let service = stage.service();
    println!("For an account of your own: spec.apiUrl: {service} ; the tokens and passwords of docs/ are valid there.");
    println!(
        "The simulated person serves the samples alone. For channels of your own, play it (ID: .status.channelId):"
    );
    for (act, body) in [
        ("scan", r#"{"channel_id":"ID","phone":"79990000009"}"#),
        ("follow", r#"{"link":"LINK"}"#),
        ("status", r#"{"channel_id":"ID","status":"disabled","reason":"qridle"}"#),
        ("delete", r#"{"channel_id":"ID"}"#),
    ] {
        println!("  curl -d '{body}' {service}/person/{act}");
    }
    loop {
        stage.check_operator()?;
        person.act(&stage).await?;
        if let Some(page) = table.look(&stage).await? {
            println!("{page}");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
