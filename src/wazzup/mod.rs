//! The only room that speaks to Wazzup.
//!
//! Owns what a request looks like (`request`), what an answer means (`response`, `wire`), which hosts may be called
//! (`url`), how bytes travel (`http`, `client`; `tokens` for the token endpoint) and how fast (`pace`, `gate`). Must never know Kubernetes, keep a state
//! that outlives a call (but for connections and pace), retry by itself, follow a redirect, or take a proxy from the
//! environment: a token goes to the host that the administrator listed and nowhere else.
//! Next: `webhook` for what Wazzup tells by itself; `model` for the values that come out.

mod client;
mod gate;
mod http;
mod pace;
mod request;
mod response;
mod tokens;
mod url;
mod wire;

pub use client::Client;
pub use gate::Gate;
pub use http::{Deadlines, HttpClient, HttpSetupError, install_tls};
pub use pace::{Lane, Pace, Readiness, Verdict};
pub use request::{Method, NewWebhook, Request};
pub use response::{Answer, ChannelList, WebhookRow};
pub use tokens::{Partner, TokenClient, TokenGrant, token_owner};
pub use url::{AllowedHosts, ApiUrl, UrlError};
