//! One method per endpoint: builds the request, sends it, reads the answer.

use std::{fmt, sync::Arc};

use super::{
    http::{Authorization, HttpClient, Manner},
    request::{self, NewWebhook, Request},
    response::{Answer, ChannelList, WebhookRow},
    url::ApiUrl,
};
use crate::model::{ChannelId, CreateOutcome, Credentials, Fault, Phone, RemoteChannel, Sensitive, Transport};

/// Wazzup as one account's token sees it; cheap to clone. It neither paces nor retries: pass the account's
/// [`super::Gate`] before a call and note the result after it.
#[derive(Clone)]
pub struct Client {
    http: HttpClient,
    account: Arc<(ApiUrl, Authorization)>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.account.0)
    }
}

impl Client {
    /// A client of the account that the `client_access_token` belongs to.
    pub fn new(http: HttpClient, base: ApiUrl, token: Sensitive<String>) -> Self {
        Self {
            http,
            account: Arc::new((base, Authorization::Bearer(token))),
        }
    }

    async fn send(&self, request: Request, manner: Manner) -> Result<Answer, Fault> {
        let (base, authorization) = &*self.account;
        self.http.send(base, authorization, request, manner).await
    }

    /// All channels of the account.
    pub async fn list_channels(&self) -> Result<ChannelList, Fault> {
        self.send(request::list_channels(), Manner::List).await?.channel_list()
    }

    /// One channel; [`Fault::Missing`] when the service does not know it.
    pub async fn get_channel(&self, id: &ChannelId) -> Result<RemoteChannel, Fault> {
        self.send(request::get_channel(id), Manner::Small).await?.channel(id)
    }

    /// Makes a channel. Not idempotent: only `Refused` and `NotSent` may be repeated freely.
    pub async fn create_channel(&self, transport: Transport, credentials: &Credentials) -> CreateOutcome {
        let request = request::create_channel(transport, credentials);
        match self.send(request, Manner::Create).await {
            Ok(answer) => answer.created(transport),
            Err(fault @ Fault::NotSent { .. }) => CreateOutcome::NotSent(fault),
            // Before an answer there is no other denial than our own, of a token that cannot travel.
            Err(fault @ Fault::Denied { .. }) => CreateOutcome::Refused(fault),
            Err(fault) => CreateOutcome::Unknown(fault),
        }
    }

    /// Reconnects a channel; the channel as it stands after that, where the service tells.
    pub async fn reinit_channel(
        &self,
        id: &ChannelId,
        credentials: &Credentials,
    ) -> Result<Option<RemoteChannel>, Fault> {
        let request = request::reinit_channel(id, credentials);
        self.send(request, Manner::Small).await?.reinitialized(id)
    }

    /// Submits the messenger's two-factor password.
    pub async fn submit_two_factor(
        &self,
        id: &ChannelId,
        transport: Transport,
        password: &Sensitive<String>,
    ) -> Result<(), Fault> {
        let request = request::submit_two_factor(id, transport, password);
        self.send(request, Manner::Small).await?.done()
    }

    /// Asks for the code that connects a `WhatsApp` channel without a QR; refused when the QR has expired.
    pub async fn request_pairing_code(&self, id: &ChannelId, phone: &Phone) -> Result<Sensitive<String>, Fault> {
        let request = request::request_pairing_code(id, phone);
        self.send(request, Manner::Small).await?.pairing_code()
    }

    /// Deletes a channel, with or without its chats. [`Fault::Missing`] means that it was gone already.
    pub async fn delete_channel(&self, id: &ChannelId, delete_chats: bool) -> Result<(), Fault> {
        let request = request::delete_channel(id, delete_chats);
        self.send(request, Manner::Small).await?.done()
    }

    /// A link under which a person connects a channel of that transport, or reconnects this one; it embeds a token.
    pub async fn create_iframe_link(
        &self,
        transport: Transport,
        id: Option<&ChannelId>,
    ) -> Result<Sensitive<String>, Fault> {
        let request = request::create_iframe_link(transport, id);
        self.send(request, Manner::Small).await?.iframe_link()
    }

    /// All subscriptions of the account, other integrations' included.
    pub async fn list_webhooks(&self) -> Result<Vec<WebhookRow>, Fault> {
        self.send(request::list_webhooks(), Manner::List).await?.webhook_rows()
    }

    /// Subscribes. What the answer looks like is not documented: list again for the ids.
    pub async fn create_webhooks(&self, rows: &[NewWebhook]) -> Result<(), Fault> {
        self.send(request::create_webhooks(rows), Manner::Small).await?.done()
    }

    /// Points existing subscriptions elsewhere.
    pub async fn update_webhooks(&self, rows: &[WebhookRow]) -> Result<(), Fault> {
        self.send(request::update_webhooks(rows), Manner::Small).await?.done()
    }

    /// Unsubscribes, by row ids.
    pub async fn delete_webhooks(&self, ids: &[String]) -> Result<(), Fault> {
        self.send(request::delete_webhooks(ids), Manner::Small).await?.done()
    }
}
