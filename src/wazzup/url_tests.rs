//! Which addresses are ever called.

use super::*;

fn allowed() -> AllowedHosts {
    AllowedHosts::parse(&["tech.wazzup24.com, 127.0.0.1:8443", "[::1]:9", "example.org:8443,"]).unwrap()
}

#[test]
fn a_listed_https_host_is_taken_and_written_back_in_one_form() {
    for (written, read) in [
        ("https://tech.wazzup24.com", "https://tech.wazzup24.com"),
        ("HTTPS://Tech.Wazzup24.COM:443/", "https://tech.wazzup24.com"),
        ("https://example.org:8443", "https://example.org:8443"),
        ("http://127.0.0.1:8443", "http://127.0.0.1:8443"),
        ("http://[::1]:9/", "http://[::1]:9"),
    ] {
        assert_eq!(ApiUrl::parse(written, &allowed()).unwrap().to_string(), read);
    }
}

#[test]
fn everything_that_would_lead_elsewhere_is_refused() {
    for hostile in [
        "",
        "tech.wazzup24.com",
        "http://tech.wazzup24.com",
        "ftp://tech.wazzup24.com",
        "https://tech.wazzup24.com@evil.example",
        "https://evil.example",
        "https://evil.example#tech.wazzup24.com",
        "https://evil.example?tech.wazzup24.com",
        "https://evil.example\\tech.wazzup24.com",
        "https://tech.wazzup24.com.",
        "https://tech.wazzup24.com:8443",
        "https://tech.wazzup24.com:0",
        "https://tech.wazzup24.com:+443",
        "https://tech.wazzup24.com:",
        "https://tech.wazzup24.com/v2",
        "https://tech.wazzup24.com//",
        "https://tech..wazzup24.com",
        "https:// tech.wazzup24.com",
        "https://tech.wazzup24.com\n",
        "https://tech.wazzup24\u{3002}com",
        "http://localhost:8443",
        "http://127.1:8443",
        "http://0x7f.0.0.1:8443",
        "http://0177.0.0.1:8443",
        "http://2130706433:8443",
        "http://127.0.0.0x1:8443",
        "http://[::ffff:127.0.0.1]:8443",
        "http://[::1%25eth0]:9",
        "http://127.0.0.1",
        "http://10.0.0.1:8443",
        "http://169.254.169.254",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]",
        "https://[::ffff:169.254.169.254]",
        "https://0251.0376.0251.0376",
        "https://0xa9fea9fe",
        "https://2852039166",
        "https://kubernetes.default.svc",
        "https://kubernetes.default.svc.cluster.local:443",
        "https://10.0.0.1",
        "http://0.0.0.0:8443",
        "http://[::]:9",
        "http://[0:0:0:0:0:0:0:1]:8443",
        "http://127.0.0.1:8443@evil.example",
        "http://evil.example:80@127.0.0.1:8443",
        "http://127.0.0.1:8443%2f@evil.example",
        "http://127.0.0.1:8443/../..//evil.example",
        "http://127.0.0.1:8443\r\nHost: evil.example",
        "http://127.0.0.1:8443\t",
        "http://%31%32%37.0.0.1:8443",
        "http://127.0.0.1:%38443",
        "http://127.0.0.1:008443 ",
        "http://\u{2460}27.0.0.1:8443",
        "http://127\u{ff0e}0.0.1:8443",
        "https://t\u{435}ch.wazzup24.com",
        "https://xn--tch-8cd.wazzup24.com",
        "https://tech.wazzup24.com.evil.example",
        "https://eviltech.wazzup24.com",
        "https://wazzup24.com",
        "https:tech.wazzup24.com",
        "https:/tech.wazzup24.com",
        "//tech.wazzup24.com",
        "https:///tech.wazzup24.com",
        "file:///etc/passwd",
        "gopher://127.0.0.1:8443/_GET",
        "unix:///run/containerd.sock",
        "javascript:alert(1)",
        "data:text/plain,x",
        "wss://tech.wazzup24.com",
    ] {
        assert!(ApiUrl::parse(hostile, &allowed()).is_err(), "{hostile:?}");
    }
}

/// Where a request would go that is built from this text, by the rules of the client that sends it.
fn destination(text: &str) -> Option<(String, u16)> {
    let url = reqwest::Url::parse(text).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(4_000))]

    /// Two readers of one URL may differ, and that is where a host is smuggled past a list: whatever this one takes, the
    /// other sends to the same listed place, and the text that is sent holds nothing else.
    #[test]
    fn what_is_taken_goes_to_a_listed_host_by_the_clients_own_reading(
        scheme in proptest::sample::select(vec!["https://", "http://", "HTTPS://", "https:/", "https:", "ftp://", "//", " https://", "https://\t", "file://"]),
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "tech.wazzup24.com", "TECH.wazzup24.com", "127.0.0.1", "[::1]", "example.org", "evil.example", "169.254.169.254",
            "kubernetes.default.svc", "localhost", "0x7f.1", "[::ffff:127.0.0.1]", "t\u{435}ch.wazzup24.com", "user:word", ":8443",
            ":443", ":9", ":0", ":65536", ":", "@", "/", "//", "/..", "?", "#", "\\", ".", "%40", "%2e", "%00", "\r\n", "\t", " ", "\u{3002}",
        ]), 1..5),
    ) {
        let text = format!("{scheme}{}", pieces.concat());
        if let Ok(url) = ApiUrl::parse(&text, &allowed()) {
            let listed = [("tech.wazzup24.com", 443), ("127.0.0.1", 8443), ("[::1]", 9), ("example.org", 8443)];
            let place = destination(&url.to_string()).unwrap();
            proptest::prop_assert!(listed.contains(&(place.0.as_str(), place.1)), "{text:?} goes to {place:?}");
            proptest::prop_assert_eq!(destination(&text), Some(place), "{} is read in two ways", text);
            let sent = reqwest::Url::parse(&format!("{url}/v2/channels")).unwrap();
            proptest::prop_assert_eq!((sent.path(), sent.username(), sent.query()), ("/v2/channels", "", None));
        }
    }
}

#[test]
fn a_host_that_is_not_listed_is_told_from_a_malformed_one() {
    let refused = ApiUrl::parse("https://evil.example", &allowed()).unwrap_err();
    assert_eq!(refused, UrlError::NotAllowed("evil.example:443".into()));
    assert!(refused.to_string().contains("--allowed-api-hosts"));
}

#[test]
fn an_allow_list_holds_hosts_and_nothing_else() {
    for wrong in [
        "",
        " , ",
        "https://a.example",
        "a.example/",
        "a.example:x",
        "*.example",
        "a b",
    ] {
        assert!(AllowedHosts::parse(&[wrong]).is_err(), "{wrong:?}");
    }
}
