//! What every story is searched for at its end: no secret in a log, an event, a condition, an annotation or a metric.
//!
//! Secrets are what the story stored, what the simulated service was told or made up, what the operator keeps in Secrets
//! and shows in sinks, and the operator's own token. Each is looked for as it is and in the forms that a careless line
//! would give it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use control_plane::ControlPlane;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};
use serde_json::Value;
use wazzup_simulator::Simulator;

/// The word in secrets that tests make up: a part of one is found as well.
pub const MARK: &str = "canary";

/// Shorter words occur by chance.
const SHORTEST: usize = 6;

/// So long the API server may ask to wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Times and a keyed hash, which the operator keeps beside its secrets.
const NO_SECRETS: [&str; 4] = ["oauth-since", "oauth-until", "oauth-rotating-since", "oauth-stem"];

/// The forms in which a secret would be found: as it is, and as JSON, Base64 or a list of bytes holds it. What a URL makes of it
/// depends on the place in the URL, so that a text is decoded instead.
fn forms(secret: &[u8]) -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    let unquoted = |text: &str| text[1..text.len() - 1].to_owned();
    if let Ok(text) = std::str::from_utf8(secret) {
        let escaped = serde_json::to_string(text).unwrap();
        let inner = unquoted(&escaped);
        // A message that holds JSON, written as JSON.
        let twice = serde_json::to_string(&inner).unwrap();
        forms.extend([text.to_owned(), unquoted(&format!("{text:?}")), unquoted(&twice), inner]);
        let ascii = escaped.chars().map(|letter| match letter {
            letter if letter.is_ascii() => letter.to_string(),
            letter => {
                let mut units = [0; 2];
                letter
                    .encode_utf16(&mut units)
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect()
            }
        });
        forms.insert(unquoted(&ascii.collect::<String>()));
    }
    forms.insert(secret.iter().map(|byte| format!("{byte:02x}")).collect());
    let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
    forms.extend([numbers.join(", "), numbers.join(",")]);
    // Within a longer text a secret begins at any of three places of a Base64 group; what its neighbours touch is cut off.
    for before in 0..3 {
        let padded = [&vec![0; before][..], secret].concat();
        let whole = padded.len() / 3 * 4;
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            // Of a single byte nothing is left in two of them.
            forms.extend(text.get([0, 2, 3][before]..whole).map(str::to_owned));
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// Of a longer secret its beginning is looked for: a message that is cut to a length would hold no more.
const LONGEST: usize = 200;
const BEGINNING: usize = 64;

/// How many bytes at the end of a form it is found by.
const TAIL: usize = SHORTEST;

/// Secrets in all their forms, by their last bytes: a text is read once, however many secrets there are.
pub struct Secrets {
    by_tail: HashMap<[u8; TAIL], BTreeSet<String>>,
    /// Whether a form ends with these two bytes: answers nearly always, and at once.
    ends: Vec<bool>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            by_tail: HashMap::new(),
            ends: vec![false; 1 << 16],
        }
    }
}

fn pair(one: u8, two: u8) -> usize {
    usize::from(one) << 8 | usize::from(two)
}

impl Secrets {
    /// Looks for this one too.
    pub fn add(&mut self, secret: &[u8]) {
        let secret = secret.trim_ascii();
        let searched = if secret.len() > LONGEST {
            &secret[..BEGINNING]
        } else {
            secret
        };
        for form in forms(searched) {
            let bytes = form.as_bytes();
            let Some(tail) = bytes.last_chunk::<TAIL>() else {
                continue;
            };
            self.ends[pair(tail[TAIL - 2], tail[TAIL - 1])] = true;
            self.by_tail.entry(*tail).or_default().insert(form);
        }
    }

    /// Where a text holds a secret: the form, and what is around it.
    pub fn leaks(&self, place: &str, text: &str) -> Vec<String> {
        let mut leaks = self.find(place, text);
        if text.contains('%') {
            leaks.extend(self.find(place, &decoded(text)));
            leaks.extend(self.find(place, &decoded(&text.replace('+', " "))));
        }
        leaks
    }

    fn find(&self, place: &str, text: &str) -> Vec<String> {
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, end) in text.as_bytes().windows(TAIL).enumerate() {
            if !self.ends[pair(end[TAIL - 2], end[TAIL - 1])] {
                continue;
            }
            let before = &text.as_bytes()[..at + TAIL];
            for form in self.by_tail.get(end).into_iter().flatten() {
                if before.ends_with(form.as_bytes()) {
                    found.entry(form).or_insert(before.len() - form.len());
                }
            }
        }
        let told = found.into_iter().map(|(form, at)| {
            let from = text.as_bytes()[at.saturating_sub(200)..].iter().take(400).copied();
            let around = String::from_utf8_lossy(&from.collect::<Vec<u8>>()).into_owned();
            format!("{place} holds {form:?}: …{around}…")
        });
        told.collect()
    }
}

/// The lines that may hold a part of a URL, with `%41` read as `A`.
fn decoded(text: &str) -> String {
    let mut decoded = String::new();
    for line in text.lines().filter(|line| line.contains('%')) {
        let bytes = line.as_bytes();
        let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
        while at < bytes.len() {
            let pair = bytes
                .get(at + 1..at + 3)
                .and_then(|pair| std::str::from_utf8(pair).ok());
            match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
                Some(byte) if bytes[at] == b'%' => {
                    plain.push(byte);
                    at += 3;
                }
                _ => {
                    plain.push(bytes[at]);
                    at += 1;
                }
            }
        }
        decoded.push_str(&String::from_utf8_lossy(&plain));
        decoded.push('\n');
    }
    decoded
}

