//! Brings everything up and down.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use control_plane::ControlPlane;
use kube::{Client, core::DynamicObject};
use wazzup_simulator::{Options, Simulator, Timings};

use crate::Failure;

/// The account that the samples use.
pub(crate) const ACCOUNT: &str = "12345678";
/// The samples' own placeholder: the simulated service accepts it.
const TOKEN: &str = "replace-with-the-client-access-token";
const PASSWORD: &str = "replace-with-the-two-factor-password";
const UNPAID: &str = "999:nobody-pays-for-this-bot";
/// Where everything in the repository is found.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Everything that runs. The operator is dropped first, the control plane last.
pub(crate) struct Stage {
    operator: Operator,
    pub(crate) simulator: Simulator,
    pub(crate) client: Client,
    plane: ControlPlane,
}

/// The operator's own program, ended with the demo.
struct Operator {
    child: Child,
    log: PathBuf,
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fail<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Failure {
    move |error| format!("{what}: {error}")
}

impl Stage {
    pub(crate) async fn raise() -> Result<Self, Failure> {
        println!("Starting a Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager) ...");
        let plane = tokio::task::spawn_blocking(ControlPlane::start)
            .await
            .map_err(fail("starting the control plane"))?
            .map_err(fail("starting the control plane"))?;
        println!("Starting a simulated Wazzup ...");
        let timings = Timings {
            start: 700,
            qr: 15_000,
            qr_count: 20,
            sync: 1_500,
            token_seconds: 3_600,
        };
        let simulator = Simulator::start(Options {
            timings,
            ..Options::default()
        })
        .await;
        simulator.with(|world, _| {
            world.add_account(ACCOUNT, TOKEN);
            world.set_two_factor("tgapi", Some(PASSWORD));
            // The placeholders of docs/operations.md serve here.
            world.set_partner(ACCOUNT, "partner@example.com", "replace-with-the-password");
            world.grant_refresh_token(ACCOUNT, "replace-with-the-refresh-token");
            world.refuse_to_pay(UNPAID);
        });
        println!("Installing: kubectl apply -f crds/ && kubectl apply -k deploy/");
        kubectl(&plane, &["apply", "-f", &format!("{ROOT}/crds")], None).await?;
        kubectl(&plane, &["apply", "-k", &format!("{ROOT}/deploy")], None).await?;
        let client = plane.client().await.map_err(fail("talking to the control plane"))?;
        let kubeconfig = plane
            .kubeconfig_for_service_account("wazzup-system", "wazzup-operator")
            .await
            .map_err(fail("getting the operator's own access"))?;
        println!("Starting the operator, with the rights that deploy/ grants and no others ...");
        let operator = start_operator(&plane, &simulator, &kubeconfig)?;
        Ok(Self {
            operator,
            simulator,
            client,
            plane,
        })
    }

    /// The samples, with the simulated service's address in place of the real one.
    pub(crate) async fn apply_samples(&self) -> Result<(), Failure> {
        let folder = format!("{ROOT}/deploy/samples");
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .map_err(fail("reading the samples"))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        files.sort();
        files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("unpaid.yaml"));
        let mut manifests = String::new();
        for file in files
            .iter()
            .filter(|file| file.extension().is_some_and(|kind| kind == "yaml"))
        {
            manifests.push_str("---\n");
            manifests.push_str(&fs::read_to_string(file).map_err(fail("reading a sample"))?);
        }
        println!("Applying the samples: kubectl apply -f deploy/samples/");
        let manifests = manifests.replace("https://tech.wazzup24.com", &self.simulator.url());
        kubectl(&self.plane, &["apply", "-f", "-"], Some(manifests)).await?;
        Ok(())
    }

