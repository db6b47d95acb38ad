//! Commands and flags; every flag is also an environment variable.

use std::net::SocketAddr;

use clap::{Parser, Subcommand, ValueEnum};

/// Makes messenger channels at Wazzup Kubernetes objects.
#[derive(Debug, Parser)]
#[command(
    name = "wazzup-operator",
    version,
    about = "Makes messenger channels at Wazzup Kubernetes objects: WazzupAccount and WazzupChannel.",
    long_about = "Makes messenger channels at Wazzup Kubernetes objects.\n\nInstall the kinds first (wazzup-operator crds | kubectl apply -f -), then run it in the cluster or with a kubeconfig. It creates, reinitializes and deletes the channels that WazzupChannel objects declare, mirrors their status, and puts login QR codes into ConfigMaps.",
    after_help = "Without a command it runs. It uses the usual kubeconfig, or the service account in a pod. RUST_LOG filters the logs, for example RUST_LOG=info,wazzup_operator=debug."
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Flags of `run`, the default command.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the operator (default).
    Run,
    /// Print the two custom resource definitions as YAML.
    Crds,
}

/// Flags of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Watch this namespace alone (repeatable); then no `ClusterRole` is needed. Default: all namespaces.
    #[arg(
        long = "namespace",
        value_name = "NS",
        env = "WAZZUP_OPERATOR_NAMESPACE",
        value_delimiter = ',',
        global = true
    )]
    pub namespaces: Vec<String>,

    /// Where webhooks are received.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "WAZZUP_OPERATOR_WEBHOOK_LISTEN",
        default_value = "0.0.0.0:8080",
        global = true
    )]
    pub webhook_listen: SocketAddr,

    /// The public base URL under which the receiver is reached, for example <https://hooks.example.com>. Without it
    /// Managed accounts say `WebhooksSubscribed=False` / `NoPublicUrl`, no QR arrives, and the rest works.
    #[arg(long, value_name = "URL", env = "WAZZUP_OPERATOR_WEBHOOK_URL", global = true)]
    pub webhook_url: Option<String>,

    /// Where /metrics, /healthz and /readyz are served.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "WAZZUP_OPERATOR_METRICS_LISTEN",
        default_value = "0.0.0.0:9090",
        global = true
    )]
    pub metrics_listen: SocketAddr,

    /// Hosts that accounts may name in spec.apiUrl, as host or host:port, comma-separated or repeated; plain http only for
    /// loopback addresses.
    #[arg(
        long,
        value_name = "HOST",
        env = "WAZZUP_OPERATOR_ALLOWED_API_HOSTS",
        default_value = "tech.wazzup24.com",
        value_delimiter = ',',
        global = true
    )]
    pub allowed_api_hosts: Vec<String>,

    /// Wait for the lease `wazzup-operator` before changing anything.
    #[arg(long, value_name = "BOOL", env = "WAZZUP_OPERATOR_LEADER_ELECT", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", global = true)]
    pub leader_elect: bool,

    /// The lease's namespace. Default: the pod's own; outside a pod it must be said, so that no two operators lead.
    #[arg(long, value_name = "NS", env = "WAZZUP_OPERATOR_LEADER_NAMESPACE", global = true)]
    pub leader_namespace: Option<String>,

    /// Passes at once.
    #[arg(long, value_name = "N", env = "WAZZUP_OPERATOR_CONCURRENCY", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024), global = true)]
    pub concurrency: u16,

    /// How logs are written. Default: text on a terminal, json elsewhere.
    #[arg(long, value_name = "FORMAT", env = "WAZZUP_OPERATOR_LOG_FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_runs_with_the_documented_defaults() {
        let args = Args::parse_from(["wazzup-operator"]);
        assert_eq!(args.command, None);
        assert_eq!(args.run.concurrency, 32);
        assert_eq!(args.run.allowed_api_hosts, ["tech.wazzup24.com"]);
        assert!(args.run.leader_elect);
    }

    #[test]
    fn leader_election_can_be_switched_off_and_lists_can_be_repeated() {
        let args = Args::parse_from([
            "x",
            "run",
            "--leader-elect=false",
            "--namespace",
            "a",
            "--namespace",
            "b,c",
        ]);
        assert!(!args.run.leader_elect);
        assert_eq!(args.run.namespaces, ["a", "b", "c"]);
    }
}
