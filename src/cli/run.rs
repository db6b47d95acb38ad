//! Runs one command.

use std::{io::Write, process::ExitCode};

use kube::config::{InferConfigError, KubeconfigError};
use tokio_util::sync::CancellationToken;

use super::{
    args::{Args, Command, RunArgs},
    telemetry,
};
use crate::{
    api::crd,
    cluster::secrets,
    controller::{self, Options},
    wazzup::{self, AllowedHosts},
};

/// Executes the command that was given; says on standard error what went wrong.
pub async fn execute(args: Args) -> ExitCode {
    let result = match args.command.unwrap_or(Command::Run) {
        Command::Crds => print_crds(),
        Command::Run => run(args.run).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "wazzup-operator: {message}");
            ExitCode::FAILURE
        }
    }
}

fn print_crds() -> Result<(), String> {
    let manifests = crd::manifests().map_err(|error| error.to_string())?;
    let pages: Vec<String> = manifests.into_iter().map(|(_, yaml)| yaml).collect();
    std::io::stdout()
        .write_all(pages.join("---\n").as_bytes())
        .map_err(|error| error.to_string())
}

/// How long the first call to the API server may take before it is said.
const REACH: std::time::Duration = std::time::Duration::from_secs(5);

async fn run(args: RunArgs) -> Result<(), String> {
    telemetry::start(args.log_format);
    wazzup::install_tls();
    let allowed_hosts =
        AllowedHosts::parse(&args.allowed_api_hosts).map_err(|error| format!("--allowed-api-hosts: {error}"))?;
    let webhook_url = args.webhook_url.as_deref().map(public_url).transpose()?;
    for namespace in &args.namespaces {
        if !is_a_namespace(namespace) {
            return Err(format!(
                "--namespace {namespace}: not a namespace's name: lower-case letters, digits and '-'"
            ));
        }
    }
    let mut config = kube::Config::infer().await.map_err(|error| access(&error))?;
    config.default_retry = false;
    let in_pod = std::path::Path::new("/var/run/secrets/kubernetes.io/serviceaccount/namespace").exists();
    let leader_namespace = match args.leader_namespace {
        Some(namespace) => namespace,
        None if in_pod || !args.leader_elect => config.default_namespace.clone(),
        // Two operators whose leases are in two namespaces would both lead.
        None => {
            return Err(
                "outside a pod it must be said where the lease is: --leader-namespace wazzup-system where the operator is installed there, or --leader-elect=false if no other one runs"
                    .to_owned(),
            );
        }
    };
    tracing::info!(api = %config.cluster_url, leader_namespace, "starting");
    let client = kube::Client::try_from(config).map_err(|error| format!("cannot talk to Kubernetes: {error}"))?;
    match tokio::time::timeout(REACH, client.apiserver_version()).await {
        Ok(Ok(version)) => tracing::info!(kubernetes = version.git_version, "the API server answers"),
        Ok(Err(error)) => tracing::warn!(%error, "the API server cannot be asked yet; it is tried again"),
        Err(_) => tracing::warn!("the API server does not answer yet; it is tried again"),
    }
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "operator".to_owned());
    let options = Options {
        namespaces: args.namespaces,
        webhook_listen: args.webhook_listen,
        webhook_url,
        metrics_listen: args.metrics_listen,
        allowed_hosts,
        leader_elect: args.leader_elect,
        leader_namespace,
        concurrency: args.concurrency,
        identity: format!("{host}-{}", secrets::hex(&secrets::random::<4>())),
    };
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    controller::run(client, options, stop)
        .await
        .map_err(|error| error.to_string())
}

/// Why there is no access. The text of a broken kubeconfig holds secrets, and a parser's words quote it.
fn access(error: &InferConfigError) -> String {
    let why = match std::env::var("KUBECONFIG") {
        Ok(path) => format!("the file that KUBECONFIG names ({path})"),
        Err(_) => "~/.kube/config".to_owned(),
    };
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<KubeconfigError>());
    let kind = match cause {
        Some(KubeconfigError::ReadConfig(error, _)) => format!("cannot be read: {error}"),
        Some(KubeconfigError::Parse(_)) => "is no valid kubeconfig".to_owned(),
        Some(_) | None => "cannot be used: see whether its current context, cluster and user are there".to_owned(),
    };
    format!(
        "no access to Kubernetes: there is no service account of a pod, and {why} {kind}; set KUBECONFIG or run in a pod"
    )
}

fn is_a_namespace(text: &str) -> bool {
    let inside = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|letter| inside(*letter) || *letter == b'-')
        && [bytes.first(), bytes.last()]
            .into_iter()
            .flatten()
            .all(|letter| inside(*letter))
}

/// Checks the public URL: Wazzup must be able to reach it, and its length is capped in an older version of its API.
fn public_url(text: &str) -> Result<String, String> {
    let base = text.trim_end_matches('/');
    let after = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    match after {
        Some(host) if !host.is_empty() && !base.contains(['?', '#', ' ']) && base.len() <= 90 => Ok(base.to_owned()),
        Some(_) | None => Err(format!(
            "--webhook-url {text}: must be http(s)://HOST[/PATH] of at most 90 characters, without query, for example https://hooks.example.com"
        )),
    }
}

fn stop_on_signal(stop: CancellationToken) -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: nothing new is started, what is in flight ends");
        stop.cancel();
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespaces_name_is_checked_before_it_is_watched_in_vain() {
        assert!(["shops", "a", "x-1"].iter().all(|name| is_a_namespace(name)));
        let long = "x".repeat(64);
        for wrong in ["", "Bad", "a_b", "-a", "a-", "a.b", &long] {
            assert!(!is_a_namespace(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_public_url_is_checked_before_it_is_given_to_the_service() {
        assert_eq!(
            public_url("https://hooks.example.com/"),
            Ok("https://hooks.example.com".to_owned())
        );
        for wrong in ["hooks.example.com", "ftp://x", "https://", "https://x/?a=1"] {
            assert!(public_url(wrong).is_err(), "{wrong}");
        }
    }
}
