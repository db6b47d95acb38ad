//! Starts etcd, the API server and the controller manager, and wires them together.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use crate::{
    Error,
    process::{Folder, Guarded},
    programs::{Programs, Tell},
};

/// How long a program may take to become ready.
const PATIENCE: Duration = Duration::from_secs(300);

/// The administrator's token: it opens nothing but this loopback server.
pub(crate) const TOKEN: &str = "control-plane-administrator";

/// Each request once. What is written into our own kinds and events is kept whole, since no secret may ever be in it; of a
/// service account's list of Secrets the answer, which shows whether values travelled.
const AUDIT_POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
omitManagedFields: true
rules:
  - level: Request
    verbs: [create, update, patch]
    resources: [{group: wazzup24.com}, {group: events.k8s.io}]
  - level: RequestResponse
    userGroups: ["system:serviceaccounts"]
    verbs: [list]
    resources: [{group: "", resources: [secrets]}]
  - level: Metadata
"#;

/// A running control plane; ends when it is dropped, and when this process ends in any other way.
pub struct ControlPlane {
    pub(crate) url: String,
    pub(crate) programs: Programs,
    // Dropped in this order: whoever uses etcd ends before it, the folder last.
    _controller_manager: Guarded,
    _apiserver: Guarded,
    _etcd: Guarded,
    pub(crate) folder: Folder,
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ControlPlane({})", self.url)
    }
}

impl ControlPlane {
    /// Starts a control plane on free loopback ports; ready in a few seconds once the programs are built. Progress goes
    /// to standard error.
    pub fn start() -> Result<Self, Error> {
        Self::start_telling(to_standard_error)
    }

    /// The same, with progress lines handed to `tell`.
    pub fn start_telling(tell: Tell) -> Result<Self, Error> {
        let programs = Programs::find(tell)?;
        let mut last = None;
        // A free port may be taken by somebody else before it is used.
        for _ in 0..3 {
            match Self::attempt(&programs) {
                Ok(plane) => return Ok(plane),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or(Error::NotReady {
            what: "the control plane",
            tail: String::new(),
        }))
    }

    /// One control plane for all tests of a process.
    #[allow(clippy::panic, reason = "a test without a control plane cannot go on, and says why")]
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<ControlPlane>> = OnceLock::new();
        SHARED
            .get_or_init(|| match Self::start() {
                Ok(plane) => Arc::new(plane),
                Err(error) => panic!("{error}"),
            })
            .clone()
    }

    fn attempt(programs: &Programs) -> Result<Self, Error> {
        let port = free_port()?;
        let folder = Folder::make(&format!("wazzup-control-plane-{}-{port}", std::process::id()))?;
        let at = |name: &str| folder.path.join(name);
        let (client, peer) = (free_port()?, free_port()?);
        let mut etcd = Guarded::start(
            &programs.etcd,
            &etcd_arguments(&at("etcd"), client, peer),
            at("etcd.log"),
        )?;
        wait_ready("etcd", &mut etcd, || {
            http_ready(&format!("http://127.0.0.1:{client}/health"))
        })?;
        keys(&folder.path)?;
        let url = format!("https://127.0.0.1:{port}");
        let kubeconfig = at("kubeconfig");
        write(&kubeconfig, &kubeconfig_text(&url, TOKEN, "default"))?;
        let mut apiserver = Guarded::start(
            &programs.apiserver,
            &apiserver_arguments(&folder.path, port, client),
            at("apiserver.log"),
        )?;
        wait_ready("kube-apiserver", &mut apiserver, || {
            kubectl_ready(programs, &kubeconfig)
        })?;
        let controller_manager = Guarded::start(
            &programs.controller_manager,
            &controller_arguments(&folder.path),
            at("controller-manager.log"),
        )?;
        Ok(Self {
            url,
            programs: programs.clone(),
            _controller_manager: controller_manager,
            _apiserver: apiserver,
            _etcd: etcd,
            folder,
        })
    }

    /// The folder that holds its files; gone with it.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path.join("kubeconfig")
    }
}

#[allow(clippy::print_stderr, reason = "progress of a long build")]
fn to_standard_error(line: &str) {
    eprintln!("{line}");
}

fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("looking for a free port"))?;
    Ok(listener
        .local_addr()
        .map_err(Error::io("looking for a free port"))?
        .port())
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::io(format!("writing {}", path.display())))
}

/// The key pair for service account tokens, the token file and the audit policy.
fn keys(folder: &Path) -> Result<(), Error> {
    write(
        &folder.join("tokens"),
        &format!("{TOKEN},administrator,administrator,\"system:masters\"\n"),
    )?;
    write(&folder.join("audit-policy.yaml"), AUDIT_POLICY)?;
    let (private, public) = key_pair()?;
    write(&folder.join("service-accounts.key"), &private)?;
    write(&folder.join("service-accounts.pub"), &public)
}

