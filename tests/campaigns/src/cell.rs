//! One run with a verdict.

use std::{future::Future, pin::Pin, time::Duration};

/// How a cell ended. A skipped one is never counted as passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The promise held, and the fault was really met.
    Passed,
    /// The same, with a figure for the table.
    Told(String),
    /// It did not; why.
    Failed(String),
    /// It could not be shown here; why.
    Skipped(String),
}

/// How long a cell may take, unless it says otherwise: longer than its longest wait.
const PATIENCE: Duration = Duration::from_secs(600);

type Run = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send>;

/// One run: which campaign, what is done, and how.
pub struct Cell {
    /// `C1`, `C3s`, …
    pub campaign: &'static str,
    /// What is done, in words that find it again.
    pub name: String,
    /// Whether nothing else may run beside it: it measures what a machine can do.
    pub alone: bool,
    patience: Duration,
    run: Run,
}

impl Cell {
    /// A cell whose run says by itself how it ended; a panic is a failure.
    pub fn new<F>(campaign: &'static str, name: impl Into<String>, run: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        Self {
            campaign,
            name: name.into(),
            alone: false,
            patience: PATIENCE,
            run: Box::new(move || Box::pin(run())),
        }
    }

    /// The same, with nothing beside it.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// The same, and it may take so long.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Plays it to its end; one that takes too long has failed.
    pub async fn play(self) -> Outcome {
        let patience = self.patience;
        let run = tokio::spawn((self.run)());
        let stop = run.abort_handle();
        match tokio::time::timeout(patience, run).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Failed(words(error)),
            Err(_) => {
                stop.abort();
                Outcome::Failed(format!("not over after {} s", patience.as_secs()))
            }
        }
    }
}

fn words(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "panicked".to_owned()),
        Err(error) => error.to_string(),
    }
}
