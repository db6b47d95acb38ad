//! Builds the watches, the receiver and the controllers, and ends them in order.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use kube_runtime::controller::{Config, applier};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    account,
    caches::{Caches, key_of},
    census, channel,
    claims::Claims,
    context::{Conflicts, Context, Marks, Options},
    desks::Desks,
    hub::Hub,
    inbox::Receiver,
    lanes::Lanes,
    partners::Partners,
    pokes::Pokes,
    qr_desk::QrDesk,
    queue::Queue,
    slots::Slots,
    supplies::HashCache,
};
use crate::{
    api::{WazzupAccount, WazzupChannel},
    cluster::events::Announcer,
    health::{self, Health},
    leader::{Elector, Fence, Terms},
    metrics::Metrics,
    plan::Timing,
    wazzup::HttpClient,
    webhook,
};

/// How long what is in flight may take to end: longer than any call to Wazzup.
const GRACE: Duration = Duration::from_secs(27);

/// How long a replica that is to end waits for the channels of QR codes that it holds.
const SETTLE: Duration = Duration::from_secs(10);

/// Why the operator ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A listener could not be opened.
    #[error("cannot listen on {address} for {what}: {source}")]
    Listen {
        /// For what.
        what: &'static str,
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The HTTP client could not be built.
    #[error("cannot set up HTTP: {0}")]
    Http(#[from] crate::wazzup::HttpSetupError),
    /// A watch never brought its first list.
    #[error(
        "the caches were not filled: {0}; are the CRDs installed (kubectl apply -f crds/) and is the access granted?"
    )]
    Caches(String),
    /// Another replica leads: this one must not go on.
    #[error("the lease was lost; another replica goes on")]
    LeaseLost,
}

/// Runs until `stop`; returns when everything in flight has ended.
pub async fn run(client: kube::Client, options: Options, stop: CancellationToken) -> Result<(), RunError> {
    let webhooks = listen("webhooks", options.webhook_listen).await?;
    let pages = listen("metrics and health", options.metrics_listen).await?;
    let metrics = Arc::new(Metrics::default());
    let health = Health::default();
    // Watches, pages and the receiver outlive the controllers: events of the last seconds still take effect.
    let after = CancellationToken::new();
    let serving = tokio::spawn(health::serve(pages, metrics.clone(), health.clone(), after.clone()));
    let fence = if options.leader_elect {
        Fence::closed()
    } else {
        Fence::open()
    };
    let context = Arc::new(build(client.clone(), options, metrics.clone(), fence.clone(), &after)?);
    let counted = Arc::downgrade(&context);
    metrics.count_by(move || {
        counted
            .upgrade()
            .map(|context| census::count(&context))
            .unwrap_or_default()
    });
    tokio::select! {
        filled = fill(&context) => filled?,
        () = stop.cancelled() => return Ok(()),
    }
    let receiver = tokio::spawn(webhook::serve(
        webhooks,
        Receiver::new(context.clone()),
        after.clone().cancelled_owned(),
    ));
    health.ready();
    tracing::info!("ready");
    let led = lead(&context, client, &stop).await;
    if led.is_ok() {
        settle(&context).await;
    }
    after.cancel();
    for task in [serving, receiver] {
        if tokio::time::timeout(Duration::from_secs(2), task).await.is_err() {
            tracing::debug!("a connection was still open");
        }
    }
    led
}

async fn listen(what: &'static str, address: std::net::SocketAddr) -> Result<TcpListener, RunError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| RunError::Listen { what, address, source })?;
    if let Ok(bound) = listener.local_addr() {
        tracing::info!(%bound, "listening for {what}");
    }
    Ok(listener)
}

/// Waits for the lease, runs the controllers, and ends with the lease or on request.
async fn lead(context: &Arc<Context>, client: kube::Client, stop: &CancellationToken) -> Result<(), RunError> {
    if !context.options.leader_elect {
        let controllers = start_controllers(context);
        context.metrics.leading(true);
        stop.cancelled().await;
        end_controllers(context, controllers).await;
        return Ok(());
    }
    let Options {
        leader_namespace,
        identity,
        ..
    } = &context.options;
    let mut elector = Elector::new(
        client,
        leader_namespace,
        identity.clone(),
        context.fence.clone(),
        Terms::DEFAULT,
    );
    if !elector.acquire(stop).await {
        return Ok(());
    }
    tracing::info!(identity, "leading");
    context.metrics.leading(true);
    if !listed_again(context, &mut elector, stop).await {
        return Err(RunError::LeaseLost);
    }
    if stop.is_cancelled() {
        elector.release().await;
        return Ok(());
    }
    let controllers = start_controllers(context);
    if !elector.keep(stop).await {
        return Err(RunError::LeaseLost);
    }
    // The lease is kept until what is in flight has ended.
    let ended = CancellationToken::new();
    let ending = async {
        end_controllers(context, controllers).await;
        ended.cancel();
    };
    let (kept, ()) = tokio::join!(elector.keep(&ended), ending);
    if !kept {
        return Err(RunError::LeaseLost);
    }
    elector.release().await;
    Ok(())
}

/// Has objects and accounts listed before anything is decided: what the leader of before wrote last may not have reached
/// this replica's watches, and its channels would be taken for nobody's. Whether the lease was kept meanwhile.
async fn listed_again(context: &Context, elector: &mut Elector, stop: &CancellationToken) -> bool {
    let (listed, lost) = (CancellationToken::new(), CancellationToken::new());
    let listing = async {
        tokio::select! {
            () = context.caches.listed_again() => {}
            () = say_what_is_waited_for() => {}
            () = stop.cancelled() => {}
            () = lost.cancelled() => {}
        }
        listed.cancel();
    };
    let keeping = async {
        let kept = elector.keep(&listed).await;
        lost.cancel();
        kept
    };
    tokio::join!(keeping, listing).0
}

