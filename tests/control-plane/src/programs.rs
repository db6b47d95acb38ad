//! Finds the programs, or builds them once into a cache keyed by their versions.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::Error;

/// The module that pins the versions.
const MODULE: &str = env!("CARGO_MANIFEST_DIR");

/// Name and Go package of each program.
const PACKAGES: [(&str, &str); 4] = [
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    (
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
];

/// Takes progress lines.
pub type Tell = fn(&str);

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// etcd
    pub etcd: PathBuf,
    /// kube-apiserver
    pub apiserver: PathBuf,
    /// kube-controller-manager
    pub controller_manager: PathBuf,
    /// kubectl
    pub kubectl: PathBuf,
}

impl Programs {
    /// Finds each program in `KUBEBUILDER_ASSETS`, then in the cache, and builds what is in neither. The first build takes
    /// about six minutes on two cores; `tell` gets a line for each program.
    pub fn find(tell: Tell) -> Result<Self, Error> {
        let versions = Versions::read()?;
        let mut paths = Vec::new();
        for (program, package) in PACKAGES {
            paths.push(match asset(program) {
                Some(path) => path,
                None => build(program, package, &versions, tell)?,
            });
        }
        let mut paths = paths.into_iter();
        let mut next = || paths.next().unwrap_or_default();
        Ok(Self {
            etcd: next(),
            apiserver: next(),
            controller_manager: next(),
            kubectl: next(),
        })
    }
}

fn asset(program: &str) -> Option<PathBuf> {
    let folder = env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty())?;
    Some(PathBuf::from(folder).join(program)).filter(|path| path.is_file())
}

/// The versions that go.mod pins.
struct Versions {
    go: String,
    kubernetes: String,
    etcd: String,
}

impl Versions {
    fn read() -> Result<Self, Error> {
        let file = Path::new(MODULE).join("go.mod");
        let text = fs::read_to_string(&file).map_err(Error::io(format!("reading {}", file.display())))?;
        let after = |name: &str| {
            text.lines()
                .find_map(|line| {
                    line.trim()
                        .strip_prefix(name)?
                        .split_whitespace()
                        .next()
                        .map(str::to_owned)
                })
                .unwrap_or_else(|| "unknown".to_owned())
        };
        Ok(Self {
            go: after("go "),
            kubernetes: after("k8s.io/kubernetes "),
            etcd: after("go.etcd.io/etcd/server/v3 "),
        })
    }

    fn cache(&self) -> PathBuf {
        let base = env::var_os("XDG_CACHE_HOME")
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from)
            .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .unwrap_or_else(env::temp_dir);
        let key = format!(
            "{}-etcd-{}-{}-{}",
            self.kubernetes,
            self.etcd,
            env::consts::OS,
            env::consts::ARCH
        );
        base.join("wazzup-operator").join("control-plane").join(key)
    }

    /// kubectl refuses a server whose version says nothing.
    fn linker_flags(&self) -> String {
        let mut parts = self.kubernetes.trim_start_matches('v').split('.');
        let (major, minor) = (parts.next().unwrap_or("1"), parts.next().unwrap_or("0"));
        let at = "k8s.io/component-base/version";
        format!(
            "-s -w -X {at}.gitVersion={} -X {at}.gitMajor={major} -X {at}.gitMinor={minor}",
            self.kubernetes
        )
    }
}

fn build(program: &'static str, package: &str, versions: &Versions, tell: Tell) -> Result<PathBuf, Error> {
    let cache = versions.cache();
    let path = cache.join(program);
    if path.is_file() {
        return Ok(path);
    }
    fs::create_dir_all(&cache).map_err(Error::io(format!("making {}", cache.display())))?;
    let lock = File::create(cache.join("lock")).map_err(Error::io("making the cache's lock"))?;
    lock.lock().map_err(Error::io("locking the cache"))?;
    if path.is_file() {
        return Ok(path);
    }
    let version = if program == "etcd" {
        &versions.etcd
    } else {
        &versions.kubernetes
    };
    tell(&format!(
        "control plane: building {program} {version} (once; the first build of all takes some minutes)"
    ));
    let begun = now();
    let unfinished = cache.join(format!("{program}.{}", std::process::id()));
    let mut command = Command::new("go");
    command
        .current_dir(MODULE)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly")
        .env("GOWORK", "off")
        .args(["build", "-trimpath", "-ldflags", &versions.linker_flags(), "-o"])
        .arg(&unfinished)
        .arg(package)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NoGo(versions.go.clone()),
        _ => Error::Io {
            what: "starting go".to_owned(),
            source: error,
        },
    })?;
    let output = child
        .stderr
        .take()
        .map(|stderr| thread::spawn(move || tail_of(BufReader::new(stderr))));
    let mut told = now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(Error::io("waiting for go"))? {
            break status;
        }
        thread::sleep(Duration::from_millis(200));
        if told.elapsed() > Duration::from_secs(30) {
            told = now();
            tell(&format!(
                "control plane: still building {program}, {} s",
                begun.elapsed().as_secs()
            ));
        }
    };
    let tail = output.and_then(|output| output.join().ok()).unwrap_or_default();
    if !status.success() {
        let _ = fs::remove_file(&unfinished);
        return Err(Error::Build { program, tail });
    }
    fs::rename(&unfinished, &path).map_err(Error::io(format!("putting {program} into the cache")))?;
    tell(&format!(
        "control plane: {program} built in {} s",
        begun.elapsed().as_secs()
    ));
    Ok(path)
}

/// The last lines of an output.
fn tail_of(output: impl BufRead) -> String {
    let mut lines = std::collections::VecDeque::new();
    for line in output.lines().map_while(Result::ok) {
        if lines.len() == 40 {
            lines.pop_front();
        }
        lines.push_back(line);
    }
    Vec::from(lines).join("\n")
}

#[allow(clippy::disallowed_methods, reason = "the harness measures real time")]
fn now() -> Instant {
    Instant::now()
}
