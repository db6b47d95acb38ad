//! Addresses that a manifest or the service itself may put before the operator: none leads anywhere but to a listed host.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests"
)]

mod stage;

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use control_plane::eventually;
use kube::api::PostParams;
use serde_json::{Value, json};
use stage::{ACCOUNT, PATIENCE, Setting, Stage};
use wazzup_operator::api::condition;
use wazzup_simulator::{Effect, Fault};

/// A port at which nobody must ever knock, of both loopback addresses where there are two.
struct TrapDoor {
    port: u16,
    knocks: Arc<AtomicUsize>,
}

impl TrapDoor {
    fn set() -> Self {
        let knocks = Arc::new(AtomicUsize::new(0));
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let second = TcpListener::bind(("::1", port)).ok();
        for listener in [Some(first), second].into_iter().flatten() {
            let knocks = knocks.clone();
            std::thread::spawn(move || {
                for _ in listener.incoming() {
                    knocks.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Self { port, knocks }
    }

    fn knocks(&self) -> usize {
        self.knocks.load(Ordering::SeqCst)
    }
}

/// Makes an account; `false` when the API server refuses the manifest.
async fn account(stage: &Stage, name: &str, url: &str) -> bool {
    let account = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": name},
        "spec": {"auth": {"clientToken": {"secretRef": {"name": "wazzup-token", "key": "token"}}}, "apiUrl": url},
    });
    let account = serde_json::from_value(account).unwrap();
    match stage.accounts().create(&PostParams::default(), &account).await {
        Ok(_) => true,
        Err(kube::Error::Api(status)) if status.code == 422 => {
            assert!(status.message.contains("apiUrl"), "{status:?}");
            false
        }
        Err(error) => panic!("{url:?}: {error}"),
    }
}

#[tokio::test]
async fn no_form_of_an_address_leads_to_a_host_that_is_not_listed() {
    let door = TrapDoor::set();
    let (trap, stage) = (door.port, Stage::set("addresses", Setting::default()).await);
    let listed = stage.simulator.host();
    let port = listed.rsplit(':').next().unwrap().to_owned();
    let api_server = stage.plane.config().await.unwrap().cluster_url.to_string();
    let forms = [
        format!("http://127.0.0.1:{trap}"),
        format!("https://127.0.0.1:{trap}"),
        format!("HTTP://127.0.0.1:{trap}"),
        format!("http://[::1]:{trap}"),
        format!("http://[::1]:{port}"),
        format!("http://[::ffff:127.0.0.1]:{trap}"),
        format!("http://[::ffff:7f00:1]:{trap}"),
        format!("http://[::]:{trap}"),
        format!("http://0.0.0.0:{trap}"),
        format!("http://127.1:{trap}"),
        format!("http://2130706433:{trap}"),
        format!("http://0x7f000001:{trap}"),
        format!("http://0x7f.0.0.1:{trap}"),
        format!("http://0177.0.0.1:{trap}"),
        format!("http://127.0.0.1.:{trap}"),
        format!("http://127.0.0.2:{trap}"),
        format!("http://localhost:{trap}"),
        format!("http://LOCALHOST.:{trap}"),
        format!("http://{listed}@127.0.0.1:{trap}"),
        format!("http://user:word@127.0.0.1:{trap}"),
        format!("http://127.0.0.1:{trap}@{listed}"),
        format!("http://{listed}#@127.0.0.1:{trap}"),
        format!("http://127.0.0.1:{trap}#{listed}"),
        format!("http://127.0.0.1:{trap}?{listed}"),
        format!("http://127.0.0.1:{trap}\\@{listed}"),
        format!("http://127.0.0.1:{trap}/{listed}"),
        format!("http://{listed}/../..//127.0.0.1:{trap}"),
        format!("http://{listed}%2f@127.0.0.1:{trap}"),
        format!("http://{listed}\r\nHost: 127.0.0.1:{trap}"),
        format!("http://%31%32%37.0.0.1:{trap}"),
        format!("http://127.0.0.1:%3{}", trap % 10),
        format!("http://127\u{3002}0\u{3002}0\u{3002}1:{trap}"),
        format!("http://\u{2460}27.0.0.1:{trap}"),
        format!("https://localtest.me:{trap}"),
        format!("gopher://127.0.0.1:{trap}/_GET"),
        format!("ftp://127.0.0.1:{trap}"),
        api_server,
        "https://kubernetes.default.svc".to_owned(),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "http://169.254.169.254".to_owned(),
        "https://t\u{435}ch.wazzup24.com".to_owned(),
        "https://tech.wazzup24.com.".to_owned(),
        "https://tech.wazzup24.com".to_owned(),
        "file:///etc/passwd".to_owned(),
        "unix:///run/containerd.sock".to_owned(),
    ];
    let mut taken = Vec::new();
    for (number, form) in forms.iter().enumerate() {
        let name = format!("form-{number}");
        if account(&stage, &name, form).await {
            taken.push((name, form));
        }
    }
    assert!(taken.len() > 5, "the operator judges as well: {taken:?}");
    for (name, form) in &taken {
        let found = stage.until_account(name, "Stalled", "True", "InvalidSpec").await;
        let conditions = found.status.unwrap().conditions;
        let told = &condition(&conditions, "Stalled").unwrap().message;
        assert!(told.contains("spec.apiUrl"), "{form:?}: {told}");
        assert_eq!(condition(&conditions, "Ready").unwrap().status, "False", "{form:?}");
    }
    stage.until_account("default", "Ready", "True", "Listed").await;
    assert_eq!(door.knocks(), 0, "somebody knocked");
}

#[tokio::test]
async fn a_redirect_or_a_link_of_the_service_is_followed_by_nobody_and_takes_no_secret_along() {
    let door = TrapDoor::set();
    let stage = Stage::set_without_account("redirects", &Setting::default()).await;
    let trap = format!("http://127.0.0.1:{}/v2/channels", door.port);
    stage
        .simulator
        .with(|world, _| world.set_partner(ACCOUNT, "canary@example.com", "canary-password"));
    let login = json!({"email": "canary@example.com", "password": "canary-password"});
    stage.secret("partner", login).await;
    stage.secret("wazzup-token", json!({"token": stage::TOKEN})).await;
    stage.account("default", "Disabled", "10s").await;
    stage.until_account("default", "Ready", "True", "Listed").await;
    // Every call of a working account, then the login of another one.
    for (method, path, code) in [("POST", "/v2/channels", 307), ("POST", "/v2/oauth/token", 308)] {
        stage
            .simulator
            .fault(Fault::always(method, path, Effect::Redirect(code, trap.clone())));
    }
    let link = json!({"data": {"link": trap}}).to_string();
    let answer = Effect::Status {
        code: 200,
        retry_after: None,
        body: link,
    };
    stage
        .simulator
        .fault(Fault::always("POST", "/v2/iframe-links/channels", answer));
    stage.telegram("bot", "100:canary-bot-token").await;
    stage.channel("vk", json!({"transport": "vk"})).await;
    let white_label = json!({"whiteLabel": {"accountId": ACCOUNT, "partnerSecretRef": {"name": "partner"}}});
    let label: Value = json!({
        "apiVersion": "wazzup24.com/v1alpha1", "kind": "WazzupAccount", "metadata": {"name": "label"},
        "spec": {"auth": white_label, "apiUrl": stage.simulator.url()},
    });
    let label = serde_json::from_value(label).unwrap();
    stage.accounts().create(&PostParams::default(), &label).await.unwrap();
    stage.until("vk", "ActionRequired", "True", "FollowLink").await;
    for path in ["/v2/channels", "/v2/oauth/token"] {
        eventually(&format!("{path} to be redirected"), PATIENCE, || async {
            match stage.simulator.journal().count("POST", path) {
                0 => Err("not asked yet".to_owned()),
                _ => Ok(()),
            }
        })
        .await;
    }
    let moved = Effect::Redirect(302, trap.clone());
    stage.simulator.fault(Fault::always("GET", "/v2/", moved));
    let said = eventually("the account to say why", PATIENCE, || async {
        let status = stage.accounts().get("default").await.unwrap().status.unwrap();
        let told = status
            .conditions
            .iter()
            .find(|one| one.message.contains("redirects are not followed"));
        told.map(|one| (one.type_.clone(), one.status.clone()))
            .ok_or_else(|| format!("{:?}", status.conditions))
    })
    .await;
    assert_eq!((said.0.as_str(), said.1.as_str()), ("Ready", "Unknown"));
    assert_eq!(door.knocks(), 0, "somebody knocked");
}
