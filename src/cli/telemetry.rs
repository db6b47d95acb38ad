//! Logs, and what is left of a panic in them.

use std::{any::Any, io::IsTerminal, panic::PanicHookInfo};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, filter::filter_fn, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::args::LogFormat;

/// What speaks when `RUST_LOG` says nothing: the libraries are held to warnings, and the one that repeats each failed
/// call to silence.
const USUAL: &str = "info,kube=warn,kube_client=off,hyper=warn,reqwest=warn";

/// Starts logging to standard error.
pub(super) fn start(format: Option<LogFormat>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    // Somebody else's logging is in place: then it is used.
    drop(match format {
        LogFormat::Json => json(filter, std::io::stderr).try_init(),
        LogFormat::Text => tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(terminal)
            .finish()
            .with(filter_fn(may_speak))
            .try_init(),
    });
    std::panic::set_hook(Box::new(report));
}

fn json<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync + 'static
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .json()
        .flatten_event(true)
        .finish()
        .with(filter_fn(may_speak))
}

/// What no `RUST_LOG` can switch on: the Kubernetes client quotes answers of the API server that it cannot read, as a
/// warning and whole, and those are Secrets as well.
fn may_speak(what: &Metadata<'_>) -> bool {
    match what.target() {
        "kube_client::client" => false,
        "kube_runtime::watcher" => *what.level() <= Level::WARN,
        _ => true,
    }
}

/// Says where a panic was, and its words only where they are fixed: formatted ones may quote the value that they are about.
fn report(panic: &PanicHookInfo<'_>) {
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        at,
        why = words(panic.payload()),
        "something panicked: a defect of the operator"
    );
}

fn words(payload: &(dyn Any + Send)) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("(words that may hold values are not shown)")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use k8s_openapi::api::core::v1::Secret;

    use super::*;

    /// What a program that logs everything would write.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        fn logs(&self) -> impl Subscriber + Send + Sync + 'static {
            let page = self.clone();
            json(EnvFilter::new("trace"), move || page.clone())
        }
    }

    /// Asks for a Secret; the API server's answer breaks off.
    async fn ask_for_a_secret(body: &str) -> Result<Secret, kube::Error> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        crate::wazzup::install_tls();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let client = kube::Client::try_from(kube::Config::new(address.parse().unwrap())).unwrap();
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            stream
        };
        let secrets = kube::Api::namespaced(client, "shops");
        tokio::join!(secrets.get("bot"), answer).0
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_read_is_quoted_by_no_log_whatever_is_asked_for() {
        let page = Page::default();
        let logging = tracing::subscriber::set_default(page.logs());
        let failed = ask_for_a_secret(r#"{"data": {"token": "canary""#).await;
        tracing::trace!("the end");
        drop(logging);
        assert!(failed.is_err());
        let told = page.text();
        assert!(told.contains("the end") && !told.contains("canary"), "{told}");
    }

    #[test]
    fn of_a_panic_the_place_is_told_and_no_value() {
        let page = Page::default();
        let before = std::panic::take_hook();
        let logs = page.logs();
        std::panic::set_hook(Box::new(report));
        tracing::subscriber::with_default(logs, || {
            let word = String::from("canary-\u{444}");
            // The standard library's own words quote what was cut in the middle of a letter.
            let _ = std::panic::catch_unwind(|| word[..8].len());
            let _ = std::panic::catch_unwind(|| std::panic::panic_any(word.clone()));
            let _ = std::panic::catch_unwind(|| Err::<(), _>(word.clone()).unwrap());
            let _ = std::panic::catch_unwind(|| assert!(word.is_empty(), "a fixed sentence"));
        });
        std::panic::set_hook(before);
        let told = page.text();
        assert_eq!(told.matches("src/cli/telemetry.rs:").count(), 4, "{told}");
        assert!(told.contains("a fixed sentence") && !told.contains("canary"), "{told}");
    }
}
