//! Texts that people or the service hand over: addresses, ids, tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use wazzup_operator::{
    model::{ChannelId, Phone, Reason, RemoteAccountId, Sensitive, Status, Transport},
    wazzup::{AllowedHosts, ApiUrl, UrlError, token_owner},
};

pub(super) const URL_WORDS: &[&[u8]] = &[
    b"https://",
    b"http://",
    b"tech.wazzup24.com",
    b"127.0.0.1",
    b"0x7f.1",
    b"2130706433",
    b"[::1]",
    b"[::ffff:127.0.0.1]",
    b"localhost",
    b":443",
    b":80",
    b":0",
    b"@",
    b"\n",
    b"xn--",
    b".",
    b"%2e",
    b"\\",
    b"?",
    b"#",
    b"/v2",
];

pub(super) const ID_WORDS: &[&[u8]] = &[b"../", b"%2f", b"/", b"?x=1", b"808e0654-d0f5", b"1234-5678", b"+7999"];

pub(super) const TOKEN_WORDS: &[&[u8]] = &[
    b".",
    b"eyJjaGlsZF9pZCI6IjEyMzQifQ",
    b"{\"child_id\":\"1234-5678\"}",
    b"=",
];

/// The last line is the URL, those before it are the flag's items.
pub(super) fn url(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines: Vec<&str> = text.split('\n').collect();
    let url = lines.pop().unwrap_or_default();
    let allowed = match AllowedHosts::parse(&lines) {
        Ok(allowed) => allowed,
        Err(error) => {
            short(&error);
            return;
        }
    };
    match ApiUrl::parse(url, &allowed) {
        Err(error) => short(&error),
        Ok(api) => {
            let shown = api.to_string();
            assert_eq!(
                ApiUrl::parse(&shown, &allowed).as_ref(),
                Ok(&api),
                "{url:?} is shown as {shown:?}"
            );
            // What will be called is what was checked, in the words of the client that calls it.
            for called in [
                format!("{shown}/v2/channels"),
                format!("{}/v2/channels", url.trim_end_matches('/')),
            ] {
                same_place(&called, &shown);
            }
        }
    }
}

fn same_place(called: &str, shown: &str) {
    // What the client does not read (a wrong international name) it does not call.
    let Ok(called) = reqwest::Url::parse(called) else {
        return;
    };
    let place = format!(
        "{}://{}{}",
        called.scheme(),
        called.host_str().unwrap_or_default(),
        called.port().map(|port| format!(":{port}")).unwrap_or_default()
    );
    assert_eq!(place, shown, "another place than the one that was checked");
    assert_eq!(called.path(), "/v2/channels");
    assert!(called.username().is_empty() && called.password().is_none());
    assert!(called.query().is_none() && called.fragment().is_none());
    let loopback = called
        .host_str()
        .is_some_and(|host| host.starts_with("127.") || host == "[::1]");
    assert!(
        called.scheme() == "https" || (called.scheme() == "http" && loopback),
        "{called}"
    );
}

fn short(error: &UrlError) {
    let text = error.to_string();
    assert!(text.len() <= 400 && !text.chars().any(char::is_control), "{text:?}");
}

/// An id cannot change a path, whatever it is made of.
pub(super) fn id(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(id) = ChannelId::parse(&text) {
        assert_eq!(id.as_str(), text);
        let path = format!("/v2/channels/{id}/pairing-code");
        let called = reqwest::Url::parse(&format!("https://tech.wazzup24.com{path}"));
        assert!(called.is_ok_and(|called| called.path() == path && called.query().is_none()));
    }
    if let Ok(account) = RemoteAccountId::parse(&text) {
        assert_eq!(RemoteAccountId::parse(account.as_str()).as_ref(), Ok(&account));
        assert!(account.as_str().bytes().all(|byte| byte.is_ascii_digit()));
    }
    if let Ok(phone) = Phone::parse(&text) {
        assert_eq!(phone.as_str(), text);
        assert!(!format!("{phone:?}").contains(phone.as_str()), "a phone was printed");
    }
    if let Ok(transport) = text.parse::<Transport>() {
        assert_eq!(transport.as_str(), text);
    }
    let (status, reason) = (Status::parse(&text), Reason::parse(&text));
    assert_eq!(Status::parse(status.as_str()), status);
    assert_eq!(Reason::parse(reason.as_str()), reason);
}

/// A token as it is, and as the claims of one.
pub(super) fn token(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let own = token_owner(&Sensitive::new(text));
    let wrapped = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(input));
    let claimed = token_owner(&Sensitive::new(wrapped));
    for owner in [own, claimed].into_iter().flatten() {
        assert!(owner.as_str().len() <= 32 && owner.as_str().bytes().all(|byte| byte.is_ascii_digit()));
    }
}