/// A story that has ended.
pub struct Ended<'a> {
    /// Where it was played.
    pub plane: &'a ControlPlane,
    /// The service.
    pub simulator: &'a Simulator,
    /// Its namespace.
    pub namespace: &'a str,
    /// What the operator wrote to standard error: its logs, and the words of a panic.
    pub log: String,
    /// The operator's kubeconfig, which holds a token.
    pub kubeconfig: Option<&'a Path>,
    /// Values that the story stored in Secrets, replaced ones included.
    pub stored: BTreeSet<String>,
    /// Where the audit log ended when the story began.
    pub since: u64,
}

impl Ended<'_> {
    /// Searches everything that is left of the story; says what was found where.
    pub fn secrets_that_were_told(&self) -> Vec<String> {
        let objects = self.objects();
        let mut secrets = Secrets::default();
        secrets.add(MARK.as_bytes());
        for value in &self.stored {
            secrets.add(value.as_bytes());
        }
        let known = self.simulator.with(|world, _| world.secrets().clone());
        for secret in &known {
            secrets.add(secret.as_bytes());
        }
        for object in &objects {
            kept(object, &mut secrets);
        }
        let kubeconfig = self.kubeconfig.map(std::fs::read_to_string);
        let kubeconfig = kubeconfig.map(Result::unwrap_or_default).unwrap_or_default();
        let token = kubeconfig.split("token: \"").nth(1);
        let token = token.and_then(|rest| rest.split('"').next());
        secrets.add(token.unwrap_or_default().as_bytes());

        let mut leaks = secrets.leaks("the log", &self.log);
        if let Some(page) = metrics(&self.log) {
            leaks.extend(secrets.leaks("/metrics", &page));
        }
        for object in &objects {
            let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
            leaks.extend(secrets.leaks(&format!("{kind} {name}"), &told(object).to_string()));
        }
        // Whatever was ever written, conditions that stood for a moment included.
        let mark = format!("\"namespace\":\"{}\"", self.namespace);
        let mut searched = 0;
        let audit = self.plane.audit_lines(self.since).unwrap();
        for line in audit.filter(|line| line.contains(&mark)) {
            searched += 1;
            leaks.extend(secrets.leaks("a request to the API server", &line));
        }
        assert!(searched > 0, "the audit log says nothing about {}", self.namespace);
        leaks
    }

    /// What is in the namespace now. On a thread and a runtime of its own: a story may end within one.
    fn objects(&self) -> Vec<Value> {
        let asked = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let client = self.plane.client().await.unwrap();
                let mut found = Vec::new();
                for (group, version, kind) in [
                    ("wazzup24.com", "v1alpha1", "WazzupChannel"),
                    ("wazzup24.com", "v1alpha1", "WazzupAccount"),
                    ("events.k8s.io", "v1", "Event"),
                    ("", "v1", "ConfigMap"),
                    ("", "v1", "Secret"),
                    ("coordination.k8s.io", "v1", "Lease"),
                ] {
                    let kind = GroupVersionKind::gvk(group, version, kind);
                    found.extend(list(&client, self.namespace, &kind).await);
                }
                found
            })
        };
        std::thread::scope(|scope| scope.spawn(asked).join().unwrap())
    }
}

async fn list(client: &Client, namespace: &str, kind: &GroupVersionKind) -> Vec<Value> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(kind));
    let deadline = Instant::now() + PATIENCE;
    let found = loop {
        match api.list(&ListParams::default()).await {
            Ok(found) => break found.items,
            // A story may have uninstalled our kinds.
            Err(kube::Error::Api(status)) if status.code == 404 => break Vec::new(),
            // It may be slow, and asks to wait while its cache of a kind that has just been installed is not ready yet.
            Err(_) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => panic!("{}: {error}", kind.kind),
        }
    };
    let values = found.into_iter().map(|object| serde_json::to_value(object).unwrap());
    values
        .map(|mut object| {
            object["kind"] = kind.kind.clone().into();
            object
        })
        .collect()
}

/// The values of Secrets and sinks are secrets themselves.
fn kept(object: &Value, secrets: &mut Secrets) {
    let ours = object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "wazzup-operator";
    let data = object["data"].as_object().into_iter().flatten();
    for (_, value) in data.filter(|(key, _)| !NO_SECRETS.contains(&key.as_str())) {
        let value = value.as_str().unwrap_or_default();
        match object["kind"].as_str() {
            Some("Secret") => secrets.add(&base64::engine::general_purpose::STANDARD.decode(value).unwrap()),
            Some("ConfigMap") if ours => secrets.add(value.as_bytes()),
            _ => {}
        }
    }
}

/// What of an object everybody may read: all of ours and of events, of Secrets and sinks all but the data.
fn told(object: &Value) -> Value {
    let mut told = object.clone();
    if matches!(object["kind"].as_str(), Some("Secret" | "ConfigMap")) {
        for part in ["data", "binaryData"] {
            told[part] = Value::Null;
        }
    }
    told
}

/// The metrics page of the operator that the log ends with, if it still runs.
fn metrics(log: &str) -> Option<String> {
    let line = log.lines().rfind(|line| line.contains("listening for metrics"))?;
    let line: Value = serde_json::from_str(line).ok()?;
    let page = page(line["bound"].as_str()?)?;
    assert!(page.contains("# EOF"), "the metrics page broke off: {page}");
    Some(page)
}

/// The metrics page there, or what came of it in time; nothing where nobody answers.
pub(crate) fn page(address: impl std::net::ToSocketAddrs) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .ok()?;
    let mut page = Vec::new();
    let _ = stream.read_to_end(&mut page);
    String::from_utf8(page).ok()
}
