//! Names of calls that do not change from run to run: method and kind of path, without names and ids.

use hyper::Method;

use super::Side;

/// `PATCH wazzupchannels/status`, `LIST secrets`, `WATCH configmaps`, `POST /v2/channels/{id}/reinit`, …
pub fn label(side: Side, method: &Method, path: &str, query: &str) -> String {
    match side {
        Side::Kubernetes => kubernetes(method, path, query),
        Side::Wazzup => wazzup(method, path),
    }
}

/// Whether a call changes something that matters: what only tells people, and the lease, are no steps of a flow.
pub fn is_step(side: Side, label: &str) -> bool {
    let reads = ["GET ", "LIST ", "WATCH ", "HEAD "];
    let aside = side == Side::Kubernetes && (label.contains(" events") || label.contains(" leases"));
    !aside && !reads.iter().any(|verb| label.starts_with(verb))
}

fn kubernetes(method: &Method, path: &str, query: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let rest = match parts.first() {
        Some(&"api") => parts.get(2..),
        Some(&"apis") => parts.get(3..),
        _ => None,
    };
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
        return format!("{method} {path}");
    };
    // Inside a namespace; a namespace of its own is a resource too.
    let rest = match rest {
        ["namespaces", _, inside @ ..] if !inside.is_empty() => inside,
        other => other,
    };
    let (resource, name, sub) = match rest {
        [resource] => (*resource, false, None),
        [resource, _] => (*resource, true, None),
        [resource, _, sub, ..] => (*resource, true, Some(*sub)),
        [] => ("", false, None),
    };
    let verb = if *method == Method::GET && query.contains("watch=") && !query.contains("watch=false") {
        "WATCH"
    } else if *method == Method::GET && !name {
        "LIST"
    } else {
        method.as_str()
    };
    match sub {
        Some(sub) => format!("{verb} {resource}/{sub}"),
        None => format!("{verb} {resource}"),
    }
}

fn wazzup(method: &Method, path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    for collection in ["channels", "webhooks"] {
        if let Some(at) = parts.iter().position(|part| *part == collection)
            && let Some(id) = parts.get_mut(at + 1)
            && !id.is_empty()
        {
            *id = "{id}";
        }
    }
    // The account's number stands in paths of the token endpoint.
    for part in &mut parts {
        if part.len() >= 6 && part.bytes().all(|letter| letter.is_ascii_digit() || letter == b'-') {
            *part = "{account}";
        }
    }
    format!("{method} {}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_holds_no_name_and_no_id() {
        let kubernetes = |method, path, query| label(Side::Kubernetes, &method, path, query);
        let channels = "/apis/wazzup24.com/v1alpha1/namespaces/a/wazzupchannels";
        assert_eq!(kubernetes(Method::GET, channels, "limit=500"), "LIST wazzupchannels");
        assert_eq!(
            kubernetes(Method::GET, channels, "watch=true&x=y"),
            "WATCH wazzupchannels"
        );
        let status = format!("{channels}/shop/status");
        assert_eq!(kubernetes(Method::PATCH, &status, ""), "PATCH wazzupchannels/status");
        assert_eq!(
            kubernetes(Method::POST, "/api/v1/namespaces/a/configmaps", ""),
            "POST configmaps"
        );
        assert_eq!(kubernetes(Method::GET, "/api/v1/namespaces/a", ""), "GET namespaces");
        assert_eq!(kubernetes(Method::GET, "/version", ""), "GET /version");
        let wazzup = |method, path| label(Side::Wazzup, &method, path, "");
        assert_eq!(wazzup(Method::POST, "/v2/channels"), "POST /v2/channels");
        assert_eq!(
            wazzup(Method::POST, "/v2/channels/abc/auth/2fa"),
            "POST /v2/channels/{id}/auth/2fa"
        );
        assert!(is_step(Side::Wazzup, "DELETE /v2/channels/{id}"));
        assert!(!is_step(Side::Kubernetes, "PUT leases"));
        assert!(!is_step(Side::Kubernetes, "WATCH secrets"));
    }
}
