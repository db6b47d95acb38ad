//! Ways to talk to a control plane: clients, service accounts, kubectl.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace, ServiceAccount},
};
use kube::{
    Api, Client, Config,
    api::{ObjectMeta, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::{
    ControlPlane, Error,
    start::{TOKEN, kubeconfig_text},
};

impl ControlPlane {
    /// The administrator's configuration. One for each tokio runtime: a client lives and dies with its runtime.
    pub async fn config(&self) -> Result<Config, Error> {
        self.config_for_token(TOKEN).await
    }

    /// The administrator's client.
    pub async fn client(&self) -> Result<Client, Error> {
        Ok(Client::try_from(self.config().await?)?)
    }

    async fn config_for_token(&self, token: &str) -> Result<Config, Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::from_yaml(&kubeconfig_text(&self.url, token, "default")).map_err(Box::new)?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(Box::new)?;
        config.default_retry = false;
        Ok(config)
    }

    /// A kubeconfig file for a service account, which is made when it is not there.
    pub async fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let token = self.service_account_token(namespace, name).await?;
        let path = self.folder.path.join(format!("kubeconfig-{namespace}-{name}"));
        std::fs::write(&path, kubeconfig_text(&self.url, &token, namespace))
            .map_err(Error::io("writing a kubeconfig"))?;
        Ok(path)
    }

    /// A client of a service account, which is made when it is not there.
    pub async fn client_for_service_account(&self, namespace: &str, name: &str) -> Result<Client, Error> {
        let token = self.service_account_token(namespace, name).await?;
        Ok(Client::try_from(self.config_for_token(&token).await?)?)
    }

    async fn service_account_token(&self, namespace: &str, name: &str) -> Result<String, Error> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        if accounts.get_opt(name).await?.is_none() {
            let metadata = ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            };
            accounts
                .create(
                    &PostParams::default(),
                    &ServiceAccount {
                        metadata,
                        ..ServiceAccount::default()
                    },
                )
                .await?;
        }
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(86_400),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let made = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await?;
        Ok(made.status.map(|status| status.token).unwrap_or_default())
    }

    /// Makes a namespace with a name of its own.
    pub async fn namespace(&self, prefix: &str) -> Result<String, Error> {
        let namespaces: Api<Namespace> = Api::all(self.client().await?);
        let metadata = ObjectMeta {
            generate_name: Some(format!("{prefix}-")),
            ..ObjectMeta::default()
        };
        let made = namespaces
            .create(
                &PostParams::default(),
                &Namespace {
                    metadata,
                    ..Namespace::default()
                },
            )
            .await?;
        Ok(made.metadata.name.unwrap_or_default())
    }

    /// kubectl of the control plane's own version, as the administrator.
    pub fn kubectl_command(&self) -> Command {
        let mut command = Command::new(&self.programs.kubectl);
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Runs kubectl to its end.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output, Error> {
        self.kubectl_command()
            .args(arguments)
            .output()
            .map_err(Error::io("running kubectl"))
    }

    /// Runs kubectl with a manifest on standard input.
    pub fn kubectl_with(&self, arguments: &[&str], manifest: &str) -> Result<Output, Error> {
        use std::{io::Write, process::Stdio};
        let mut command = self.kubectl_command();
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Error::io("running kubectl"))?;
        if let Some(mut input) = child.stdin.take() {
            input
                .write_all(manifest.as_bytes())
                .map_err(Error::io("writing to kubectl"))?;
        }
        child.wait_with_output().map_err(Error::io("waiting for kubectl"))
    }

    /// Where the programs are.
    pub fn kubectl_path(&self) -> PathBuf {
        self.programs.kubectl.clone()
    }
}