    pub(crate) fn check_operator(&mut self) -> Result<(), Failure> {
        match self.operator.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!(
                "the operator ended by itself ({status}); its log: {}",
                tail(&self.operator.log)
            )),
            Err(error) => Err(format!("the operator cannot be watched: {error}")),
        }
    }

    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<String, Failure> {
        kubectl(&self.plane, arguments, None).await
    }

    /// Objects of one of the two kinds in the samples' namespace.
    pub(crate) async fn objects(&self, kind: &str, plural: &str) -> Result<Vec<DynamicObject>, Failure> {
        let kind = kube::core::ApiResource {
            group: "wazzup24.com".into(),
            version: "v1alpha1".into(),
            api_version: "wazzup24.com/v1alpha1".into(),
            kind: kind.into(),
            plural: plural.into(),
        };
        let objects = kube::Api::<DynamicObject>::namespaced_with(self.client.clone(), "default", &kind);
        let listed = objects
            .list(&kube::api::ListParams::default())
            .await
            .map_err(fail("listing"))?;
        Ok(listed.items)
    }

    /// What to set in a terminal; the machine may have no kubectl of its own.
    pub(crate) fn exports(&self) -> String {
        let kubectl = self.plane.kubectl_path();
        let folder = kubectl.parent().unwrap_or(Path::new("."));
        format!(
            "  export KUBECONFIG={}\n  export PATH=\"$PATH:{}\"   # kubectl, where there is none",
            self.plane.kubeconfig().display(),
            folder.display()
        )
    }

    pub(crate) fn service(&self) -> String {
        self.simulator.url()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.operator.log
    }

    /// Deletes everything again and looks whether the service kept a channel.
    pub(crate) async fn clear(&self) -> Result<(), Failure> {
        println!("Deleting everything again ...");
        self.kubectl(&["delete", "wazzupchannels", "--all", "--timeout=60s"])
            .await?;
        self.kubectl(&["delete", "wazzupaccounts", "--all", "--timeout=60s"])
            .await?;
        let left = self.simulator.with(|world, _| world.channels_of(ACCOUNT).len());
        let rows = self.simulator.with(|world, _| world.rows(ACCOUNT).len());
        let maps = self
            .kubectl(&[
                "get",
                "configmaps",
                "-l",
                "app.kubernetes.io/managed-by=wazzup-operator",
                "-o",
                "name",
            ])
            .await?;
        if left + rows > 0 || !maps.trim().is_empty() {
            return Err(format!(
                "left behind: {left} channels and {rows} subscriptions at the service, ConfigMaps: {maps}"
            ));
        }
        println!("The service holds no channel and no subscription any more. Done.");
        Ok(())
    }
}

fn start_operator(plane: &ControlPlane, simulator: &Simulator, kubeconfig: &Path) -> Result<Operator, Failure> {
    let program = std::env::current_exe()
        .ok()
        .and_then(|demo| demo.parent().map(|folder| folder.join("wazzup-operator")))
        .filter(|program| program.is_file())
        .ok_or("the operator was not built: run 'make run', which builds it first")?;
    let log = plane.folder().join("operator.log");
    let out = fs::File::create(&log).map_err(fail("making the operator's log"))?;
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(fail("looking for a free port"))?
        .port();
    let child = Command::new(program)
        .env("KUBECONFIG", kubeconfig)
        .args(["--leader-namespace", "wazzup-system"])
        .args(["--webhook-listen", &format!("127.0.0.1:{port}")])
        .args(["--webhook-url", &format!("http://127.0.0.1:{port}")])
        .args(["--metrics-listen", "127.0.0.1:0"])
        .args(["--allowed-api-hosts", &simulator.host()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(out)
        .spawn()
        .map_err(fail("starting the operator"))?;
    Ok(Operator { child, log })
}

/// Runs kubectl to its end, on a thread of its own: the simulated service lives on these.
async fn kubectl(plane: &ControlPlane, arguments: &[&str], input: Option<String>) -> Result<String, Failure> {
    use std::io::Write;
    let mut command = plane.kubectl_command();
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ran = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.unwrap_or_default().as_bytes())?;
        }
        child.wait_with_output()
    });
    let output = ran
        .await
        .map_err(fail("running kubectl"))?
        .map_err(fail("running kubectl"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("kubectl {}: {}", arguments.join(" "), said))
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
