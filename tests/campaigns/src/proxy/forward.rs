//! Hands a request on to the real thing and brings the answer back.

use axum::body::Body;
use hyper::{HeaderMap, Method, StatusCode, Uri, header};

use super::{Reply, Side};

/// What stands behind a proxy.
#[derive(Clone)]
pub(super) enum Behind {
    /// The API server, with a client that has the replica's rights.
    Kubernetes {
        /// The client.
        client: kube::Client,
        /// Whose proxy this is.
        replica: usize,
    },
    /// The service.
    Wazzup {
        /// The client.
        http: reqwest::Client,
        /// The service's URL.
        url: String,
    },
}

/// A request as it came.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path_and_query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// An answer as it comes; the body of a watch flows.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// The largest body that is held.
pub(super) const LARGEST: usize = 64 << 20;

impl Behind {
    pub(super) const fn side(&self) -> Side {
        match self {
            Self::Kubernetes { .. } => Side::Kubernetes,
            Self::Wazzup { .. } => Side::Wazzup,
        }
    }

    /// Asks; `None` when nothing answered.
    pub(super) async fn ask(&self, asked: &Asked) -> Option<Answered> {
        match self {
            Self::Kubernetes { client, .. } => {
                let mut request = hyper::Request::builder()
                    .method(&asked.method)
                    .uri(asked.path_and_query.parse::<Uri>().ok()?);
                for name in [header::CONTENT_TYPE, header::ACCEPT] {
                    if let Some(value) = asked.headers.get(&name) {
                        request = request.header(name, value);
                    }
                }
                let request = request.body(kube::client::Body::from(asked.body.clone())).ok()?;
                let (parts, body) = client.send(request).await.ok()?.into_parts();
                Some(Answered {
                    status: parts.status,
                    headers: parts.headers,
                    body: Body::new(body),
                })
            }
            Self::Wazzup { http, url } => {
                let mut request = http
                    .request(asked.method.clone(), format!("{url}{}", asked.path_and_query))
                    .body(asked.body.clone());
                for name in [header::CONTENT_TYPE, header::ACCEPT, header::AUTHORIZATION] {
                    if let Some(value) = asked.headers.get(&name) {
                        request = request.header(name, value);
                    }
                }
                let answer = request.send().await.ok()?;
                Some(Answered {
                    status: answer.status(),
                    headers: answer.headers().clone(),
                    body: Body::from(answer.bytes().await.ok()?),
                })
            }
        }
    }
}

impl Answered {
    /// Reads the whole body.
    pub(super) async fn whole(self) -> Reply {
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let headers = headers
            .filter(|(name, _)| name != "content-length" && name != "transfer-encoding")
            .collect();
        Reply {
            status: self.status.as_u16(),
            headers,
            body: axum::body::to_bytes(self.body, LARGEST)
                .await
                .map(|bytes| bytes.to_vec())
                .unwrap_or_default(),
        }
    }
}
