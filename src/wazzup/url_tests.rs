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
    ] {
        assert!(ApiUrl::parse(hostile, &allowed()).is_err(), "{hostile:?}");
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