/// What precedes the point of a P-256 key in a `SubjectPublicKeyInfo` (RFC 5480).
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A fresh P-256 key in PEM, its private and its public part.
fn key_pair() -> Result<(String, String), Error> {
    let failed = || Error::io("making a key")(std::io::Error::other("no randomness"));
    let random = ring::rand::SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| failed())?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref(), &random).map_err(|_| failed())?;
    let public = [P256.as_slice(), pair.public_key().as_ref()].concat();
    let pem = |kind: &str, bytes: &[u8]| {
        format!(
            "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
            STANDARD.encode(bytes)
        )
    };
    Ok((pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", &public)))
}

fn etcd_arguments(data: &Path, client: u16, peer: u16) -> Vec<String> {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    [
        ("data-dir", data.display().to_string()),
        ("listen-client-urls", client.clone()),
        ("advertise-client-urls", client),
        ("listen-peer-urls", peer.clone()),
        ("initial-advertise-peer-urls", peer.clone()),
        ("initial-cluster", format!("default={peer}")),
        ("log-level", "warn".to_owned()),
        // Nothing here outlives the process, so nothing needs to reach the disk.
        ("unsafe-no-fsync", "true".to_owned()),
    ]
    .map(|(name, value)| format!("--{name}={value}"))
    .to_vec()
}

fn apiserver_arguments(folder: &Path, port: u16, etcd: u16) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    [
        ("etcd-servers", format!("http://127.0.0.1:{etcd}")),
        ("bind-address", "127.0.0.1".to_owned()),
        ("secure-port", port.to_string()),
        ("cert-dir", file("certificates")),
        ("service-account-issuer", "https://kubernetes.default.svc".to_owned()),
        ("service-account-key-file", file("service-accounts.pub")),
        ("service-account-signing-key-file", file("service-accounts.key")),
        ("token-auth-file", file("tokens")),
        ("authorization-mode", "RBAC".to_owned()),
        ("service-cluster-ip-range", "10.0.0.0/24".to_owned()),
        ("endpoint-reconciler-type", "none".to_owned()),
        ("audit-policy-file", file("audit-policy.yaml")),
        ("audit-log-path", file("audit.log")),
        ("audit-log-mode", "blocking".to_owned()),
        // Megabytes: it must not begin a new file while a test reads it.
        ("audit-log-maxsize", "1000000".to_owned()),
    ]
    .map(|(name, value)| format!("--{name}={value}"))
    .to_vec()
}

fn controller_arguments(folder: &Path) -> Vec<String> {
    let controllers = "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
                       root-ca-certificate-publisher-controller";
    let file = |name: &str| folder.join(name).display().to_string();
    [
        ("kubeconfig", file("kubeconfig")),
        ("controllers", controllers.to_owned()),
        ("service-account-private-key-file", file("service-accounts.key")),
        ("root-ca-file", file("certificates/apiserver.crt")),
        ("leader-elect", "false".to_owned()),
        // Nobody asks it, and a port that is taken would end it.
        ("secure-port", "0".to_owned()),
        // A collector that looks for new kinds every 30 s leaves owned objects lying in a test.
        ("concurrent-gc-syncs", "4".to_owned()),
    ]
    .map(|(name, value)| format!("--{name}={value}"))
    .to_vec()
}

/// A kubeconfig for a token. The server's certificate is its own and made anew each time, so it is not verified.
pub(crate) fn kubeconfig_text(url: &str, token: &str, namespace: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: local\n\
         clusters: [{{name: local, cluster: {{server: \"{url}\", insecure-skip-tls-verify: true}}}}]\n\
         users: [{{name: local, user: {{token: \"{token}\"}}}}]\n\
         contexts: [{{name: local, context: {{cluster: local, user: local, namespace: \"{namespace}\"}}}}]\n"
    )
}

fn wait_ready(what: &'static str, process: &mut Guarded, ready: impl Fn() -> bool) -> Result<(), Error> {
    let begun = now();
    loop {
        if ready() {
            return Ok(());
        }
        if process.has_ended() || begun.elapsed() > PATIENCE {
            return Err(Error::NotReady {
                what,
                tail: process.tail(),
            });
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn http_ready(url: &str) -> bool {
    use std::io::{Read, Write};
    let Some((host, path)) = url.trim_start_matches("http://").split_once('/') else {
        return false;
    };
    let Ok(mut stream) = std::net::TcpStream::connect(host) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let asked = write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    let mut answer = String::new();
    let _ = stream.take(4_096).read_to_string(&mut answer);
    asked.is_ok() && answer.contains(" 200 ") && answer.contains("true")
}

fn kubectl_ready(programs: &Programs, kubeconfig: &Path) -> bool {
    // The service account controller makes "default" accounts only in namespaces that are there.
    Command::new(&programs.kubectl)
        .args(["get", "--raw", "/readyz", "--request-timeout=2s"])
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[allow(clippy::disallowed_methods, reason = "the harness measures real time")]
fn now() -> Instant {
    Instant::now()
}