async fn say_what_is_waited_for() {
    loop {
        tokio::time::sleep(Duration::from_secs(15)).await;
        tracing::warn!(
            "this replica leads, and decides nothing before it has listed channels and accounts once more: the log says what Kubernetes answers"
        );
    }
}

pub(super) fn build(
    client: kube::Client,
    options: Options,
    metrics: Arc<Metrics>,
    fence: Fence,
    stop: &CancellationToken,
) -> Result<Context, RunError> {
    let claims = Arc::new(Claims::default());
    let channels = Arc::new(Queue::default());
    let accounts = Arc::new(Queue::default());
    let namespaces: Vec<Option<String>> = if options.namespaces.is_empty() {
        vec![None]
    } else {
        options.namespaces.iter().cloned().map(Some).collect()
    };
    let hub = Hub {
        claims: claims.clone(),
        channels: channels.clone(),
        accounts: accounts.clone(),
        shared: Arc::default(),
    };
    let scopes = namespaces
        .into_iter()
        .map(|namespace| hub.scope(&client, namespace, stop))
        .collect();
    let caches = Arc::new(Caches { scopes });
    let qr = QrDesk::new(
        client.clone(),
        caches.clone(),
        claims.clone(),
        channels.clone(),
        metrics.clone(),
    );
    let qr = Arc::new(qr);
    let _ = hub.shared.set((caches.clone(), qr.clone()));
    Ok(Context {
        announcer: Announcer::new(client.clone(), options.identity.clone()),
        pokes: Arc::new(Pokes::new(client.clone(), caches.clone())),
        client,
        caches,
        claims,
        desks: Desks::new(metrics.clone()),
        lanes: Lanes::default(),
        slots: Slots::new(usize::from(options.concurrency)),
        partners: Partners::default(),
        qr,
        marks: Marks::default(),
        conflicts: Conflicts::default(),
        hashes: HashCache::default(),
        channels,
        accounts,
        fence,
        http: HttpClient::new()?,
        options,
        timing: Timing::DEFAULT,
        metrics,
    })
}

async fn fill(context: &Context) -> Result<(), RunError> {
    let filled = async {
        for scope in &context.caches.scopes {
            let failed = |what: &str| RunError::Caches(format!("{what} were never listed"));
            scope
                .channels
                .wait_until_ready()
                .await
                .map_err(|_| failed("WazzupChannels"))?;
            scope
                .accounts
                .wait_until_ready()
                .await
                .map_err(|_| failed("WazzupAccounts"))?;
            scope.secrets.wait_until_ready().await.map_err(|_| failed("Secrets"))?;
            scope.sinks.wait_until_ready().await.map_err(|_| failed("ConfigMaps"))?;
        }
        Ok(())
    };
    let warned = async {
        loop {
            tokio::time::sleep(Duration::from_secs(15)).await;
            tracing::warn!("still waiting for the first lists; are the CRDs installed and is the access granted?");
        }
    };
    tokio::select! {
        result = filled => result,
        () = warned => Ok(()),
    }
}

fn start_controllers(context: &Arc<Context>) -> JoinSet<()> {
    let mut controllers = JoinSet::new();
    // Slots say how many work at once; the runtime starts as many as wake.
    let config = Config::default;
    let recalls = Arc::new(super::recall::Recalls::default());
    for scope in &context.caches.scopes {
        let queue = context.accounts.listen(scope.namespace.clone());
        for known in scope.accounts.state() {
            context.accounts.wake(&key_of(&*known));
        }
        let recalls = recalls.clone();
        let passes = applier(
            move |object: Arc<WazzupAccount>, context| Box::pin(account::reconcile(object, context, recalls.clone())),
            |object, error, context| account::after_error(&object, error, &context),
            context.clone(),
            scope.accounts.clone(),
            queue.map(Ok::<_, std::convert::Infallible>),
            config(),
        );
        controllers.spawn(passes.for_each(|_| std::future::ready(())));
        let queue = context.channels.listen(scope.namespace.clone());
        for known in scope.channels.state() {
            context.channels.wake(&key_of(&*known));
        }
        let passes = applier(
            |object: Arc<WazzupChannel>, context| Box::pin(channel::reconcile(object, context)),
            channel::after_error,
            context.clone(),
            scope.channels.clone(),
            queue.map(Ok::<_, std::convert::Infallible>),
            config(),
        );
        controllers.spawn(passes.for_each(|_| std::future::ready(())));
    }
    controllers
}

/// What was received is not lost with this replica: events that the leader is to be told, and QR codes that came before the
/// answer to their create.
async fn settle(context: &Context) {
    let settled = async {
        while !(context.pokes.settled() && context.qr.settled()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(SETTLE, settled).await.is_err() {
        tracing::debug!("a QR whose channel nobody claims is left behind");
    }
}

/// Starts nothing new and lets what is in flight end: a create that is cut has no known outcome.
async fn end_controllers(context: &Context, mut controllers: JoinSet<()>) {
    context.fence.wind_down();
    context.accounts.close();
    context.channels.close();
    context.slots.close();
    let ended = async { while controllers.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        tracing::warn!("some passes did not end in time");
    }
}
