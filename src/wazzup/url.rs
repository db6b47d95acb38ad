//! Which hosts may be called, and the base URL of an account.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use crate::model::{Fault, NotSent};

/// Why a URL or a list of hosts is not taken; the text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text is not a base URL of the accepted form.
    #[error("{0}")]
    Malformed(String),
    /// The URL is well-formed, but its host and port are not listed.
    #[error("{0} is not an allowed API host; add it to --allowed-api-hosts or correct the URL")]
    NotAllowed(String),
}

impl From<UrlError> for Fault {
    fn from(error: UrlError) -> Self {
        Self::NotSent {
            kind: NotSent::HostNotAllowed,
            why: error.to_string(),
        }
    }
}

/// The base URL of the API: scheme, host and port alone, no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiUrl {
    secure: bool,
    host: Host,
    port: u16,
}

/// The operator's allow-list: `host[:port]`; without a port the scheme's own (443, or 80 for loopback addresses).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts(Vec<(Host, Option<u16>)>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Host {
    Name(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

fn malformed(text: impl Into<String>) -> UrlError {
    UrlError::Malformed(text.into())
}

impl Host {
    /// Strict where the resolvers are generous: `127.1`, `0x7f.1` and `2130706433` all reach an address in libc.
    fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = inner
                .parse()
                .map_err(|_| malformed("write an IPv6 host as [address], without a zone"))?;
            return if address.to_ipv4_mapped().is_some() {
                Err(malformed(
                    "write the IPv4 address itself instead of its IPv6-mapped form",
                ))
            } else {
                Ok(Self::V6(address))
            };
        }
        let name = text.to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if name.is_empty() || name.len() > 253 || !name.bytes().all(allowed) {
            return Err(malformed(
                "write the host as letters, digits, '-' and '.' (an international name in its xn-- form)",
            ));
        }
        if name.ends_with('.') {
            return Err(malformed("write the host without a trailing dot"));
        }
        if name
            .split('.')
            .any(|label| label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-'))
        {
            return Err(malformed(
                "write the host as labels of 1 to 63 characters joined by single dots",
            ));
        }
        let last = name.rsplit('.').next().unwrap_or(&name);
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if numeric {
            return name
                .parse()
                .map(Self::V4)
                .map_err(|_| malformed("write an IPv4 address as four decimal numbers without leading zeros"));
        }
        Ok(Self::Name(name))
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Name(_) => false,
            Self::V4(address) => address.is_loopback(),
            Self::V6(address) => address.is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

fn host_and_port(text: &str) -> Result<(Host, Option<u16>), UrlError> {
    let colon = match text.rfind(']') {
        Some(end) => text[end..].find(':').map(|offset| end + offset),
        None => text.find(':'),
    };
    let Some(colon) = colon else {
        return Ok((Host::parse(text)?, None));
    };
    let digits = &text[colon + 1..];
    let port = digits.parse::<u16>().ok().filter(|port| *port != 0);
    match port {
        Some(port) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((Host::parse(&text[..colon])?, Some(port)))
        }
        _ => Err(malformed("write the port as a number from 1 to 65535")),
    }
}

impl AllowedHosts {
    /// Reads the flag: each item holds one or more `host[:port]` joined by commas; empty ones are skipped.
    pub fn parse<Item: AsRef<str>>(items: &[Item]) -> Result<Self, UrlError> {
        let mut hosts = Vec::new();
        let entries = items.iter().flat_map(|item| item.as_ref().split(','));
        for entry in entries.map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry.contains("://") || entry.contains('/') {
                return Err(malformed(
                    "an allowed API host is host[:port], without a scheme and a path",
                ));
            }
            hosts.push(host_and_port(entry)?);
        }
        if hosts.is_empty() {
            return Err(malformed("list at least one allowed API host, as host[:port]"));
        }
        Ok(Self(hosts))
    }

    fn allow(&self, host: &Host, port: u16, usual: u16) -> bool {
        self.0
            .iter()
            .any(|(listed, listed_port)| listed == host && listed_port.unwrap_or(usual) == port)
    }
}

impl ApiUrl {
    /// Parses `https://host[:port]` (plain `http` for loopback addresses alone) and checks it against the allow-list.
    pub fn parse(text: &str, allowed: &AllowedHosts) -> Result<Self, UrlError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(malformed("write the API URL as https://host[:port]"));
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(malformed("the API URL begins with https://; no other scheme is spoken")),
        };
        for (mark, advice) in [
            (
                '@',
                "remove the user part from the API URL; credentials belong into a Secret",
            ),
            ('?', "remove the query from the API URL"),
            ('#', "remove the fragment from the API URL"),
            ('\\', "write the API URL as https://host[:port], without a backslash"),
        ] {
            if rest.contains(mark) {
                return Err(malformed(advice));
            }
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('/') {
            return Err(malformed(
                "remove the path from the API URL; the operator adds /v2/… itself",
            ));
        }
        let (host, port) = host_and_port(authority)?;
        if !secure && !host.is_loopback() {
            return Err(malformed(
                "use https://; plain http is for loopback addresses (127.0.0.1, [::1]) alone, not for names",
            ));
        }
        let usual = if secure { 443 } else { 80 };
        let port = port.unwrap_or(usual);
        if allowed.allow(&host, port, usual) {
            Ok(Self { secure, host, port })
        } else {
            Err(UrlError::NotAllowed(format!("{host}:{port}")))
        }
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.secure { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
